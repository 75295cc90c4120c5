"""Rows that MLflow's own deletion leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry import Elsewhere
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow import rows
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

MINE, SHARED = Tracked("data/mine.csv", "1" * 32), Tracked("data/shared.csv", "2" * 32)


@pytest.fixture
def elsewhere(local: MlflowModels, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(local.uri, tmp_path)


@pytest.fixture
def store(local: MlflowModels, elsewhere: Elsewhere) -> Iterator[Any]:
    with MlflowGarbage(local).store() as store:
        yield store


def test_a_row_exists_also_of_what_is_marked_as_deleted(elsewhere: Elsewhere, store: Any) -> None:
    run = elsewhere.run()
    model = elsewhere.logged(run)
    for delete in (lambda: None, lambda: elsewhere.client.delete_run(run), lambda: elsewhere.client.delete_logged_model(model)):
        delete()
        assert rows.exists(store, "run", run)
        assert rows.exists(store, "logged model", model)
    assert model in rows.location(store, model)
    assert not rows.exists(store, "run", "0" * 32)
    assert not rows.exists(store, "data set", "0" * 32)
    assert rows.location(store, "m-nobody's") == ""


def test_a_data_set_is_a_run_s_own_until_another_run_reads_it_and_goes_with_its_last_reader(
    elsewhere: Elsewhere, store: Any
) -> None:
    one, other = elsewhere.run(data=[MINE, SHARED]), elsewhere.run(data=[SHARED])
    [mine] = rows.own_datasets(store, one)
    assert rows.own_datasets(store, other) == []
    rows.delete_inputs(store, [one], [mine])
    assert not rows.exists(store, "data set", mine)
    assert elsewhere.client.get_run(one).inputs.dataset_inputs == []
    assert len(elsewhere.client.get_run(other).inputs.dataset_inputs) == 1
    [shared] = rows.own_datasets(store, other)
    rows.delete_inputs(store, [], [shared])
    assert rows.exists(store, "data set", shared)  # somebody still needs it


def test_tags_that_outlived_their_version_go_and_those_of_another_stay(
    local: MlflowModels, elsewhere: Elsewhere, store: Any
) -> None:
    run = elsewhere.run()
    model = elsewhere.logged(run)
    for _ in range(2):
        elsewhere.register("fraud", model, run, who="Zq-0001")
    rows.delete_version_tags(store, ["fraud/1"])
    one, two = local.versions("fraud")
    assert "who" not in one.tags
    assert two.tags["who"] == "Zq-0001"


def test_what_was_deleted_is_in_no_file_of_the_database_once_it_is_compacted(
    local: MlflowModels, elsewhere: Elsewhere, store: Any
) -> None:
    run = elsewhere.run(tags={"who": "Zq-0001-canary"})
    elsewhere.client.delete_tag(run, "who")
    rows.compact(store)
    assert not [file for file in local.root.glob("mlflow.db*") if b"Zq-0001-canary" in file.read_bytes()]
