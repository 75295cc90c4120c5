"""One batch on its way: what is known of it, and that a step runs once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.examples import example
from tests.histories import History
from unlearning.domain.events import AdoptedRetrained, ErasureStarted, ImpactAssessed, RequestCancelled
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps.receive import receive

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASSESSED = example(ImpactAssessed)


@pytest.fixture
def erasure(beginning: History, tmp_path: Path) -> Erasure:
    workspace = beginning.copy(tmp_path / "project").workspace
    made = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    started = ErasureStarted(requests=tuple(one.request_id for one in made))
    workspace.ledger.append("erasure-1", started, at=NOON)
    return Erasure(workspace, "erasure-1", lambda: NOON + timedelta(hours=1))


def test_a_step_is_done_once_and_remembered_with_its_duration(erasure: Erasure) -> None:
    calls: list[str] = []

    def make() -> ImpactAssessed:
        calls.append("called")
        return ASSESSED

    first = erasure.once(ImpactAssessed, make)
    assert first.impact == ASSESSED.impact
    assert first.seconds is not None
    assert first.seconds >= 0
    assert erasure.once(ImpactAssessed, make) == first == erasure.done(ImpactAssessed)
    assert calls == ["called"]
    [(event, began)] = [one for one in erasure.timed() if isinstance(one[0].fact, ImpactAssessed)]
    assert event.at - began == timedelta(seconds=first.seconds)


def test_what_tells_two_steps_apart_makes_each_of_them_run(erasure: Erasure) -> None:
    for model in ("a", "b", "a"):
        erasure.once(AdoptedRetrained, lambda model=model: example(AdoptedRetrained, model=model), model=model)
    assert [fact.model for fact in erasure.every(AdoptedRetrained)] == ["a", "b"]


def test_an_attempt_that_begins_anew_forgets_the_steps_of_the_one_before_but_not_its_facts(erasure: Erasure) -> None:
    erasure.once(ImpactAssessed, lambda: ASSESSED)
    erasure.refuse("no method passed")
    assert erasure.refused
    erasure.workspace.ledger.append("erasure-1", erasure.started, at=erasure.now())
    assert not erasure.refused
    assert erasure.progress.done(ImpactAssessed) is None
    assert len(erasure.every(ImpactAssessed)) == 1
    with pytest.raises(RuntimeError, match="before it happened"):
        erasure.done(ImpactAssessed)


def test_a_clock_that_was_set_back_lets_no_step_end_before_it_began(erasure: Erasure) -> None:
    erasure.once(ImpactAssessed, lambda: ASSESSED)
    late = replace(erasure, clock=lambda: NOON - timedelta(days=9))
    assert late.now() == NOON + timedelta(hours=1)
    assert late.now(after=[NOON + timedelta(days=2)]) == NOON + timedelta(days=2)


def test_people_whose_request_was_withdrawn_are_no_part_of_the_batch(erasure: Erasure) -> None:
    [request] = erasure.requests
    assert erasure.tokens == (request.token,)
    erasure.workspace.ledger.append(request.request_id, RequestCancelled(reason="a mistake"), at=erasure.now())
    assert erasure.tokens == ()
