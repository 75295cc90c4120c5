"""One batch on its way: what is known of it, and that a step runs once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.histories import History
from unlearning.domain.chain import Part, Trained
from unlearning.domain.entities import plain
from unlearning.domain.versions import DataVersion
from unlearning.erasure.erasure import Erasure, trained_from
from unlearning.erasure.steps.receive import receive

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def erasure(beginning: History, tmp_path: Path) -> Erasure:
    workspace = beginning.copy(tmp_path / "project").workspace
    made = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    body = {"requests": [one.request_id for one in made]}
    workspace.ledger.append("ErasureStarted", "erasure-1", body, at=NOON)
    return Erasure(workspace, "erasure-1", lambda: NOON + timedelta(hours=1))


def test_a_step_is_done_once_and_remembered_with_its_duration(erasure: Erasure) -> None:
    calls: list[str] = []

    def make() -> Mapping[str, Any]:
        calls.append("called")
        return {"records": 3}

    first = erasure.once("ImpactAssessed", make)
    assert (first["records"], first["seconds"] >= 0) == (3, True)
    assert erasure.once("ImpactAssessed", make) == first == erasure.body("ImpactAssessed")
    assert calls == ["called"]
    [(_, began, ended)] = [one for one in erasure.steps() if one[0] == "ImpactAssessed"]
    assert ended - began == timedelta(seconds=first["seconds"])


def test_what_tells_two_steps_apart_makes_each_of_them_run(erasure: Erasure) -> None:
    for model in ("a", "b", "a"):
        erasure.once("AdoptedRetrained", lambda model=model: {"model": model}, model=model)
    assert [body["model"] for body in erasure.bodies("AdoptedRetrained")] == ["a", "b"]


def test_an_attempt_that_begins_anew_forgets_the_steps_of_the_one_before_but_not_its_bodies(erasure: Erasure) -> None:
    erasure.once("ImpactAssessed", dict)
    erasure.refuse("no method passed")
    assert erasure.refused
    erasure.workspace.ledger.append("ErasureStarted", "erasure-1", dict(erasure.started), at=erasure.now())
    assert not erasure.refused
    assert erasure.progress.step_done("ImpactAssessed") is None
    assert len(erasure.bodies("ImpactAssessed")) == 1
    with pytest.raises(RuntimeError, match="before it happened"):
        erasure.body("ImpactAssessed")


def test_a_clock_that_was_set_back_lets_no_step_end_before_it_began(erasure: Erasure) -> None:
    erasure.once("ImpactAssessed", dict)
    late = replace(erasure, clock=lambda: NOON - timedelta(days=9))
    assert late.now() == NOON + timedelta(hours=1)
    assert late.now(after=[NOON + timedelta(days=2)]) == NOON + timedelta(days=2)


def test_people_whose_request_was_withdrawn_are_no_part_of_the_batch(erasure: Erasure) -> None:
    [request] = erasure.requests
    assert erasure.tokens == (request.token,)
    erasure.workspace.ledger.append("RequestCancelled", request.request_id, {"reason": "a mistake"}, at=erasure.now())
    assert erasure.tokens == ()


def test_a_candidate_comes_back_from_what_the_ledger_keeps() -> None:
    trained = Trained("sisa", "exact", (Part(0, "k", "d", 1, 4, 0.5, repaired=1), Part(2, "l", "e", 0, 0, 0.0)), dropped=(1,))
    assert trained_from(plain(trained)) == trained


def test_a_table_was_made_from_the_version_that_an_attempt_redacted(erasure: Erasure) -> None:
    old = DataVersion("data/a.csv", "1" * 64, "a" * 32, None, 4, 3)
    new, other = replace(old, digest="2" * 64, rows=3), replace(old, digest="3" * 64)
    ledger, at = erasure.workspace.ledger, erasure.now()
    plan = {"erasure_id": "erasure-1", "tokens": [], "before": [plain(old)], "suppressed_upto": 0, "seconds": 0.1}
    ledger.append("PlanMade", "erasure-1", plan, at=at)
    ledger.append("DataRedacted", "erasure-1", {"after": [plain(new)], "removed": {"data/a.csv": 1}}, at=at)
    assert erasure._made_from(new) == old
    assert erasure._made_from(other) == other
