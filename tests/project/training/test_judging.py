"""What the checks are shown and how their answers are read, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from unlearning.domain.chain import Trained
from unlearning.domain.entities import CheckResult, Exact
from unlearning.domain.protocols import Records
from unlearning.domain.tasks import CLASSIFICATION
from unlearning.project.training import judging


@dataclass(frozen=True)
class Says:
    """An ensemble that gives these probabilities."""

    probabilities: Any
    states: tuple[int, ...] = (0, 1)

    def predict(self, _features: Any) -> Any:
        return np.array(self.probabilities)


def result(name: str, value: float | None, verdict: str) -> CheckResult:
    return CheckResult(name, value, "", verdict, "")  # type: ignore[arg-type]


def test_accuracy_and_loss_on_the_holdout_are_those_of_its_labels() -> None:
    holdout = Records(np.zeros((3, 1), np.float32), np.array([0, 1, 1]))
    found = judging.measure(Says([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]), holdout, CLASSIFICATION)  # type: ignore[arg-type]
    assert found["accuracy"] == round(2 / 3, 6)
    assert found["log_loss"] == round(-(math.log(0.5) + math.log(0.75) + math.log(1e-12)) / 3, 6)
    assert (found["records"], found["constituents"]) == (3, 2)


def test_only_what_was_measured_and_is_about_the_model_is_a_metric() -> None:
    results = [result("utility", 0.9, "passed"), result("agreement", None, "underpowered")]
    results.append(result("data/train.csv: data.rows", 7.0, "passed"))
    assert judging.metrics(results) == {"utility": 0.9}


@pytest.mark.parametrize(("verdict", "passed"), [("passed", True), ("underpowered", True), ("failed", False)])
def test_a_first_training_serves_unless_something_failed(verdict: str, passed: bool) -> None:
    report = judging.ModelReport((result("utility", 0.9, "passed"), result("agreement", 0.5, verdict)))
    assert report.passed is passed
    assert [check.passed for check in report.results] == [True, verdict == "passed"]


def test_a_candidate_promises_what_its_method_promises() -> None:
    assert judging.guarantee(Trained("sisa", "exact", ())) == Exact()
    failed = result("membership", 0.9, "failed")
    assert judging.blocking([failed], Trained("sisa", "exact", ())) == ()
    assert judging.blocking([failed], Trained("negative_gradient", "empirical", ())) == (failed,)
