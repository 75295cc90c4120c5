"""Where data comes from and goes to beside the objects: remotes by name, remotes nobody can search, clones, imports, stages.

Nothing but a file in a remote is deleted from here: what a clone gets, and what stages read, is redacted at its source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from unlearning.domain.entities import Level
from unlearning.domain.errors import DataError, Unavailable
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.dvc import clones, origins
from unlearning.stores.dvc.remotes import every_store, named_stores, unsearched
from unlearning.stores.scans.looking import Left, look
from unlearning.stores.tables import parts
from unlearning.traces.places.dvc_objects import ObjectPlace, Reader

if TYPE_CHECKING:
    from unlearning.domain.traces import Place
    from unlearning.stores.dvc.repository import DvcData

CLONE = "what a fresh clone gets: `dvc pull` of HEAD"
INPUTS = "what stages read to make the tables"
IMPORTS = "where imports come from"

Outcome = Literal["residual", "unverified", "out_of_reach"]


def places(data: DvcData, reader: Reader, tables: Collection[str]) -> list[Place]:
    """Every remote that is not one of objects, and what the DVC files lead to. tables: paths of those that erasures redact."""
    named = [NamedPlace(store, reader) for store in named_stores(data)]
    silent = [UnsearchedPlace(one.name, one.why, one.remedy) for one in unsearched(data)]
    owned = [_imported(one) for one in origins.imports(data)]
    return [*named, *silent, *owned, InputsPlace(data, reader, tuple(tables)), ClonePlace(data, reader, tuple(tables))]


@dataclass(frozen=True)
class NamedPlace(ObjectPlace):
    """A remote that keeps files by name, an older content as an older version."""

    how: str = "every version of every file opened: tables by the token of each person, texts by each word's"

    def find(self, wanted: Wanted) -> Found:
        """Versions that hold them. Raises Unavailable."""
        return replace(super().find(wanted), searched=sum(1 for _ in self.store.strays()) + len(self.store.deleted()))


@dataclass(frozen=True)
class UnsearchedPlace:
    """A place that nobody here can look into: it is named, and never said to be clean."""

    name: str
    why: str
    remedy: str
    outcome: Outcome = "unverified"
    level: Level = "physical"
    how: str = "not searched"

    def find(self, wanted: Wanted) -> Found:
        """That nobody can say."""
        del wanted
        return Found(unclear=(Residual(self.name, self.level, self.outcome, None, self.why, self.remedy),))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing can be deleted there."""
        del traces
        return ()


def _imported(one: origins.Import) -> UnsearchedPlace:
    why = f"{one}: what was taken out here is there still, and `dvc update` or a pull may bring it back"
    return UnsearchedPlace(f"{IMPORTS}: {one.path}", why, one.remedy, outcome="out_of_reach")


@dataclass(frozen=True)
class ClonePlace:
    """The data that the committed DVC files lead to, as a colleague gets it."""

    data: DvcData = field(repr=False)
    reader: Reader
    tables: tuple[str, ...]
    name: str = CLONE
    level: Level = "logical"
    how: str = "the hashes and versions that HEAD records followed into every remote, and what is there opened"

    def find(self, wanted: Wanted) -> Found:
        """What leads to them, as something unclear: what can be deleted of it is an object, and found as one."""
        left, searched = _Left(), 0
        stores, free = every_store(self.data), self.reader.accounts().free
        for one in clones.committed(self.data, self.tables):
            left.unread |= {one.path} if one.imported and one.as_imported is not True else set()
            try:
                for source in clones.sources(one, stores):
                    searched += 1
                    left.note(one.path, self._left_by(source, wanted), declared=free(source.piece.path) is not None)
            except DataError:  # a folder's listing that is broken
                left.unread.add(one.path)
        return Found(searched=searched, unclear=tuple(left.said(self, _HEAD, _HEAD_UNREAD)))

    def _left_by(self, source: clones.Source, wanted: Wanted) -> Left | None:
        """How one file is left; whom a legal hold keeps in it is said where the hold is."""
        if source.piece.object.endswith(parts.LISTING):
            return None  # its members are sources of their own
        try:
            with source.open() as stream:
                seen = look(self.reader.watching(wanted), stream, source.piece.path)
        except FileNotFoundError:
            return None  # a version that was purged: a clone gets nothing there
        return seen.left(wanted.tokens - wanted.kept.get(source.piece.object, frozenset()))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is deleted here."""
        del traces
        return ()


@dataclass(frozen=True)
class InputsPlace:
    """What the stages above the tables read and DVC does not track: a run of them would bring it into the tables again."""

    data: DvcData = field(repr=False)
    reader: Reader
    tables: tuple[str, ...]
    name: str = INPUTS
    level: Level = "logical"
    how: str = "every file that such a stage declares and that is no tracked table opened"

    def find(self, wanted: Wanted) -> Found:
        """What holds them, as something unclear: it is nobody's here to delete."""
        tracked, free = set(self.data.outputs()), self.reader.accounts().free
        asked = [one for one in origins.read_above(self.data, self.tables) if one.name not in tracked]
        left = _Left()
        for one in asked:
            left.note(one.name, self._left_by(one, wanted), declared=free(one.name) is not None)
        return Found(searched=len(asked), unclear=tuple(left.said(self, _INPUT, _INPUT_UNREAD)))

    def _left_by(self, one: origins.Read, wanted: Wanted) -> Left | None:
        try:
            with one.opened() as streams:
                said = {look(self.reader.watching(wanted), stream, name).left(wanted.tokens) for name, stream in streams}
        except (DataError, Unavailable, OSError):
            return "unverified"
        except Exception as error:  # a file system elsewhere, with errors of its own
            if type(error).__module__.split(".")[0] == "unlearning":
                raise
            return "unverified"
        return next((left for left in get_args(Left) if left in said), None)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is deleted here."""
        del traces
        return ()


@dataclass
class _Left:
    """Paths of what holds them, and of what nobody can say it of."""

    held: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def note(self, path: str, left: Left | None, *, declared: bool) -> None:
        """One file. declared: people say that nobody is in it, which is believed unless somebody is found."""
        self.held |= {path} if left == "residual" else set()
        self.unread |= {path} if left == "unverified" and not declared else set()

    def said(self, place: Place, held: _Words, unread: _Words) -> Iterator[Residual]:
        """The same as what is left."""
        paths: tuple[tuple[Left, set[str], _Words], ...] = (
            ("residual", self.held, held),
            ("unverified", self.unread - self.held, unread),
        )
        for outcome, names, words in paths:
            if names:
                why = f"{', '.join(sorted(names))}: {words.why}"
                yield Residual(place.name, place.level, outcome, len(names), why, words.remedy)


class _Words(NamedTuple):
    """What is said of files that leave a place in one way."""

    why: str
    remedy: str


_UNREAD = "nobody here could read all of it, or a number or a word in it may be one of theirs"
_FREEZE = "or freeze the stage that reads it (`dvc freeze STAGE`)"
_HEAD = _Words(
    "what HEAD records is an older content, and a remote still has it",
    "commit the DVC files of the redacted tables and `dvc push`, then `unlearn purge`",
)
_HEAD_UNREAD = _Words(
    f"{_UNREAD}: this is what a clone gets",
    "erase imports at their source and `dvc update`; restore or replace what cannot be read",
)
_INPUT = _Words("the next run of their stages brings them into the tables again", f"take them out there too, {_FREEZE}")
_INPUT_UNREAD = _Words(
    f"{_UNREAD}, and the next run of its stage brings what it holds",
    f"make it readable, declare it in `free_of_people`, {_FREEZE}",
)
