"""People in the rows of MLflow's own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry import Elsewhere
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow import database
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

KEY = bytes(32)
PERSON, OTHER = "Zq-0001", "Zq-0002"


@pytest.fixture
def elsewhere(local: MlflowModels, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(local.uri, tmp_path)


@pytest.fixture
def store(local: MlflowModels, elsewhere: Elsewhere) -> Iterator[Any]:
    with MlflowGarbage(local).store() as store:
        yield store


def named(store: Any) -> set[tuple[str, str]]:
    return {(cell.table, cell.column) for cell in database.cells(store) if PERSON in cell.value}


def erase(store: Any) -> None:
    database.erase(store, lambda cell: PERSON in cell.value)


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


def test_of_equal_values_only_the_one_goes_whose_key_says_that_it_is_a_person(elsewhere: Elsewhere, store: Any) -> None:
    run = elsewhere.run(tags={"patient": "100042", "seed": "100042"})
    said = [cell.says for cell in database.cells(store) if cell.value == "100042"]
    assert sorted(said) == ['{"patient": "100042"}', '{"seed": "100042"}']
    database.erase(store, lambda cell: cell.says == '{"patient": "100042"}')
    tags = elsewhere.client.get_run(run).data.tags
    assert "patient" not in tags
    assert tags["seed"] == "100042"
