"""The served model: what it answers is the mean of what the learner answers."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.learners.boosting.test_learner import learner, people, staged
from tests.small_boosting import LIBRARIES
from unlearning.domain.protocols import Records, Served
from unlearning.learners.boosting import BoostedState, BoostingLearner
from unlearning.stores.mlflow.connection import silence

WARDS = ("a", "b", "c", "d")


def opened(served: Served, folder: Path) -> Any:
    """The model as MLflow opens it: the code's own text, and its folder of files."""
    code = folder / "model.py"
    code.write_text(served.code)
    for name, content in served.files.items():
        (folder / name).write_bytes(content)
    found = importlib.util.spec_from_file_location("served", code)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    with silence():
        found.loader.exec_module(module)
    model = module.Ensemble()
    model.load_context(SimpleNamespace(artifacts={"ensemble": str(folder)}))
    return model


@pytest.mark.parametrize("labels", [0, 2, 3])
@pytest.mark.parametrize("library", LIBRARIES)
def test_raw_columns_are_answered_as_the_learner_answers_records(library: str, labels: int, tmp_path: Path) -> None:
    recipe = replace(learner(library, labels=labels).recipe, categories={"x3": WARDS})
    trainer = BoostingLearner(recipe)
    everyone = people(labels=labels)
    table = pd.DataFrame(everyone.features, columns=list(recipe.features))
    table["x3"] = [None if np.isnan(code) else WARDS[int(code)] for code in everyone.features[:, 3]]
    names = [f"label {code}" for code in everyone.target] if labels else everyone.target
    encoded = recipe.encode(pa.Table.from_pandas(table.assign(label=names, person="someone"))).records
    halves = [staged(trainer, encoded[half], [100, 100])[1] for half in (slice(200), slice(200, 400))]
    served = trainer.package(dict(enumerate(halves)))
    answer = opened(served, tmp_path).predict(None, table)
    expected = np.mean([trainer.predict(state, encoded.features) for state in halves], axis=0)
    found = answer.drop(columns="prediction") if labels else answer
    np.testing.assert_allclose(found.to_numpy(float), expected, rtol=1e-12)
    assert [one.partition("==")[0] for one in served.requirements] == ["numpy", "pandas", library]
    assert len(opened(served, tmp_path).predict(None, table[:0])) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_model_without_trees_holds_every_label_for_as_probable(library: str, tmp_path: Path) -> None:
    trainer = BoostingLearner(replace(learner(library).recipe, categories={}))
    served = trainer.package({0: BoostedState()})
    table = pd.DataFrame(people(5).features, columns=list(trainer.recipe.features))
    assert opened(served, tmp_path).predict(None, table)["label 0"].tolist() == [0.5] * 5


def test_an_objective_of_logarithms_is_served_in_the_unit_of_the_target(tmp_path: Path) -> None:
    plain = learner("lightgbm", labels=0).recipe
    trainer = BoostingLearner(replace(plain, parameters={**plain.parameters, "objective": "poisson"}, categories={}))
    everyone = people(labels=0)
    records = Records(everyone.features, np.exp(everyone.target), everyone.keys)
    state = staged(trainer, records, [100, 300])[1]
    table = pd.DataFrame(everyone.features, columns=list(trainer.recipe.features))
    answer = opened(trainer.package({0: state}), tmp_path).predict(None, table)
    np.testing.assert_allclose(answer.to_numpy(), trainer.predict(state, everyone.features), rtol=1e-12)
