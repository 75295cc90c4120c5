"""A bagged pipeline with gaps and categories: trained in a project, erased from, answering without this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_project import PARAMS, TRAIN, Project, create
from unlearning.certificate import statement
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.tables import redaction

RECIPE = """
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from unlearning.learners.sklearn import SklearnRecipe

recipe = SklearnRecipe(
    estimator=make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["ward"]), remainder=make_pipeline(SimpleImputer(), StandardScaler())
        ),
        LogisticRegression(),
    ),
    features=["age", "dose", "ward"],
    categories={"ward": ("north", "south")},
    target="outcome",
    person="patient",
    labels=("ill", "well"),
)
"""
ASKED = {"age": [41.0, None, 80.0], "dose": [2.0, 0.5, 1.0], "ward": ["south", None, "elsewhere"]}

SERVED = """
import json, sys, warnings
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("unlearning", "flows", "torch"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
warnings.simplefilter("ignore")
import mlflow, pandas
table = pandas.DataFrame(json.loads(sys.argv[1]))
answer = mlflow.pyfunc.load_model("models:/outcome@champion").predict(table)
assert not {"unlearning", "torch"} & {name.partition(".")[0] for name in sys.modules}
print(json.dumps({column: answer[column].tolist() for column in answer}))
"""


def with_wards(table: Any, path: Path) -> None:
    """The usual table, with a category and gaps."""
    rows = len(table["patient"])
    wards = [("north", "south", None)[number % 3] for number in range(rows)]
    age = [None if number % 7 == 0 else value for number, value in enumerate(table["age"].tolist())]
    redaction.write({**{name: table[name] for name in table if name != "age"}, "age": age, "ward": wards}, path)


@pytest.fixture(scope="module")
def erased(tools: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, Any]:
    params = {**PARAMS, "partition": {"shards": 4, "slices": 1, "seed": 1, "members_of_person": 2}}
    project = create(tmp_path_factory.mktemp("sklearn") / "project", params=params, recipe=RECIPE, write=with_wards)
    person = project.people(TRAIN)[0]
    project.request(person)
    return project, person, project.erase(replay=True)


def test_a_person_is_erased_and_the_clean_version_is_the_one_of_a_training_without_them(erased: Any) -> None:
    project, person, done = erased
    (model,) = done[0]["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("sisa", "exact", True)
    assert (model["from_version"], model["to_version"], project.champion) == (1, 2, 2)
    assert list(project.states().values()) == ["completed"]
    assert person not in project.people(TRAIN)


def test_the_members_that_had_the_person_are_made_again_and_their_checkpoints_are_gone(erased: Any) -> None:
    project, _, _ = erased
    workspace = project.workspace
    first, second = sorted(workspace.lineage.models("outcome", deleted=None), key=lambda one: one.model.version)
    assert len(second.trained.changed_from(first.trained)) == 2
    assert {*workspace.checkpoints.keys()} == {part.key for part in second.trained.parts}


def test_the_certificate_verifies_and_its_chains_changed_as_it_states(erased: Any) -> None:
    project, _, done = erased
    envelope = statement.read((project.root / done[0]["certificate"]).read_bytes())
    found = statement.verify(envelope, project.workspace.keys.public)
    assert not found.refused, found.grade
    assert [one.agrees for one in found.recomputed if one.name == "chain of keys"] == [True]


def test_the_version_answers_as_the_learner_does_where_this_package_is_not_installed(erased: Any, tmp_path: Path) -> None:
    project, _, _ = erased
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-c", SERVED, json.dumps(ASKED)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **where},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    workspace = project.workspace
    features = np.array([[41, 2, 1], [np.nan, 0.5, np.nan], [80, 1, np.nan]], np.float32)
    expected = Ensemble.of(workspace, record_of(workspace, parent_of(workspace)).trained).predict(features)
    assert list(answer) == ["ill", "well", "prediction"]
    np.testing.assert_allclose(np.transpose([answer["ill"], answer["well"]]), expected, atol=1e-9)


def test_what_is_registered_is_data_and_names_what_it_trusts(erased: Any) -> None:
    project, _, _ = erased
    members = [json.loads(path.read_text()) for path in project.root.rglob("constituents.json")]
    assert members
    assert all(one["trusted"] == ["numpy.dtype"] for one in members)
    assert not [*project.root.rglob("*.pkl")]
