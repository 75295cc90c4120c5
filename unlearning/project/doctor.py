"""What is wrong with how a project is set up, before it does harm: tables that Git keeps, and all that `preflight` asks."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from unlearning.domain.errors import Refused, WrongUse
from unlearning.domain.foreign import quoted, shown
from unlearning.project import preflight
from unlearning.project.holdings import Holdings
from unlearning.project.preflight import Diagnosis
from unlearning.stores.dvc import folders
from unlearning.stores.git import ignoring, tracked
from unlearning.stores.scans.looking import look
from unlearning.stores.scans.words import Watch

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

_NO_TABLES = (".py", ".md", ".yaml", ".yml", ".toml", ".cfg", ".lock", ".dvc", ".html", ".svg", ".sh")
"""Ends of names of which nobody makes a table; the sweep opens these too."""


def examine(workspace: Workspace) -> list[Diagnosis]:
    """Every check."""
    return [*_people_in_git(workspace), *preflight.examine(workspace)]


def _people_in_git(workspace: Workspace) -> list[Diagnosis]:
    """Tables of people that Git keeps, kept, or would take."""
    git = workspace.data.git
    index, head = tracked.index(git), tracked.head(git)
    now, gone = _tables(workspace, index), _tables(workspace, {path: blob for path, blob in head.items() if path not in index})
    open_paths = ignoring.visible(git, _kept_out(workspace))
    return [
        _index(now),
        Diagnosis("no table of people only in the last commit", not gone, gone, "commit that it is gone; " + _history(gone)),
        Diagnosis("data is ignored by Git", not open_paths, open_paths, "`unlearn init` writes what is missing in .gitignore"),
    ]


def examine_staged(workspace: Workspace) -> list[Diagnosis]:
    """The check of a hook before a commit: only what is about to be committed."""
    return [_index(_tables(workspace, tracked.staged(workspace.data.git)))]


def warn(workspace: Workspace) -> list[str]:
    """What to say before a training or an erasure. Raises Refused while Git tracks a table of people."""
    found = [one for one in _people_in_git(workspace) if not one.passed]
    if found and found[0].check == _INDEX:
        raise Refused(
            f"Git tracks tables of people, and keeps them in every commit and clone: {', '.join(map(shown, found[0].paths))}; "
            f"{found[0].remedy}"
        )
    return [one.line for one in found]


_INDEX = "Git tracks no table of people"


def _index(paths: Sequence[str]) -> Diagnosis:
    named = " ".join(map(quoted, paths))
    remedy = f"`git rm --cached {named}`, `unlearn init`, commit; if it was committed, {_history(paths)}"
    return Diagnosis(_INDEX, not paths, paths, remedy)


def _history(paths: Sequence[str]) -> str:
    named = " ".join(f"--path {quoted(path)}" for path in paths)
    rewrite = f"git filter-repo --force --invert-paths {named}"
    return f"`{rewrite}` takes it out of the history; commit first: it drops what is not"


def _kept_out(workspace: Workspace) -> list[str]:
    """What has no place in Git: outputs of DVC, declared tables, keys, caches and remotes."""
    settings = workspace.settings
    own = (path for each in settings.owns for path in each.data.tables)
    declared = [*own, *settings.further_tables, settings.subject.aliases, settings.stores.keys]
    return [*workspace.data.outputs(), *folders.inside(workspace.data), *filter(None, declared)]


def _tables(workspace: Workspace, files: Mapping[str, str]) -> list[str]:
    """Those that hold people: by what DVC and `params.yaml` say, or by their content."""
    kept = _kept_out(workspace)
    named = {path for path in files if any(path == one or path.startswith(f"{one}/") for one in kept)}
    others = {path: blob for path, blob in files.items() if path not in named and PurePosixPath(path).suffix not in _NO_TABLES}
    return sorted(named | _by_content(workspace, others))


def _by_content(workspace: Workspace, files: Mapping[str, str]) -> set[str]:
    if not files or not (people := _people(workspace)):
        return set()
    watch, paths = Watch(people, workspace.settings.subject.identifier, bytes(32)), dict[str, list[str]]()
    for path, blob in files.items():
        paths.setdefault(blob, []).append(path)
    found = (
        (blob, look(watch, io.BytesIO(content), paths[blob][0]))
        for blob, content in tracked.contents(workspace.data.git, paths)
        if content
    )
    return {path for blob, seen in found if seen.compared == "people" for path in paths[blob]}


def _people(workspace: Workspace) -> Sequence[str]:
    try:
        return Holdings.of(workspace).people_columns
    except WrongUse:  # nobody has named one yet
        return ()
