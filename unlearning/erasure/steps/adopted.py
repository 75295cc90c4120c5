"""Steps 5 to 7 for a model that was trained elsewhere: its own DVC stage makes a clean version, which is judged and promoted.

What can be shown is shown: the stage ran on the redacted data, as DVC recorded it; its run says nothing else; the table is
clean; the metrics that the policy names are good enough. Whether the stage is deterministic, or reads what it does not declare,
cannot be: the guarantee says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from unlearning.domain.entities import Adoption, CheckResult
from unlearning.domain.environ import ERASURE, MLFLOW_TRACKING_URI
from unlearning.domain.errors import NotFound, Refused, ValidationRefused
from unlearning.domain.events import AdoptedPromoted, AdoptedRetrained, ImpactAssessed, Superseded
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.erasure.steps import parentage, validate
from unlearning.lineage import adoption, graph, sources
from unlearning.lineage.shaped import STRAY
from unlearning.lineage.sources import Seen
from unlearning.project.holdings import Holdings, adoptions
from unlearning.project.tables import current_version, index_table
from unlearning.stores.dvc import stages as dvc_stages
from unlearning.stores.mlflow.models import Registered

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.workspace import Workspace

GUARANTEE = "exact if the stage reads only what it declares (retrained by the user's stage; determinism not verified)"


# --- 5 unlearn, 6 validate -------------------------------------------------------------------------------------------


def remake_step(erasure: Erasure, name: str) -> AdoptedRetrained:
    """5 and 6: run the user's stage on the redacted data and judge what came of it. Raises ValidationRefused.

    Killed between the stage and its record, it runs again: the version in between is tagged as a stray, and purged.
    """
    return erasure.once(AdoptedRetrained, lambda: _remake(erasure, adoptions(erasure.workspace)[name]), model=name)


def _remake(erasure: Erasure, adopted: Adoption) -> AdoptedRetrained:
    workspace, name, held = erasure.workspace, adopted.model.name, erasure.after
    stages = _stages(erasure, adopted)
    done = {stage for made in _made(erasure) for stage in made.stages}
    run = [stage for stage in stages if stage not in done]
    came = _run(erasure, adopted, run)
    new = _new_version(erasure, adopted, [*came, *(one for one in _beside(erasure) if one not in came)])
    again = _made_again(erasure, run)
    after = held | again
    paths = [path for path, _ in adopted.tables]
    checks = [
        *validate.data_checks(erasure, [path for path in (*workspace.settings.further_tables, *paths) if path not in again]),
        *(check for version in again.values() for check in validate.absence_checks(erasure, version)),
        _data_check(workspace, adopted, new, after, stages),
        *parentage.checks(erasure, new),
        *(_metric_check(workspace, new, metric, least) for metric, least in adopted.minimum),
    ]
    if failed := [one for one in checks if not one.passed]:
        raise _refuse(erasure, adopted, "; ".join(f"{one.name}: {one.how}, expected {one.threshold}" for one in failed))
    _keep(erasure, run)
    return AdoptedRetrained(
        model=name,
        version=new.model.version,
        stage=adopted.stage,
        stages=tuple(stages),
        guarantee=GUARANTEE,
        data=after[adopted.data.path],
        checks=tuple(checks),
        tables=tuple(again.values()),
        beside=tuple(one.model for one in came if one.model.name != name),
    )


def _made(erasure: Erasure) -> list[AdoptedRetrained]:
    """What this attempt made again so far."""
    return [event.fact for event in erasure.progress.events if isinstance(event.fact, AdoptedRetrained)]


def _stages(erasure: Erasure, adopted: Adoption) -> list[str]:
    """What has to run for a clean version, upstream first: every stage on the way from a redacted table; for the last model
    that the own one comes from, also what makes the own tables of it. The own model's stages are steps of ours."""
    data, plan = erasure.workspace.data, erasure.plan
    paths, (_, makers) = [version.path for version in plan.before], dvc_stages.workflow(data)
    found = dvc_stages.between(data, paths, adopted.stage or "")
    feeding = plan.adopted[: plan.before_own]
    settings = erasure.workspace.settings
    if feeding and adopted.model.name == feeding[-1]:
        own = [path for each in settings.owns for path in each.data.tables]
        for maker in dict.fromkeys(makers[path] for path in own if path in makers):
            way = dvc_stages.between(data, paths, maker)
            found += way if set(way) & {adoptions(erasure.workspace)[name].stage for name in feeding} else []
    ours = {makers[path] for path in settings.reports if path in makers} if settings.owns else set()
    return [stage for stage in dict.fromkeys(found) if stage not in ours]


