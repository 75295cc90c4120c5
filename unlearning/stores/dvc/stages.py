"""The user's own DVC stages: what they read, which have to run when a table changed, and running them.

Part of the home of DVC, with `repository.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning.domain.errors import NotFound, Refused
from unlearning.domain.versions import Tracked
from unlearning.stores import foreign_code
from unlearning.stores.dvc import in_use, recorded_hashes
from unlearning.stores.dvc.recorded_hashes import is_local

if TYPE_CHECKING:
    from dvc.repo import Repo

    from unlearning.stores.dvc.repository import DvcData


def between(data: DvcData, paths: Collection[str], stage: str) -> list[str]:
    """The stages that lead from any of these paths to a stage, itself last; empty when it reads none of them.

    Raises NotFound for a stage that dvc.yaml does not have.
    """
    with data.indexed() as repo:
        graph, target = repo.index.graph, _find(data, repo, stage)
        above = [one for one in upstream(graph, target) if any(_reads(data, one, path) for path in paths)]
        needed = {one for start in above for one in _way(graph, start, target)}
        return [data.stage_name(one) for one in upstream(graph, target) if one in needed]


def above(data: DvcData, path: str) -> list[str]:
    """What a path is made from, directly or not, as paths relative to the project; upstream first."""
    with data.indexed() as repo:
        graph = repo.index.graph
        makers = [one for one in repo.index.stages if any(_path(data, out) == path for out in one.outs)]
        found = [_path(data, dep) for maker in makers for one in upstream(graph, maker) for dep in one.deps if is_local(dep)]
        return [one for one in dict.fromkeys(found) if one != path]


def workflow(data: DvcData) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """(stage → the stages that it reads from, directly; path → the stage that makes it)."""
    with data.indexed() as repo:
        graph = repo.index.graph
        named = {one: data.stage_name(one) for one in repo.index.stages if one.cmd}
        reads = {name: frozenset(named[each] for each in graph.successors(one) if each in named) for one, name in named.items()}
        return reads, {_path(data, out): name for one, name in named.items() for out in one.outs}


def declared(data: DvcData) -> dict[str, list[str]]:
    """Stage → the paths that it says it depends on, whether it ever ran or not."""
    with data.indexed() as repo:
        return {
            data.stage_name(one): [_path(data, dep) for dep in one.deps if is_local(dep)]
            for one in repo.index.stages
            if one.cmd
        }


def read_by(data: DvcData, stage: str) -> list[Tracked]:
    """What a stage read when it last ran, as DVC recorded it."""
    with data.indexed() as repo:
        found = [dep for dep in _find(data, repo, stage).deps if is_local(dep) and dep.hash_info]
        return [Tracked(_path(data, dep), str(dep.hash_info.value)) for dep in found]


def run(data: DvcData, stages: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run stages one after another, each whether DVC finds it changed or not, with `environ` besides the environment.

    What they print may name people, and goes into the project's private file. DVC's run cache stays out of it: it would keep
    what a stage made of data that is to go. Raises Refused when a stage fails, Unavailable while another DVC uses its files:
    the one that a killed run of ours started goes on to its end.
    """
    for stage in stages:
        _require_free(data, stage)
        command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "--no-run-cache", stage]
        with foreign_code.opened(data.root) as out:
            done = subprocess.run(command, cwd=data.root, env={**os.environ, **environ}, stdout=out, stderr=out, check=False)
        if done.returncode:
            raise Refused(
                f"DVC stage {stage!r} failed (exit code {done.returncode}; what it said is in {foreign_code.FILE}); "
                f"correct it until `dvc repro {stage}` runs, then run `unlearn erase` again"
            )


def _require_free(data: DvcData, stage: str) -> None:
    with data.opened() as repo:
        found = _find(data, repo, stage)
        reads, writes = ([one.fs_path for one in each if is_local(one)] for each in (found.deps, found.outs))
        with in_use.using(repo, reads=reads, writes=writes):
            pass


def files_of(data: DvcData, stages: Collection[str]) -> tuple[list[str], list[str]]:
    """(what Git keeps of these stages: lock files and outputs that DVC does not cache; the outputs that it does)."""
    with data.indexed() as repo:
        found = [_find(data, repo, stage) for stage in stages]
        outs = [out for one in found for out in one.outs if is_local(out)]
        locks = {str(recorded_hashes.holder(one)) for one in found}
        left = {out.fs_path for out in outs if not out.use_cache and data.root.joinpath(out.fs_path).exists()}
        return sorted(locks | left), sorted(_path(data, out) for out in outs if out.use_cache)


def commands(data: DvcData, names: Collection[str]) -> dict[str, str]:
    """Stage → its command, of those of these stages that are there; of several commands the first."""
    with data.indexed() as repo:
        found = {data.stage_name(one): one.cmd for one in repo.index.stages if one.cmd}
    return {name: cmd if isinstance(cmd := found[name], str) else str(cmd[0]) for name in names if name in found}


def _find(data: DvcData, repo: Repo, named: str) -> Any:
    names = {data.stage_name(one): one for one in repo.index.stages if one.cmd}
    if named not in names:
        raise NotFound(f"dvc.yaml has no stage {named!r}; it has {', '.join(sorted(names)) or 'none'}")
    return names[named]


def upstream(graph: Any, stage: Any) -> list[Any]:
    """Everything a stage stands on, then itself. DVC's graph has an edge from each stage to those it reads from."""
    found: list[Any] = []

    def visit(one: Any) -> None:
        if one not in found:
            for origin in graph.successors(one):
                visit(origin)
            found.append(one)

    visit(stage)
    return found


def one_holds_the_other(one: str, other: str) -> bool:
    """Two paths are the same, or one is a folder above the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _way(graph: Any, start: Any, target: Any) -> Iterator[Any]:
    """Every stage on a way from one stage to another, both included."""
    return (one for one in upstream(graph, target) if start in upstream(graph, one))


def _reads(data: DvcData, stage: Any, path: str) -> bool:
    names = [_path(data, dep) for dep in stage.deps if is_local(dep)] if stage.cmd else []
    return any(name == path or path.startswith(f"{name}/") for name in names)


def _path(data: DvcData, entry: Any) -> str:
    return str(entry.fs_path).replace(f"{data.root}/", "")
