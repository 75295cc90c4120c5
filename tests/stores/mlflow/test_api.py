"""What a tracking server's API shows, through a client on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registry import Elsewhere
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow import api
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself


class Page(list[int]):
    token: str | None = None


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(), max_size=3), min_size=1, max_size=5))
def test_everything_that_a_search_finds_comes_page_by_page_also_after_an_empty_one(content: list[list[int]]) -> None:
    def search(what: str, *, page_token: str | None, more: bool) -> Page:
        assert (what, more) == ("runs", True)
        at = int(page_token or 0)
        page = Page(content[at])
        page.token = str(at + 1) if at + 1 < len(content) else None
        return page

    assert list(api.pages(search, "runs", more=True)) == [one for page in content for one in page]


@pytest.fixture
def elsewhere(local: MlflowModels, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(local.uri, tmp_path)


@pytest.fixture
def client(local: MlflowModels, elsewhere: Elsewhere) -> Iterator[Any]:
    with local.client() as client:
        yield client


def test_every_piece_of_text_is_shown_with_its_owner_and_deleted_where_that_can_be(elsewhere: Elsewhere, client: Any) -> None:
    run = elsewhere.run(data=[Tracked("data/a.csv", "0" * 32)], tags={"who": "ann", "mlflow.runName": "night"})
    client.log_param(run, "worst", "bob")
    client.log_metric(run, "loss of cid", 1.0)
    model = elsewhere.logged(run, tags={"note": "dan"})
    shown = list(api.spots(client, [elsewhere.experiment]))
    found = {(one.kind, one.owner, one.key) for one in shown}
    assert {
        (api.TAG, run, "who"),
        (api.NAME, run, ""),
        (api.PARAM, run, "worst"),
        (api.METRIC, run, "loss of cid"),
        (api.DATASET, run, f"data/a.csv/{'0' * 32}"),
        (api.MODEL_TAG, model, "note"),
    } <= found
    assert (api.TAG, run, "mlflow.runName") not in found
    assert all("ann" in one.text for one in shown if one.key == "who")
    assert not [one for one in shown if "ann" in repr(one)]
    gone = {(one.kind, one.key): one.delete() for one in shown if one.kind in (api.TAG, api.PARAM, api.MODEL_TAG)}
    assert gone[api.TAG, "who"]
    assert gone[api.MODEL_TAG, "note"]
    assert not gone[api.PARAM, "worst"]
    left = {one.key for one in api.spots(client, [elsewhere.experiment])}
    assert {"who", "note"}.isdisjoint(left)
    assert "worst" in left


def test_a_tag_of_a_run_that_is_marked_as_deleted_is_shown_and_cannot_go(elsewhere: Elsewhere, client: Any) -> None:
    run = elsewhere.run(tags={"who": "ann"})
    client.delete_run(run)
    [spot] = [one for one in api.spots(client, [elsewhere.experiment]) if one.key == "who"]
    assert not spot.delete()


def test_nothing_is_found_where_nothing_is_asked_for(elsewhere: Elsewhere, client: Any) -> None:
    elsewhere.logged(elsewhere.run(tags={"who": "ann"}))
    assert list(api.spots(client, [])) == []
    assert api.runs(client, []) == []
    assert api.logged_models(client, "model_id", []) == []


def test_runs_and_models_are_found_by_name_in_portions_deleted_runs_too(elsewhere: Elsewhere, client: Any) -> None:
    kept, gone = elsewhere.run(), elsewhere.run()
    model = elsewhere.logged(kept)
    client.delete_run(gone)
    nobodys = [f"{number:032x}" for number in range(100)]
    assert {run.info.run_id for run in api.runs(client, [kept, gone, *nobodys])} == {kept, gone}
    assert [one.model_id for one in api.logged_models(client, "source_run_id", [kept, *nobodys])] == [model]
    assert [one.model_id for one in api.logged_models(client, "model_id", [model])] == [model]


def test_experiments_are_listed_deleted_ones_too(elsewhere: Elsewhere, client: Any) -> None:
    client.delete_experiment(elsewhere.experiment)
    assert elsewhere.experiment in {one.experiment_id for one in api.experiments(client)}