def _run(erasure: Erasure, adopted: Adoption, stages: Sequence[str]) -> list[Registered]:
    """Run these stages: the versions of models in the plan that they registered. What a killed run of them left is a stray."""
    workspace = erasure.workspace
    if not stages:
        return []
    theirs = [name for name in erasure.plan.adopted if adoptions(workspace)[name].stage in stages]
    before = [one for name in theirs for one in workspace.models.versions(name)]
    _tag_strays(erasure, before)
    try:
        dvc_stages.run(workspace.data, stages, {MLFLOW_TRACKING_URI: workspace.models.uri, ERASURE: erasure.erasure_id})
    except (Refused, NotFound) as error:
        raise _refuse(erasure, adopted, str(error)) from error
    known = {one.model for one in before}
    return [one for name in theirs for one in workspace.models.versions(name) if one.model not in known]


def _tag_strays(erasure: Erasure, versions: Sequence[Registered]) -> None:
    """Versions that this erasure had made and that nothing came of: they stand on clean data and serve nobody."""
    workspace = erasure.workspace
    kept = {ModelVersion(made.model, made.version) for made in _made(erasure)}
    kept |= {ModelVersion(moved.model, moved.version) for moved in erasure.every(AdoptedPromoted)}
    kept |= {ModelVersion(name, number) for name, each in workspace.models.every_alias().items() for number in each.values()}
    loose = [one for one in versions if one.model not in kept and STRAY not in one.tags]
    if loose:
        with workspace.models.reader() as reader:
            runs = reader.runs([one.run_id for one in loose if one.run_id])
        for one in loose:
            if one.run_id in runs and runs[one.run_id].erasure == erasure.erasure_id:
                workspace.models.tag(one.model, {STRAY: erasure.erasure_id})


def _beside(erasure: Erasure) -> list[Registered]:
    """What stages of this attempt registered for models whose turn had not come."""
    named = {one for made in _made(erasure) for one in made.beside}
    return [one for one in erasure.workspace.models.every_version() if one.model in named]


def _made_again(erasure: Erasure, stages: Sequence[str]) -> dict[str, DataVersion]:
    """Path → the version of each redacted table that these stages made anew, indexed: it came out of what was made again."""
    workspace, holdings = erasure.workspace, Holdings.of(erasure.workspace)
    _, makers = dvc_stages.workflow(workspace.data)
    found: dict[str, DataVersion] = {}
    for path, before in erasure.after.items():
        if makers.get(path) in stages:
            person = holdings.person_in(path)
            made = current_version(workspace, path, person)
            if made.digest != before.digest:
                index_table(workspace, made, workspace.path(path), person, parent=before.digest)
                found[path] = made
    return found


def _new_version(erasure: Erasure, adopted: Adoption, came: Sequence[Registered]) -> Registered:
    """The version that was registered while the stage ran; another one may be, by somebody else's run."""
    workspace, name = erasure.workspace, adopted.model.name
    fresh = [one for one in came if one.model.name == name]
    if len(fresh) > 1:
        with workspace.models.reader() as reader:
            runs = reader.runs([one.run_id for one in fresh if one.run_id])
        fresh = [one for one in fresh if one.run_id in runs and runs[one.run_id].erasure == erasure.erasure_id]
    if len(fresh) != 1:
        what = f"registered {len(fresh)} versions of {name!r}" if fresh else f"registered no new version of {name!r}"
        raise _refuse(
            erasure, adopted, f"DVC stage {adopted.stage!r} ran and {what} at {workspace.models.shown}; expected exactly one"
        )
    return fresh[0]


def _data_check(
    workspace: Workspace, adopted: Adoption, new: Registered, after: Mapping[str, DataVersion], stages: Sequence[str]
) -> CheckResult:
    """The new version stands on the redacted tables: by what DVC recorded of its stages, and by what its run says of itself."""
    redacted = {path: version.object for path, version in after.items()}
    read = [one for stage in stages for one in dvc_stages.read_by(workspace.data, stage) if one.path in redacted]
    said = _said(workspace, new)
    wrong = {one for one in (*read, *said) if one.path in redacted and one.object != redacted[one.path]}
    wrong |= {one for one in said if one not in wrong and _holds_people(workspace, one, adopted, redacted)}
    names = ", ".join(sorted({one.name for one in wrong}))
    spoke = "its run names them too" if said else "its run names no DVC data"
    return CheckResult(
        name=f"{new.model}: data version",
        value=float(len(wrong)),
        threshold="0 data versions other than the redacted ones",
        verdict="passed" if read and not wrong else "failed",
        how=f"it stands on {names}" if wrong else f"dvc.lock says that {len(read)} redacted tables were read; {spoke}",
        details={"stages": ", ".join(stages), "named by its run": len(said)},
    )


def _said(workspace: Workspace, new: Registered) -> list[Tracked]:
    """The data that the run or the tags of a version name themselves."""
    with workspace.models.reader() as reader:
        runs = reader.runs([new.run_id] if new.run_id else [])
        logged = reader.logged_models([name] if (name := sources.model_id(new.source)) else [])
    evidence = sources.evidence(new, Seen(runs, logged, frozenset()))
    return [content for content, how in evidence.contents.items() if how in ("dataset input", "tag")]


