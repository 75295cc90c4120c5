"""The nouns as plain values and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from unlearning.domain import codec
from unlearning.domain.entities import Adoption, Certified, CheckResult, Empirical, Exact, plain
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


def test_plain_values_are_what_json_gives_back() -> None:
    nested = {"data": DATA, 1: (1, [2]), "at": datetime(2026, 3, 1, tzinfo=UTC), "tokens": frozenset({"b", "a"}), "none": None}
    made = plain(nested)
    assert made == json.loads(json.dumps(made))
    assert made["at"] == "2026-03-01T00:00:00+00:00"
    assert made["tokens"] == ["a", "b"]
    assert made["1"] == [1, [2]]
    assert made["data"]["rev"] is None


def test_an_adoption_comes_back_from_its_plain_values() -> None:
    for one in (ADOPTION, replace(ADOPTION, policy="none", stage=None, minimum=())):
        assert codec.read(Adoption, json.loads(json.dumps(codec.write(one)))) == one


@pytest.mark.parametrize(("verdict", "passed"), [("passed", True), ("failed", False), ("underpowered", False)])
def test_a_check_that_was_too_weak_to_tell_did_not_pass(verdict: str, passed: bool) -> None:
    assert CheckResult("membership", 0.5, "≤ 0.6", verdict, "attacked").passed is passed  # type: ignore[arg-type]
