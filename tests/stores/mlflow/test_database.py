"""People in the rows of MLflow's own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry import Elsewhere
from unlearning.domain import hashing
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow import database
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.scans.words import Watch

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

KEY = bytes(32)
PERSON, OTHER = "Zq-0001", "Zq-0002"
WATCH = Watch(("patient",), "text", KEY, frozenset({hashing.token(KEY, PERSON, "text")}))


@pytest.fixture
def elsewhere(local: MlflowModels, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(local.uri, tmp_path)


@pytest.fixture
def store(local: MlflowModels, elsewhere: Elsewhere) -> Iterator[Any]:
    with MlflowGarbage(local).store() as store:
        yield store


def named(store: Any) -> set[tuple[str, str]]:
    return {(table, column) for table, column, _ in database.cells(store, WATCH)}


def erase(store: Any) -> None:
    database.erase(store, lambda _table, _column, value: PERSON in value)


def test_whatever_table_names_them_is_found_and_one_that_names_others_is_not(elsewhere: Elsewhere, store: Any) -> None:
    assert named(store) == set()
    run = elsewhere.run(tags={"who": f"it is {PERSON}", "else": OTHER})
    elsewhere.client.log_param(run, "worst", PERSON)
    assert named(store) == {("tags", "value"), ("params", "value")}
    assert database.searched(store) > 20


def test_a_row_that_nothing_hangs_on_goes_and_those_of_others_stay(elsewhere: Elsewhere, store: Any) -> None:
    run = elsewhere.run(tags={"who": f"it is {PERSON}", "else": OTHER})
    elsewhere.client.log_param(run, "worst", PERSON)
    erase(store)
    assert named(store) == set()
    data = elsewhere.client.get_run(run).data
    assert "who" not in data.tags
    assert data.tags["else"] == OTHER
    assert data.params == {}


def test_of_a_row_that_others_need_only_the_cell_is_emptied(elsewhere: Elsewhere, store: Any) -> None:
    run = elsewhere.run(tags={"else": OTHER})
    elsewhere.client.update_run(run, name=f"for {PERSON}")
    assert ("runs", "name") in named(store)
    erase(store)
    assert named(store) == set()
    kept = elsewhere.client.get_run(run)
    assert kept.info.run_name == ""
    assert kept.data.tags["else"] == OTHER


def test_a_data_set_goes_with_what_tied_it_to_its_runs(elsewhere: Elsewhere, store: Any) -> None:
    theirs = elsewhere.run(data=[Tracked(f"data/{PERSON}.csv", "1" * 32)])
    others = elsewhere.run(data=[Tracked("data/all.csv", "2" * 32)])
    assert ("datasets", "name") in named(store)
    erase(store)
    assert named(store) == set()
    assert elsewhere.client.get_run(theirs).inputs.dataset_inputs == []
    assert len(elsewhere.client.get_run(others).inputs.dataset_inputs) == 1
