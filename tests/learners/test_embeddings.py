"""A table with a column of lists, as a stage makes of texts: trained on, erased from and served like any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.small_project import PARAMS, RECIPE, TRAIN, Project, columns, create
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.tables import redaction, tables

WIDTH = 3

SKLEARN = f"""
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unlearning.learners.sklearn import SklearnRecipe

recipe = SklearnRecipe(
    estimator=make_pipeline(StandardScaler(), LogisticRegression()),
    features=["age", "post"],
    embeddings={{"post": {WIDTH}}},
    target="outcome",
    person="patient",
    labels=("ill", "well"),
)
"""
TORCH = RECIPE.replace('features=["age", "dose", "score"],', f'features=["age", "post"],\n    embeddings={{"post": {WIDTH}}},')


def with_posts(table: Mapping[str, Any], path: Path) -> None:
    """The usual table, and what somebody wrote as numbers."""
    posts = np.column_stack((table["dose"], table["score"], np.linspace(0, 1, len(table["dose"])))).astype(np.float32)
    kind = pa.list_(pa.float32(), WIDTH)
    redaction.write({**table, "post": pa.array(posts.tolist(), kind)}, path)


@pytest.fixture(scope="module", params=["torch", pytest.param("sklearn", marks=pytest.mark.slow)])
def erased(request: Any, tools: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, Any]:
    folder = tmp_path_factory.mktemp(request.param) / "project"
    recipe = {"torch": TORCH, "sklearn": SKLEARN}[request.param]
    project = create(
        folder, params={**PARAMS, "partition": {"shards": 2, "slices": 1, "seed": 1}}, recipe=recipe, write=with_posts
    )
    person = project.people(TRAIN)[0]
    project.request(person)
    return project, person, project.erase(replay=True)


def test_a_person_is_erased_with_their_lists(erased: Any) -> None:
    project, person, done = erased
    (model,) = done[0]["models"]
    assert (model["guarantee"], model["replay_equal"], model["to_version"]) == ("exact", True, 2)
    assert list(project.states().values()) == ["completed"]
    table = tables.read(project.root / TRAIN)
    assert person not in table.column("patient").to_pylist()
    theirs = columns()["patient"].index(person)
    gone = np.float32(columns()["dose"][theirs])
    assert gone not in {np.float32(post[0]) for post in table.column("post").to_pylist()}


def test_the_version_answers_lists_through_mlflow(erased: Any) -> None:
    project, _, _ = erased
    workspace = project.workspace
    record = record_of(workspace, parent_of(workspace))
    model = workspace.models.load(record.model)
    asked = pd.DataFrame({"age": [41.0, 60.0], "post": [[0.5, 1.0, 0.0], [2.0, -1.0, 1.0]]})
    expected = Ensemble.of(workspace, record.trained).predict(np.array([[41, 0.5, 1, 0], [60, 2, -1, 1]], np.float32))
    np.testing.assert_allclose(model.predict(asked)[["ill", "well"]].to_numpy(), expected, atol=1e-6)
    assert model.metadata.signature.inputs.to_dict()[1]["type"] == "array"


def test_lists_are_checked_by_their_length_as_arrows(erased: Any) -> None:
    """What a column of lists looked like is a number a record, so that gaps and drift are seen there too."""
    project, _, _ = erased
    table = tables.read(project.root / TRAIN)
    norms = tables.measurable(table, "post").column("post").to_numpy()
    np.testing.assert_allclose(norms, np.linalg.norm(np.array(table.column("post").to_pylist()), axis=1), rtol=1e-6)
