"""Every place of a project, and who is searched for there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import KeyFileError
from unlearning.domain.traces import Trace
from unlearning.erasure.steps.receive import receive
from unlearning.traces import within_reach
from unlearning.traces.places.dvc_objects import OBJECTS, ObjectPlace


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    history = beginning.copy(tmp_path / "project")
    history.table("data/train.csv", ["ann-1"])
    history.commit()
    return history


def test_every_place_has_a_name_of_its_own_and_says_how_it_is_searched(history: History) -> None:
    places = within_reach.places(history.workspace)
    names = [place.name for place in places]
    assert len(set(names)) == len(names)
    assert all(place.how for place in places)
    assert {"DVC cache", "DVC remote 'store'", "checkpoint store", "MLflow", "Git history", "ledger database"} <= set(names)
    assert "table data/train.csv, current version" in names


def test_objects_are_looked_for_before_what_names_them_and_whole_folders_only_by_bytes(history: History) -> None:
    names = [place.name for place in within_reach.places(history.workspace)]
    assert names.index("DVC cache") < names.index("DVC cache: run cache")
    more = [place.name for place in within_reach.places(history.workspace, by_bytes=True)]
    assert [name for name in more if name not in names] == ["files of the project, MLflow and Prefect"]


def test_an_object_is_remembered_in_no_single_store_and_anything_else_where_it_was(history: History) -> None:
    for place in within_reach.places(history.workspace):
        assert within_reach.remembered_as(place) == (OBJECTS if isinstance(place, ObjectPlace) else place.name)


def test_whatever_was_found_of_anybody_may_not_come_back(history: History) -> None:
    workspace = history.workspace
    for number in (1, 2):
        body = {"traces": {OBJECTS: [{"name": f"{number}" * 32, "kind": "", "location": ""}]}, "derived": []}
        workspace.ledger.append("TracesFound", "purge", body, at=utc_now())
    found = within_reach.wanted(workspace, ["ab" * 32], identifiers=["ann-1"])
    assert found.known == {OBJECTS: {Trace("1" * 32), Trace("2" * 32)}}
    assert (found.tokens, found.identifiers, found.kept) == ({"ab" * 32}, ("ann-1",), {})


def test_a_search_under_another_key_is_refused(history: History) -> None:
    [made] = receive(history.workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    (history.root / ".unlearning/keys/index.key").write_text("ab" * 32 + "\n")
    with pytest.raises(KeyFileError):
        within_reach.wanted(history.workspace, [made.token])


def test_nobody_is_erased_before_a_purge_but_a_named_request_is_its_person(history: History) -> None:
    workspace = history.workspace
    [made] = receive(workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    assert within_reach.erased(workspace) == frozenset()
    assert within_reach.erased(workspace, [made.request_id]) == {made.token}
