"""The two invariants of requests, by a machine that does what people, workers and clocks do in any order, on a real ledger:

at most one active group a person, and a duplicate ends as its group ends. Besides them: whatever was acknowledged is there, in
the state that all events together give, also for whoever opens the ledger anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tests.domain.test_lifecycle import check_invariants
from tests.examples import example
from tests.histories import History
from unlearning.domain import lifecycle
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import Refused, WrongUse
from unlearning.domain.events import (
    AliasMoved,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ErasureQueued,
    ErasureRefused,
    Fact,
    ImpactAssessed,
    PlanMade,
    Purged,
    VersionRegistered,
)
from unlearning.erasure import batches, decisions
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps import receive
from unlearning.erasure.steps.receive import Asked
from unlearning.project.workspace import open_workspace

PEOPLE = ("ann-1", "bob-2", "cid-3")
NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
STEPS: tuple[type[Any], ...] = (
    *(ImpactAssessed, PlanMade, ApprovalRequested, ErasureQueued, DataRedacted, CandidateTrained, CandidateValidated),
    *(VersionRegistered, AliasMoved, Purged, CertificateIssued, ErasureRefused),
)


class Requests(RuleBasedStateMachine):
    """A house in which everything may happen at any time; what cannot follow is refused, and then nothing is recorded."""

    made: Callable[[Path], Path]
    """A project of a machine's own."""
    requests = Bundle("requests")
    erasures = Bundle("erasures")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="requests-")
        self.workspace = open_workspace(type(self).made(Path(self.folder.name) / "project"))
        self.acknowledged: set[str] = set()
        self.number, self.hours = count(), count()

    def teardown(self) -> None:
        assert self.workspace.ledger.verify() == []
        assert self.workspace.ledger.differences() == []
        self.folder.cleanup()

    @property
    def now(self) -> datetime:
        return NOON + timedelta(hours=next(self.hours))

    @property
    def found(self) -> dict[str, ErasureRequest]:
        return {one.request_id: one for one in self.workspace.ledger.standing.page(most=1000)[1]}

    def attempt(self, do: Callable[[], object]) -> None:
        """It is done, or refused without a trace."""
        before = self.workspace.ledger.head()
        try:
            do()
        except (Refused, WrongUse):
            assert self.workspace.ledger.head() == before

    @rule(
        target=requests,
        people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3),
        verified=st.booleans(),
        delivery=st.none() | st.sampled_from(["one", "two"]),
    )
    def asked(self, people: list[str], verified: bool, delivery: str | None) -> Any:
        made = receive.receive_all(self.workspace, [Asked(people, verified=verified, delivery=delivery)], now=self.now)
        assert len(made) == len(set(people))
        self.acknowledged |= {one.request_id for one in made}
        return multiple(*(one.request_id for one in made))

    @rule(request=requests)
    def confirmed(self, request: str) -> None:
        self.attempt(lambda: receive.confirm(self.workspace, request, by="the front desk", now=self.now))

    @rule(
        request=requests,
        decide=st.sampled_from([decisions.cancel, decisions.exempt, decisions.hold, decisions.release, decisions.extend]),
    )
    def decided(self, request: str, decide: Callable[..., Any]) -> None:
        self.attempt(lambda: decide(self.workspace, request, reason="because", now=self.now))

    @rule(target=erasures, some=st.lists(requests, min_size=1, max_size=3))
    def began(self, some: list[str]) -> Any:
        erasure = Erasure(self.workspace, f"erasure-{next(self.number):012x}", lambda: self.now)
        before = self.workspace.ledger.head()
        with suppress(Refused):
            batches.start(erasure, tuple(dict.fromkeys(some)))
            return erasure.erasure_id
        assert self.workspace.ledger.head() == before
        return multiple()

    @rule(erasure=erasures, kind=st.sampled_from(STEPS), yes=st.booleans())
    def stepped(self, erasure: str, kind: type[Fact], yes: bool) -> None:
        said: dict[type[Any], dict[str, Any]] = {
            CandidateValidated: {"passed": yes},
            CertificateIssued: {"residuals": int(yes), "decision": "erased"},
        }
        fact = example(kind, **said.get(kind, {}))
        self.attempt(lambda: self.workspace.ledger.append(erasure, fact, at=self.now))

    @rule(erasure=consumes(erasures))
    def went_all_the_way(self, erasure: str) -> None:
        """As far as an undisturbed worker would take it."""
        for kind in (one for one in STEPS if one not in (ApprovalRequested, ErasureQueued, ErasureRefused)):
            said: dict[str, Any] = {"passed": True} if kind is CandidateValidated else {}
            said |= {"residuals": 0, "decision": "erased"} if kind is CertificateIssued else {}
            self.attempt(
                lambda kind=kind, said=said: self.workspace.ledger.append(erasure, example(kind, **said), at=self.now)  # type: ignore[misc]
            )

    @invariant()
    def one_active_group_a_person_and_duplicates_end_as_it_does(self) -> None:
        check_invariants(self.found)

    @invariant()
    def what_was_acknowledged_is_there_as_all_events_say(self) -> None:
        found = self.found
        assert self.acknowledged <= found.keys()
        assert found == dict(self.workspace.ledger.state().requests)
        idle = {name for name, one in found.items() if one.state in (*lifecycle.ENDED, "duplicate")}
        assert {one.request_id for one in self.workspace.ledger.standing.open()} == found.keys() - idle


@pytest.fixture
def machine(beginning: History, monkeypatch: pytest.MonkeyPatch) -> type[Requests]:
    monkeypatch.setattr(decisions, "_require_unnamed", lambda *_: None)  # the words here name nobody; it opens every table
    return type("OfThisSession", (Requests,), {"made": staticmethod(lambda to: shutil.copytree(beginning.root, to))})


def run(machine: type[Requests], *, examples: int, steps: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    checks = list(HealthCheck)
    how = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=how)  # type: ignore[no-untyped-call]


def test_whatever_happens_the_two_invariants_hold(machine: type[Requests]) -> None:
    run(machine, examples=2, steps=15)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_whatever_happens_for_longer_the_two_invariants_hold(machine: type[Requests]) -> None:
    run(machine, examples=150, steps=60)
