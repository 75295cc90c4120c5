"""The nouns as plain values and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.entities import Adoption, Certified, CheckResult, Empirical, Exact, ModelRecord, plain
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
        assert Adoption.from_body(json.loads(json.dumps(plain(one)))) == one


@pytest.mark.parametrize(("verdict", "passed"), [("passed", True), ("failed", False), ("underpowered", False)])
def test_a_check_that_was_too_weak_to_tell_did_not_pass(verdict: str, passed: bool) -> None:
    assert CheckResult("membership", 0.5, "≤ 0.6", verdict, "attacked").passed is passed  # type: ignore[arg-type]


def test_a_version_is_behind_the_checkpoints_of_its_constituents_and_no_others() -> None:
    chain = Chain("recipe", 1, (ShardChain(0, ("s0", "a1", "a2"), (2, 2)), ShardChain(1, ("s1", "b1", "b2"), (1, 1))))
    on_chain, left = Part(0, "a2", "d", 1, 4, 0.1), Part(1, "changed", "d", 1, 2, 0.1)
    record = ModelRecord(ModelVersion("m", 1), "run", DATA, chain, Trained("sisa", "exact", (on_chain, left)), 0)
    assert record.held_keys == {"a1", "a2", "changed"}
