"""Folders of files that we or our tools leave: Data Docs, spools, Prefect's results (TRACES 23, 25, 26, 31)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearning.entities import Level, Residual, Trace
from unlearning.protocols import Found, Wanted
from unlearning.stores import byte_scan, spool


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
        return Found(tuple(Trace(str(file.relative_to(self.folder))) for file in files), searched=len(files))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete the files."""
        for trace in traces:
            (self.folder / trace.name).unlink(missing_ok=True)
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
        return Found(tuple(Trace(one.name) for one in spools), searched=len(spools))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them."""
        spool.sweep_stale(self.folder)
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
        return Found(old, searched=len(reports))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them: `unlearn check` makes them again."""
        for trace in traces:
            shutil.rmtree(self.folder / trace.name, ignore_errors=True)
        return ()


@dataclass(frozen=True)
class BytesPlace:
    """All files below a folder, searched for the raw identifiers that were given."""

    name: str
    folder: Path
    without: tuple[str, ...] = ()
    """Folders below it that are places of their own."""
    level: Level = "physical"
    how: str = "every file read byte by byte for the identifiers"

    def find(self, wanted: Wanted) -> Found:
        """Files that hold one; nothing without identifiers."""
        asked = byte_scan.pattern(wanted.identifiers)
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file() and not self._elsewhere(file)]
        found = []
        for file in files if asked else ():
            try:
                with file.open("rb") as stream:
                    found += [Trace(self._named(file))] if asked and byte_scan.occurs(stream, asked) else []
            except FileNotFoundError:
                continue
        return Found(tuple(found), searched=len(files))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """What a file is for is unknown here, so it is left to its owner."""
        return tuple(
            Residual(f"{self.name}: {trace.name}", self.level, "residual", 1, "it holds an identifier", "edit or delete it")
            for trace in traces
        )

    def _elsewhere(self, file: Path) -> bool:
        relative = file.relative_to(self.folder).as_posix()
        return any(relative == one or relative.startswith(f"{one}/") for one in self.without)

    def _named(self, file: Path) -> str:
        """Its folder only: a file may be called after a person."""
        return file.parent.relative_to(self.folder).as_posix()


def _newest(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)
