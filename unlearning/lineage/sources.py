"""What fed one registered model version, from what MLflow, the run and the DVC history say. Pure.

The first of these that says something counts: the data sets that the run logged and the tags of the model; the dependencies of
the DVC stage it ran in; everything that lay beside it when it began. What nobody says is a complaint, and becomes a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from unlearning.domain.derivation import EDGE_KINDS, reached
from unlearning.domain.errors import WrongUse
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.stores.dvc.snapshots import Snapshot
from unlearning.stores.mlflow.bulk_reader import Input, LoggedFacts, RunFacts
from unlearning.stores.mlflow.models import Registered
from unlearning.stores.sql.followed import Followed

JUDGING = ("eval", "evaluation", "evaluate", "test", "testing", "holdout")
"""Contexts of data sets that judged a model and shaped nothing; `validation` may have stopped or tuned it, so it counts."""

LOG_INPUT = 'log it in the training run: `mlflow.log_input(mlflow.data.from_pandas(df, source="dvc://PATH?rev=REV"))`'
ADOPT = "name its data with `unlearn adopt MODEL/VERSION --data PATH@REV --subject-column COLUMN`"

DERIVED_TAG, KIND_TAG = "unlearning.derived_from", "unlearning.derived_kind"
"""Tags of a version, or of the run that made it, that say which version it was made from, and how."""

NOTHING = "nothing"
"""What the first of them says of a model that was made from no other."""

SAID_BY_PEOPLE = ("adopted",)
"""How a source is known that a person named, and that MLflow never did."""

BESIDE = "beside the run"
"""How a content is known that merely lay there when a run began."""

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
    gone: frozenset[str] = field(default_factory=frozenset)
    """Runs that MLflow does not have any more."""


@dataclass(frozen=True)
class Registry:
    """What the registry says in this round."""

    versions: Sequence[Registered]
    fresh: Sequence[Registered]
    """Versions that are new, changed or had a gap: the ones that are read."""
    seen: Seen
    known: Mapping[ModelVersion, Followed]
    """What earlier rounds saw."""

    @cached_property
    def present(self) -> frozenset[ModelVersion]:
        """The versions that are there now."""
        return frozenset(one.model for one in self.versions)

    @cached_property
    def gone(self) -> frozenset[ModelVersion]:
        """The versions that were there in an earlier round."""
        return frozenset(self.known.keys() - self.present)

    @cached_property
    def first(self) -> Mapping[str, ModelVersion]:
        """Logged model → the version it was registered as first; versions that are gone come before those that are there."""
        gone = [(self.known[model].source, model) for model in sorted(self.gone, key=str)]
        here = [(one.source, one.model) for one in sorted(self.versions, key=lambda one: (one.created_ms, str(one.model)))]
        found: dict[str, ModelVersion] = {}
        for source, model in (*gone, *here):
            if name := model_id(source):
                found.setdefault(name, model)
        return found


def model_id(source: str) -> str | None:
    """The logged model that a version's source names; None for a copy of another version, or for a folder."""
    name = source.removeprefix("models:/")
    return name if name != source and "/" not in name else None


def copied_from(source: str) -> ModelVersion | None:
    """The version that a version's source names; None for any other source, also for a folder whose name is a number."""
    return parse(source.removeprefix("models:/")) if source.startswith("models:/") else None


def derived(
    tags: Mapping[str, str], of: ModelVersion, aliases: Mapping[str, Mapping[str, int]] = MappingProxyType({})
) -> tuple[ModelVersion, str] | None:
    """What tags say a version was made from, and how; None when they say nothing, or nothing that can be.

    aliases: model → alias → version, as they point now, for tags that name `MODEL@ALIAS`.
    """
    said, kind = tags.get(DERIVED_TAG, "").removeprefix("models:/"), tags.get(KIND_TAG, "fine_tuned")
    name, _, alias = said.rpartition("@")
    parent = ModelVersion(name, aliases[name][alias]) if alias in aliases.get(name, {}) else parse(said)
    return (parent, kind) if parent and parent != of and kind in EDGE_KINDS else None


