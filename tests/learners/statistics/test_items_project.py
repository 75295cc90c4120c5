"""A shop's recommender, from purchases to serving: a customer leaves with their co-purchases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_project import HOLDOUT, PARAMS, SOURCE, TRAIN, Project, create, patient
from unlearning.certificate import statement
from unlearning.learners.statistics.item_scores import square
from unlearning.project.training.ensemble import Ensemble, read_records
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.tables import redaction, tables

ROOT = Path(__file__).parents[3]
ITEMS = [f"item-{number:02d}" for number in range(24)]
ONLY = "item-23"
"""Who buys it is one person."""
RECIPE = """
from unlearning.learners.statistics import RankingRecipe

recipe = RankingRecipe(model="ease", item="product", person="patient", items=[f"item-{n:02d}" for n in range(24)], penalty=5.0)
"""
SERVED = """
import json, sys, warnings
from tests.softmax_project import Absent
sys.meta_path.insert(0, Absent("unlearning", "flows", "torch", "safetensors"))
warnings.simplefilter("ignore")
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/outcome@champion")
answer = model.predict(pandas.DataFrame({"items": [["item-00", "item-02"], []]}), params={"k": 3})
assert "unlearning" not in {name.partition(".")[0] for name in sys.modules}
print(json.dumps([answer["items"].tolist(), answer["scores"].tolist()]))
"""


def purchases(_columns: Mapping[str, Any], file: Path) -> None:
    """80 customers of two tastes, some of whom buy a thing twice; the last one alone buys one of the items."""
    generator = np.random.default_rng(8)
    who, what = list[str](), list[str]()
    for number in range(80):
        taste = np.arange(23) % 2 == number % 2
        bought = generator.choice(23, 5 + number % 4, replace=False, p=np.where(taste, 8, 1) / np.where(taste, 8, 1).sum())
        named = [ITEMS[at] for at in (*bought, bought[0])]
        named += [ONLY] if number == 79 else []
        who, what = [*who, *[patient(number)] * len(named)], [*what, *named]
    redaction.write({"patient": who, "product": what, "when": list(range(len(who)))}, file)


@pytest.fixture(scope="module")
def project(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    whole = {"partition": {"shards": 1, "slices": 1, "seed": 1}, "policy": {"methods": ["subtract", "sisa", "retrain"]}}
    folder = tmp_path_factory.mktemp("shop")
    return create(folder, params={**PARAMS, **whole}, recipe=RECIPE, write=purchases)


def together(project: Project) -> np.ndarray:
    """How many people of the version that serves have two items."""
    workspace = project.workspace
    model = Ensemble.of(workspace, record_of(workspace, parent_of(workspace)).trained)
    (state,) = model.states.values()
    return square(state.arrays["people"], len(ITEMS))


def bought(project: Project, path: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    table = tables.read(project.root / path).to_pydict()
    for person, item in zip(table["patient"], table["product"], strict=True):
        found.setdefault(person, set()).add(item)
    return found


def by_hand(people: Mapping[str, set[str]]) -> np.ndarray:
    rows = np.array([[item in held for item in ITEMS] for held in people.values()], float)
    return rows.T @ rows


def test_a_record_is_a_person_and_the_metrics_are_those_of_a_ranking(project: Project) -> None:
    holdout = read_records(project.workspace, HOLDOUT)
    assert len(holdout) == len(bought(project, HOLDOUT))
    np.testing.assert_array_equal(together(project), by_hand(bought(project, TRAIN)))
    measured = json.loads((project.root / "reports/metrics.json").read_text())
    assert set(measured) == {"ndcg@10", "recall@10", "ndcg@100", "recall@100", "records", "constituents"}
    assert measured["records"] == len(holdout)


@pytest.mark.slow
def test_a_customer_leaves_with_their_co_purchases_and_the_version_serves_without_this_package(project: Project) -> None:
    before, people = together(project), bought(project, TRAIN)
    leaving = next((one for one, held in people.items() if ONLY in held), None)
    leaving = leaving or next(iter(people))
    theirs = people.pop(leaving)
    project.request(leaving)
    (done,) = project.erase(replay=True)
    (model,) = done["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("subtract", "exact", True)
    checks = {one["name"]: one for one in model["checks"]}
    assert checks["utility"]["how"].startswith("ndcg@10 on")
    assert "recommend at least 8 of the same 10" in checks["agreement"]["how"]
    assert checks["membership"]["value"] is not None
    envelope = statement.read((project.root / done["certificate"]).read_bytes())
    assert statement.verify(envelope, project.workspace.keys.public).verdict == "verified"

    after = together(project)
    np.testing.assert_array_equal(before - after, by_hand({leaving: theirs}))
    np.testing.assert_array_equal(after, by_hand(people))
    assert leaving not in {*bought(project, TRAIN), *bought(project, SOURCE)}

    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    ran = subprocess.run(
        [sys.executable, "-c", SERVED], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **where}, check=False
    )
    assert ran.returncode == 0, ran.stderr
    (likes, newcomer), (scores, _) = json.loads(ran.stdout.splitlines()[-1])
    assert len(likes) == 3
    assert not {"item-00", "item-02"} & set(likes)
    assert scores == sorted(scores, reverse=True)
    often = np.diag(after)
    assert [often[ITEMS.index(one)] for one in newcomer] == sorted(often, reverse=True)[:3]
    assert ONLY not in {*likes, *newcomer}
