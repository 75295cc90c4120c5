"""Every place of a project, and who is searched for there; what a search stands on is read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.histories import History
from tests.small_project import Project, patient
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import KeyFileError
from unlearning.domain.events import TracesFound
from unlearning.domain.traces import Found, Inventory, Trace, Wanted
from unlearning.erasure.steps.receive import receive
from unlearning.lineage.history import Past
from unlearning.project.holdings import Holdings
from unlearning.project.workspace import Workspace
from unlearning.stores.scans.words import Watch
from unlearning.traces import deletion
from unlearning.traces.places.current_tables import TablePlace
from unlearning.traces.places.dvc_objects import OBJECTS, ObjectPlace
from unlearning.traces.places.folders import SpoolPlace
from unlearning.traces.within_reach import Reach, erased, remedy, remembered_as


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    history = beginning.copy(tmp_path / "project")
    history.table("data/train.csv", ["ann-1"])
    history.commit()
    return history


def test_every_place_has_a_name_of_its_own_and_says_how_it_is_searched(history: History) -> None:
    places = Reach(history.workspace).places()
    names = [place.name for place in places]
    assert len(set(names)) == len(names)
    assert all(place.how for place in places)
    assert {"DVC cache", "DVC remote 'store'", "checkpoint store", "MLflow", "Git history", "ledger database"} <= set(names)
    assert "table data/train.csv, current version" in names


def test_objects_are_looked_for_before_what_names_them_and_whole_folders_only_by_bytes(history: History) -> None:
    names = [place.name for place in Reach(history.workspace).places()]
    assert names.index("DVC cache") < names.index("DVC cache: run cache")
    more = [place.name for place in Reach(history.workspace).places(by_bytes=True)]
    assert [name for name in more if name not in names] == ["files of the project, MLflow and Prefect"]


def test_an_object_is_remembered_in_no_single_store_and_anything_else_where_it_was(history: History) -> None:
    for place in Reach(history.workspace).places():
        assert remembered_as(place) == (OBJECTS if isinstance(place, ObjectPlace) else place.name)


def test_whatever_was_found_of_anybody_may_not_come_back(history: History) -> None:
    workspace = history.workspace
    for number in (1, 2):
        inventory = Inventory(traces={OBJECTS: (Trace(f"{number}" * 32),)}, derived=())
        workspace.ledger.append("purge", TracesFound(inventory=inventory), at=utc_now())
    found = Reach(workspace).wanted(["ab" * 32], identifiers=["ann-1"])
    assert found.known == {OBJECTS: {Trace("1" * 32), Trace("2" * 32)}}
    assert (found.tokens, found.identifiers, found.kept) == ({"ab" * 32}, ("ann-1",), {})


def test_a_search_under_another_key_is_refused(history: History) -> None:
    [made] = receive(history.workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    (history.root / ".unlearning/keys/index.key").write_text("ab" * 32 + "\n")
    with pytest.raises(KeyFileError):
        Reach(history.workspace).wanted([made.token])


def test_nobody_is_erased_before_a_purge_but_a_named_request_is_its_person(history: History) -> None:
    workspace = history.workspace
    [made] = receive(workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    assert erased(workspace) == frozenset()
    assert erased(workspace, [made.request_id]) == {made.token}


def test_one_search_and_its_deletion_read_history_and_holdings_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    past, holdings = Past.of, Holdings.of

    def counted_past(workspace: Workspace) -> Past:
        read.append("past")
        return past(workspace)

    def counted_holdings(workspace: Workspace) -> Holdings:
        read.append("holdings")
        return holdings(workspace)

    monkeypatch.setattr(Past, "of", counted_past)
    monkeypatch.setattr(Holdings, "of", counted_holdings)
    deletion.again(project.workspace, [project.token(patient(3))])
    assert sorted(read) == ["holdings", "past"]


def test_a_purge_is_said_to_delete_only_what_it_may(tmp_path: Path) -> None:
    found = Found((Trace("a"),), remedy="`unlearn purge` deletes it")
    place, drafts = TablePlace("a.csv", tmp_path / "a.csv", Watch(("patient",), "text", bytes(32))), SpoolPlace(tmp_path)
    nobody = Wanted(frozenset({"t"}), instead="`unlearn request`", purgeable=False)
    assert remedy(place, found, Wanted(frozenset({"t"}))) == found.remedy
    assert remedy(place, found, nobody) == "`unlearn request`"
    assert remedy(drafts, found, nobody) == found.remedy
    assert remedy(place, found, replace(nobody, purgeable=True)) == f"`unlearn request`; of the others, {found.remedy}"
    assert remedy(place, Found(), nobody) == ""


def test_a_server_of_the_users_is_a_place_and_the_embedded_one_of_a_command_is_none(
    history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def names() -> list[str]:
        return [
            place.name for place in Reach(history.workspace).places() if place.name.startswith("Prefect") and ":" in place.name
        ]

    server, address = "Prefect server: runs, logs and events", "http://127.0.0.1:9/api"
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    alone = names()
    assert server not in alone
    monkeypatch.setenv("PREFECT_API_URL", address)
    assert names() == [*alone, server]
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    assert names() == [*alone, "Prefect: runs, logs and events at PREFECT_HOME", server]
    monkeypatch.setenv("PREFECT_HOME", str(history.root / ".unlearning/prefect"))
    monkeypatch.setenv("UNLEARNING_PREFECT_EMBEDDED_AT", address)
    assert names() == alone
