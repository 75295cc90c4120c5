"""A world to plant in: a copy of the small project with the servers around it, all of it below one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.plants import World
from tests.postgres import new_database, postgres_server
from tests.servers import free_port, prefect_server, running
from tests.small_project import PARAMS, Project, copy, create

MLFLOW_ROWS = "mlflow-postgres"
"""Label of the database behind MLflow's server."""
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def world(home: Path, template: Project, *, server: bool, whole: bool) -> Iterator[World]:
    """server: MLflow behind a server of its own. whole: with a Prefect server and a versioned S3 remote as well."""
    home.mkdir(parents=True, exist_ok=True)
    project = copy(template, home / "project")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        patch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site"))
        address = stack.enter_context(_mlflow(home, database(project))) if server else database(project)
        project.configure({"stores": {"mlflow": address if server else None}})
        prefect = stack.enter_context(prefect_server(home / "prefect")) if whole else None
        bucket = stack.enter_context(_bucket(project)) if whole else None
        yield World(home, project, address, bucket=bucket, prefect=prefect)


@contextmanager
def postgres_world(home: Path) -> Iterator[World]:
    """Ledger, lineage and MLflow's server on PostgreSQL; skips where none starts."""
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site"))
        server = stack.enter_context(postgres_server())
        ours, theirs = (stack.enter_context(new_database(server)) for _ in range(2))
        address = stack.enter_context(_mlflow(home, theirs))
        stores = {"mlflow": address, "ledger": ours, "lineage": ours}
        project = create(home / "project", params={**PARAMS, "stores": stores})
        yield World(home, project, address, databases={"postgres": ours, MLFLOW_ROWS: theirs})


def postgres_files(world: World) -> Path:
    """The server's data folder, with everything that it wrote down so far."""
    import sqlalchemy as sa

    engine = sa.create_engine(world.databases[MLFLOW_ROWS], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
    engine.dispose()
    return folder


def database(project: Project) -> str:
    """Where MLflow keeps its rows, server or not."""
    return f"sqlite:///{project.root / 'mlflow.db'}"


@contextmanager
def _mlflow(home: Path, rows: str) -> Iterator[str]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", rows, "--artifacts-destination", str(home / "mlflow/artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(command, home / "mlflow/server.log", quiet, f"{address}/health", 180):
        yield address


@contextmanager
def _bucket(project: Project) -> Iterator[tuple[Any, str]]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client, name = boto3.client("s3", endpoint_url=f"http://{host}:{port}"), f"store-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    config = project.root / ".dvc/config"
    config.write_text(
        f"{config.read_text()}['remote \"s3\"']\n    url = s3://{name}/dvc\n    endpointurl = http://{host}:{port}\n"
    )
    project.workspace.data.git.commit("Add a remote", [".dvc/config"])
    try:
        yield client, name
    finally:
        server.stop()
