"""Decisions of people, typed: hold, release, exempt, cancel, extend, and how `unlearn status` shows them."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small_project
from tests.entrypoints.cli.commands import unlearn
from tests.project.test_suppression import bring_back, forget
from tests.small_project import SOURCE, TRAIN, Project
from unlearning.stores.tables import tables


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


# --- identifiers that lose or change people --------------------------------------------------------------------------


def _rounded(people: list[str]) -> pa.Array:
    numbers = {one: float(1234567890123456000 + number) for number, one in enumerate(dict.fromkeys(people))}
    return pa.array([numbers[one] for one in people])


def _one_more(spell: Callable[[str], str]) -> Callable[[list[str]], pa.Array]:
    """The last row names the person of the first, spelled otherwise."""
    return lambda people: pa.array([*people[:-1], spell(people[0])])


DAMAGES = {
    "rounded numbers": (_rounded, "numbers that lost their last digits"),
    "dates": (lambda people: pa.array(range(len(people)), pa.int32()).cast(pa.date32()), "has type date32"),
    "a blank behind": (_one_more(lambda one: f"{one} "), "1 person is spelled in several ways (spaces)"),
    "another Unicode form": (_one_more(lambda one: f"\uff3a{one[1:]}"), "1 person looks like another"),
    "a zero-width sign": (_one_more(lambda one: f"{one}\u200b"), "1 of 41 identifiers: each holds a control character"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_that_does_not_tell_people_apart_is_refused_by_whatever_reads_it(project: Project, damage: str) -> None:
    change, says = DAMAGES[damage]
    table, one = tables.read(project.root / SOURCE), project.people(SOURCE)[3]
    column = change(table["patient"].to_pylist())
    pq.write_table(table.set_column(table.column_names.index("patient"), "patient", column), project.root / SOURCE)
    project.workspace.data.add([SOURCE])
    events = project.events()
    for words in (
        ["prepare"],
        ["request", one],
        ["impact", "--subject", one],
        ["prove", "--subject", one, "--data", SOURCE],
    ):
        answer = unlearn(project.root, *words, "--json")
        assert (answer.code, answer.document["error"]) == (2, "DataError"), words
        assert SOURCE in answer.said
        assert says in answer.said
        assert one not in answer.said
    assert project.events() == events


def test_an_identifier_that_may_mean_somebody_else_is_refused_by_its_line(project: Project, tmp_path: Path) -> None:
    one, other, third = project.people(TRAIN)[:3]
    file = tmp_path / "leavers.txt"
    file.write_text(f"{one}\r\n\n{other}\u2028{third}\n\uff3a{third[1:]}\n", newline="")
    events = project.events()
    for words in (["request"], ["impact"], ["sweep"]):
        answer = unlearn(project.root, *words, "--file", str(file))
        assert (answer.code, f"line 3 of {file}: holds a control character" in answer.err) == (2, True), words
        assert other not in answer.said
    file.write_text(f"{one}\n\uff3a{third[1:]}\n")
    for words in (["request"], ["impact"]):
        answer = unlearn(project.root, *words, "--file", str(file))
        assert (answer.code, f"line 2 of {file}: looks like a person" in answer.err) == (2, True), words
    answer = unlearn(project.root, "prove", "--data", TRAIN, "--subject", f"\uff3a{third[1:]}")
    assert (answer.code, "looks like a person" in answer.err) == (2, True)
    assert project.events() == events


def test_a_column_of_a_csv_is_read_and_each_line_says_what_became_of_it(project: Project, tmp_path: Path) -> None:
    one, other = project.people(TRAIN)[:2]
    [before] = project.request(one)
    file = tmp_path / "leavers.csv"
    file.write_text(f"left;patient\nMay;{one}\nMay;{other.upper()}\nJune;{one}\nJune;nobody-77\n")
    asked = unlearn(project.root, "request", "--file", str(file), "--column", "patient")
    assert (asked.code, len(asked.out.splitlines())) == (0, 3)
    assert asked.err.splitlines() == [
        f"line 2 of {file}: joins {before.request_id}",
        f"line 3 of {file}: in none of the tables as they are now; another spelling of it is there: case",
        f"line 4 of {file}: the same person as line 2 of {file}",
        f"line 5 of {file}: in none of the tables as they are now; no other spelling of it is there",
    ]
    assert f"joined {before.request_id}" in asked.out
    shown = unlearn(project.root, "impact", "--file", str(file), "--column", "patient", "--json").document
    assert sorted(map(str, shown["nearest"].values())) == ["['case']", "[]"]
    assert sorted(shown["nearest"]) == shown["not_found"]
    for words, says in ((["--file", str(file)], "reads like a heading"), (["--column", "patient", other], "no --file came")):
        refused = unlearn(project.root, "request", *words)
        assert (refused.code, says in refused.err) == (2, True)


def test_somebody_who_is_not_found_is_told_how_near_and_what_nobody_could_read(project: Project) -> None:
    one = project.people(TRAIN)[0]
    (project.root / "data/scan.bin").write_bytes(bytes(range(256)) * 64)
    project.workspace.data.add(["data/scan.bin"])
    project.workspace.data.git.commit("A scan", ["."])
    project.request(one.lower())
    before = small_project.snapshot(project.root, without=("ledger.db", "lineage.db"))
    [report] = project.erase()
    [answered] = report["requests"]
    assert (answered["state"], answered["nearest"]) == ("not_found", ["case"])
    assert "another spelling of it is there: case" in unlearn(project.root, "status").out
    file = project.root / answered["certificate"]
    said = unlearn(project.root, "verify", str(file), "--key", ".unlearning/keys/signing.pub", "--json")
    assert (said.code, said.document["verdict"]) == (0, "verified")
    predicate = said.document["predicate"]
    assert predicate["nearest"] == ["case"]
    unread = [left for left in predicate["residuals"] if left["outcome"] == "unverified"]
    assert unread, "a file that nobody can read is not said"
    assert [left["place"] for left in report["residuals"]] == [left["place"] for left in predicate["residuals"]]
    page = file.with_suffix(".html").read_text()
    assert "another spelling of it is there: case" in page
    assert html.escape(unread[0]["place"]) in page
    for text in (json.dumps(report), json.dumps(predicate), page):
        assert one not in text
        assert one.lower() not in text
    after = small_project.snapshot(project.root, without=("ledger.db", "lineage.db"))
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} <= {
        name for name in after if "certificates" in name or ".unlearning" in name
    }
