"""A shop's recommender by embeddings, from purchases to serving: a customer leaves, and the thing that only they bought too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.learners.statistics.test_items_project import ITEMS, ONLY, ROOT, bought, purchases
from tests.small_project import HOLDOUT, PARAMS, SOURCE, TRAIN, Project, create
from unlearning.certificate import statement
from unlearning.project.training.ensemble import read_records

RECIPE = """
from torch import optim

from unlearning.learners.torch import TorchRankingRecipe, Towers

recipe = TorchRankingRecipe(
    network=lambda items: Towers(items, 4),
    optimizer=lambda parameters: optim.Adam(parameters, lr=0.05),
    item="product",
    person="patient",
    items=[f"item-{n:02d}" for n in range(24)],
    epochs=12,
    batch_size=8,
    positives=4,
    negatives=8,
)
"""
SERVED = """
import json, sys, warnings
from tests.softmax_project import Absent
sys.meta_path.insert(0, Absent("unlearning", "flows"))
warnings.simplefilter("ignore")
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/outcome@champion")
answer = model.predict(pandas.DataFrame({"items": [["item-00", "item-02"], []]}), params={"k": 24})
assert "unlearning" not in {name.partition(".")[0] for name in sys.modules}
print(json.dumps(answer["items"].tolist()))
"""


@pytest.mark.slow
def test_a_customer_leaves_and_the_version_serves_without_this_package(tools: None, tmp_path: Path) -> None:
    project = create(tmp_path, params=PARAMS, recipe=RECIPE, write=purchases)
    people = bought(project, TRAIN)
    assert len(read_records(project.workspace, HOLDOUT)) == len(bought(project, HOLDOUT))
    leaving = next((one for one, held in people.items() if ONLY in held), None) or next(iter(people))
    served = named(project)
    assert {"item-00", "item-02"}.isdisjoint(served[0])
    assert (ONLY in served[1]) == any(ONLY in held for held in people.values())

    project.request(leaving)
    (done,) = project.erase(replay=True)
    (model,) = done["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("sisa", "exact", True)
    checks = {one["name"]: one for one in model["checks"]}
    assert checks["utility"]["how"].startswith("ndcg@10 on")
    assert "recommend at least 8 of the same 10" in checks["agreement"]["how"]
    assert checks["membership"]["value"] is not None
    envelope = statement.read((project.root / done["certificate"]).read_bytes())
    assert statement.verify(envelope, project.workspace.keys.public).verdict == "verified"

    assert leaving not in {*bought(project, TRAIN), *bought(project, SOURCE)}
    (likes, newcomer) = named(project)
    assert {"item-00", "item-02"}.isdisjoint(likes)
    assert set(newcomer) == set.union(*bought(project, TRAIN).values())
    assert set(newcomer) < set(ITEMS)
    assert ONLY not in newcomer


def named(project: Project) -> list[list[str]]:
    """What the version that serves recommends to somebody with two items, and to somebody with none."""
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    ran = subprocess.run(
        [sys.executable, "-c", SERVED], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **where}, check=False
    )
    assert ran.returncode == 0, ran.stderr
    said: list[list[str]] = json.loads(ran.stdout.splitlines()[-1])
    return said
