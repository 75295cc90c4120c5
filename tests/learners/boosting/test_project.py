"""A project of boosted trees: trained, erased from with an equal replay, and served where this package is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.small_project import TRAIN, create
from tests.softmax_project import ASKED

ROOT = Path(__file__).parents[3]

RECIPE = """
from unlearning.learners.boosting import BoostingRecipe

recipe = BoostingRecipe(
    library="xgboost",
    features=["age", "dose", "score"],
    target="outcome",
    person="patient",
    labels=("ill", "well"),
    rounds=8,
    parameters={"max_depth": 3, "subsample": 0.9, "colsample_bytree": 0.7},
)
"""

SERVED = """
import json, sys, warnings
from tests.softmax_project import ASKED, Absent
sys.meta_path.insert(0, Absent("unlearning", "flows", "torch", "safetensors"))
warnings.simplefilter("ignore")
import mlflow, pandas
answer = mlflow.pyfunc.load_model("models:/outcome@champion").predict(pandas.DataFrame(ASKED))
assert not {"unlearning", "torch"} & {name.partition(".")[0] for name in sys.modules}
print(json.dumps({column: answer[column].tolist() for column in answer}))
"""


@pytest.mark.slow  # exact methods keep their promises with it in tests/methods
@pytest.mark.usefixtures("tools")
def test_a_person_is_erased_exactly_and_the_version_answers_without_this_package(tmp_path: Path) -> None:
    from unlearning.project.training.ensemble import Ensemble
    from unlearning.project.training.registration import parent_of, record_of

    pytest.importorskip("xgboost")
    project = create(tmp_path / "project", recipe=RECIPE)
    project.request(person := project.people(TRAIN)[0])
    (model,) = project.erase(replay=True)[0]["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("sisa", "exact", True)
    assert (model["from_version"], model["to_version"], project.champion) == (1, 2, 2)
    assert person not in project.people(TRAIN)
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **where}
    done = subprocess.run([sys.executable, "-c", SERVED], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    workspace = project.workspace
    trained = record_of(workspace, parent_of(workspace)).trained
    features = np.stack([*map(np.array, ASKED.values())], axis=1).astype(np.float32)
    expected = Ensemble.of(workspace, trained).predict(features)
    np.testing.assert_allclose(np.transpose([answer["ill"], answer["well"]]), expected, atol=1e-9)
