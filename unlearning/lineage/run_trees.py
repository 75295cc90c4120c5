"""Which runs of MLflow people shaped besides those of registered versions: searches for parameters, failed trainings, readers.

A run says by itself what it read, or hangs on one that does: children under a parent, a reader on the model that it read. What
hangs on a version that goes, goes with it; what is somebody else's, and what nobody can say, is listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from unlearning.domain.derivation import reached
from unlearning.domain.traces import MLFLOW_GC, MLFLOW_GC_TAKES, Residual
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import follow, graph, index, shaped, sources
from unlearning.lineage.graph import Atlas
from unlearning.lineage.sources import Seen
from unlearning.project.holdings import adoptions
from unlearning.stores.mlflow.bulk_reader import LoggedFacts, RunFacts
from unlearning.stores.mlflow.models import Registered

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

Word = Literal["to go", "shaped", "clean", "kept", "silent"]
"""What is known of one run alone; `kept`: behind a version that stays, and nobody knows its data."""
Verdict = Literal["to go", "shaped", "clean", "unknown", "silent"]
"""What is decided of it; `unknown`: its tree holds both what they shaped and what they did not."""

SHAPED = "MLflow: runs and logged models that they shaped, of no version that an erasure replaced"
JUDGED = "MLflow: runs that judged a model on their data"
UNKNOWN = "MLflow: runs of a tree of which they shaped a part, that do not say which"
SILENT = "MLflow: runs with models or weights of which nobody knows the data"
STRAYS = "MLflow: versions that an erasure had made and nothing came of"
_DELETE = f"delete each with `mlflow runs delete --run-id RUN` and `{MLFLOW_GC} --run-ids RUN` ({MLFLOW_GC_TAKES})"
_NAME_DATA = f"{sources.LOG_INPUT}; or {_DELETE}"
_WEIGHTS = (
    *("MLmodel", ".bin", ".cbm", ".ckpt", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".model", ".msgpack"),
    *(".npy", ".npz", ".onnx", ".pb", ".pickle", ".pkl", ".pt", ".pth", ".safetensors", ".tflite", ".ubj"),
)
"""How files of weights end."""


# --- deciding --------------------------------------------------------------------------------------------------------


def decide(parents: Mapping[str, str | None], words: Mapping[str, Word], protected: Collection[str]) -> dict[str, Verdict]:
    """What becomes of each run of these trees.

    parents: run → the run that it was started in. words: what is known of each run alone. protected: runs behind versions that
    stay; nothing above them goes because of others.
    """
    above = {run: list(reached([run], lambda one: [up] if (up := parents.get(one)) else [])) for run in parents}
    trees: dict[str, set[str]] = {}
    for run, line in above.items():
        trees.setdefault(line[-1] if parents.get(line[-1]) is None else min(line), set()).add(run)
    holding = {up for run in protected for up in above.get(run, ())}
    found: dict[str, Verdict] = {}
    for members in trees.values():
        spoken = {words.get(run, "silent") for run in members} - {"silent"}
        for run in members:
            speaker = next((one for one in above[run] if words.get(one, "silent") != "silent"), run)
            theirs = words.get(speaker) == "shaped" and speaker in protected
            goes = "to go" in spoken and run not in holding and not theirs
            found[run] = _verdict(words.get(run, "silent"), words.get(speaker, "silent"), spoken, goes=goes)
    return found


def _verdict(own: Word, nearest: Word, spoken: Collection[Word], *, goes: bool) -> Verdict:
    """nearest: what the first run says that says anything, of this one and those above. spoken: what the runs of its tree say.

    goes: it goes if they shaped it, since its tree holds a run that goes and nothing that stays hangs on it.
    """
    with_them: Verdict = "to go" if goes else "shaped"
    if own in ("to go", "clean"):
        return "to go" if own == "to go" else "clean"
    if own != "kept" and nearest in ("to go", "shaped"):
        return with_them
    if {"to go", "shaped"} & set(spoken):
        return "unknown" if own == "kept" or {"clean", "kept"} & set(spoken) else with_them
    return "clean" if own == "silent" and (nearest == "clean" or "clean" in spoken) else "silent"


@dataclass(frozen=True)
class Forest:
    """Everything that MLflow holds of runs and logged models, and what is known of each run by itself."""

    runs: Mapping[str, RunFacts]
    logged: Mapping[str, LoggedFacts]
    words: Mapping[str, Word]
    protected: frozenset[str] = frozenset()
    """Runs behind versions that stay."""
    tainted: frozenset[ModelVersion] = frozenset()
    """Versions that they shaped: a run whose tags say that it started from one did so."""

    @cached_property
    def runs_of(self) -> Mapping[str, frozenset[str]]:
        """Logged model → the runs that made it, or say so."""
        found: dict[str, set[str]] = {}
        for run in self.runs.values():
            for name in run.made:
                found.setdefault(name, set()).add(run.run_id)
        for name, one in self.logged.items():
            if one.run_id:
                found.setdefault(name, set()).add(one.run_id)
        return {name: frozenset(runs) for name, runs in found.items()}

    def verdicts(self) -> dict[str, Verdict]:
        """What becomes of each run: what reads, or brings out, a model that they shaped is shaped too, and so on."""
        words, parents = dict(self.words), {run.run_id: run.parent for run in self.runs.values()}
        while True:
            found = decide(parents, words, self.protected)
            bad = {run for run, verdict in found.items() if verdict in ("to go", "shaped")}
            fresh = [run for run in self._touched(bad) if words.get(run) not in ("to go", "shaped")]
            if not fresh:
                return found
            words |= dict.fromkeys(fresh, "shaped")

    def _touched(self, bad: Collection[str]) -> Iterator[str]:
        models = {name for name, runs in self.runs_of.items() if self._source(name, runs) & set(bad)}
        for run in self.runs.values():
            parent = sources.derived(run.said_of_parent, ModelVersion("", 0))
            silent = self.words.get(run.run_id, "silent") == "silent"
            if models & set(run.models) or (silent and models & set(run.made)) or (parent and parent[0] in self.tainted):
                yield run.run_id

    def _source(self, name: str, runs: frozenset[str]) -> frozenset[str]:
        """The runs that answer for a logged model: its own if that is there, else those that say they brought it out."""
        made = self.logged[name].run_id if name in self.logged else None
        return frozenset({made}) if made and self.words.get(made) == "clean" else runs


# --- looking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Around:
    """What hangs on versions that are to go, and what is listed besides."""

    runs: frozenset[str] = frozenset()
    """To be deleted, with their logged models."""
    spared: frozenset[str] = frozenset()
    """Logged models that one of these runs names and that are not theirs."""
    unclear: tuple[Residual, ...] = field(default=())
    searched: int = 0


def around(workspace: Workspace, tokens: frozenset[str]) -> Around:
    """Every run at this address, as far as these people shaped it. Raises Unavailable."""
    if not tokens:
        return Around()
    look = _look(workspace, tokens)
    verdicts = look.forest.verdicts()
    doomed = frozenset(run for run, verdict in verdicts.items() if verdict == "to go")
    spared = frozenset(
        name
        for name, one in look.forest.logged.items()
        if (verdicts.get(one.run_id or "", "silent") == "clean") or (not one.run_id and name in look.staying)
    )
    return Around(doomed, spared, tuple(_listed(workspace, look, verdicts)), len(verdicts))


@dataclass(frozen=True)
class _Look:
    forest: Forest
    staying: frozenset[str]
    """Logged models behind versions that stay."""
    listed: frozenset[str]
    """Runs behind versions that are known to be shaped: these are listed as versions."""
    judged: frozenset[str]
    """Runs that judged something on a table that holds them."""
    ours: frozenset[str]
    """Experiments of this project."""
    loose: frozenset[str]
    """Logged models without a run whose tags name data that holds them."""
    strays: tuple[ModelVersion, ...]
    told: frozenset[str]
    """Runs behind versions of adopted models: of those whose data nobody knows the versions are listed."""


def _look(workspace: Workspace, tokens: frozenset[str]) -> _Look:
    going = {model: run for model, run in shaped.to_go(workspace, tokens)}
    versions = workspace.models.every_version()
    with workspace.models.reader() as reader:
        runs, logged = reader.every_run(workspace.followed.runs()), reader.every_logged_model()
    registered = frozenset(name for one in versions if (name := sources.model_id(one.source)))
    seen = Seen(runs, logged, registered, follow.snapshots(workspace))
    atlas = graph.load(workspace)
    held = frozenset(one.object for one in shaped.holding(workspace, tokens))
    behind: dict[str, list[Registered]] = {}
    for version in versions:
        for run in {version.run_id, sources.run_of(version, seen)} - {None}:
            behind.setdefault(run or "", []).append(version)
    gone_runs = {run for run in going.values() if run} | {
        run for run, each in behind.items() if any(one.model in going for one in each)
    }
    holders = [one.digest for one in shaped.holding(workspace, tokens)]
    elsewhere = graph.shaped_elsewhere(workspace, holders, [model for model in going if model in atlas.records])
    tainted = frozenset({*going, *(one.model for one in elsewhere)})
    said, adopted = _Said(seen, atlas, held), adoptions(workspace)
    own = [each.model for each in workspace.settings.owns]
    words: dict[str, Word] = {run: said.word(facts) for run, facts in runs.items()}
    for run, each in behind.items():
        words[run] = _of_versions(each, tainted, atlas, words.get(run, "silent"))
    words |= dict.fromkeys(gone_runs, "to go")
    staying = [one for one in versions if one.model not in going]
    ours = {runs[run].experiment for run in gone_runs | _own_runs({*adopted, *own}, behind, atlas) if run in runs}
    return _Look(
        forest=Forest(runs, logged, words, frozenset(behind) - gone_runs, tainted),
        staying=frozenset(name for one in staying if (name := sources.model_id(one.source))),
        listed=frozenset(run for run, each in behind.items() if any(one.model in tainted for one in each)),
        judged=frozenset(run for run, facts in runs.items() if said.judged(facts)),
        ours=frozenset(ours | workspace.models.experiment_ids()),
        loose=frozenset(
            name for name, one in logged.items() if one.run_id not in runs and any(map(said.holds, sources.tagged(one.tags)))
        ),
        strays=tuple(one.model for one in staying if shaped.STRAY in one.tags),
        told=frozenset(run for run, each in behind.items() if all(one.model.name in adopted for one in each)),
    )


def _own_runs(named: Collection[str], behind: Mapping[str, list[Registered]], atlas: Atlas) -> set[str]:
    """Runs of the models that are looked after here."""
    return {run for run, each in behind.items() if any(one.model.name in named for one in each)} | {
        record.run_id for record in atlas.records.values()
    }


def _of_versions(versions: list[Registered], tainted: Collection[ModelVersion], atlas: Atlas, said: Word) -> Word:
    """What is known of the run behind versions that stay."""
    if any(one.model in tainted for one in versions):
        return "shaped"
    if all(one.model in atlas.records for one in versions):
        return "clean"  # its record says whom it was trained on, also who was left out
    adopted = {source.model for source in atlas.sources if source.how in sources.SAID_BY_PEOPLE}
    if all(one.model in adopted for one in versions):
        return "clean"
    return said if said != "silent" else "kept"


@dataclass(frozen=True)
class _Said:
    """What runs say of their data, against the objects that hold the people."""

    seen: Seen
    atlas: Atlas
    held: frozenset[str]
    looked: dict[Tracked, bool] = field(default_factory=dict)
    """What was looked up before."""

    def word(self, run: RunFacts) -> Word:
        """What a run says of itself; of what merely lay beside it, nothing is said."""
        found = sources.of_run(run, self.seen)
        named = [content for content, how in found.contents.items() if how != sources.BESIDE]
        if any(self.holds(content) for content in named):
            return "shaped"
        known = all(index.resolved(one, self.atlas.opened, self.atlas.parents) for one in found.contents)
        loose = any(index.loose_ends(one, self.atlas.opened, self.atlas.parents) for one in found.contents)
        beside = any(self.holds(content) for content in found.contents)
        return "clean" if found.contents and known and not (loose or beside or found.complaints) else "silent"

    def judged(self, run: RunFacts) -> bool:
        """It judged something on a table that holds them."""
        contents = (sources.of_input(one)[0] for one in run.datasets if one.context.casefold() in sources.JUDGING)
        return any(self.holds(content) for content in contents if content)

    def holds(self, content: Tracked) -> bool:
        """A content holds them, or was made from what does."""
        if content not in self.looked:
            ends = index.resolved(content, self.atlas.opened, self.atlas.parents)
            self.looked[content] = content.object in self.held or any(end.object in self.held for end in ends)
        return self.looked[content]


# --- listing ---------------------------------------------------------------------------------------------------------


def _listed(workspace: Workspace, look: _Look, verdicts: Mapping[str, Verdict]) -> Iterator[Residual]:
    """What is not deleted, with what to do about it."""
    forest = look.forest
    theirs = {run for run, verdict in verdicts.items() if verdict == "shaped" and run not in look.listed}
    if theirs or look.loose:
        why = "their data, or a model that they shaped, went into these, and no version that was replaced hangs on them"
        serves = "adopt what serves with `unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN`"
        yield _row(SHAPED, "residual", theirs | look.loose, why, f"{serves}; {_DELETE}")
    judged = {run for run in look.judged if verdicts[run] in ("clean", "silent")}
    if judged:
        yield _row(JUDGED, "unverified", judged, "what they logged of it may name people or rows", _DELETE)
    if unknown := {run for run, verdict in verdicts.items() if verdict == "unknown"}:
        yield _row(UNKNOWN, "unverified", unknown, "their runs name no data, and other runs of the tree differ", _NAME_DATA)
    quiet = {run for run, verdict in verdicts.items() if verdict == "silent" and run not in judged}
    quiet = {run for run in quiet if forest.runs[run].experiment in look.ours and run not in look.told}
    if silent := _with_weights(workspace, forest, quiet):
        yield _row(SILENT, "unverified", silent, "they name no data version that is known, so nobody can say", _NAME_DATA)
    if look.strays:
        why = "a stage registered them on redacted data, and the erasure was refused or killed before it took them"
        yield _row(STRAYS, "unverified", set(map(str, look.strays)), why, "run `unlearn erase` again, or delete the versions")


def _row(place: str, outcome: Literal["residual", "unverified"], names: Collection[str], why: str, remedy: str) -> Residual:
    return Residual(place, "model", outcome, len(names), why, remedy, tuple(sorted(names)))


def _with_weights(workspace: Workspace, forest: Forest, runs: Collection[str]) -> set[str]:
    """Those of the runs that brought out a logged model, or files that are called as weights are."""
    made = {run for names in forest.runs_of.values() for run in names}
    return {run for run in runs if run in made or any(path.endswith(_WEIGHTS) for path in workspace.models.artifacts(run))}
