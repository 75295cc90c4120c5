"""A project whose model is sums, from training to serving."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.several_models import DOSE_RECIPE as RECIPE
from tests.small_project import PARAMS, TRAIN, Project, copy, create
from unlearning.learners.statistics import RankingRecipe, StatisticsLearner, StatisticsRecipe
from unlearning.learners.tabular import TableRecipe
from unlearning.project.recipes import load_recipe
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.registration import parent_of, record_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/recipes.md").read_text("utf-8")

SERVED = """
import sys, warnings
from tests.softmax_project import Absent
sys.meta_path.insert(0, Absent("unlearning", "flows", "torch", "safetensors"))
warnings.simplefilter("ignore")
import mlflow, pandas
asked = pandas.DataFrame({"age": [41.0, None], "score": [0.5, -1.0], "outcome": ["ill", "other"]})
answer = mlflow.pyfunc.load_model("models:/outcome@champion").predict(asked)
assert "unlearning" not in {name.partition(".")[0] for name in sys.modules}
print(answer["prediction"].tolist())
"""


def erased(project: Project, person: str) -> dict:
    """The erasure of one person, compared with a training from scratch."""
    project.request(person)
    (done,) = project.erase(replay=True)
    (model,) = done["models"]
    assert person not in project.people(TRAIN)
    return model


@pytest.fixture(scope="module")
def template_of_sums(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    whole = {"partition": {"shards": 1, "slices": 2, "seed": 1}, "policy": {"methods": ["subtract", "sisa", "retrain"]}}
    return create(tmp_path_factory.mktemp("sums"), params={**PARAMS, **whole}, recipe=RECIPE)


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_people_are_subtracted_one_after_the_other_and_the_version_serves_without_this_package(
    template_of_sums: Project, tmp_path: Path, count: int
) -> None:
    """That a second erasure goes on from the first is in the list of promises, which `tests/methods` runs."""
    project = copy(template_of_sums, tmp_path / "project")
    leaving = project.people(TRAIN)
    for person in (leaving[0], leaving[-1])[:count]:
        model = erased(project, person)
        assert (model["method"], model["guarantee"], model["replay_equal"]) == ("subtract", "exact", True)
        (part,) = record_of(project.workspace, parent_of(project.workspace)).trained.parts
        assert (part.slices_trained, part.rows_trained) == (1, 0)
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-c", SERVED], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **where}, check=False
    )
    assert done.returncode == 0, done.stderr
    workspace = project.workspace
    trained = record_of(workspace, parent_of(workspace)).trained
    features = np.array([[41.0, 0.5, 1, 0], [np.nan, -1.0, 0, 0]], np.float32)
    expected = Ensemble.of(workspace, trained).predict(features)[:, 0]
    np.testing.assert_allclose([float(one) for one in re.findall(r"[-\d.e]+", done.stdout)], expected, rtol=1e-12)


def test_the_example_on_the_page_of_recipes_trains(tmp_path: Path) -> None:
    example = re.search(r"<!-- recipe statistics -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "spent.py").write_text(example[1])
    recipe = load_recipe(tmp_path, "spent.py:recipe")
    columns = {"customer_id": [1, 2, 3], "age": [30, 40, None], "tenure": [1.5, None, 3], "plan": ["basic", "plus", None]}
    records = recipe.encode(pa.table({**columns, "spent": [100.0, 250, 30]})).records
    learner = StatisticsLearner(recipe)  # type: ignore[arg-type]
    state = learner.fit(learner.fresh(0, records), records, epochs=1, seed=0)
    assert learner.subtract(state, records).rows == 0
    assert np.isfinite(learner.predict(state, records.features)).all()


def test_every_part_of_its_recipe_is_on_the_page() -> None:
    _, _, section = PAGE.partition("\n### statistics\n")
    tables, _, lists = section.partition("\n### ")[0].partition("\n#### Recommenders\n")
    for recipe, told in ((StatisticsRecipe, tables), (RankingRecipe, lists)):
        own = {one.name for one in dataclasses.fields(recipe)} - {one.name for one in dataclasses.fields(TableRecipe)}
        assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == own


def test_the_recommender_on_the_page_of_recipes_trains(tmp_path: Path) -> None:
    example = re.search(r"<!-- recipe ranking -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/shop.py").write_text(example[1])
    (tmp_path / "recipes/catalogue.txt").write_text("tea\ncup\nbread")
    recipe = load_recipe(tmp_path, "recipes/shop.py:recipe")
    rows = recipe.encode(pa.table({"customer": [1, 1, 2], "product": ["tea", "cup", "tea"]})).records
    records = recipe.gathered(rows, np.array([0, 0, 1]), np.array([3, 4], np.uint64))  # type: ignore[attr-defined]
    learner = StatisticsLearner(recipe)  # type: ignore[arg-type]
    state = learner.fit(learner.fresh(0, records), records, epochs=1, seed=0)
    assert learner.subtract(state, records).rows == 0
    assert np.isfinite(learner.predict(state, records.features)).all()
