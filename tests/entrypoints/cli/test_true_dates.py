"""Dates, tickets and channels, typed; and what `unlearn status` says and exits with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.examples import example
from tests.small_project import TRAIN, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.events import DataRedacted, ErasureStarted, PlanMade


def test_a_letter_of_weeks_ago_counts_from_then_and_must_begin_now(project: Project) -> None:
    person, day = project.people(TRAIN)[0], utc_now().date() - timedelta(days=27)
    said = ["--received-at", f"{day}", "--reference", "OPS-77", "--channel", "letter"]
    done = unlearn(project.root, "request", person, *said, "--json")
    [made] = done.document
    assert (done.code, made["received_at"], made["channel"], made["reference"]) == (
        0,
        f"{day}T00:00:00+00:00",
        "letter",
        "OPS-77",
    )
    shown = unlearn(project.root, "status", "--json")
    assert shown.code == 1
    assert (shown.document[0]["must_start"], shown.document[0]["overdue"]) == (True, False)
    assert shown.document[0]["must_start_by"] < made["due_at"]
    assert "MUST BEGIN" in unlearn(project.root, "status").out
    unlearn(project.root, "cancel", made["request_id"])
    assert unlearn(project.root, "status").code == 0


def test_a_deadline_that_has_passed_is_said_at_once(project: Project) -> None:
    done = unlearn(project.root, "request", project.people(TRAIN)[0], "--received-at", "2020-02-29T12:00:00+02:00")
    assert done.code == 0
    assert "OVERDUE since 2020-03-29" in done.err
    assert unlearn(project.root, "status").code == 1


def test_only_so_many_are_listed_and_what_is_late_beyond_them_still_counts(project: Project) -> None:
    today, ledger = utc_now().date(), project.workspace.ledger
    made = [
        unlearn(project.root, "request", who, "--received-at", f"{today - timedelta(days=days)}", "--json").document[0]
        for who, days in zip(project.people(TRAIN)[:3], (1, 28, 27), strict=True)
    ]
    names = [made[at]["request_id"] for at in (1, 2, 0)]
    assert [one["request_id"] for one in unlearn(project.root, "status", "--json").document] == names
    for fact in (example(ErasureStarted, requests=(names[0],)), example(PlanMade), example(DataRedacted)):
        ledger.append("erasure-1", fact, at=utc_now())
    few, all_of_them = (unlearn(project.root, "status", "--json", "--limit", number) for number in ("1", "3"))
    assert [one["request_id"] for one in few.document] == names[:1]
    assert (few.document[0]["must_start"], few.code) == (False, 1)
    assert "2 more, less urgent; --limit 3 lists all" in few.err
    assert ([one["request_id"] for one in all_of_them.document], all_of_them.err) == (names, "")
    unlearn(project.root, "cancel", names[1])
    assert unlearn(project.root, "status", "--limit", "1").code == 0


@pytest.mark.parametrize("date", ["2999-01-01", "yesterday", "2026-13-01", "2026-03-01T12:00:00", "01.03.2026", ""])
def test_a_date_that_is_none_or_is_still_to_come_records_nothing(project: Project, date: str) -> None:
    done = unlearn(project.root, "request", project.people(TRAIN)[0], "--received-at", date)
    assert done.code == 2
    assert unlearn(project.root, "status", "--json").document == []


def test_who_is_not_known_yet_waits_until_somebody_confirms(project: Project) -> None:
    [made] = unlearn(project.root, "request", project.people(TRAIN)[0], "--unverified", "--json").document
    assert made["state"] == "unverified"
    assert "nothing to do" in unlearn(project.root, "erase").out
    done = unlearn(project.root, "confirm", made["request_id"], "--by", "the front desk", "--json")
    assert (done.code, done.document["state"]) == (0, "suppressed")
