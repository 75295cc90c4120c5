"""Trees of runs: what hangs on a version that goes, goes; what is somebody else's or unclear is listed; what is clean stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import LoggedModelOutput

from tests.registry import Elsewhere
from tests.small_project import SOURCE, TRAIN, Project, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Adoption
from unlearning.domain.events import AdoptedPromoted, ErasureStarted, Superseded
from unlearning.domain.traces import Wanted
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.lineage import adoption, run_trees
from unlearning.lineage.run_trees import JUDGED, SHAPED, SILENT, STRAYS, UNKNOWN, Word, decide
from unlearning.lineage.shaped import STRAY
from unlearning.traces.places.mlflow_versions import NAME, MlflowPlace
from unlearning.traces.within_reach import Reach

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

# --- deciding --------------------------------------------------------------------------------------------------------

WORDS: tuple[Word, ...] = ("to go", "shaped", "clean", "kept", "silent")


@st.composite
def forests(draw: st.DrawFn) -> tuple[dict[str, str | None], dict[str, Word], set[str]]:
    """Runs under runs, some of them under one that is gone; what each says; which ones stay."""
    names = [f"run-{number}" for number in range(draw(st.integers(1, 8)))]
    parents = {name: draw(st.sampled_from([None, "gone", *names[:at]])) for at, name in enumerate(names)}
    words = {name: draw(st.sampled_from(WORDS)) for name in names}
    stay = {name for name in names if words[name] == "kept" or (words[name] in ("clean", "shaped") and draw(st.booleans()))}
    return parents, words, stay


def up(run: str, parents: Mapping[str, str | None]) -> list[str]:
    found, above = [run], parents.get(run)
    while above is not None:
        found.append(above)
        above = parents.get(above)
    return found


@given(forests())
def test_nothing_that_stays_or_is_clean_goes_and_nothing_that_they_shaped_is_called_clean(
    forest: tuple[dict[str, str | None], dict[str, Word], set[str]],
) -> None:
    parents, words, stay = forest
    found = decide(parents, words, stay)
    assert found.keys() == parents.keys()
    for run, verdict in found.items():
        tree = [one for one in parents if up(one, parents)[-1] == up(run, parents)[-1]]
        going = any(words[one] == "to go" for one in tree)
        if words[run] == "to go":
            assert verdict == "to go"
        if words[run] == "clean":
            assert verdict == "clean"
        if words[run] == "shaped":
            assert verdict in ("to go", "shaped")
        if verdict == "to go" and words[run] != "to go":
            assert going
            assert run not in stay
            assert not any(run in up(one, parents) for one in stay)
        if verdict == "silent":
            assert not any(words[one] in ("to go", "shaped") for one in tree)
        if words[run] == "silent" and going and all(words[one] in ("to go", "silent") for one in tree):
            assert verdict == "to go"


@given(forests())
def test_what_one_tree_holds_says_nothing_of_another(
    forest: tuple[dict[str, str | None], dict[str, Word], set[str]],
) -> None:
    parents, words, stay = forest
    alone = decide(parents, words, stay)
    beside = decide({**parents, "other": None}, {**words, "other": "to go"}, stay)
    assert beside == {**alone, "other": "to go"}


def test_a_circle_of_parents_ends() -> None:
    assert set(decide({"a": "b", "b": "a"}, {"a": "to go"}, ()).values()) == {"to go"}


# --- a search for parameters whose best version was superseded -------------------------------------------------------


@dataclass
class Searched:
    """A tree: parent, three children, a grandchild; the second child was registered, served, and is superseded now."""

    project: Project
    others: Elsewhere
    runs: dict[str, str]
    models: dict[str, str]
    tokens: frozenset[str]

    def child(self, parent: str, **more: str) -> str:
        return self.others.run(tags={"mlflow.parentRunId": parent, **more})

    def found(self) -> tuple[set[str], dict[str, set[str]]]:
        """(names of what would be deleted, place → names that are listed)."""
        place = self.place()
        found = place.find(Wanted(self.tokens))
        return {trace.name for trace in found.traces}, {one.place: set(one.names) for one in found.unclear}

    def place(self) -> MlflowPlace:
        [place] = [one for one in Reach(self.project.workspace).places() if one.name == NAME]
        place = getattr(place, "place", place)  # the guard before it
        assert isinstance(place, MlflowPlace)
        return place


@pytest.fixture
def searched(project: Project, tmp_path: Path) -> Searched:
    workspace = project.workspace
    others = Elsewhere.at(workspace.models.uri, tmp_path)
    runs = {"parent": others.run()}
    for name in ("first", "second", "third"):
        runs[name] = others.run(tags={"mlflow.parentRunId": runs["parent"]})
    runs["grandchild"] = others.run(tags={"mlflow.parentRunId": runs["first"]})
    models = {name: others.logged(run) for name, run in runs.items()}
    version = others.register("churn", models["second"], runs["second"])
    person = project.token(project.people(TRAIN)[0])
    replaced = (Superseded(version.version, runs["second"]),)
    [made] = project.request(project.people(TRAIN)[0])
    workspace.ledger.append("erasure-1", ErasureStarted(requests=(made.request_id,)), at=utc_now())
    moved = AdoptedPromoted(model="churn", version=2, replaced=replaced, aliases=(), tokens=(person,))
    workspace.ledger.append("erasure-1", moved, at=utc_now())
    return Searched(project, others, runs, models, frozenset({person}))


def test_the_whole_tree_of_a_superseded_version_goes_and_nothing_of_it_is_there_afterwards(searched: Searched) -> None:
    elsewhere = searched.others.client.create_experiment("another")
    moved = searched.others.client.create_logged_model(elsewhere, "model", source_run_id=searched.runs["third"]).model_id
    searched.others.client.delete_run(searched.runs["third"])  # marked, and not collected
    loose = searched.others.client.create_logged_model(elsewhere, "model").model_id
    searched.others.client.log_outputs(searched.runs["first"], [LoggedModelOutput(loose, 7)])
    named, listed = searched.found()
    assert {*searched.runs.values(), *searched.models.values(), moved, loose, "churn/1"} <= named
    assert listed == {}

    place = searched.place()
    assert place.erase(place.find(Wanted(searched.tokens)).traces) == ()

    assert place.find(Wanted(searched.tokens)).traces == ()
    assert {run.info.run_id for run in searched.others.client.search_runs([searched.others.experiment])} == set()


def test_nobody_who_was_not_in_it_loses_a_run(searched: Searched) -> None:
    assert searched.place().find(Wanted(frozenset({"ab" * 32}))).traces == ()
    assert run_trees.around(searched.project.workspace, frozenset()) == run_trees.Around()


def test_a_sibling_that_says_it_read_clean_data_stays_and_what_nobody_can_say_is_listed(searched: Searched) -> None:
    workspace, others = searched.project.workspace, searched.others
    clean = DataVersion("data/public.csv", "c" * 64, "c" * 32, None, 1, 0)
    workspace.lineage.record_data(clean, [])
    spared = others.run(data=[Tracked(clean.path, clean.object)], tags={"mlflow.parentRunId": searched.runs["parent"]})
    kept = others.logged(spared)
    below = searched.child(spared)
    named, listed = searched.found()
    assert {spared, kept, below, searched.runs["parent"], searched.runs["third"]}.isdisjoint(named)
    assert {searched.runs["second"], searched.models["second"]} <= named
    assert listed[UNKNOWN] >= {searched.runs["parent"], searched.runs["third"]}
    assert spared not in listed[UNKNOWN]


def test_a_version_that_serves_keeps_its_run_and_the_parent_above_it(searched: Searched) -> None:
    serving = searched.others.register("value", searched.models["third"], searched.runs["third"])
    named, listed = searched.found()
    assert str(serving) not in named
    assert {searched.runs["third"], searched.models["third"], searched.runs["parent"]}.isdisjoint(named)
    assert listed[UNKNOWN] >= {searched.runs["third"], searched.runs["parent"]}


def test_the_clean_version_that_took_its_place_in_the_same_tree_stays(searched: Searched) -> None:
    workspace = searched.project.workspace
    data = DataVersion("data/clean.csv", "e" * 64, "e" * 32, None, 1, 0)
    workspace.lineage.record_data(data, [])
    run = searched.child(searched.runs["parent"])
    new = searched.others.register("churn", searched.others.logged(run), run)
    adoption.record(workspace, Adoption(new, data, ((data.path, "patient"),), "retrain", "churn"), now=utc_now())
    named, listed = searched.found()
    assert {run, str(new)}.isdisjoint(named)
    assert {searched.runs["second"], searched.models["second"]} <= named
    assert run not in listed[UNKNOWN]


# --- what hangs on nothing that goes ---------------------------------------------------------------------------------


def test_what_read_a_model_that_they_shaped_is_listed_and_so_is_what_came_of_that(searched: Searched) -> None:
    others = searched.others
    reader = others.run(models=[searched.models["third"]])
    child = others.logged(reader)
    further = others.run(models=[child])
    tagged = others.run(tags={"unlearning.derived_from": "churn/1"})
    named, listed = searched.found()
    assert {reader, child, further, tagged}.isdisjoint(named)
    assert listed[SHAPED] == {reader, further, tagged}


def test_a_training_or_a_judging_on_their_data_that_registered_nothing_is_listed(searched: Searched) -> None:
    others, held = searched.others, Tracked(SOURCE, tracked(searched.project.root, SOURCE))
    failed, judged = others.run(data=[held]), others.run(data=[held], context="evaluation")
    loose = others.logged("", tags={"unlearning.data_path": held.path, "unlearning.data_object": held.object})
    listed = searched.found()[1]
    assert listed[SHAPED] == {failed, loose}
    assert listed[JUDGED] == {judged}


def test_runs_of_this_project_that_say_nothing_are_counted_where_they_hold_weights_and_nowhere_else(
    searched: Searched, tmp_path: Path
) -> None:
    others = searched.others
    with_model, with_file, without = others.run(), others.run(), others.run()
    others.logged(with_model)
    (tmp_path / "step-3.ckpt").write_bytes(b"weights")
    others.client.log_artifact(with_file, str(tmp_path / "step-3.ckpt"), "checkpoints")
    others.client.log_text(without, "nothing", "notes.txt")
    foreign = others.client.create_run(others.client.create_experiment("of another team")).info.run_id
    others.client.create_logged_model(others.experiment, "model", source_run_id=foreign)
    assert searched.found()[1] == {SILENT: {with_model, with_file}}


def test_a_version_that_an_erasure_had_made_and_nothing_came_of_is_named(searched: Searched) -> None:
    run = searched.others.run()
    stray = searched.others.register("churn", searched.others.logged(run), run)
    searched.project.workspace.models.tag(stray, {STRAY: "erasure-1"})
    assert searched.found()[1][STRAYS] == {str(stray)}


def test_a_healthy_project_lists_nothing(project: Project) -> None:
    person = project.people(TRAIN)[0]
    found = run_trees.around(project.workspace, frozenset({project.token(person)}))
    assert found.unclear == ()
    assert found.runs == {record.run_id for record in project.workspace.lineage.models()}
    assert ModelVersion("outcome", 1) in {record.model for record in project.workspace.lineage.models()}
