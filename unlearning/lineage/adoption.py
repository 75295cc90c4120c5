"""Adopting a model version that was trained elsewhere: who shaped it, and how a clean version of it will be made.

What is adopted is an event in the ledger, and counts for every version of its registered model: the newest adoption decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from unlearning.domain.entities import Adoption
from unlearning.domain.errors import ProjectError, WrongUse
from unlearning.domain.events import ModelAdopted
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked, data_name
from unlearning.lineage import membership_proof, sources
from unlearning.lineage.named import NamedData
from unlearning.project import plugins
from unlearning.project.holdings import Holdings, adoptions
from unlearning.project.people import people_of
from unlearning.project.tables import current_version
from unlearning.stores.dvc import origins, recognition, stages
from unlearning.stores.dvc.remotes import every_store
from unlearning.stores.git import plumbing
from unlearning.stores.sql.followed import Source
from unlearning.stores.tables import parts, tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.mlflow.bulk_reader import RunFacts
    from unlearning.stores.mlflow.models import Registered
    from unlearning.stores.rolls import Roll

RETRAIN, NONE = POLICIES = ("retrain", "none")
HOW = "adopted"


@dataclass(frozen=True)
class Wish:
    """What a user says of a version that was trained elsewhere."""

    model: str
    """`MODEL/VERSION`."""
    data: str
    """`PATH[@REV]` of the table that trained it."""
    column: str
    """What says whose record it is."""
    policy: str = RETRAIN
    stage: str | None = None
    """The DVC stage that trains it; None takes the one that its run says it ran in."""
    minimum: Mapping[str, float] | None = None
    """Metric → least value that the run of a clean version must have logged."""


@dataclass(frozen=True)
class Told:
    """What `unlearn adopt` says."""

    model: str
    version: int
    aliases: Sequence[str]
    flavours: Sequence[str]
    data_version: NamedData
    subject_column: str
    policy: str
    stage: str | None
    redacts: Sequence[str]
    minimum: Mapping[str, float]
    not_redacted: Sequence[str]
    """What it is made from and has no such column."""
    shared: int
    """People who are named in one cell with others."""
    warnings: Sequence[str]


def adopt(workspace: Workspace, wish: Wish, *, now: datetime) -> Told:
    """Record where a version comes from and who shaped it, and how a clean version will be made; nothing is trained.

    Raises, before anything is recorded: WrongUse for a version that was trained here, a policy that cannot be kept, a stage
    that does not read the table; NotFound for what is not there; DataError for a table without the column.
    """
    registered = _registered(workspace, wish.model)
    workspace.settings.subject.check_fits(wish.column, named="--subject-column")
    _check_column(workspace, wish)
    version, people = _measured(workspace, wish)
    run = _run(workspace, registered)
    stage = _stage(workspace, wish, registered, run, version.path)
    here = workspace.data.declares(version.path)
    above, unnamed = _above(workspace, version.path, wish.column) if here else ((), ())
    made = Adoption(
        model=registered.model,
        data=version,
        tables=tuple((path, wish.column) for path in (*above, version.path)) if here else (),
        policy=wish.policy,
        stage=stage,
        minimum=tuple(sorted((wish.minimum or {}).items())),
    )
    # Whatever MLflow and DVC may refuse to say is asked before anything is recorded.
    aliases, flavours = workspace.models.aliases(made.model.name), workspace.models.flavours(registered.model)
    warnings = [
        *(() if membership_proof.split(wish.data)[1] else _other_version(workspace, wish, version, run)),
        *_owned_by_others(workspace, made),
    ]
    workspace.lineage.record_data(version, people.everyone, parent=_parent(workspace, version))
    for path in {version.path, *above}:
        workspace.followed.add_column(path, wish.column)
    record(workspace, made, now=now)
    recognition.note(workspace.data.root, every_store(workspace.data))
    return Told(
        model=made.model.name,
        version=made.model.version,
        aliases=sorted(alias for alias, number in aliases.items() if number == made.model.version),
        flavours=flavours,
        data_version=NamedData.of(version),
        subject_column=wish.column,
        policy=made.policy,
        stage=made.stage,
        redacts=[path for path, _ in made.tables],
        minimum=dict(made.minimum),
        not_redacted=unnamed,
        shared=len(people.shared),
        warnings=warnings,
    )


def record(workspace: Workspace, made: Adoption, *, now: datetime) -> None:
    """Keep an adoption: in the ledger, and in the lineage that following goes on with. Keeping it again changes nothing."""
    content = Tracked(made.data.path, made.data.object)
    workspace.followed.add_source(Source(made.model, content, HOW))
    before = adoptions(workspace).get(made.model.name)
    if before != made:
        workspace.ledger.append(str(made.model), ModelAdopted(adoption=made), at=now)


def succeed(workspace: Workspace, adoption: Adoption, model: ModelVersion, data: DataVersion, *, now: datetime) -> None:
    """A clean version takes the place of an adopted one, under the same policy."""
    record(workspace, replace(adoption, model=model, data=data), now=now)


# --- what is said, against what is there -----------------------------------------------------------------------------


def _registered(workspace: Workspace, named: str) -> Registered:
    model = sources.parsed(named)
    if workspace.lineage.model(model.name, model.version) is not None:
        raise WrongUse(f"{model} was trained here, so its lineage is known and `unlearn erase` looks after it already")
    if model.name in {own.model for own in workspace.settings.owns}:
        raise WrongUse(
            f"{model} is a version of a model that this project trains itself; expected a model that was trained elsewhere"
        )
    return workspace.models.version(model.name, model.version)


def _check_column(workspace: Workspace, wish: Wish) -> None:
    path, _ = membership_proof.split(wish.data)
    known = {name: column for name, column in Holdings.of(workspace).tables.items() if column != wish.column}
    if path in known:
        raise WrongUse(f"in {path}, {known[path]!r} says whose record it is, not {wish.column!r}; a table has one such column")


def _measured(workspace: Workspace, wish: Wish) -> tuple[DataVersion, Roll]:
    """The data version that was named, and who is in it."""
    path, rev = membership_proof.split(wish.data)
    if rev is None:
        version = current_version(workspace, path, wish.column)
        file = workspace.path(path)
    else:
        asked = workspace.data.tracked_at(path, rev)
        file = workspace.data.content(*asked)
        version = DataVersion(path, tables.digest(file), asked.object, plumbing.resolve(workspace.data.git, rev), 0, 0)
    people = people_of(workspace, file, wish.column, named=path)
    return replace(version, rows=len(people.codes), people=people.people), people


def _parent(workspace: Workspace, version: DataVersion) -> str | None:
    before = [one.digest for one in workspace.lineage.data_versions(version.path) if one.digest != version.digest]
    return before[-1] if before else None


def _stage(workspace: Workspace, wish: Wish, registered: Registered, run: RunFacts | None, path: str) -> str | None:
    """The stage that makes a clean version. Raises WrongUse for a policy that cannot be kept."""
    if wish.policy == NONE:
        return None
    if wish.policy != RETRAIN:
        raise WrongUse(_why_not(workspace, wish.policy, registered.model))
    stage = wish.stage or (run.stage if run else None)
    if stage is None:
        raise WrongUse(
            f"the run of {registered.model} names no DVC stage, so nobody knows how to make it again: name the stage that "
            "trains and registers it with --stage NAME; or adopt it with --policy none, and erasures list it as left"
        )
    if not stages.between(workspace.data, [path], stage):
        raise WrongUse(
            f"DVC stage {stage!r} does not read {path}, so running it again would forget nobody; declare it in its deps"
        )
    return stage


def _why_not(workspace: Workspace, policy: str, model: ModelVersion) -> str:
    """What a heuristic method would need of a model that only its own code knows."""
    if policy not in plugins.names("methods"):
        return f"policy {policy!r} is unknown; expected {' or '.join(POLICIES)}"
    flavours = ", ".join(workspace.models.flavours(model)) or "unknown"
    return (
        f"{policy} cannot be used on {model} (flavours: {flavours}): it changes trained weights by the loss of single "
        "records, and an MLflow model says neither how it encodes records nor by which loss it was trained; expected "
        f"--policy {RETRAIN} --stage NAME, or a recipe for it, so that `unlearn train` trains it here"
    )


def _run(workspace: Workspace, registered: Registered) -> RunFacts | None:
    with workspace.models.reader() as reader:
        runs = reader.runs([registered.run_id] if registered.run_id else [])
    return next(iter(runs.values()), None)


def _other_version(workspace: Workspace, wish: Wish, version: DataVersion, run: RunFacts | None) -> Iterator[str]:
    """A warning, when the run says that it read another version of the table than the one that is there now."""
    read = sources.objects_read(run, version.path) if run else frozenset()
    if not read or version.object in read:
        return
    named = sorted(read)[0]
    commits = workspace.data.snapshots(workspace.data.commits())
    rev = next((commit.rev for commit in commits if Tracked(version.path, named) in commit.outs), None)
    step = f"adopt it with --data {version.path}@{rev[:12]}" if rev else "no commit names that one: find it and commit it"
    yield (
        f"the run of {wish.model} read {data_name(version.path, named)}, not the version that is here now, "
        f"{version.name}, so whoever is in only one of them is counted wrongly; {step}"
    )


def _owned_by_others(workspace: Workspace, made: Adoption) -> Iterator[str]:
    """A warning for each table that no erasure will redact, because it is imported."""
    for one in origins.imported(workspace.data, [path for path, _ in made.tables]):
        yield f"{one}, so an erasure of somebody in it is refused: {one.remedy}"


def _above(workspace: Workspace, path: str, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables that this one is made from: those with the person column, which are redacted too, and those without."""
    named: list[str] = []
    unnamed: list[str] = []
    for origin in stages.above(workspace.data, path):
        file = workspace.path(origin)
        if parts.is_table(file):
            here = tables.column_names(file, named=origin)
            (named if tables.names_people(here, column) else unnamed).append(origin)
    if untracked := [origin for origin in named if not workspace.data.declares(origin)]:
        raise ProjectError(
            f"{path} is made from {', '.join(untracked)}, which has {column!r} and is not tracked by DVC, so it would bring "
            f"erased people back; run `dvc add {untracked[0]}`"
        )
    return tuple(named), tuple(unnamed)


# --- for people ------------------------------------------------------------------------------------------------------


def lines(told: Told) -> Sequence[str]:
    """An adoption for people."""
    data = told.data_version
    how = f"makes it again with DVC stage {told.stage!r}" if told.stage else "lists it as left"
    return [
        f"{told.model}/{told.version} is adopted: {data.name} trained it, "
        f"{data.version.people} people in {data.version.rows} records",
        f"  an erasure redacts {', '.join(told.redacts) or 'no current table'} and {how}",
        *(f"  least {metric} of a clean version: {least:g}" for metric, least in told.minimum.items()),
        *(f"  not redacted, it has no such column: {path}" for path in told.not_redacted),
        *(f"  warning: {warning}" for warning in told.warnings),
        *([f"  needs review: {told.shared} people are named in one cell with others"] if told.shared else []),
    ]
