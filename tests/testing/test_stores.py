"""The list for stores can fail: each store here has one defect and is caught by the check made for it."""

from __future__ import annotations

import pytest

from unlearning.testing import (
    MemoryCheckpoints,
    Nonconforming,
    check_store,
    store_checks,
)


class KeepsListing(MemoryCheckpoints):
    """A cached listing."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def put(self, key, payload):
        self.seen.add(key)
        return super().put(key, payload)

    def keys(self):
        return iter(tuple(self.seen))


class KeepsTheFirst(MemoryCheckpoints):
    def put(self, key, payload):
        return super().put(key, self.payloads.get(key, payload))


class DeletesInSilence(MemoryCheckpoints):
    def delete(self, key):
        super().delete(key)
        return True


class ChangesLineEnds(MemoryCheckpoints):
    """A file opened as text."""

    def get(self, key):
        payload = super().get(key)
        return payload and payload.replace(b"\r\n", b"\n")


class TakesAnyName(MemoryCheckpoints):
    def put(self, key, payload):
        self.payloads[key] = payload
        return ""


class RaisesForWhatIsMissing(MemoryCheckpoints):
    def get(self, key):
        super().get(key)
        return self.payloads[key]


class GivesAnotherReceipt(MemoryCheckpoints):
    def put(self, key, payload):
        super().put(key, payload)
        return key


STORES = [
    (KeepsListing, "deleted_is_gone"),
    (KeepsListing, "every_name_is_listed_once"),
    (KeepsTheFirst, "putting_again_replaces"),
    (DeletesInSilence, "what_is_not_there_is_none"),
    (ChangesLineEnds, "what_was_put_comes_back"),
    (TakesAnyName, "names_that_are_no_digest_are_refused"),
    (RaisesForWhatIsMissing, "what_is_not_there_is_none"),
    (GivesAnotherReceipt, "writers_side_by_side_agree"),
]


@pytest.mark.parametrize(("broken", "check"), STORES)
def test_a_defect_of_a_store_is_found(broken, check):
    (found,) = (one for one in store_checks() if one.__name__ == check)
    with pytest.raises((Nonconforming, KeyError)):
        found(broken())
    with pytest.raises(Nonconforming, match=check):
        check_store(broken())


def test_the_store_that_methods_are_tried_with_conforms():
    check_store(MemoryCheckpoints())


def test_a_check_leaves_the_store_as_empty_as_it_was():
    store = MemoryCheckpoints()
    check_store(store)
    assert not list(store.keys())
