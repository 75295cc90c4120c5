"""Decisions of people, typed: hold, release, exempt, cancel, extend, and how `unlearn status` shows them."""

from __future__ import annotations

import json

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.project.test_suppression import bring_back, forget
from tests.small_project import SOURCE, TRAIN, Project


@pytest.fixture
def request_id(project: Project) -> str:
    return project.request(project.people(TRAIN)[0])[0].request_id


def test_a_hold_shows_in_the_status_until_its_release(project: Project, request_id: str) -> None:
    held = unlearn(
        project.root, "hold", request_id, "--reason", "litigation 7/26", "--scope", "visits", "--until", "2999-12-31", "--json"
    )
    assert held.code == 0
    assert held.document["state"] == "on_hold"
    [hold] = held.document["holds"]
    assert (hold["reason"], hold["scope"], hold["until"]) == ("litigation 7/26", "visits", "3000-01-01T00:00:00+00:00")

    shown = unlearn(project.root, "status")
    assert "on_hold" in shown.out
    assert shown.out.rstrip().endswith("held until 2999-12-31: litigation 7/26")
    assert unlearn(project.root, "status", request_id, "--json").document == held.document

    released = unlearn(project.root, "release", request_id, "--reason", "settled", "--json").document
    assert released["state"] == "suppressed"
    assert released["holds"][0]["released_because"] == "settled"
    assert "held until" not in unlearn(project.root, "status").out


def test_a_hold_without_a_last_day_lasts_until_it_is_released(project: Project, request_id: str) -> None:
    assert "held until released: audit" in unlearn(project.root, "hold", request_id, "--reason", "audit").out


def test_a_hold_on_a_data_set_shows_and_stops_nothing(project: Project, request_id: str) -> None:
    held = unlearn(project.root, "hold", request_id, "--reason", "tax law", "--data", SOURCE, "--json").document
    assert (held["state"], held["holds"][0]["data"]) == ("suppressed", [SOURCE])
    assert f"{SOURCE} held until released: tax law" in unlearn(project.root, "status").out
    refused = unlearn(project.root, "hold", request_id, "--reason", "tax law", "--data", "data/none.csv")
    assert refused.code == 2
    assert "no revision tracks this" in refused.err


def test_whoever_was_told_and_whoever_may_not_approve_yet(project: Project, request_id: str) -> None:
    done = unlearn(project.root, "told", request_id, "--recipient", "Acme Analytics", "--json")
    assert (done.code, done.document["state"]) == (0, "suppressed")
    early = unlearn(project.root, "approve", request_id, "--by", "the DPO")
    assert early.code == 1
    assert "awaits approval" in early.err


def test_who_came_back_is_let_in_or_requested_again_without_their_identifier(project: Project) -> None:
    person = project.people(TRAIN)[0]
    forget(project, [person])
    [first] = project.states()
    bring_back(project)
    said = ["--request", first, "--reason", "signed up again"]
    assert "would be let in" in unlearn(project.root, "readmit", *said, "--dry-run").out
    assert unlearn(project.root, "readmit", "--reason", "signed up again").code == 2

    [asked] = unlearn(project.root, "request", "--returned", "--json").document
    assert asked["state"] == "suppressed"
    refused = unlearn(project.root, "readmit", *said)
    assert (refused.code, asked["request_id"] in refused.err) == (1, True)
    unlearn(project.root, "cancel", asked["request_id"])

    done = unlearn(project.root, "readmit", *said, "--json")
    assert (done.code, done.document["people"], done.document["requests"]) == (0, 1, [first])
    assert "signed up again" in unlearn(project.root, "status", first).out
    assert unlearn(project.root, "request", "--returned", "--json").document == []


@pytest.mark.parametrize(("command", "state"), [("exempt", "exempt"), ("cancel", "cancelled")])
def test_a_request_ends_without_an_erasure(project: Project, request_id: str, command: str, state: str) -> None:
    done = unlearn(project.root, command, request_id, "--reason", "a contract runs", "--json")
    assert (done.code, done.document["state"]) == (0, state)
    again = unlearn(project.root, command, request_id, "--reason", "again")
    assert again.code == 1
    assert state in again.err


def test_a_deadline_is_extended_once(project: Project, request_id: str) -> None:
    before = unlearn(project.root, "status", request_id, "--json").document
    done = unlearn(project.root, "extend", request_id, "--reason", "many requests", "--json").document
    assert done["due_at"] == done["extension"]["due_at"] > before["due_at"]
    assert done["extension"]["reason"] == "many requests"
    assert "extended" in unlearn(project.root, "status").out
    assert unlearn(project.root, "extend", request_id, "--reason", "more").code == 1


@pytest.mark.parametrize("command", ["hold", "exempt", "extend"])
def test_a_decision_needs_a_reason(project: Project, request_id: str, command: str) -> None:
    events = len(project.events())
    assert unlearn(project.root, command, request_id).code == 2
    assert unlearn(project.root, command, request_id, "--reason", " ").code == 2
    assert len(project.events()) == events


def test_the_most_urgent_request_comes_first_and_those_that_ended_last(project: Project) -> None:
    people = project.people(TRAIN)
    for person, regulation in zip(people, ("none", "ccpa", "gdpr"), strict=False):
        assert unlearn(project.root, "request", "--file", "-", "--regulation", regulation, stdin=person).code == 0
    [cancelled] = project.request(people[3])
    unlearn(project.root, "cancel", cancelled.request_id)
    listed = unlearn(project.root, "status", "--json").document
    assert [one["regulation"] for one in listed] == ["gdpr", "ccpa", "none", "gdpr"]
    assert listed[-1]["state"] == "cancelled"


def test_what_is_no_request_id_is_not_repeated(project: Project) -> None:
    person = project.people(TRAIN)[0]
    for words in (["status"], ["hold", "--reason", "x"], ["release"], ["erase", "--request"], ["impact", "--request"]):
        for more in ([], ["--json"]):
            answer = unlearn(project.root, *words, person, *more)
            assert answer.code == 2, words
            assert person not in answer.said
            assert "`unlearn status` lists" in answer.said
            if more:
                assert answer.document["error"] == "NotFound"
    assert json.dumps(unlearn(project.root, "status", "--json").document) == "[]"


def test_an_argument_that_nobody_expected_is_not_repeated(project: Project) -> None:
    person = project.people(TRAIN)[0]
    answer = unlearn(project.root, "impact", person, "--json")
    assert answer.code == 2
    assert person not in answer.said
    assert answer.document["error"] == "WrongUse"
