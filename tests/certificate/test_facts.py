"""What follows from the facts of an erasure alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.certificate.examples import LEFT, NOON, facts
from unlearning.certificate.facts import DOES_NOT_PROVE, Finding, Hold


def finding(outcome: str) -> Finding:
    return Finding("DVC cache", "physical", outcome, "every object read", NOON)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcomes", "left", "state"),
    [
        (["verified", "verified"], 0, "completed"),
        (["verified", "out_of_reach"], 0, "completed"),
        (["verified", "residual"], 0, "completed_with_residuals"),
        (["unverified"], 0, "completed_with_residuals"),
        (["verified"], 1, "completed_with_residuals"),
    ],
)
def test_an_erasure_is_complete_only_when_nothing_is_left_or_unseen_within_reach(
    outcomes: list[str], left: int, state: str
) -> None:
    made = replace(facts(), findings=tuple(map(finding, outcomes)), residuals=(LEFT,) * left)
    assert made.state == state


def test_a_hold_that_ended_is_the_same_hold_with_its_end() -> None:
    hold = Hold("R-1", NOON, "tax law", data=("data/billing.csv",))
    ended = hold.ended(NOON + timedelta(days=1), "settled")
    assert (ended.released_at, ended.released_because) == (NOON + timedelta(days=1), "settled")
    assert replace(ended, released_at=None, released_because=None) == hold


def test_every_certificate_says_what_it_does_not_prove_unless_it_is_given_more_to_say() -> None:
    assert facts().frame.does_not_prove == DOES_NOT_PROVE
    assert any("law" in line for line in DOES_NOT_PROVE)
    assert any("every copy" in line for line in DOES_NOT_PROVE)
