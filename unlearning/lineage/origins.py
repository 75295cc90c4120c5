"""What models come from: what has to be made again before each, and what a run says that it started from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from unlearning.domain.derivation import SAME_WEIGHTS, Edge, Family, reached
from unlearning.domain.entities import Adoption
from unlearning.domain.versions import ModelVersion
from unlearning.lineage import graph, sources
from unlearning.lineage.sources import Seen
from unlearning.project.holdings import adoptions
from unlearning.stores.dvc import stages
from unlearning.stores.mlflow.models import Registered

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


READ_AS_INPUT = "fine_tuned"
"""The kind of derivation where MLflow says that a run read a model, and nobody says more."""


def model(name: str) -> str:
    """How a model is called among the things that come from each other."""
    return f"model {name}"


def _stage(name: str) -> str:
    return f"stage {name}"


def made_from(workspace: Workspace, versions: Collection[ModelVersion]) -> dict[str, set[str]]:
    """Each model of these versions, and each DVC stage → the models and stages that it comes from, directly.

    By every kind of derivation that is known: what DVC's stages read, edges between versions, also over versions of models that
    are not asked about, data that runs logged and that a stage makes.
    """
    reads, makers = stages.workflow(workspace.data)
    edges = workspace.lineage.edges()
    contents, owns = graph.load(workspace).contents, {own.model: own for own in workspace.settings.owns}
    runs_in = {name: one.stage for name, one in adoptions(workspace).items() if one.stage}
    runs_in |= {name: makers[own.reports.train] for name, own in owns.items() if own.reports.train in makers}
    names = {version.name for version in versions}
    registers = {stage: {one for one in names if runs_in.get(one) == stage} for stage in {*reads, *runs_in.values()}}

    def all_of(made_by: Iterable[str]) -> set[str]:
        return {each for stage in made_by for each in (_stage(stage), *map(model, registers.get(stage, ())))}

    found = {_stage(stage): all_of(above) for stage, above in reads.items()}
    for version in versions:
        lines = _lines(version, edges, names)
        for child, origins in lines.items():
            found.setdefault(child, set()).update(origins)
        read = {content.path for content in contents.get(version, ())} | set(
            owns[version.name].data.tables if version.name in owns else ()
        )
        mine = runs_in.get(version.name)
        fed = all_of(_makers(read, makers) - {mine}) - {model(version.name)}
        found.setdefault(model(version.name), set()).update(fed | ({_stage(mine)} if mine else set()))
        if mine:  # the stage trains it, so what feeds the model is there before the stage runs, unless it registers that too
            asked = set(map(model, names)) & {one for origins in lines.values() for one in origins}
            found.setdefault(_stage(mine), set()).update((fed | asked) - set(map(model, registers[mine])))
    return found


def _lines(version: ModelVersion, edges: Collection[Edge], names: Collection[str]) -> dict[str, set[str]]:
    """What a version comes from, step by step up to models that are asked about: these answer for themselves."""
    parents: dict[ModelVersion, list[ModelVersion]] = {}
    for parent, child, _ in edges:
        parents.setdefault(child, []).append(parent)

    def above(one: ModelVersion) -> Collection[ModelVersion]:
        return parents.get(one, ()) if one == version or one.name not in names else ()

    def called(one: ModelVersion) -> str:
        return model(one.name if one.name in names else str(one))

    return {called(one): set(map(called, above(one))) - {called(one)} for one in reached([version], above) if above(one)}


def _makers(paths: Iterable[str], makers: Mapping[str, str]) -> set[str]:
    """The stages that make these paths, or a folder that they lie in."""
    folders = {str(folder) for path in paths for folder in (path, *PurePosixPath(path).parents)}
    return {makers[one] for one in folders if one in makers}


def since(adopted: Adoption, versions: Iterable[ModelVersion]) -> set[ModelVersion]:
    """The version that was adopted and later ones among these: what a model is made from now, they say."""
    here = adopted.model
    return {here} | {one for one in versions if one.name == here.name and one.version > here.version}


def parents(workspace: Workspace, versions: Collection[ModelVersion]) -> dict[ModelVersion, str]:
    """What these versions were made from directly → how; a copy comes from what its original comes from.

    What people said of how counts before what MLflow can say.
    """
    edges = sorted(workspace.lineage.edges(), key=lambda edge: edge[2] != READ_AS_INPUT)
    family = Family(edges)
    weights = {twin for version in versions for twin in family.twins(version)}
    return {parent: kind for parent, child, kind in edges if child in weights and kind != SAME_WEIGHTS}


# --- what a run says of itself ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """What the run and the tags of a version say that it was made from."""

    versions: Mapping[ModelVersion, str]
    """Registered version → kind of derivation."""
    unregistered: Mapping[str, str | None]
    """Logged model that nobody registered → its run."""
    from_nothing: bool
    """It says that it was made from no model."""


def started(workspace: Workspace, version: Registered) -> Started:
    """What a version says it was made from, an alias as it points now."""
    every = workspace.models.every_version()
    with workspace.models.reader() as reader:
        own = sources.model_id(version.source)
        logged = reader.logged_models([own] if own else [])
        run_id = sources.run_of(version, Seen({}, logged))
        run = reader.runs([run_id] if run_id else []).get(run_id or "")
        inputs = reader.logged_models(run.models if run else ())
        aliases = reader.aliases()
    tags = {**(run.said_of_parent if run else {}), **(logged[own].tags if own in logged else {}), **version.tags}
    tagged = sources.derived(tags, version.model, aliases)
    found = dict([tagged]) if tagged else {}
    loose: dict[str, str | None] = {}
    for name in run.models if run else ():
        registered = [one.model for one in every if sources.model_id(one.source) == name and one.model != version.model]
        for one in registered:
            found.setdefault(one, READ_AS_INPUT)
        if not registered:
            loose[name] = inputs[name].run_id if name in inputs else None
    return Started(found, loose, tags.get(sources.DERIVED_TAG) == sources.NOTHING)