def _holds_people(workspace: Workspace, content: Tracked, adopted: Adoption, redacted: Mapping[str, str]) -> bool:
    """An old object of one of the tables, under whatever path."""
    paths = {path for path, _ in adopted.tables}
    known = {one.object for one in workspace.lineage.data_versions() if one.path in paths}
    return content.object in known - set(redacted.values())


def _metric_check(workspace: Workspace, new: Registered, metric: str, least: float) -> CheckResult:
    value = workspace.models.metrics(new.run_id).get(metric) if new.run_id else None
    return CheckResult(
        name=f"{new.model}: {metric}",
        value=value,
        threshold=f"≥ {least:g}",
        verdict="passed" if value is not None and value >= least else "failed",
        how="its run logged no such metric" if value is None else f"its run logged {value:g}",
    )


def _refuse(erasure: Erasure, adopted: Adoption, reason: str) -> ValidationRefused:
    """The error to raise: the requests stay open, every alias of the model stays where it is."""
    return ValidationRefused(
        f"{erasure.erasure_id}: no clean version of the adopted model {adopted.model.name!r} ({reason}); the requests stay "
        "open and its aliases are where they were. Correct it and run `unlearn erase` again; or adopt it with "
        "--policy none, which lists it as left",
        reason=reason,
    )


def _keep(erasure: Erasure, stages: Sequence[str]) -> None:
    """What the stages made, in Git and the remote, as far as the settings ask for it."""
    workspace, versioning = erasure.workspace, erasure.workspace.settings.versioning
    files, cached = dvc_stages.files_of(workspace.data, stages)
    if versioning.commit:
        workspace.data.git.commit(f"Make again for {erasure.erasure_id}", files)
    if versioning.push and cached:
        workspace.data.push(cached, remote=versioning.remote)


# --- 7 promote -------------------------------------------------------------------------------------------------------


def promote_step(erasure: Erasure, sets: RecordSets, name: str) -> AdoptedPromoted:
    """7: every alias of a version that they shaped goes to the clean one, which is looked after from now on."""
    workspace, made = erasure.workspace, erasure.progress.done(AdoptedRetrained, model=name)
    if made is None:
        raise RuntimeError(f"{name} was to be promoted before it was made")
    with workspace.ledger.exclusive(f"promote:{name}"), workspace.ledger.exclusive("data"):
        return erasure.once(AdoptedPromoted, lambda: _promote(erasure, sets, made), model=name)


def _promote(erasure: Erasure, sets: RecordSets, made: AdoptedRetrained) -> AdoptedPromoted:
    workspace, name = erasure.workspace, made.model
    new = ModelVersion(name, made.version)
    old = [*_tainted(erasure, sets, name), *_strays(erasure, new)]
    workspace.lineage.add_edges(parentage.edges(workspace, new))
    moved = [alias for alias, version in workspace.models.aliases(name).items() if ModelVersion(name, version) in old]
    for alias in moved:
        workspace.models.move_alias(name, alias, expected=workspace.models.alias(name, alias), to=new)
    for version in old:
        workspace.models.tag(version, {"unlearning.superseded_by": str(new)})
    workspace.models.tag(new, _tags(erasure, made))
    adoption.succeed(workspace, adoptions(workspace)[name], new, made.data, now=erasure.clock())
    runs = {one.model: one.run_id for one in workspace.models.versions(name)}
    return AdoptedPromoted(
        model=name,
        version=new.version,
        replaced=tuple(Superseded(version.version, runs.get(version)) for version in old),
        aliases=tuple(sorted(moved)),
        tokens=tuple(sorted(erasure.plan.tokens)),
    )


def _strays(erasure: Erasure, new: ModelVersion) -> list[ModelVersion]:
    """What this erasure registered besides the new version: nobody is served by it, and it goes with those they shaped."""
    versions = erasure.workspace.models.versions(new.name)
    _tag_strays(erasure, [one for one in versions if one.model != new])
    return [one.model for one in erasure.workspace.models.versions(new.name) if one.tags.get(STRAY) == erasure.erasure_id]


def _tainted(erasure: Erasure, sets: RecordSets, name: str) -> list[ModelVersion]:
    """The living versions of a model that these people shaped, as they are now: one may have come since the plan."""
    digests = [digest for digest, held in sets.before.holders.items() if held]
    shaped = graph.shaped_elsewhere(erasure.workspace, digests, [])
    impact = [one for one in erasure.done(ImpactAssessed).impact.model_versions if one.via]
    named = {(one.name, one.version) for one in (*shaped, *impact)}
    here = {one.model.version for one in erasure.workspace.models.versions(name)}
    return [ModelVersion(name, version) for other, version in sorted(named) if other == name and version in here]


def _tags(erasure: Erasure, made: AdoptedRetrained) -> dict[str, str]:
    return {
        "unlearning.erasure": erasure.erasure_id,
        "unlearning.guarantee": GUARANTEE,
        "unlearning.data": made.data.digest,
        "unlearning.data_path": made.data.path,
        "unlearning.data_object": made.data.object,
    }
