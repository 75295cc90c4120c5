"""A project whose model has a certificate for whom it forgot, from training to the signed record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.small_project import PARAMS, TRAIN, create
from unlearning.certificate import statement
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.registration import parent_of, record_of

RECIPE = """
from unlearning.learners.convex import ConvexRecipe

recipe = ConvexRecipe(
    model="logistic", features=["age", "dose", "score"], target="outcome", person="patient", labels=["ill", "well"],
    ranges={"age": (-200, 200), "dose": (-50, 50), "score": (-50, 50)}, penalty=1.0, noise=20.0,
)
"""
POLICY = {"methods": ["newton", "retrain"], "params": {"newton": {"epsilon": 0.9}}}


@pytest.mark.slow
def test_people_leave_by_newton_and_each_version_carries_the_account(tools: None, tmp_path: Path) -> None:
    whole = {"partition": {"shards": 1, "slices": 1, "seed": 1}, "policy": POLICY}
    project = create(tmp_path / "project", params={**PARAMS, **whole}, recipe=RECIPE)
    spent = []
    for _ in range(2):
        project.request(*project.people(TRAIN)[:3])
        (done,) = project.erase(replay=True)
        (model,) = done["models"]
        assert (model["method"], model["guarantee"], model["unproven_in_a_row"]) == ("newton", "certified (ε=0.9, δ=0.0001)", 0)
        record = record_of(project.workspace, parent_of(project.workspace))
        (part,) = record.trained.parts
        spent.append(part.spent)
        envelope = statement.read((project.root / done["certificate"]).read_bytes())
        assert not statement.verify(envelope, project.workspace.keys.public).refused
    assert 0 < spent[0] < spent[1] < 1
    answers = Ensemble.of(project.workspace, record.trained).predict(np.array([[40, 1, 0.5]], np.float32))
    assert answers.sum() == pytest.approx(1)
