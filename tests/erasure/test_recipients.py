"""Recipients: whoever is named or told is listed until they acknowledge it, by hand, and by no identifier."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st

from tests.entrypoints.cli.commands import unlearn
from tests.properties import drawn
from tests.small_project import TRAIN, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import Refused, WrongUse
from unlearning.domain.events import Event, Fact, RecipientAcknowledged, RecipientTold
from unlearning.erasure import decisions, recipients
from unlearning.erasure.recipients import Received, followed, say

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
NAMES = st.sampled_from(["Acme", "Bolt", "Cato"])
FACTS = st.builds(RecipientTold, recipient=NAMES) | st.builds(RecipientAcknowledged, recipient=NAMES)


def happened(facts: list[Fact]) -> list[Event[Fact]]:
    return [Event(number, NOON + timedelta(hours=number), "r", fact, {}, "", "") for number, fact in enumerate(facts, 1)]


@drawn(few=60, many=5_000, facts=st.lists(FACTS, max_size=8), named=st.sets(NAMES), ended=st.booleans())
def test_whoever_is_named_or_was_told_is_listed_once_and_acknowledged_only_after_the_last_telling(
    facts: list[Fact], named: set[str], ended: bool
) -> None:
    found = followed({name: Received(name) for name in named}, happened(facts), all_of_them=ended)
    told = [one.recipient for one in facts if isinstance(one, RecipientTold)]
    assert sorted(one.name for one in found) == sorted({*told} | (named if ended else set()))
    for one in found:
        said = [fact for fact in facts if fact.recipient == one.name]  # type: ignore[union-attr]
        last = max((at for at, fact in enumerate(said) if isinstance(fact, RecipientTold)), default=None)
        assert (one.told_at is None) == (last is None)
        answered = last is not None and any(isinstance(fact, RecipientAcknowledged) for fact in said[last:])
        assert (one.acknowledged_at is not None) == answered
        assert ("is to be told" in say(one)) == (last is None)
        assert ("has not acknowledged" in say(one)) == (last is not None and not answered)


def test_of_an_erased_person_every_recipient_is_listed_until_it_was_told_and_acknowledged(erased_project: Project) -> None:
    project = erased_project
    project.configure({"recipients": [{"name": "Acme", "contact": "dpo@acme.example"}, {"name": "Bolt"}]})
    [name] = project.states()

    def listed() -> list[str]:
        return [one["name"] for one in status["recipients"] if not one["acknowledged_at"]]

    status = unlearn(project.root, "status", name, "--json").document
    assert listed() == ["Acme", "Bolt"]
    assert "Acme is to be told (dpo@acme.example)" in unlearn(project.root, "status").out
    with pytest.raises(WrongUse, match="none yet"):
        decisions.acknowledge(project.workspace, name, recipient="Acme", now=utc_now())
    for command in ("told", "acknowledge"):
        status = unlearn(project.root, command, name, "--recipient", "Acme", "--json").document
    assert listed() == ["Bolt"]
    answer = unlearn(project.root, "answer", name, "--json").document
    assert [one["what"] for one in answer["stays"] if one["kind"] == "recipient"] == ["Bolt"]
    assert [one["name"] for one in answer["recipients"]] == ["Acme"]
    assert project.workspace.ledger.verify() == []


def test_of_whom_nothing_was_erased_nobody_is_told(project: Project) -> None:
    project.configure({"recipients": [{"name": "Acme"}]})
    person = project.people(TRAIN)[0]
    [request] = project.request(person)
    assert recipients.of(project.workspace, [request]) == {}
    with pytest.raises(WrongUse, match="name the person"):
        decisions.acknowledge(project.workspace, request.request_id, recipient=person, now=utc_now())
    decisions.cancel(project.workspace, request.request_id, now=utc_now())
    for decide in (decisions.tell, decisions.acknowledge):
        with pytest.raises(Refused, match="is cancelled"):
            decide(project.workspace, request.request_id, recipient="Acme", now=utc_now())
