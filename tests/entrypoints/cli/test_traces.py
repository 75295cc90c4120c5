"""`unlearn watch` and `purge`: what they say, and how they end when something was found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import TRAIN, Project, copy, erased_person
from unlearning.domain.clocks import utc_now
from unlearning.entrypoints.cli.traces import _sighting
from unlearning.erasure import decisions
from unlearning.erasure.watch import Sighting
from unlearning.traces.out_of_reach import NOT_OPENED


@pytest.mark.usefixtures("without_prefect")
def test_what_was_reversed_exits_1_once_and_says_what_is_left_to_do(project: Project) -> None:
    [request] = project.request(project.people(TRAIN)[0])
    then = utc_now() - timedelta(days=3)
    decisions.hold(project.workspace, request.request_id, reason="an old case", now=then, until=then.date())

    found = unlearn(project.root, "watch")

    assert found.code == 1
    assert "1 reversed of 1 found" in found.out
    assert f"reversed  {request.request_id}: its legal hold was released" in found.out
    assert "→ run `unlearn erase`" in found.out
    assert f"watch  reversed: {request.request_id}" in found.err
    again = unlearn(project.root, "watch", "--json")
    assert (again.code, again.document["clean"], again.document["found"]) == (0, True, [])


@pytest.mark.usefixtures("without_prefect")
def test_a_ledger_that_was_tampered_with_is_reported_and_decides_nothing(project: Project) -> None:
    project.request(project.people(TRAIN)[0])
    head = unlearn(project.root, "audit", "--json").document
    noted = f"{head['events']}:{head['head']}"
    assert unlearn(project.root, "audit", "--head", noted).code == 0
    with project.workspace.ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_event SET at = '2001-01-01T00:00:00+00:00' WHERE seq = 1")

    audited = unlearn(project.root, "audit", "--head", noted, "--json")
    watched = unlearn(project.root, "watch", "--json")

    assert (audited.code, audited.document["intact"]) == (1, False)
    assert watched.code == 1
    assert {one["kind"] for one in watched.document["found"]} == {"ledger"}
    assert watched.document["reversed"] == 0


@pytest.mark.usefixtures("without_prefect")
def test_a_sweep_names_the_files_that_it_does_not_open_and_the_whole_sweep_opens_them(
    template: Project, erased_template: Project, tmp_path: Path
) -> None:
    project = copy(erased_template, tmp_path / "project")
    (project.root / "notes.txt").write_text(f"call {erased_person(template)} back\n")

    swept = unlearn(project.root, "sweep", "--json")
    whole = unlearn(project.root, "sweep", "--whole", "--json")

    assert (NOT_OPENED.place, NOT_OPENED.remedy) in [(one["place"], one["remedy"]) for one in swept.document["out_of_reach"]]
    assert NOT_OPENED.place not in [one["place"] for one in whole.document["out_of_reach"]]
    assert (whole.code, whole.document["residuals"][0]["names"]) == (1, ["notes.txt"])


def test_a_sighting_says_what_why_and_the_next_step_where_there_is_one() -> None:
    found = Sighting("hold", "request-1", "reversed", "its hold is over", "run `unlearn erase`")
    assert _sighting(found) == "reversed  request-1: its hold is over → run `unlearn erase`"
    assert _sighting(replace(found, outcome="reported", next_step="")) == "reported  request-1: its hold is over"
