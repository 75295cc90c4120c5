"""Folders of files that we or our tools leave: Data Docs, spools, Prefect's results (TRACES 23, 25, 26, 31)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from unlearning.domain.addresses import without_password
from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores import spool
from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.looking import look_at
from unlearning.stores.scans.words import Watch
from unlearning.stores.sealed import SealedSpool
from unlearning.traces.places import listing


@dataclass(frozen=True)
class EmptyFolderPlace:
    """A folder that is empty unless something went wrong: Prefect's result storage, where our flows store nothing."""

    name: str
    folder: Path
    level: Level = "physical"
    how: str = "listed: nothing may be there"

    def find(self, wanted: Wanted) -> Found:
        """Every file in it."""
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
        traces = tuple(Trace(str(file.relative_to(self.folder))) for file in files)
        return Found(traces, searched=len(files), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete every file, whatever was found before: a step that was tried again has left its error there since."""
        for file in self.folder.rglob("*"):
            if file.is_file():
                file.unlink(missing_ok=True)
        return ()


@dataclass(frozen=True)
class SpoolPlace:
    """Encoded records of trainings that were killed; those of living ones belong to them."""

    folder: Path
    name: str = "spooled records of killed trainings"
    level: Level = "physical"
    how: str = "each spool's lock tried: one that can be had has no owner"

    def find(self, wanted: Wanted) -> Found:
        """Spools without an owner."""
        spools = spool.stale(self.folder)
        return Found(tuple(Trace(one.name) for one in spools), searched=len(spools), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them."""
        spool.sweep_stale(self.folder)
        return ()


@dataclass(frozen=True)
class SealedSpoolPlace:
    """The same for jobs on other machines, at an address that this project uses or used."""

    spool: SealedSpool
    level: Level = "physical"
    how: str = (
        "listed: nothing may be there when nobody trains; each training's lock tried: one that can be had has no owner. "
        "Earlier versions in a bucket that keeps them are not listed: they are sealed, with a key that went with its training"
    )

    @property
    def name(self) -> str:
        """With the address."""
        return f"sealed records of killed trainings in {without_password(self.spool.url)}"

    def find(self, wanted: Wanted) -> Found:
        """Spools without an owner; raises Unavailable where the address does not answer, or is not the one that was used."""
        stale, living = self.spool.stale()
        return Found(
            tuple(map(Trace, stale)),
            searched=len(stale) + len(living),
            unclear=(self._in_use(living),) if living else (),
            remedy=PURGE_DELETES,
        )

    def _in_use(self, living: Sequence[str]) -> Residual:
        """A training that runs may have begun with anybody, and only its jobs can look."""
        why, remedy = "records of trainings that run now, sealed: not opened", "look again when they have ended"
        return Residual(self.name, self.level, "unverified", len(living), why, remedy, names=tuple(living))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them."""
        self.spool.sweep_stale()
        return ()


@dataclass(frozen=True)
class ScratchPlace:
    """What a killed run left half made, drafts of redacted tables and of twins; and what others' code printed."""

    folder: Path
    words: Path
    """Where that stands: whatever runs adds to it, also after it was emptied."""
    watch: Watch
    alone: Callable[[], AbstractContextManager[None]] = field(repr=False)
    """While nobody rewrites a table."""
    name: str = "drafts of killed runs, and what others' code said"
    level: Level = "physical"
    how: str = "listed: spools aside, nothing may be there but what others' code said, of which each word was compared"

    def find(self, wanted: Wanted) -> Found:
        """Every draft, and the words while any of them may name somebody."""
        drafts = [one for one in spool.others(self.folder) if one != self.words or self._may_name(wanted)]
        return Found(tuple(Trace(one.name) for one in drafts), searched=len(drafts), remedy=PURGE_DELETES)

    def _may_name(self, wanted: Wanted) -> bool:
        watch = replace(self.watch, tokens=wanted.tokens, raw=raw_bytes.pattern(wanted.identifiers))
        seen = look_at(watch, self.words, below=self.folder, thorough=True)
        return bool(seen.found or seen.maybe or not seen.read)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them, once whoever still works on one has ended; the words always."""
        self.words.unlink(missing_ok=True)
        if traces:
            with self.alone():
                for trace in traces:
                    one = self.folder / trace.name
                    shutil.rmtree(one, ignore_errors=True) if one.is_dir() else one.unlink(missing_ok=True)
        return ()


@dataclass(frozen=True)
class DocsPlace:
    """Great Expectations' Data Docs: made anew by every check, so that older ones are about data that is gone."""

    folder: Path
    since: float
    """POSIX seconds of the last redaction."""
    name: str = "Data Docs of earlier data"
    level: Level = "logical"
    how: str = "every report older than the last redaction; each is made with yes-or-no results and without identities"

    def find(self, wanted: Wanted) -> Found:
        """Reports from before."""
        reports = [report for report in sorted(self.folder.glob("*")) if report.is_dir()]
        old = tuple(Trace(report.name) for report in reports if _newest(report) < self.since)
        return Found(old, searched=len(reports), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them: `unlearn check` makes them again."""
        for trace in traces:
            shutil.rmtree(self.folder / trace.name, ignore_errors=True)
        return ()


@dataclass(frozen=True)
class BytesPlace:
    """All files below a folder, searched for the raw identifiers that were given: what each is for, its owner knows."""

    name: str
    folder: Path
    watch: Watch
    without: tuple[str, ...] = ()
    """Folders below it that are places of their own."""
    free: Callable[[str], bool] = field(default=lambda _path: False, repr=False)
    """A path is declared free of people."""
    level: Level = "physical"
    how: str = "every file read, and searched byte by byte for the identifiers"

    def find(self, wanted: Wanted) -> Found:
        """Files that hold one, or are called after one; nothing without identifiers."""
        watch = replace(self.watch, tokens=wanted.tokens, raw=raw_bytes.pattern(wanted.identifiers))
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file() and not self._elsewhere(file)]
        looks = {file: look_at(watch, file, below=self.folder, thorough=True) for file in files} if watch.raw else {}
        holding = [file for file, seen in looks.items() if seen.found]
        others = {file: seen for file, seen in looks.items() if not seen.found and not self._free(file)}
        unread = [file for file, seen in others.items() if not seen.read]
        maybe = [file for file, seen in others.items() if seen.maybe]
        return Found(
            searched=len(files),
            unclear=(
                *self._left(holding, watch),
                *listing.unread(self.name, self.level, [looks[file] for file in unread], self._folders(unread, watch)),
                *listing.doubtful(self.name, self.level, len(maybe), self._folders(maybe, watch)),
            ),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """What a file is for is unknown here, so it is left to its owner."""
        return ()

    def _free(self, file: Path) -> bool:
        return self.free(file.relative_to(self.folder).as_posix())

    def _left(self, files: Sequence[Path], watch: Watch) -> Iterator[Residual]:
        if files:
            yield Residual(
                place=f"{self.name}: files",
                level=self.level,
                outcome="residual",
                count=len(files),
                why="they hold an identifier",
                remedy=f"edit or delete them, in {', '.join(self._folders(files, watch))}",
            )

    def _elsewhere(self, file: Path) -> bool:
        relative = file.relative_to(self.folder).as_posix()
        return any(relative == one or relative.startswith(f"{one}/") for one in self.without)

    def _folders(self, files: Sequence[Path], watch: Watch) -> list[str]:
        return sorted({self._named(file, watch) for file in files})

    def _named(self, file: Path, watch: Watch) -> str:
        """The nearest folder above it that is not called after a person."""
        parents = (one.relative_to(self.folder).as_posix() for one in file.parents if one.is_relative_to(self.folder))
        return next(one for one in parents if not watch.in_text(one))


def _newest(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)
