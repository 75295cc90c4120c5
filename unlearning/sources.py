"""What fed one registered model version, from what MLflow, the run and the DVC history say. Pure.

The first of these that says something counts: the data sets that the run logged and the tags of the model; the dependencies of
the DVC stage it ran in; everything that lay beside it when it began. What nobody says is a complaint, and becomes a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from unlearning.stores.models import Registered
from unlearning.stores.registry import Input, LoggedFacts, RunFacts
from unlearning.stores.snapshots import Snapshot, Tracked

JUDGING = ("eval", "evaluation", "evaluate", "test", "testing", "holdout")
"""Contexts of data sets that judged a model and shaped nothing; `validation` may have stopped or tuned it, so it counts."""

LOG_INPUT = 'log it in the training run: `mlflow.log_input(mlflow.data.from_pandas(df, source="dvc://PATH?rev=REV"))`'
ADOPT = "name its data with `unlearn adopt MODEL/VERSION --data PATH@REV --subject-column COLUMN`"

Complaint = tuple[str, str]
"""(why, how to close it)."""


@dataclass(frozen=True)
class Evidence:
    """What is known of the data behind one version."""

    contents: Mapping[Tracked, str]
    """Content → how it is known."""
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True)
class Seen:
    """Everything that was read from MLflow and DVC to say what fed the versions."""

    runs: Mapping[str, RunFacts]
    logged: Mapping[str, LoggedFacts]
    registered: frozenset[str] = field(default_factory=frozenset)
    """Logged models that are registered, so that an edge says where a model made from them comes from."""
    snapshot: Callable[[str], Snapshot | None] = lambda _rev: None
    """The DVC history at a commit; None for one that this clone does not have."""


def model_id(source: str) -> str | None:
    """The logged model that a version's source names; None for a copy of another version, or for a folder."""
    name = source.removeprefix("models:/")
    return name if name != source and "/" not in name else None


def run_of(version: Registered, seen: Seen) -> str | None:
    """The run that made a version: its own, or that of its logged model."""
    logged = seen.logged.get(model_id(version.source) or "")
    return version.run_id or (logged.run_id if logged else None)


def evidence(version: Registered, seen: Seen) -> Evidence:
    """What fed a version, and what cannot be said."""
    logged = seen.logged.get(model_id(version.source) or "")
    contents = dict(_tagged({**(logged.tags if logged else {}), **version.tags}))
    run_id = run_of(version, seen)
    run = seen.runs.get(run_id or "")
    if run is not None:
        said = _of_run(run, seen, frozenset(), tagged=bool(contents))
        return Evidence({**said.contents, **contents}, said.complaints)
    if contents:
        return Evidence(contents)
    why = "its run is gone from MLflow" if run_id else "it names no run"
    return Evidence({}, ((f"{why}, so no data version is known", ADOPT),))


def _tagged(tags: Mapping[str, str]) -> Mapping[Tracked, str]:
    path, object_hash = tags.get("unlearning.data_path"), tags.get("unlearning.data_object")
    return {Tracked(path, object_hash): "tag"} if path and object_hash else {}


def _of_run(run: RunFacts, seen: Seen, visited: frozenset[str], *, tagged: bool = False) -> Evidence:
    """What a run logged, else what lay beside it; and what fed models that it started from and that nobody registered."""
    logged = [_of_input(each) for each in run.datasets if each.context.casefold() not in JUDGING]
    contents = {content: "dataset input" for content, _ in logged if content}
    complaints = [complaint for _, complaint in logged if complaint]
    if not contents and not tagged:
        beside = _beside(run, seen)
        contents, complaints = dict(beside.contents), [*complaints, *beside.complaints]
    for parent in run.models:
        if parent not in seen.registered:
            through = _through(parent, seen, visited | {run.run_id})
            contents, complaints = {**through.contents, **contents}, [*complaints, *through.complaints]
    return Evidence(contents, tuple(dict.fromkeys(complaints)))


def _of_input(found: Input) -> tuple[Tracked | None, Complaint | None]:
    if found.kind != "dvc":
        why = f"data set {found.name!r} comes from a source of type {found.kind!r}, not from DVC, so nobody knows who is in it"
        return None, (why, f"track it with DVC, and {LOG_INPUT}; or {ADOPT}")
    path, object_hash = found.source.get("path"), found.source.get("object")
    if not path or not object_hash:
        return None, (f"data set {found.name!r} says it comes from DVC, but names no path and object", LOG_INPUT)
    return Tracked(str(path), str(object_hash)), None


def _through(parent: str, seen: Seen, visited: frozenset[str]) -> Evidence:
    """What fed a logged model that was never registered."""
    logged = seen.logged.get(parent)
    run = seen.runs.get((logged and logged.run_id) or "")
    if run is None:
        return Evidence({}, ((f"it was made from the logged model {parent}, of which nothing is left", ADOPT),))
    if run.run_id in visited:
        return Evidence({})
    said = _of_run(run, seen, visited)
    return Evidence({content: f"through model {parent}" for content in said.contents}, said.complaints)


def _beside(run: RunFacts, seen: Seen) -> Evidence:
    """What the DVC repository held when the run began."""
    if run.stage and run.git_rev:
        return _of_stage(run, run.stage, run.git_rev, seen)
    if not run.outputs:
        return Evidence({}, (("its run logged no data set, so no data version is known", f"{LOG_INPUT}; or {ADOPT}"),))
    contents = {Tracked(path, value): "beside the run" for path, value in run.outputs.items()}
    complaints = [
        ("its run logged no data set; everything in dvc.lock when it began is counted, and nothing else can be seen", LOG_INPUT)
    ]
    if run.outputs_total > len(run.outputs):
        why = f"its run's tags name {len(run.outputs)} of the {run.outputs_total} outputs that lay beside it"
        complaints.append((why, LOG_INPUT))
    return Evidence(contents, tuple(complaints))


def _of_stage(run: RunFacts, name: str, rev: str, seen: Seen) -> Evidence:
    """The stage's dependencies: by the hashes in the run's tags where they have them, since those are of the very moment."""
    snapshot = seen.snapshot(rev)
    if snapshot is None:
        return Evidence(
            {}, ((f"it was trained at commit {rev[:12]}, which is not in this clone", "run `git fetch --unshallow`"),)
        )
    made = snapshot.stage(name)
    deps = snapshot.data_of(made) if made else ()
    contents = {Tracked(dep.path, run.outputs.get(dep.path, dep.object)): f"stage {name}" for dep in deps}
    if not contents:
        why = f"it was trained in stage {name!r}, of which commit {rev[:12]} knows no data"
        return Evidence({}, ((why, f"commit dvc.lock after `dvc repro`; or {LOG_INPUT}"),))
    guessed = [dep.path for dep in deps if dep.path not in run.outputs]
    if run.dirty and guessed:
        why = (
            f"it was trained with uncommitted changes, so {', '.join(guessed)} may have been another version than the commit's"
        )
        return Evidence(contents, ((why, LOG_INPUT),))
    return Evidence(contents)
