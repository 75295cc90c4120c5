"""Half-sentences for the log, and numbers with their nouns."""

from __future__ import annotations

from typing import Any

import pytest

from unlearning.domain import lifecycle
from unlearning.domain.chain import Part, Trained
from unlearning.erasure import report

PLAN: dict[str, Any] = {
    "tokens": ["t"],
    "parent": {"name": "m", "version": 3},
    "methods": ["sisa", "retrain"],
    "retrain_model": True,
    "adopted": [],
}


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(0, "record", "0 records"), (1, "record", "1 record"), (1, "person", "1 person"), (2, "person", "2 people")],
)
def test_a_number_has_its_noun(number: int, noun: str, said: str) -> None:
    assert report.counted(number, noun) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PLAN, "sisa then retrain, from m/3"),
        ({**PLAN, "retrain_model": False}, "redact the data; m/3 never saw them"),
        ({**PLAN, "tokens": []}, "nobody was found, nothing to change"),
        ({"tokens": ["t"], "adopted": ["churn", "value"]}, "make churn, value again"),
        ({"tokens": ["t"], "adopted": []}, "redact the data; no model is made again"),
    ],
)
def test_a_plan_is_said_in_half_a_sentence(body: dict[str, Any], said: str) -> None:
    assert report.say_plan(body) == said


def test_an_impact_names_shards_only_where_the_project_trains() -> None:
    body = {"records": 3, "tokens": ["a"], "data_versions": [1, 2], "model_versions": [1], "shards": [1], "shards_total": 8}
    assert report.say_impact(body) == "3 records of 1 person in 2 data versions, 1 of 8 shards, 1 model version"
    assert "shards" not in report.say_impact({**body, "shards": [], "shards_total": 0})


def test_what_was_trained_checked_and_deleted_is_counted() -> None:
    parts = (Part(0, "a", "d", 0, 0, 0.0), Part(1, "b", "d", 2, 9, 0.5))
    assert report.say_fitted(Trained("sisa", "exact", parts)) == "1 of 2 shards trained"
    assert report.say_trained({"trained": {"parts": [{"slices_trained": 0}, {"slices_trained": 2}]}}) == "1 of 2 shards trained"
    checks = [{"passed": True}, {"passed": False}]
    assert report.say_validated({"passed": True, "checks": checks}) == "1 of 2 checks passed, none forbids promotion"
    assert report.say_validated({"passed": False, "blocking": ["utility", "drift"]}) == "refused: utility, drift"
    assert report.say_redacted({"removed": {"a": 2, "b": 0, "c": 1}}) == "2 tables rewritten"
    purged = {"removed": [{"count": 2}, {"count": 3}], "residuals": [{}], "twins": 1}
    assert report.say_purged(purged) == "5 traces deleted, 1 twin for old revisions, 1 residual listed"
    assert report.say_purged({"removed": [], "residuals": []}) == "0 traces deleted, 0 residuals listed"
    assert report.say_settled([]) == ""


def test_an_adopted_version_serves_behind_the_aliases_that_moved() -> None:
    body = {"model": "churn", "to": 4, "aliases": ["live", "next"]}
    assert report.say_adopted_promoted(body) == "@live @next → churn/4"
    assert report.say_adopted_promoted({**body, "aliases": []}) == "no alias → churn/4"


def test_every_step_that_takes_time_is_an_event_of_the_ledger() -> None:
    assert {lifecycle.RETRAINED, lifecycle.PROMOTED} <= report.STEPS.keys()
    assert len(set(report.STEPS.values())) == len(report.STEPS)
