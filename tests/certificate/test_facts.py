"""What follows from the facts of an erasure alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificate.examples import LEFT, NOON, envelope_of, facts, keys
from unlearning.certificate.facts import DOES_NOT_PROVE, Finding, Hold
from unlearning.certificate.page.page import render
from unlearning.certificate.statement import statement, verify
from unlearning.domain import lifecycle
from unlearning.domain.traces import OPEN, Residual, say_left


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


OUTCOMES = st.sampled_from(["verified", "residual", "unverified", "out_of_reach"])
SEARCHED = facts().findings[0].at
FINDINGS = st.builds(Finding, st.sampled_from("abcde"), st.just("physical"), OUTCOMES, st.just("read"), st.just(SEARCHED))
LISTED = st.builds(
    Residual,
    st.sampled_from("abcde"),
    st.just("physical"),
    st.sampled_from(["residual", "unverified"]),
    st.just(1),
    st.just("w"),
    st.just("r"),
)


@settings(max_examples=40)
@given(st.lists(FINDINGS, min_size=1, max_size=6), st.lists(LISTED, max_size=4))
def test_state_blocks_verification_page_and_ledger_count_the_same_places(
    findings: list[Finding], residuals: list[Residual]
) -> None:
    made = replace(facts(), findings=tuple(findings), residuals=tuple(residuals))
    places = {(one.place, one.outcome) for one in made.left}
    assert places == {(one.place, one.outcome) for one in (*findings, *residuals) if one.outcome in OPEN}
    predicate = statement(made)["predicate"]
    assert predicate["state"] == made.state == lifecycle.end(len(made.left))
    assert [(one["place"], one["outcome"]) for one in predicate["residuals"]] == [(one.place, one.outcome) for one in made.left]
    checked = verify(envelope_of(made), keys().public)
    assert next(one for one in checked.recomputed if one.name == "state").how.endswith(say_left(made.left))
    assert not checked.refused
    if made.left:
        assert say_left(made.left) in render(envelope_of(made))
