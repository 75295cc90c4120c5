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
from unlearning.domain.events import AdoptedPromoted, AdoptedRetrained, DataRedacted, ImpactAssessed, Superseded
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.erasure.steps import validate
from unlearning.lineage import adoption, graph, sources
from unlearning.lineage.sources import Seen
from unlearning.project.holdings import adoptions
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

    Killed between the stage and its record, it runs again: the version in between was made of redacted data and stays unused.
    """
    return erasure.once(AdoptedRetrained, lambda: _remake(erasure, adoptions(erasure.workspace)[name]), model=name)


def _remake(erasure: Erasure, adopted: Adoption) -> AdoptedRetrained:
    workspace, data, name = erasure.workspace, erasure.workspace.data, adopted.model.name
    after = _after(erasure)
    paths = [path for path, _ in adopted.tables]
    stages = dvc_stages.between(data, paths, adopted.stage or "")
    before = {one.model for one in workspace.models.versions(name)}
    try:
        dvc_stages.run(data, stages, {MLFLOW_TRACKING_URI: workspace.models.uri, ERASURE: erasure.erasure_id})
    except (Refused, NotFound) as error:
        raise _refuse(erasure, adopted, str(error)) from error
    new = _new_version(erasure, adopted, before)
    checks = [*validate.data_checks(erasure, paths), _data_check(workspace, adopted, new, after, stages)]
    checks += [_metric_check(workspace, new, metric, least) for metric, least in adopted.minimum]
    if failed := [one for one in checks if not one.passed]:
        raise _refuse(erasure, adopted, "; ".join(f"{one.name}: {one.how}, expected {one.threshold}" for one in failed))
    _keep(erasure, stages)
    return AdoptedRetrained(
        model=name,
        version=new.model.version,
        stage=adopted.stage,
        stages=tuple(stages),
        guarantee=GUARANTEE,
        data=after[adopted.data.path],
        checks=tuple(checks),
    )


def _after(erasure: Erasure) -> dict[str, DataVersion]:
    """Path → the redacted version of each table."""
    return {one.path: one for one in erasure.done(DataRedacted).after}


def _new_version(erasure: Erasure, adopted: Adoption, before: set[ModelVersion]) -> Registered:
    """The version that was registered while the stage ran; another one may be, by somebody else's run."""
    workspace, name = erasure.workspace, adopted.model.name
    fresh = [one for one in workspace.models.versions(name) if one.model not in before]
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
    """This attempt is over: the requests stay open, every alias of the model stays where it is."""
    erasure.refuse(reason)
    return ValidationRefused(
        f"{erasure.erasure_id}: no clean version of the adopted model {adopted.model.name!r} ({reason}); the requests stay "
        "open and its aliases are where they were. Correct it and run `unlearn erase` again; or adopt it with "
        "--policy none, which lists it as left"
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
    new, old = ModelVersion(name, made.version), _tainted(erasure, sets, name)
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
