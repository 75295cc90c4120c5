"""What people could say of the files that DVC tracks, so that nothing of them stays unread: proposed here, decided by them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import UnlearningError
from unlearning.lineage import shaped
from unlearning.project.settings import SECTION
from unlearning.stores.scans.looking import Look, look_at
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables import people as table_people
from unlearning.stores.tables import tables
from unlearning.traces.within_reach import Reach, declared

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.dvc.repository import DvcData

_FILES = 50
"""Of a folder so many are looked at."""
_CELLS = 200
"""Of a column so many distinct values are looked up."""
_SHARE = 0.5
"""Of those, as many have to be known people for the column to be proposed as theirs."""

NOBODY = Watch((), "text", b"")


@dataclass(frozen=True)
class Proposal:
    """One thing to decide."""

    path: str
    why: str
    do: str
    """The command, or the lines for `params.yaml`."""

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.path}: {self.why}\n      → {self.do}"


def of_project(workspace: Workspace) -> list[Proposal]:
    """What to decide in a project whose lineage knows people."""
    reach = Reach(workspace)

    def known(tokens: Collection[str]) -> int:
        return len(frozenset().union(*shaped.holding(workspace, tokens).values()))

    said = declared(workspace)
    files = {
        path: file
        for path, file in untold(workspace.data).items()
        if path not in reach.holdings.tables and not any(one.covers(path) or one.covers(f"{path}/x") for one in said)
    }
    if not reach.holdings.columns:
        return list(unread(files, NOBODY))
    return [*unread(files, reach.watch), *named(files, reach.watch, known)]


def of_new_project(data: DvcData) -> list[Proposal]:
    """What to decide where nobody is known yet."""
    return list(unread(untold(data), NOBODY))


def untold(data: DvcData) -> dict[str, Path]:
    """Path → file or folder in the work tree of everything that DVC tracks and no stage made of something it tracks."""
    now = data.present()
    made = {out for each in now.made if each.deps for out in each.outs}
    files = {out.path: data.root / out.path for out in now.outs if out not in made}
    return {path: file for path, file in files.items() if file.exists()}


def unread(files: dict[str, Path], watch: Watch) -> Iterator[Proposal]:
    """What no reader knows: to be declared free of people, if it is."""
    for path, file in sorted(files.items()):
        forms = {seen.form for seen in _looks(file, watch) if not seen.read}
        if forms:
            pattern = f"{path}/**" if file.is_dir() else path
            yield Proposal(
                path=path,
                why=f"no reader knows what is in it ({', '.join(sorted(forms))}), so every erasure lists it as unverified",
                do=f"if nobody is in it, in params.yaml: {SECTION}: free_of_people: [{{paths: '{pattern}', reason: WHY}}]",
            )


def named(files: dict[str, Path], watch: Watch, known: Callable[[Collection[str]], int]) -> Iterator[Proposal]:
    """Columns full of people whom the lineage knows, in tables whose person column nobody named."""
    for path, file in sorted(files.items()):
        if file.is_file() and all(seen.compared == "cells" for seen in _looks(file, watch)):
            for column in _columns(file, watch, known):
                yield Proposal(
                    path=path,
                    why=f"its column {column!r} seems to say whose record it is, and nobody told",
                    do=f"unlearn follow --subject-column '{path}:{column}'",
                )


def _looks(file: Path, watch: Watch) -> list[Look]:
    files = sorted(one for one in file.rglob("*") if one.is_file())[:_FILES] if file.is_dir() else [file]
    nobody = replace(watch, tokens=frozenset(), raw=None)
    return [look_at(nobody, one, below=one.parent) for one in files]


def _columns(file: Path, watch: Watch, known: Callable[[Collection[str]], int]) -> Sequence[str]:
    try:
        table = tables.read(file)
    except UnlearningError:
        return ()
    found = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = list(itertools.islice((one for one in column.unique().to_pylist() if one is not None), _CELLS))
        tokens = table_people.tokens_of(filter(_plain, values), kind=watch.kind, key=watch.key)
        if tokens and known(tokens) >= _SHARE * len(values):
            found.append(name)
    return found


def _plain(value: object) -> bool:
    return isinstance(value, (str, int, bytes)) and not isinstance(value, bool)
