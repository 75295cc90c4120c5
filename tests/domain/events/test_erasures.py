"""What an erasure writes down: keys that words of Python cannot be, and which facts are steps."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest

from tests.examples import example
from unlearning.domain.events import AdoptedPromoted, AliasMoved, ErasureFact, ImpactAssessed, PlanMade, Superseded, encode
from unlearning.domain.events.erasures import StepFact
from unlearning.domain.planning.plan import OwnPlan
from unlearning.domain.versions import ModelVersion


@pytest.mark.parametrize("kind", get_args(ErasureFact), ids=lambda kind: kind.__name__)
def test_those_that_say_how_long_they_took_are_the_steps(kind: type) -> None:
    assert (kind in get_args(StepFact)) == ("seconds" in {one.name for one in fields(kind)})


def test_seconds_that_nobody_measured_are_not_written() -> None:
    assert "seconds" not in encode(example(AliasMoved, seconds=None))
    assert encode(example(AliasMoved, seconds=0.5))["seconds"] == 0.5


def test_versions_stand_under_from_and_to() -> None:
    body = encode(example(AliasMoved, from_version=1, to_version=2))
    assert (body["from"], body["to"]) == (1, 2)
    moved = example(AdoptedPromoted, model="churn", version=4, replaced=(Superseded(2, None), Superseded(3, "run-3")))
    body = encode(moved)
    assert (body["to"], body["from"]) == (4, [{"version": 2, "run_id": None}, {"version": 3, "run_id": "run-3"}])
    assert moved.versions == (ModelVersion("churn", 2), ModelVersion("churn", 3))


def test_an_impact_and_a_plan_stand_among_the_other_keys() -> None:
    assert {"records", "tokens", "shards"} <= encode(example(ImpactAssessed)).keys()
    plan, own = example(PlanMade).plan, OwnPlan("m", "champion", ModelVersion("m", 1), ("sisa",), "data/a.csv", True)
    for one, more in ((None, False), (own, True)):
        body = encode(example(PlanMade, plan=replace(plan, own=one)))
        assert {"erasure_id", "before", "adopted"} <= body.keys()
        assert ({"parent", "methods", "train"} <= body.keys()) == more
