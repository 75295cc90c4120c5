"""The whole registry at once, and what is remembered of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.registry import Elsewhere
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow.bulk_reader import Input, LoggedFacts, Reader, RunFacts
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

ONE, TWO = Input("a.csv", "dvc", {"path": "a.csv"}, "training"), Input("b.csv", "local", {}, "")
FACTS = RunFacts("run", True, (ONE, TWO), ("m-1",), "a" * 40, False, "train", {"a.csv": "0" * 32}, 1, None, "0", 5)
NOBODYS = "0" * 32


def test_what_is_remembered_of_a_run_is_the_same_in_any_order_of_its_inputs_and_without_its_models() -> None:
    assert replace(FACTS, datasets=(TWO, ONE)).read == FACTS.read
    assert replace(FACTS, models=("m-2",)).read.shown == FACTS.read.shown
    assert FACTS.read.models == ("m-1",)
    for other in (replace(FACTS, datasets=(ONE,)), replace(FACTS, ended_ms=6), replace(FACTS, dirty=True)):
        assert other.read.shown != FACTS.read.shown


@pytest.fixture
def elsewhere(local: MlflowModels, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(local.uri, tmp_path)


@pytest.fixture
def reader(local: MlflowModels, elsewhere: Elsewhere) -> Iterator[Reader]:
    with local.client() as client:
        yield Reader(client)


def test_a_run_says_what_it_read_and_where_it_stood(elsewhere: Elsewhere, reader: Reader) -> None:
    data = Tracked("data/a.csv", "0" * 32)
    tags = {"dvc.git_rev": "a" * 40, "dvc.git_dirty": "true", "dvc.stage": "train", "dvc.out:data/a.csv": "0" * 32}
    base = elsewhere.logged(elsewhere.run())
    run = elsewhere.run(data=[data], foreign=["table"], tags={**tags, "dvc.outs_count": "60"}, models=[base])
    found = reader.runs([run, NOBODYS])
    assert set(found) == {run}
    facts = found[run]
    assert facts.finished
    assert facts.models == (base,)
    assert (facts.git_rev, facts.dirty, facts.stage) == ("a" * 40, True, "train")
    assert (facts.outputs, facts.outputs_total) == ({"data/a.csv": "0" * 32}, 60)
    assert {(one.name, one.kind, one.context) for one in facts.datasets} == {
        ("data/a.csv", "dvc", "training"),
        ("table", "local", "training"),
    }


def test_a_run_that_has_not_changed_is_as_it_was_remembered_and_one_that_has_is_read_anew(
    elsewhere: Elsewhere, reader: Reader
) -> None:
    base = elsewhere.logged(elsewhere.run())
    same, changed = elsewhere.run(models=[base]), elsewhere.run()
    before = {name: facts.read for name, facts in reader.runs([same, changed]).items()}
    elsewhere.client.set_tag(changed, "dvc.stage", "fit")
    remembered = before | {same: replace(before[same], models=("as it was remembered",))}
    found = reader.runs([same, changed], remembered)
    assert found[same].models == ("as it was remembered",)
    assert found[changed].stage == "fit"
    assert reader.runs([NOBODYS], {NOBODYS: replace(before[same], run_id=NOBODYS, experiment="")}) == {}


def test_aliases_and_logged_models_come_for_all_that_are_there(elsewhere: Elsewhere, reader: Reader) -> None:
    run = elsewhere.run()
    model = elsewhere.logged(run, tags={"unlearning.data_path": "a.csv"})
    elsewhere.register("fraud", model, run)
    elsewhere.register("plain", model, run)
    elsewhere.client.set_registered_model_alias("fraud", "live", "1")
    assert reader.aliases() == {"fraud": {"live": 1}, "plain": {}}
    found = reader.logged_models([model, f"m-{NOBODYS}"])
    assert set(found) == {model}
    assert isinstance(found[model], LoggedFacts)
    assert (found[model].run_id, found[model].tags["unlearning.data_path"]) == (run, "a.csv")
