"""The Git history: it is reported, never rewritten (TRACES 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unlearning.domain.entities import Level
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.git import search
from unlearning.stores.scans import raw_bytes

if TYPE_CHECKING:
    from unlearning.stores.git.repository import Git
    from unlearning.traces.places.dvc_objects import Reader


@dataclass(frozen=True)
class GitPlace:
    """Names of files and refs at any commit; with raw identifiers also every object's content."""

    git: Git
    reader: Reader = field(repr=False)
    name: str = "Git history"
    level: Level = "logical"
    how: str = "every name at any commit by the token of its parts; every object's content for raw identifiers"

    def find(self, wanted: Wanted) -> Found:
        """Nothing that is deleted here: what names them is said, with how its owner rewrites it."""
        names = list(dict.fromkeys(search.names(self.git)))
        named = sum(not self.reader.named(name).isdisjoint(wanted.tokens) for name in names)
        pattern = raw_bytes.pattern(wanted.identifiers)
        objects, read = search.holding(self.git, pattern) if pattern else (0, 0)
        return Found(searched=len(names) + read, unclear=tuple(_left(named, objects)))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """History is not rewritten."""
        return ()


def _left(named: int, objects: int) -> Iterator[Residual]:
    for count, what, remedy in (
        (named, "names of files", "git filter-repo --path-rename OLD:NEW"),
        (objects, "contents", "git filter-repo --replace-text EXPRESSIONS"),
    ):
        if count:
            yield Residual(
                place=f"Git history: {what}",
                level="logical",
                outcome="residual",
                count=count,
                why="Git keeps what was committed, and rewriting it changes every commit and clone after it",
                remedy=f"`{remedy}`, then every clone anew; keep people out of Git",
            )
