"""A clock that is set back while an erasure is at work."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from tests.faults.endings import certificates
from tests.small_project import Project
from unlearning.domain import lifecycle
from unlearning.domain.clocks import utc_now
from unlearning.erasure import batches


@pytest.mark.slow
def test_a_clock_that_goes_backwards_breaks_neither_ledger_nor_deadline_nor_certificate(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = project.request(project.cells()[0, 1][0])
    moment = utc_now() - timedelta(days=2)

    def backwards() -> datetime:
        nonlocal moment
        moment -= timedelta(hours=1)
        return moment

    monkeypatch.setattr(batches, "batches", partial(batches.batches, clock=backwards))

    project.erase()

    assert project.workspace.ledger.verify() == []
    (done,) = lifecycle.fold(project.events()).requests.values()
    assert (done.state, done.due_at, done.received_at) == ("completed", request.due_at, request.received_at)
    assert certificates(project)  # each of them verified


def test_a_stranger_who_asked_before_the_clock_was_set_back_gets_a_certificate(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.request("a stranger")
    monkeypatch.setattr(batches, "batches", partial(batches.batches, clock=lambda: utc_now() - timedelta(days=2)))

    project.erase()

    assert list(project.states().values()) == ["not_found"]
    assert certificates(project)
