"""How long erasures took here, and so when the next must begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.examples import example
from tests.histories import History
from unlearning.domain.events import (
    ApprovalRequested,
    CertificateIssued,
    ErasureQueued,
    ErasureStarted,
    Fact,
    Purged,
    RequestHeld,
    RequestReleased,
)
from unlearning.domain.planning.batch import Gathering
from unlearning.erasure import decisions, pace, watch
from unlearning.erasure.steps.receive import Asked, receive_all
from unlearning.project.settings import Batch
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUE = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def erased(workspace: Workspace, who: str, took: timedelta, *, more: tuple[tuple[timedelta, Fact], ...] = ()) -> None:
    """An erasure in the ledger that took so long, with what happened in between."""
    [request] = receive_all(workspace, [Asked([who])], now=NOON)
    name = f"erasure-{who}"
    workspace.ledger.append(name, example(ErasureStarted, requests=(request.request_id,)), at=NOON)
    for after, fact in more:
        about = request.request_id if isinstance(fact, (RequestHeld, RequestReleased)) else name
        workspace.ledger.append(about, fact, at=NOON + after)
    workspace.ledger.append(name, example(Purged), at=NOON + took)
    workspace.ledger.append(name, example(CertificateIssued, decision="erased"), at=NOON + took)


def ready(workspace: Workspace) -> tuple[tuple[timedelta, Fact], ...]:
    from unlearning.domain.events import PlanMade

    return ((timedelta(), example(PlanMade)),)


def test_nothing_was_measured_before_the_first_certificate(workspace: Workspace) -> None:
    assert pace.takes(workspace) == timedelta()


def test_the_longest_of_few_counts_without_the_wait_for_a_yes(workspace: Workspace) -> None:
    hour = timedelta(hours=1)
    erased(workspace, "ann-1", 2 * hour, more=ready(workspace))
    erased(workspace, "bob-2", hour, more=ready(workspace))
    assert pace.takes(workspace) == 2 * hour
    waited = ((hour, example(ApprovalRequested)), (30 * hour, example(ErasureQueued)))
    erased(workspace, "cid-3", 32 * hour, more=(*ready(workspace), *waited))
    assert pace.takes(workspace) == 3 * hour


def test_an_erasure_that_a_legal_hold_kept_tells_nothing(workspace: Workspace) -> None:
    day = timedelta(days=1)
    held = ((day, example(RequestHeld, data=())), (200 * day, example(RequestReleased)))
    erased(workspace, "ann-1", 201 * day, more=(*ready(workspace), *held))
    assert pace.takes(workspace) == timedelta()


@pytest.mark.parametrize(("days_left", "due"), [(3.5, False), (2.9, True), (-1, True)])
def test_a_request_must_begin_its_margin_before_its_deadline(workspace: Workspace, days_left: float, due: bool) -> None:
    now = DUE - timedelta(days=days_left)
    [request] = receive_all(workspace, [Asked(["ann-1"], received_at=NOON)], now=now)
    [shown] = decisions.shown(workspace, [request], now=now)
    assert (shown.must_start_by, shown.must_start) == (DUE - timedelta(days=3), due)
    assert bool(pace.overdue(workspace, now)) is due
    assert pace.count_overdue(workspace, now) == len(pace.overdue(workspace, now))


def test_watching_says_so_once_in_the_ledger_and_each_time_in_words(workspace: Workspace) -> None:
    now = DUE - timedelta(days=2)
    [request] = receive_all(workspace, [Asked(["ann-1"], received_at=NOON)], now=now)
    this = watch.Round(workspace, lambda: now)
    for _ in range(2):
        [sighting] = watch.LOOKS["starts"](this)
        assert (sighting.kind, sighting.what) == ("deadline", request.request_id)
        assert "had to begin by 2026-03-29 to be done by 2026-04-01" in sighting.why
    assert [event.kind for event in workspace.ledger.events(subject=request.request_id)].count("StartOverdue") == 1


# --- requests that wait for each other ------------------------------------------------------------------------------


def gathered(workspace: Workspace, now: datetime = NOON, **batch: float) -> Gathering | None:
    settings = workspace.settings
    policy = settings.policy.model_copy(update={"batch": Batch.model_validate(batch) if batch else None})
    changed = settings.model_copy(update={"policy": policy})
    return pace.gathering(replace(workspace, settings=changed), now)


def test_only_verified_requests_that_are_in_no_erasure_gather(workspace: Workspace) -> None:
    assert gathered(workspace, at_least=2) is None
    receive_all(workspace, [Asked(["ann-1"]), Asked(["ann-1"])], now=NOON)
    receive_all(workspace, [Asked(["bob-2"], verified=False)], now=NOON)
    assert gathered(workspace) is None
    assert gathered(workspace, at_least=2) == Gathering(1, 2, DUE - timedelta(days=3), due=False)
    [cid] = receive_all(workspace, [Asked(["cid-3"])], now=NOON)
    assert gathered(workspace, at_least=2) == Gathering(2, 2, DUE - timedelta(days=3), due=True)
    workspace.ledger.append("erasure-1", example(ErasureStarted, requests=(cid.request_id,)), at=NOON)
    assert gathered(workspace, at_least=2) == Gathering(1, 2, DUE - timedelta(days=3), due=False)


@pytest.mark.parametrize(("oldest", "begins"), [(7, NOON + timedelta(days=7)), (60, DUE - timedelta(days=3))])
def test_the_oldest_begins_by_its_age_and_never_after_its_latest_start(
    workspace: Workspace, oldest: int, begins: datetime
) -> None:
    receive_all(workspace, [Asked(["ann-1"])], now=NOON)
    receive_all(workspace, [Asked(["bob-2"])], now=NOON + timedelta(days=2))
    for later, due in ((timedelta(seconds=-1), False), (timedelta(), True)):
        assert gathered(workspace, begins + later, oldest_days=oldest) == Gathering(2, None, begins, due=due)


@pytest.mark.parametrize("said", [{}, {"at_least": 0}, {"oldest_days": -1}, {"newest_days": 1}])
def test_a_batch_that_says_nothing_is_refused(said: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Batch"):
        Batch.model_validate(said)
