"""The file that answers where this package is not: it says what the learner says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.learners.statistics.test_learner import world
from unlearning.learners.statistics.recipe import MODELS
from unlearning.stores.mlflow.connection import silence

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.statistics.serving import Ensemble


@pytest.mark.parametrize("model", MODELS)
def test_it_answers_as_the_learner_does_gaps_included(model: str, tmp_path: Path) -> None:
    learner, records = world(model)
    states = {0: learner.fit(None, records[:30], epochs=1, seed=0), 3: learner.fit(None, records[30:], epochs=1, seed=0)}
    for name, content in learner.package(states).files.items():
        (tmp_path / name).write_bytes(content)
    served = Ensemble()
    served.load_context(SimpleNamespace(artifacts={"ensemble": str(tmp_path)}))
    features = records.features[:20].copy()
    features[3, 1] = np.nan
    answer = served.predict(None, pd.DataFrame(features, columns=learner.recipe.features))
    expected = np.mean([learner.predict(state, features) for state in states.values()], axis=0)
    found = answer[list(learner.recipe.labels) or ["prediction"]].to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
