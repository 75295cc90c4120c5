"""Objects in DVC's cache and remotes: old versions of tables, folders that hold them, what stages made of them (TRACES 2–5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from unlearning.domain import hashing
from unlearning.domain.entities import Level
from unlearning.domain.errors import DataError
from unlearning.domain.traces import KEPT_BY_HOLD, PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.looking import Look, look
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables import parts
from unlearning.stores.tables import people as table_people
from unlearning.traces.accounts import Accounts
from unlearning.traces.places import listing

_OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")
_EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""The object of a file without a byte, such as the `_SUCCESS` beside the parts of a table."""
STRAY = "stray-"

OBJECTS = "DVC objects"
"""Under this name the purge remembers objects: one that was found anywhere is looked for everywhere."""


@dataclass(frozen=True)
class Reader:
    """How to see who is in a file."""

    watch: Watch
    """How a person is recognised; of nobody yet."""
    indexed: Callable[[frozenset[str]], Mapping[str, bool]] = field(repr=False)
    """Tokens → what the lineage index knows: object → whether it holds one of them."""
    derived: Callable[[frozenset[str]], frozenset[str]] = field(repr=False)
    """Objects → everything that stages made from them at any revision, directly or not."""
    reports: Callable[[], frozenset[str]] = field(default=frozenset, repr=False)
    """Objects that are reports of our own stages: verdicts, counts and means, which name nobody and which Git keeps anyway."""
    current: Callable[[], frozenset[str]] = field(default=frozenset, repr=False)
    """Objects that the declared tables are now."""
    accounts: Callable[[], Accounts] = field(default=Accounts, repr=False)
    """What may be believed of objects that nobody can read."""
    names: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    """What `named` found: every version of a folder lists the same names."""

    def watching(self, wanted: Wanted) -> Watch:
        """How those who are searched for are recognised."""
        return replace(self.watch, tokens=wanted.tokens, raw=raw_bytes.pattern(wanted.identifiers))

    def named(self, path: str) -> frozenset[str]:
        """Tokens of a file's name and of each folder above it, as if they were identifiers: `scans/patient-4711.png`."""
        if path not in self.names:
            pieces = {piece for part in PurePosixPath(path).parts for piece in (part, PurePosixPath(part).stem)}
            self.names[path] = table_people.tokens_of(pieces, kind=self.watch.kind, key=self.watch.key)
        return self.names[path]


