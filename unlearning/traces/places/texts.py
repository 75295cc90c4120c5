"""Files of text that name people: results and pages of a user's own checks, and what those are made from (TRACES 25–27)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.scans import gx_folders, raw_bytes
from unlearning.stores.scans.looking import look_at
from unlearning.stores.scans.words import Watch
from unlearning.traces.places import listing

_STATIC = "static"
"""Folder of Data Docs with the tool's own pictures and fonts."""


@dataclass(frozen=True)
class GxPlace:
    """Great Expectations' own folders in this project, apart from ours: results and pages go, settings are its owner's."""

    root: Path
    watch: Watch
    label: Callable[[str], str] = field(repr=False)
    """A name that says nothing, for one that may name a person."""
    name: str = "Great Expectations: results and Data Docs"
    level: Level = "logical"
    how: str = "every result and page of every GX project here read for the token of each word and person column"

    def find(self, wanted: Wanted) -> Found:
        """Results and pages that name them; suites that do are left to their owner."""
        watch = replace(self.watch, tokens=wanted.tokens, raw=raw_bytes.pattern(wanted.identifiers))
        made = [(folder, file) for folder in self._results() for file in _files(folder)]
        theirs = [(self.root, file) for project in gx_folders.projects(self.root) for file in self._written(project)]
        looks = {(folder, file): look_at(watch, file, below=folder, thorough=True) for folder, file in (*made, *theirs)}
        traces = tuple(self._trace(*one) for one in made if looks[one].found)
        maybe = [one for one in (*made, *theirs) if looks[one].maybe and not looks[one].found]
        unread = [one for one in (*made, *theirs) if not looks[one].read and _STATIC not in one[1].parts]
        return Found(
            traces,
            searched=len(looks),
            remedy=PURGE_DELETES,
            unclear=(
                *self._suites(sum(bool(looks[one].found) for one in theirs)),
                *listing.unread(self.name, self.level, [looks[one] for one in unread], self._folders(unread)),
                *listing.doubtful(self.name, self.level, len(maybe), self._folders(maybe)),
            ),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete the files: the next validation makes its own, `build_data_docs()` the pages."""
        wanted = set(traces)
        for folder in self._results() if wanted else ():
            for file in _files(folder):
                if self._trace(folder, file) in wanted:
                    file.unlink(missing_ok=True)
        return ()

    def _results(self) -> list[Path]:
        return [folder for project in gx_folders.projects(self.root) for folder in gx_folders.results(project)]

    def _written(self, project: Path) -> list[Path]:
        made = gx_folders.results(project)
        return [file for file in _files(project) if not any(file.is_relative_to(folder) for folder in made)]

    def _folders(self, files: Sequence[tuple[Path, Path]]) -> list[str]:
        """Where they lie: a file's own name, or a deeper folder's, may be a person's."""
        return sorted({folder.relative_to(self.root).as_posix() for folder, _ in files if folder.is_relative_to(self.root)})

    def _trace(self, folder: Path, file: Path) -> Trace:
        return Trace(self.label(file.relative_to(folder).as_posix()), "result", self.label(str(folder)))

    def _suites(self, count: int) -> Iterator[Residual]:
        if count:
            yield Residual(
                place="Great Expectations: suites, checkpoints and settings",
                level=self.level,
                outcome="residual",
                count=count,
                why="an expectation or an action names them, and what it is for is its owner's to know",
                remedy="take the value out of the expectation; use result_format BOOLEAN_ONLY on columns with identities",
            )


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]
