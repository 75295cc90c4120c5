"""Plans by their digests: approved as they were shown, by somebody or below the thresholds of the policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import example
from tests.histories import History
from unlearning.domain.codec import write
from unlearning.domain.errors import AwaitsApproval, NotFound, Refused
from unlearning.domain.events import (
    ApprovalRequested,
    CertificateIssued,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    ImpactAssessed,
    PlanMade,
    Purged,
)
from unlearning.erasure import decisions, plans
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps.receive import Asked, receive_all
from unlearning.project.settings import Approval, Policy, Thresholds
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Waiting:
    """A planned erasure of one person, in a ledger where nothing was ever trained."""

    workspace: Workspace
    request_id: str
    name: str

    @property
    def erasure(self) -> Erasure:
        return Erasure(self.workspace, self.name, lambda: NOON)

    @property
    def digest(self) -> str:
        found = plans.digest_of(self.erasure)
        assert found is not None
        return found

    def plan(self) -> str:
        """Make the plan anew, as `unlearn erase` does when something moved."""
        [request] = self.workspace.ledger.standing.requests([self.request_id]).values()
        ledger, made = self.workspace.ledger, example(PlanMade)
        plan = replace(made.plan, erasure_id=self.name, tokens=(request.token,), suppressed_upto=ledger.head()[0])
        ledger.append(self.name, example(ErasureStarted, requests=(self.request_id,)), at=NOON)
        ledger.append(self.name, example(ImpactAssessed), at=NOON)
        ledger.append(self.name, replace(made, plan=plan), at=NOON)
        return self.digest

    def wait(self) -> str:
        self.workspace.ledger.append(self.name, ApprovalRequested(), at=NOON)
        return self.digest

    def approve(self, digest: str, by: str = "the DPO") -> plans.Planned:
        return decisions.approve_plan(self.workspace, digest, by=by, now=NOON, access="access-0123456789abcdef")

    def policy(self, approval: Any) -> Waiting:
        settings = self.workspace.settings
        policy = settings.policy.model_copy(update={"approval": approval})
        return replace(self, workspace=replace(self.workspace, settings=settings.model_copy(update={"policy": policy})))


def planned(workspace: Workspace, who: str = "ann-1") -> Waiting:
    [request] = receive_all(workspace, [Asked([who])], now=NOON)
    made = Waiting(workspace, request.request_id, f"erasure-of-{request.request_id}")
    made.plan()
    return made


@pytest.fixture
def waiting(beginning: History, tmp_path: Path) -> Waiting:
    return planned(beginning.copy(tmp_path / "project").workspace)


def test_a_plan_is_approved_once_by_its_digest_and_shown_without_a_name_or_a_token(waiting: Waiting) -> None:
    digest = waiting.wait()
    [shown] = decisions.shown(waiting.workspace, list(waiting.workspace.ledger.state().requests.values()), now=NOON)
    assert shown.plan == digest == plans.common(waiting.workspace, [shown.request])
    before = plans.planned(waiting.erasure)
    assert (before.waits, before.approved_by) == (True, None)

    first, again = waiting.approve(digest), waiting.approve(digest, by="somebody else")

    assert (first.waits, first.approved_by, first.approved_at) == (False, "the DPO", NOON)
    assert again == first
    [queued] = waiting.workspace.ledger.of(ErasureQueued)
    assert (queued.fact.plan, queued.fact.access) == (digest, "access-0123456789abcdef")
    assert shown.request.token not in json.dumps(write(first), default=str)
    decisions.require_approved(waiting.policy(True).erasure)


def test_a_plan_made_anew_is_approved_anew_and_the_old_digest_is_stale(waiting: Waiting) -> None:
    old = waiting.wait()
    waiting.approve(old)
    new = waiting.plan()
    assert new != old
    with pytest.raises(AwaitsApproval, match=new):
        decisions.require_approved(waiting.policy(True).erasure)
    for ask in (waiting.approve, lambda digest: plans.named(waiting.workspace, digest)):
        with pytest.raises(Refused, match="stale"):
            ask(old)
    with pytest.raises(Refused, match=new):
        decisions.approve(waiting.workspace, waiting.request_id, by="the DPO", now=NOON, plan=old)
    assert waiting.approve(new).plan == new


def test_an_approval_that_names_another_plan_is_none(waiting: Waiting) -> None:
    """As where somebody approved while the plan was made anew."""
    waiting.workspace.ledger.append(waiting.name, ErasureQueued(approved_by="the DPO", plan="0" * 64), at=NOON)
    assert plans.approval(waiting.erasure) is None
    waiting.plan()
    waiting.workspace.ledger.append(waiting.name, ErasureQueued(approved_by="the DPO"), at=NOON)
    assert plans.approval(waiting.erasure) is not None  # of a version that named no plan


@pytest.mark.parametrize("digest", ["0" * 64, "ann-1", ""])
def test_a_digest_that_no_plan_had_is_not_found_and_not_repeated(waiting: Waiting, digest: str) -> None:
    with pytest.raises(NotFound) as refused:
        waiting.approve(digest)
    assert "ann" not in str(refused.value)


def _refused(waiting: Waiting) -> None:
    waiting.workspace.ledger.append(waiting.name, example(ErasureRefused), at=NOON)


def _withdrawn(waiting: Waiting) -> None:
    waiting.wait()
    decisions.cancel(waiting.workspace, waiting.request_id, now=NOON)


ENDED: list[tuple[Callable[[Waiting], object], str]] = [
    (_refused, "stale"),
    (_withdrawn, "cancelled"),
    (lambda _waiting: None, "waits for no approval"),
]


@pytest.mark.parametrize(("end", "why"), ENDED)
def test_what_waits_for_no_approval_is_not_approved(waiting: Waiting, end: Callable[[Waiting], object], why: str) -> None:
    digest = waiting.digest
    end(waiting)
    with pytest.raises(Refused, match=why):
        waiting.approve(digest)
    assert waiting.workspace.ledger.of(ErasureQueued) == []


# --- thresholds -----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["models", "minutes", "records"])
AMOUNTS = st.dictionaries(NAMES, st.integers(0, 50), min_size=1)


@given(AMOUNTS, AMOUNTS)
def test_a_person_is_asked_above_any_threshold_and_where_nothing_is_known(most: dict[str, int], found: dict[str, int]) -> None:
    wanted = Approval(above=Thresholds(**most))
    assert wanted.thresholds == most
    asked = plans.above(wanted, found)
    assert asked is not all(name in found and found[name] <= limit for name, limit in most.items())


@pytest.mark.parametrize("said", [{"above": {}}, {"above": {"models": -1}}, {"above": {"people": 3}}, {}, "often"])
def test_thresholds_that_say_nothing_are_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="approval"):
        Policy(approval=said)


def test_below_its_thresholds_the_policy_lets_a_plan_begin_and_says_so(waiting: Waiting) -> None:
    records = example(ImpactAssessed).impact.records
    asks = waiting.policy(Approval(above=Thresholds(records=records - 1)))
    unmeasured = waiting.policy(Approval(above=Thresholds(records=records, minutes=1e6)))
    begins = waiting.policy(Approval(above=Thresholds(records=records)))
    assert plans.asks(asks.erasure)
    assert plans.asks(unmeasured.erasure)  # no erasure was measured here, so nobody knows how long it takes
    for _ in range(2):
        decisions.require_approved(begins.erasure)
    [queued] = waiting.workspace.ledger.of(ErasureQueued)
    assert queued.fact == ErasureQueued(plan=waiting.digest, below={"records": records}, measured={"records": records})
    shown = plans.planned(begins.erasure)
    assert (shown.asks, shown.waits, shown.approved_by, shown.below) == (False, False, None, {"records": records})
    assert [one.state for one in waiting.workspace.ledger.state().requests.values()] == ["queued"]


def test_minutes_are_known_once_an_erasure_was_measured(waiting: Waiting) -> None:
    former = planned(waiting.workspace, "bob-2")
    for fact in (example(Purged), example(CertificateIssued, decision="erased")):
        waiting.workspace.ledger.append(former.name, fact, at=NOON)
    assert "minutes" in plans.measured(waiting.erasure)
