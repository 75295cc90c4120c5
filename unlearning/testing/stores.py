"""What every checkpoint store must keep. A check is a function `(store)`; it leaves the store as empty as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from unlearning.domain.errors import WrongUse
from unlearning.domain.hashing import bytes_digest, digest
from unlearning.domain.protocols import Checkpoints
from unlearning.testing.conformance import require, run_all

StoreCheck = Callable[[Checkpoints], None]

_KEYS = tuple(digest(["unlearning/testing", number]) for number in range(8))
_BIG = bytes(range(256)) * 4096


def check_store(store: Checkpoints) -> None:
    """Run every check; raises Nonconforming with all findings."""
    run_all(store_checks(), f"store {type(store).__name__}", store)


def store_checks() -> Sequence[StoreCheck]:
    """The checks, for `@pytest.mark.parametrize("check", store_checks())`."""
    return _CHECKS


def what_was_put_comes_back(store: Checkpoints) -> None:
    """Byte for byte, from none to a megabyte, with its SHA-256 as receipt."""
    for key, payload in zip(_KEYS, (b"", b"\r\n\x00\xff", _BIG), strict=False):
        require(store.put(key, payload) == bytes_digest(payload), "put did not return the payload's SHA-256")
        require(key in store, "a stored name is not in the store")
        require(store.get(key) == payload, f"{len(payload)} bytes came back changed")
        require(store.delete(key), "deleting a stored name said that there was nothing")


def what_is_not_there_is_none(store: Checkpoints) -> None:
    """A missing name is no error."""
    require(store.get(_KEYS[0]) is None, "get of a missing name gave something")
    require(_KEYS[0] not in store, "a missing name is in the store")
    require(not store.delete(_KEYS[0]), "deleting a missing name said that something was deleted")


def deleted_is_gone(store: Checkpoints) -> None:
    """After delete there is no name, no bytes, and nothing more to delete."""
    store.put(_KEYS[0], b"payload")
    require(store.delete(_KEYS[0]), "deleting a stored name said that there was nothing")
    what_is_not_there_is_none(store)
    require(_KEYS[0] not in set(store.keys()), "a deleted name is still listed")


def putting_again_replaces(store: Checkpoints) -> None:
    """The last payload counts, also over other bytes."""
    store.put(_KEYS[0], b"first")
    store.put(_KEYS[0], b"second, longer")
    require(store.get(_KEYS[0]) == b"second, longer", "the second put did not replace the first")
    store.delete(_KEYS[0])


def every_name_is_listed_once(store: Checkpoints) -> None:
    """keys() is what is in the store, and one may delete while listing."""
    before = set(store.keys())
    for key in _KEYS:
        store.put(key, key.encode())
    listed = list(store.keys())
    require(len(listed) == len(set(listed)), "a name is listed twice")
    require(set(listed) - before == set(_KEYS) - before, "keys() does not list exactly what was put")
    listing = store.keys()
    for key in listing:
        if key in _KEYS:
            store.delete(key)
    require(set(store.keys()) == before - set(_KEYS), "deleting while listing left names behind")


def names_that_are_no_digest_are_refused(store: Checkpoints) -> None:
    """A name is 64 lower-case hex digits; anything else could be a way out of the store."""
    for wrong in ("", "../" + "0" * 61, "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "/" + "0" * 63):
        for name, act in (("get", store.get), ("delete", store.delete), ("put", lambda key: store.put(key, b"x"))):
            try:
                act(wrong)
            except WrongUse:
                continue
            require(False, f"{name} took {wrong!r} for a name; raise WrongUse")


def writers_side_by_side_agree(store: Checkpoints) -> None:
    """Equal names mean equal bytes, so many writers of one name leave it whole."""
    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(lambda _: store.put(_KEYS[0], _BIG), range(16)))
    require(receipts == {bytes_digest(_BIG)}, "writers of the same bytes got different receipts")
    require(store.get(_KEYS[0]) == _BIG, "after several writers the bytes are not whole")
    store.delete(_KEYS[0])


_CHECKS: tuple[StoreCheck, ...] = (
    what_was_put_comes_back,
    what_is_not_there_is_none,
    deleted_is_gone,
    putting_again_replaces,
    every_name_is_listed_once,
    names_that_are_no_digest_are_refused,
    writers_side_by_side_agree,
)
