"""Addresses, a good guest in the caller's process, and the first use of a new store."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

from tests.ensembles import TABLE, registered
from tests.servers import free_port
from unlearning.domain.errors import Damaged, Unavailable, WrongUse
from unlearning.stores.mlflow import connection
from unlearning.stores.mlflow.connection import address, quiet, silence
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate


def test_addresses_are_relative_to_the_project(tmp_path: Path) -> None:
    assert address(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert address("sqlite:///runs/ml.db", tmp_path) == f"sqlite:///{tmp_path}/runs/ml.db"
    assert address("sqlite:////srv/ml.db", tmp_path) == "sqlite:////srv/ml.db"
    assert address("http://host:5000/", tmp_path) == "http://host:5000"
    assert address("postgresql+psycopg2://u:p@host/db", tmp_path) == "postgresql+psycopg2://u:p@host/db"
    for unusable in ("mlruns", "file:///srv/mlruns", "databricks"):
        with pytest.raises(WrongUse, match="sqlite:///"):
            address(unusable, tmp_path)


def test_a_server_that_is_down_is_named_within_seconds(tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    start = time.perf_counter()
    with pytest.raises(Unavailable, match=uri):
        MlflowModels(uri, "unlearning", tmp_path).versions("diagnosis")
    assert time.perf_counter() - start < 15


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    models = MlflowModels(f"postgresql://mlflow:secret@127.0.0.1:{port}/mlflow", "unlearning", tmp_path)
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}") as raised:
        models.names()
    assert "secret" not in str(raised.value)


def test_the_callers_mlflow_is_as_before(local: MlflowModels, candidate: Candidate, tmp_path: Path) -> None:
    theirs = f"sqlite:///{tmp_path}/theirs.db"
    local.names()
    (tmp_path / "theirs.db").write_bytes((tmp_path / "mlflow.db").read_bytes())
    before, level = mlflow.get_tracking_uri(), logging.getLogger("mlflow").level
    mlflow.set_tracking_uri(theirs)
    try:
        with mlflow.start_run() as active:
            environment = dict(os.environ)
            version = registered(local, candidate)
            local.predict(version, TABLE)
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert mlflow.get_tracking_uri() == theirs
            assert dict(os.environ) == environment
            assert logging.getLogger("mlflow").level == level
        run = mlflow.get_run(active.info.run_id)
        assert (run.data.params, run.data.metrics, run.inputs.dataset_inputs) == ({}, {}, [])
        assert [each.name for each in mlflow.search_registered_models()] == []
    finally:
        mlflow.set_tracking_uri(before)


def test_threads_find_the_environment_as_they_left_it(local: MlflowModels) -> None:
    local.names()
    before = dict(os.environ)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: local.names(), range(12))) == [[]] * 12
    assert dict(os.environ) == before


FIRST_USE = """
import sys
from pathlib import Path
from unlearning.stores.mlflow.models import MlflowModels
print(MlflowModels(None, "unlearning", Path(sys.argv[1])).aliases("diagnosis"))
"""


def test_first_use_is_silent_leaves_nothing_in_the_working_folder_and_survives_company(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    command = [sys.executable, "-c", FIRST_USE, str(root)]
    together = [
        subprocess.Popen(command, cwd=elsewhere, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [(*each.communicate(timeout=120), each.returncode) for each in together] == [("{}\n", "", 0)] * 2
    assert sorted(path.name for path in root.iterdir()) == [".unlearning", "mlflow.db"]
    assert list(elsewhere.iterdir()) == []


def test_an_interrupted_first_use_leaves_no_half_made_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.db import utils

    models, create = MlflowModels(None, "unlearning", tmp_path), utils._initialize_tables

    def interrupted(engine: Any) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE half (made TEXT)")
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_initialize_tables", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.names()
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setattr(utils, "_initialize_tables", create)
    assert models.names() == []


@pytest.mark.parametrize("content", [b"[" * 5000, b"SQLite format 3\0" + b"\xff" * 200, None], ids=["text", "noise", "pipe"])
def test_a_database_that_is_none_is_named_with_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    os.mkfifo(file) if content is None else file.write_bytes(content)
    with pytest.raises(Damaged, match=r"mlflow\.db cannot be read .*restore it from a backup, or correct stores\.mlflow"):
        MlflowModels(None, "unlearning", tmp_path).names()


def test_around_many_silences_levels_are_set_once_and_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    log, levels = logging.getLogger(mlflow.__name__), []
    before = log.level
    with quiet():
        monkeypatch.setattr(logging.Logger, "setLevel", lambda _, level: levels.append(level))
        with silence():
            assert log.level == logging.CRITICAL
        monkeypatch.undo()
    assert levels == []
    assert log.level == before != logging.CRITICAL


@pytest.mark.parametrize(
    ("uri", "reached"),
    [
        ("postgresql://db/mlflow", ("db", 5432, None)),
        ("postgresql://db:6432/mlflow", ("db", 6432, None)),
        ("postgresql:///mlflow?host=db&port=6432", ("db", 6432, None)),
        ("postgresql+psycopg2://me@/mlflow?host=/run/postgresql&port=6432", ("/run/postgresql", 6432, "/run/postgresql")),
        ("postgresql:///mlflow?host=/run/postgresql", ("/run/postgresql", 5432, "/run/postgresql")),
        ("mysql+pymysql://db/mlflow", ("db", 3306, None)),
    ],
)
def test_a_database_is_asked_for_where_its_address_says(
    uri: str, reached: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(connection, "_connect", lambda *where: asked.append(where))
    connection.knock(uri, uri)
    assert asked == [reached]
