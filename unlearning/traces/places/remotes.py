"""Where data comes from and goes to beside the objects: remotes by name, remotes nobody can search, clones, imports, stages.

Nothing but a file in a remote is deleted from here: what a clone gets, and what stages read, is redacted at its source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from unlearning.domain.entities import Level
from unlearning.domain.errors import DataError, Unavailable
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.dvc import clones, origins
from unlearning.stores.dvc.remotes import every_store, named_stores, unsearched
from unlearning.stores.scans.looking import look
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
        held, unread, searched = set(), set(), 0
        stores = every_store(self.data)
        for one in clones.committed(self.data, self.tables):
            unread |= {one.path} if one.imported and one.as_imported is not True else set()
            try:
                for source in clones.sources(one, stores):
                    searched += 1
                    outcome = self._outcome(source, wanted)
                    held |= {one.path} if outcome == "residual" else set()
                    unread |= {one.path} if outcome == "unverified" else set()
            except DataError:  # a folder's listing that is broken
                unread.add(one.path)
        return Found(searched=searched, unclear=tuple(self._unclear(held, unread - held)))

    def _outcome(self, source: clones.Source, wanted: Wanted) -> Outcome | None:
        """Whether one file holds them; whom a legal hold keeps in it is said where the hold is."""
        try:
            with source.open() as stream:
                seen = look(self.reader.watching(wanted), stream, source.piece.path)
        except FileNotFoundError:
            return None  # a version that was purged: a clone gets nothing there
        if seen.found & wanted.tokens - wanted.kept.get(source.piece.object, frozenset()):
            return "residual"
        return None if seen.read or source.piece.object.endswith(parts.LISTING) else "unverified"

    def _unclear(self, held: set[str], unread: set[str]) -> Iterator[Residual]:
        if held:
            why = f"{_listed(held)}: what HEAD records is an older content, and a remote still has it"
            remedy = "commit the DVC files of the redacted tables and `dvc push`, then `unlearn purge`"
            yield Residual(self.name, self.level, "residual", len(held), why, remedy)
        if unread:
            why = f"{_listed(unread)}: nobody here could read all of what a clone gets"
            remedy = "erase imports at their source and `dvc update`; restore or replace what cannot be read"
            yield Residual(self.name, self.level, "unverified", len(unread), why, remedy)

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
        tracked = set(self.data.outputs())
        asked = [one for one in origins.read_above(self.data, self.tables) if one.name not in tracked]
        seen = {one.name: self._look(one, wanted) for one in asked}
        held = sorted(name for name, outcome in seen.items() if outcome == "residual")
        free = self.reader.accounts().free
        unread = sorted(name for name, outcome in seen.items() if outcome == "unverified" and free(name) is None)
        return Found(searched=len(asked), unclear=tuple(self._unclear(held, unread)))

    def _look(self, one: origins.Read, wanted: Wanted) -> Outcome | None:
        try:
            with one.opened() as streams:
                looks = [look(self.reader.watching(wanted), stream, name) for name, stream in streams]
        except (DataError, Unavailable, OSError):
            return "unverified"
        except Exception as error:  # a file system elsewhere, with errors of its own
            if type(error).__module__.split(".")[0] == "unlearning":
                raise
            return "unverified"
        if any(each.found & wanted.tokens for each in looks):
            return "residual"
        return None if all(each.read for each in looks) else "unverified"

    def _unclear(self, held: Sequence[str], unread: Sequence[str]) -> Iterator[Residual]:
        step = "or freeze the stage that reads it (`dvc freeze STAGE`)"
        if held:
            why = f"{_listed(held)}: the next run of their stages brings them into the tables again"
            yield Residual(self.name, self.level, "residual", len(held), why, f"take them out there too, {step}")
        if unread:
            why = f"{_listed(unread)}: nobody here could read it, and the next run of its stage brings what it holds"
            yield Residual(self.name, self.level, "unverified", len(unread), why, f"make it readable, {step}")

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is deleted here."""
        del traces
        return ()


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