@dataclass(frozen=True)
class ObjectPlace:
    """One cache or remote."""

    store: ObjectStore
    reader: Reader
    level: Level = "physical"
    how: str = (
        "every object opened: tables by the token of each person or, without a known person column, of each cell; texts by "
        "each word's; folders by members and names"
    )

    @property
    def name(self) -> str:
        """The cache or the remote."""
        return self.store.name

    def find(self, wanted: Wanted) -> Found:
        """Objects that hold them. Raises Unavailable."""
        known = {trace.name for trace in wanted.known.get(OBJECTS, frozenset())}
        pass_ = _Pass(self.store, self.reader, wanted, self.reader.indexed(wanted.everyone) if wanted.trust_index else {})
        paths = dict(self.store.objects())
        bad = {name for name in paths if name in known}
        bad |= {name for name, path in paths.items() if name not in bad and not name.endswith(".dir") and pass_.says(path)}
        folders = {name: pass_.members(path) for name, path in paths.items() if name.endswith(".dir")}
        bad |= pass_.named_after_them(folders)
        bad |= {name for name, members in folders.items() if any(one in bad or pass_.names(at, name) for at, one in members)}
        for path in self.store.strays():
            bad |= {self._stray(path)} if pass_.names(self._relative(path)) or pass_.holds(path, self._stray(path)) else set()
        bad |= self._deleted(pass_, known | bad)
        made = self._made(set(paths), bad | known, folders, pass_)
        unread = pass_.unread.keys() - bad - known - set(made)
        doubtful = pass_.doubtful - bad - known
        return Found(
            tuple(map(Trace, sorted(bad))),
            searched=len(paths),
            remedy=self._remedy(bad),
            unclear=(
                *self._unread({name: pass_.unread[name] for name in unread}, pass_.answered, folders),
                *self._unclear(set(made) - self.reader.reports()),
                *self._held(pass_.held),
                *self._doubtful(doubtful, folders),
                *self._kept_silently(),
            ),
            derived=tuple(map(Trace, made)),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete the objects, under either layout; a folder's list last, by which its files are found. Raises Unavailable."""
        names = {trace.name for trace in traces}
        for name in filter(_OBJECT.fullmatch, sorted(names, key=lambda one: (one.endswith(parts.LISTING), one))):
            self.store.delete_object(name)
        if any(name.startswith(STRAY) for name in names):
            for path in [*self.store.strays(), *self.store.deleted()]:
                if self._stray(path) in names:
                    self.store.delete(path)
        return ()

    def _remedy(self, bad: set[str]) -> str:
        """What the tables of the project hold now is redacted, never pulled from under them."""
        if not (now := bad & self.reader.current() if bad else set()):
            return PURGE_DELETES
        redacted = f"{len(now)} are what the tables hold now: {listing.RETURNED}"
        return f"{redacted}; of the others, {PURGE_DELETES}" if bad - now else redacted

    def _stray(self, path: str) -> str:
        """A name for a file that is no object: its own may be a person's, and the ledger keeps what was found."""
        return STRAY + hashing.label(self.reader.watch.key, path)

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self.store.root}/")

    def _deleted(self, pass_: _Pass, known: set[str]) -> set[str]:
        """Objects that were deleted and of which the store keeps a version; folders by their names, the rest by content."""
        found = set()
        for path, version in self.store.deleted().items():
            name = _object_of(path) or self._stray(path)
            if name in known or pass_.says(path, version, name):
                found.add(name)
        return found

    def _kept_silently(self) -> Iterator[Residual]:
        if self.store.keeps_silently:
            yield Residual(
                place=f"{self.name}: versions and soft-deleted objects",
                level="physical",
                outcome="unverified",
                count=None,
                why="this kind of store may keep what was deleted, and is not asked for it here",
                remedy="its administrator turns versioning and soft-delete off, or deletes the older versions below the remote",
            )

    def _made(self, here: set[str], bad: set[str], folders: Mapping[str, Sequence[tuple[str, str]]], pass_: _Pass) -> list[str]:
        """Objects that stages made from their data and that do not say whose rows they hold, and folders of such."""
        made = set(self.reader.derived(frozenset(bad)))
        inside = {name: {one for _, one in folders[name]} for name in made & folders.keys()}
        files = made.union(*inside.values()) & here - pass_.people - bad - folders.keys() - {_EMPTY}
        return sorted(files | {name for name, members in inside.items() if name not in bad and members & files})

    def _unclear(self, made: set[str]) -> Iterator[Residual]:
        if made:
            yield Residual(
                place=f"{self.name}: outputs that stages made from their data",
                level="model",
                outcome="unverified",
                count=len(made),
                why="they are no tables with the person column, so nobody can say whether they hold the people",
                remedy="delete them with `unlearn purge --derived`; `dvc repro` makes them again where they are needed",
            )

    def _held(self, held: set[str]) -> Iterator[Residual]:
        if held:
            yield Residual(
                place=f"{self.name}{KEPT_BY_HOLD}",
                level=self.level,
                outcome="residual",
                count=len(held),
                why="a legal hold on their data sets keeps the rows of the people whom it is about",
                remedy="`unlearn release REQUEST` ends the hold, then `unlearn purge` deletes them",
            )

    def _doubtful(self, doubtful: set[str], folders: Mapping[str, Sequence[tuple[str, str]]]) -> tuple[Residual, ...]:
        if not doubtful:
            return ()
        accounts = self.reader.accounts()
        left = accounts.undeclared(doubtful, folders)
        return listing.doubtful(self.name, self.level, len(left), accounts.shown(left, folders))

    def _unread(
        self, unread: Mapping[str, Look], answered: set[str], folders: Mapping[str, Sequence[tuple[str, str]]]
    ) -> tuple[Residual, ...]:
        if not unread:
            return ()
        accounts = self.reader.accounts()
        left = accounts.unexplained(unread, answered, folders)
        shown = accounts.shown(left, folders)
        return listing.unread(self.name, self.level, [unread[name] for name in left], shown)


