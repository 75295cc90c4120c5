"""A learner need not be torch: one in numpy is trained, registered, served, erased from and certified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.numpy_learner import SoftmaxLearner, SoftmaxRecipe
from tests.small_project import Project
from tests.softmax_project import ASKED, install
from unlearning.certificate import statement
from unlearning.methods.sisa import Sisa
from unlearning.testing import FEATURES, LABELS, learner_checks, method_checks

ROOT = Path(__file__).parents[2]

SERVED = """
import json, sys, warnings
from tests.softmax_project import ASKED, Absent
sys.meta_path.insert(0, Absent("unlearning", "flows", "torch", "safetensors"))
warnings.simplefilter("ignore")
import mlflow, pandas
answer = mlflow.pyfunc.load_model("models:/outcome@champion").predict(pandas.DataFrame(ASKED))
absent = {"unlearning", "torch", "safetensors"} & {name.partition(".")[0] for name in sys.modules}
assert not absent, absent
print(json.dumps({column: answer[column].tolist() for column in answer}))
"""


def softmax_learner() -> SoftmaxLearner:
    features, labels = ([f"{name}{number}" for number in range(count)] for name, count in (("x", FEATURES), ("y", LABELS)))
    return SoftmaxLearner(SoftmaxRecipe(features=features, target="label", person="person", labels=labels))


@pytest.mark.parametrize("check", learner_checks())
def test_a_learner_in_numpy_keeps_every_promise(check: Any) -> None:
    check(softmax_learner)


@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_theirs_with_it(check: Any) -> None:
    check(Sisa(), softmax_learner)


def python(*arguments: str, path: Path, **environment: str) -> Any:
    """What a new process prints, which finds the learner as an installed plugin."""
    paths = os.pathsep.join((str(path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def told(tools: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any], Path]:
    """The project, what happened in it, and the folder in which the plugin is installed."""
    folder = tmp_path_factory.mktemp("softmax")
    install(folder / "site")
    happened = python("-m", "tests.softmax_project", str(folder / "project"), path=folder / "site")
    return Project(folder / "project"), happened, folder / "site"


def test_a_person_is_erased_and_the_clean_version_is_the_one_of_a_training_without_them(told: Any) -> None:
    project, happened, _ = told
    (model,) = happened["done"][0]["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("sisa", "exact", True)
    assert (model["from_version"], model["to_version"], project.champion) == (1, 2, 2)
    assert happened["states"] == ["completed"]
    assert not happened["person_left"]


def test_torch_is_not_imported_from_the_first_training_to_the_certificate(told: Any) -> None:
    assert told[1]["torch"] == []


def test_the_certificate_verifies(told: Any) -> None:
    project, happened, _ = told
    envelope = statement.read((project.root / happened["done"][0]["certificate"]).read_bytes())
    found = statement.verify(envelope, project.workspace.keys.public)
    assert not found.refused, found.grade


def test_a_method_that_needs_gradients_is_refused_before_anything_is_planned(told: Any) -> None:
    said = told[1]["refused"]
    assert said.startswith("negative_gradient needs a learner in the role Differentiable")
    assert "SoftmaxLearner does not play" in said
    assert "use the methods sisa or retrain" in said


def test_the_version_answers_where_neither_this_package_nor_torch_is_installed(told: Any) -> None:
    project, happened, site = told
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    answer = python("-c", SERVED, path=site, **where)
    assert list(answer) == ["ill", "well", "prediction"]
    np.testing.assert_allclose(np.transpose([answer["ill"], answer["well"]]), happened["answers"], atol=1e-9)
    assert len(answer["prediction"]) == len(ASKED["age"])
