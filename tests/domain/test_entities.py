"""The nouns as plain values and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from unlearning.domain import codec
from unlearning.domain.entities import Adoption, Certified, CheckResult, Empirical, Exact
from unlearning.domain.versions import DataVersion, ModelVersion

DATA = DataVersion("data/a.csv", "d" * 64, "0" * 32, None, 4, 3)
ADOPTION = Adoption(
    ModelVersion("churn", 3), DATA, (("data/raw.csv", "who"), ("data/a.csv", "who")), "retrain", "train", (("auc", 0.7),)
)


def test_a_guarantee_says_itself_in_words() -> None:
    assert [str(one) for one in (Exact(), Certified(1.0, 1e-4), Empirical())] == [
        "exact",
        "certified (ε=1, δ=0.0001)",
        "empirical",
    ]


def test_an_adoption_comes_back_from_its_plain_values() -> None:
    for one in (ADOPTION, replace(ADOPTION, policy="none", stage=None, minimum=())):
        assert codec.read(Adoption, json.loads(json.dumps(codec.write(one)))) == one


@pytest.mark.parametrize(("verdict", "passed"), [("passed", True), ("failed", False), ("underpowered", False)])
def test_a_check_that_was_too_weak_to_tell_did_not_pass(verdict: str, passed: bool) -> None:
    assert CheckResult("membership", 0.5, "≤ 0.6", verdict, "attacked").passed is passed  # type: ignore[arg-type]
