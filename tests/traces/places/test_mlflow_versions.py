"""Versions that people shaped, as a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from tests.registry import Elsewhere
from unlearning.domain.traces import PURGE_DELETES, Trace, Wanted
from unlearning.stores.mlflow.garbage import RUN, VERSION, MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.traces.places.mlflow_versions import NAME, MlflowPlace

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself


def test_a_version_they_shaped_goes_and_its_alias_and_the_lineage_are_told(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    models = history.workspace.models
    elsewhere = Elsewhere.at(models.uri, tmp_path)
    old, clean = elsewhere.train("fraud"), elsewhere.train("fraud")
    elsewhere.client.set_registered_model_alias("fraud", "live", "1")
    run, told = models.version("fraud", 1).run_id, list[str]()
    people = frozenset({"token"})
    place = MlflowPlace(
        MlflowGarbage(models),
        shaped=lambda wanted: [(old, run)] if wanted.tokens == people else [],
        serving=lambda: [clean],
        forgotten=told.extend,
    )
    assert place.find(Wanted(frozenset())).traces == ()
    found = place.find(Wanted(people))
    assert {(trace.kind, trace.name) for trace in found.traces} >= {(VERSION, str(old)), (RUN, str(run))}
    assert list(found.traces) == sorted(found.traces, key=lambda trace: (trace.kind, trace.name, trace.location))

    assert place.erase(found.traces) == ()

    assert place.find(Wanted(people, known={NAME: frozenset(found.traces)})).traces == ()
    assert models.every_alias()["fraud"] == {"live": 2}
    assert str(old) in told


def test_where_nothing_was_found_nobody_is_asked(tmp_path: Path) -> None:
    garbage = MlflowGarbage(MlflowModels("http://127.0.0.1:9", "unlearning", tmp_path))  # nobody answers there
    place = MlflowPlace(garbage, shaped=lambda _: [], serving=lambda: (), forgotten=lambda _: None)
    assert place.erase(()) == ()
    assert place.find(Wanted(frozenset({"token"}))).traces == ()
    assert Trace("fraud/1", VERSION) not in place.find(Wanted(frozenset())).traces


def test_a_server_whose_database_is_not_named_is_not_said_to_be_emptied_by_a_purge(tmp_path: Path) -> None:
    def said(address: str, database: str | None) -> str:
        garbage = MlflowGarbage(MlflowModels(address, "unlearning", tmp_path), database)
        place = MlflowPlace(garbage, shaped=lambda _: [], serving=lambda: (), forgotten=lambda _: None)
        return place._remedy([Trace("run-1", RUN)])

    assert said("http://127.0.0.1:9", None).startswith("`unlearn purge` marks it as deleted, and cannot collect it")
    assert "--run-ids run-1" in said("http://127.0.0.1:9", None)
    for address, database in [("http://127.0.0.1:9", "sqlite:///m.db"), (f"sqlite:///{tmp_path}/m.db", None)]:
        assert said(address, database) == PURGE_DELETES
