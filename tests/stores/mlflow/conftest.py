"""The registry in SQLite and behind a server that lives as long as the session, and a candidate for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.servers import mlflow_server
from tests.stores.mlflow.ensembles import DATA, SHARDS, exported, vote
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate


@pytest.fixture(scope="session")
def program() -> bytes:
    """One number and one feature of two categories in, so three columns; two probabilities out."""
    return exported(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Softmax(dim=1)), 3)


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite store, made once; a test gets a copy."""
    root = tmp_path_factory.mktemp("blank")
    MlflowModels(None, "unlearning", root).names()
    return root / "mlflow.db"


@pytest.fixture
def local(tmp_path: Path, blank_store: Path) -> MlflowModels:
    (tmp_path / "mlflow.db").write_bytes(blank_store.read_bytes())
    return MlflowModels(None, "unlearning", tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.services)])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> MlflowModels:
    """The registry at each kind of address, with an experiment of its own."""
    if request.param == "sqlite":
        found: MlflowModels = request.getfixturevalue("local")
        return found
    return MlflowModels(request.getfixturevalue("server")[0], tmp_path.name, tmp_path)


@pytest.fixture
def candidate(program: bytes, tmp_path: Path) -> Candidate:
    return Candidate(
        model=f"diagnosis-{tmp_path.name}",
        idempotency=f"attempt-1-{tmp_path.name}",
        template=program,
        constituents={shard: vote(shard / 10) for shard in range(SHARDS)},
        features=("age", "ward"),
        categories={"ward": ("a", "b")},
        labels=("ill", "well"),
        data=DATA,
        params={"shards": SHARDS, "epochs": 3},
        metrics={"accuracy": 0.9},
        shard_metrics={shard: {"accuracy": 0.8} for shard in range(SHARDS)},
        tags={"unlearning.recipe": "r" * 64},
        extra_artifacts={"chain.json": b'{"seed":0}'},
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a tracking server, and of its database."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder) as address:
        yield address, f"sqlite:///{folder / 'server.db'}"


@pytest.fixture
def served(server: tuple[str, str], tmp_path: Path) -> MlflowGarbage:
    return MlflowGarbage(MlflowModels(server[0], "unlearning", tmp_path))