@dataclass
class _Pass:
    """One pass over one store."""

    store: ObjectStore
    reader: Reader
    wanted: Wanted
    indexed: Mapping[str, bool]
    """What the index says, where it may be believed."""
    people: set[str] = field(default_factory=set)
    """Objects that said whose rows they hold."""
    answered: set[str] = field(default_factory=set)
    """Objects that were read."""
    unread: dict[str, Look] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    """Objects with a number or a word that may be one of them."""
    held: set[str] = field(default_factory=set)
    """Objects with people whom a legal hold keeps there."""

    def __post_init__(self) -> None:
        self.people |= self.indexed.keys()
        self.answered |= self.indexed.keys()

    @cached_property
    def watch(self) -> Watch:
        """How those who are searched for are recognised."""
        return replace(self.reader.watching(self.wanted), tokens=self.wanted.everyone)

    def says(self, path: str, version: str | None = None, name: str = "") -> bool:
        """`holds`, by the index where it says all: it does not say who, so what some of them may be in has to be opened."""
        name = name or _object_of(path)
        known = self.indexed.keys() - self.wanted.kept.keys() - self.wanted.admitted.keys()
        return self.indexed[name] if name in known else self.holds(path, name, version)

    def holds(self, path: str, name: str = "", version: str | None = None) -> bool:
        """Somebody who is to go is in this file; False for one that vanished meanwhile."""
        name = name or _object_of(path)
        watch = self.watch.words if name in self.wanted.kept or self._allowed(name) else self.watch
        try:
            with self.store.open(path, version) as stream:
                seen = look(watch, stream, path)
        except FileNotFoundError:
            return False
        self.people |= {name} if seen.compared == "people" else set()
        self.answered |= {name} if seen.read else set()
        self.unread |= {} if seen.read else {name: seen}
        self.doubtful |= {name} if seen.maybe - self.wanted.kept.get(name, frozenset()) - self._allowed(name) else set()
        return self._to_go(name, seen.found)

    def members(self, path: str) -> list[tuple[str, str]]:
        """(relative path, object) of everything in a folder."""
        try:
            with self.store.open(path) as stream:
                return parts.listing(stream.read())
        except FileNotFoundError:
            return []
        except DataError as error:
            self.unread[_object_of(path)] = Look("list of a folder", "nothing", why=str(error))
            return []

    def _to_go(self, name: str, here: frozenset[str]) -> bool:
        """Somebody of these people is to go; whom a hold keeps in the object is noted."""
        people, keeps = here & self.wanted.everyone - self._allowed(name), self.wanted.kept.get(name, frozenset())
        self.held |= {name} if people & keeps else set()
        return not people <= keeps

    def _allowed(self, name: str) -> frozenset[str]:
        """Who was let in again and may be in this; a file that is no object does not tell whether it is of before."""
        return self.wanted.admitted.get(name, frozenset()) if _OBJECT.fullmatch(name) else self.wanted.readmitted

    def names(self, relative: str, name: str = "") -> bool:
        """The name of a file, or of a folder above it, is an identifier of somebody who is to go. name: the object it is in."""
        return self._to_go(name, self.reader.named(relative))

    def named_after_them(self, folders: Mapping[str, Sequence[tuple[str, str]]]) -> set[str]:
        """Objects that only ever had such a name; one that somebody else's file shares stays."""
        places = {(at, one) for members in folders.values() for at, one in members}
        theirs = {one for at, one in places if self.names(at, one)}
        return theirs - {one for at, one in places if not self.names(at, one)}


def _object_of(path: str) -> str:
    """The hash that a path stands for; empty for a file that is no object."""
    folder, _, name = path.rpartition("/")
    return folder[-2:] + name if _OBJECT.fullmatch(folder[-2:] + name) else ""