def parse(text: str) -> ModelVersion | None:
    """`MODEL/VERSION`, or None for anything else."""
    name, slash, number = text.rpartition("/")
    return ModelVersion(name, int(number)) if slash and name and number.isdecimal() else None


def parsed(text: str) -> ModelVersion:
    """`MODEL/VERSION`. Raises WrongUse."""
    if (model := parse(text)) is None:
        raise WrongUse(f"{text!r} is no MODEL/VERSION; expected for example fraud/3")
    return model


def run_of(version: Registered, seen: Seen) -> str | None:
    """The run that made a version: its own, or that of its logged model."""
    logged = seen.logged.get(model_id(version.source) or "")
    return version.run_id or (logged.run_id if logged else None)


def started_from(run: RunFacts, seen: Seen) -> list[str]:
    """Registered models that a run started from, also through models that nobody registered; sorted."""

    def before(name: str) -> Iterable[str]:
        between = seen.logged.get(name) if name not in seen.registered else None
        made = seen.runs.get((between and between.run_id) or "")
        return made.models if made else ()

    return sorted(reached(run.models, before).keys() & seen.registered)


def evidence(version: Registered, seen: Seen) -> Evidence:
    """What fed a version, and what cannot be said."""
    logged = seen.logged.get(model_id(version.source) or "")
    contents = {**tagged(logged.tags if logged else {}), **tagged(version.tags)}
    run_id = run_of(version, seen)
    run = seen.runs.get(run_id or "")
    if run is not None:
        said = of_run(run, seen, frozenset(), tagged=bool(contents))
        return Evidence({**said.contents, **contents}, said.complaints)
    if contents:
        return Evidence(contents)
    why = "its run is gone from MLflow" if run_id else "it names no run"
    return Evidence({}, ((f"{why}, so no data version is known", ADOPT),))


def objects_read(run: RunFacts, path: str) -> frozenset[str]:
    """The objects of a path that a run says it was trained on: of the data sets it logged, else what lay beside it."""
    read = (of_input(each)[0] for each in run.datasets if each.context.casefold() not in JUDGING)
    logged = {content.object for content in read if content and content.path == path}
    return frozenset(logged or {run.outputs[path]} if logged or path in run.outputs else ())


def tagged(tags: Mapping[str, str]) -> Mapping[Tracked, str]:
    """What tags say that fed a version."""
    path, object_hash = tags.get("unlearning.data_path"), tags.get("unlearning.data_object")
    return {Tracked(path, object_hash): "tag"} if path and object_hash else {}


def of_run(run: RunFacts, seen: Seen, visited: frozenset[str] = frozenset(), *, tagged: bool = False) -> Evidence:
    """What a run logged, else what lay beside it; and what fed models that it started from and that nobody registered."""
    logged = [of_input(each) for each in run.datasets if each.context.casefold() not in JUDGING]
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


def of_input(found: Input) -> tuple[Tracked | None, Complaint | None]:
    """The content that a logged data set names, or why it names none."""
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
    said = of_run(run, seen, visited)
    return Evidence({content: f"through model {parent}" for content in said.contents}, said.complaints)


def _beside(run: RunFacts, seen: Seen) -> Evidence:
    """What the DVC repository held when the run began."""
    if run.stage and run.git_rev:
        return _of_stage(run, run.stage, run.git_rev, seen)
    if not run.outputs:
        return Evidence({}, (("its run logged no data set, so no data version is known", f"{LOG_INPUT}; or {ADOPT}"),))
    contents = {Tracked(path, value): BESIDE for path, value in run.outputs.items()}
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
    # What the lock says the stage read is of its last run; a table that was committed since is what this run read.
    held = {out.path: out.object for out in snapshot.outs}
    contents = {Tracked(dep.path, run.outputs.get(dep.path) or held.get(dep.path, dep.object)): f"stage {name}" for dep in deps}
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
