"""What the last whole look saw: everything compared with everybody, so that not everything is read again at each erasure.

What names none of an erasure's people, and is unchanged, is spared: a folder's parts name others, and most of them not these.
What is kept holds no name of a file and no identifier: keyed digests, and of people the first words of their tokens, sealed
under the index key. Whoever has no key can make nobody believe that something was read.
"""

from __future__ import annotations

import hmac
import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain import hashing
from unlearning.domain.token_words import Words, among, words_of
from unlearning.stores import files

if TYPE_CHECKING:
    from unlearning.erasure.kept import Thing
    from unlearning.project.workspace import Workspace

FILE, PEOPLE = ".unlearning/whole-look.json", ".unlearning/whole-look.people"
"""What was seen; and whom: the lists that it refers to, one after the other."""
LASTS = timedelta(days=31)
"""As long a whole look is relied on; `unlearn watch` makes one when half of it is over."""
DRAWN, AT_LEAST = 0.05, 20
"""Of what is unchanged, this share is read again, and at least so many."""

_chance = random.SystemRandom()


@dataclass(frozen=True)
class WholeLook:
    """The last one, as far as it says something of those who are asked about."""

    at: datetime
    without: Mapping[str, str] = field(repr=False)
    """Of each thing that named none of them: its name → what tells its content, both as keyed digests."""
    key: bytes = field(repr=False)

    def spares(self, thing: Thing) -> bool:
        """It is as it was, none of them was in it, and it is not drawn to be read again."""
        if not thing.mark or self.without.get(_name(self.key, thing)) != _mark(self.key, thing):
            return False
        return _chance.random() >= max(DRAWN, AT_LEAST / len(self.without))


@dataclass(frozen=True)
class _Kept:
    """What is kept of a whole look."""

    at: datetime
    versions: frozenset[str]
    """Digests of the data versions whose people were known then."""
    things: Mapping[str, tuple[str, int]] = field(repr=False)
    """Each thing's name → what tells its content, and the number of the list of whom it names."""
    lists: Sequence[Words] = field(repr=False)

    def naming(self, tokens: Iterable[str]) -> frozenset[int]:
        """The lists in which one of these people may be."""
        wanted = words_of(tokens)
        return frozenset(number for number, one in enumerate(self.lists) if among(wanted, one).any())


def last(workspace: Workspace, tokens: Collection[str], *, now: datetime) -> WholeLook | None:
    """The last whole look, when it is not too old and knew all of these people; one that nobody here sealed is none."""
    kept = _read(workspace)
    if kept is None or not timedelta(0) <= now - kept.at <= LASTS:
        return None
    held = workspace.lineage.versions_holding(map(bytes.fromhex, tokens))
    known = all(any(version.digest in kept.versions for version in versions) for versions in held.values())
    if not held or not known:
        return None
    naming = kept.naming(tokens)
    without = {name: mark for name, (mark, number) in kept.things.items() if number not in naming}
    return WholeLook(kept.at, without, workspace.keys.index)


def due(workspace: Workspace, *, now: datetime) -> bool:
    """Nobody made one for half as long as it lasts."""
    kept = _read(workspace)
    return kept is None or now - kept.at > LASTS / 2


def keep(workspace: Workspace, seen: Iterable[tuple[Thing, Words]], versions: frozenset[str], *, now: datetime) -> None:
    """Note what was seen, in place of what was noted before.

    seen: each thing with the sorted words of everybody whom it names.
    """
    key, lists, numbers = workspace.keys.index, list[Words](), dict[bytes, int]()
    things = dict[str, tuple[str, int]]()
    for thing, whom in seen:
        number = numbers.setdefault(whom.tobytes(), len(lists))
        lists += [whom] if number == len(lists) else []
        things[_name(key, thing)] = (_mark(key, thing), number)
    _write(workspace, _Kept(now, versions, things, lists))


def forget(workspace: Workspace, tokens: Collection[str]) -> None:
    """Note nothing any more of what named one of these people, who are erased: it is read again at each look."""
    if (kept := _read(workspace)) is None or not (naming := kept.naming(tokens)):
        return
    stay = [number for number in range(len(kept.lists)) if number not in naming]
    again = {number: place for place, number in enumerate(stay)}
    things = {name: (mark, again[number]) for name, (mark, number) in kept.things.items() if number in again}
    _write(workspace, replace(kept, things=things, lists=[kept.lists[number] for number in stay]))


def _write(workspace: Workspace, kept: _Kept) -> None:
    key, people = workspace.keys.index, b"".join(one.astype(">u8").tobytes() for one in kept.lists)
    body = {
        "at": kept.at.isoformat(),
        "versions": sorted(kept.versions),
        "things": kept.things,
        "lists": [len(one) for one in kept.lists],
        "people": hashing.bytes_digest(people),
    }
    with files.replacing(workspace.path(PEOPLE)) as stream:
        stream.write(people)
    with files.replacing(workspace.path(FILE)) as stream:
        stream.write(hashing.canonical({**body, "seal": _seal(key, body)}))


def _read(workspace: Workspace) -> _Kept | None:
    """None without one, and of one that is damaged, half written, or of another version: it is made anew."""
    key = workspace.keys.index
    try:
        body = json.loads(workspace.path(FILE).read_bytes())
        seal = body.pop("seal")
        if not hmac.compare_digest(seal, _seal(key, body)):
            return None
        people = workspace.path(PEOPLE).read_bytes()
        if hashing.bytes_digest(people) != body["people"]:
            return None
        ends = list(accumulate(body["lists"]))
        lists = np.split(np.frombuffer(people, ">u8").astype(np.uint64), ends[:-1]) if ends else []
        things = {name: (mark, number) for name, (mark, number) in body["things"].items()}
        return _Kept(datetime.fromisoformat(body["at"]), frozenset(body["versions"]), things, lists)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _seal(key: bytes, body: object) -> str:
    return hmac.digest(key, b"whole look\0" + hashing.canonical(body), "sha256").hex()


def _name(key: bytes, thing: Thing) -> str:
    return _short(key, b"name", thing.where, thing.name)


def _mark(key: bytes, thing: Thing) -> str:
    return _short(key, b"mark", thing.mark)


def _short(key: bytes, what: bytes, *texts: str) -> str:
    said = b"\0".join(text.encode("utf-8", "surrogatepass") for text in texts)
    return hmac.digest(key, b"whole look " + what + b"\0" + said, "sha256").hex()[:32]
