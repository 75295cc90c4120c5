"""Canaries in every place, planted with the tools themselves, as users do it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.small_project import SOURCE, TABLES, TRAIN, Project
from unlearning.stores.tables import redaction, tables


@dataclass
class World:
    """One project with everything around it, in one folder, so that one scan sees all of it."""

    home: Path
    project: Project
    mlflow: str
    """The address that users log to."""
    bucket: tuple[Any, str] | None = None
    """S3 client and bucket of a second remote."""
    prefect: str | None = None
    databases: dict[str, str] = field(default_factory=dict)
    """Label → PostgreSQL URL."""
    ids: dict[str, Any] = field(default_factory=dict)
    """What the tools' own deletion needs: runs, experiments."""

    def __post_init__(self) -> None:
        # Of a first slice: the state after it is stale, and nobody loads it any more.
        self.person = next(people[0] for (_, piece), people in sorted(self.project.cells().items()) if piece == 0)
        self.others = [one for one in self.project.people(TRAIN) if one != self.person]

    def canary(self, number: int) -> str:
        """The string that is planted in a place."""
        return f"{self.person}:p{number:02d}"

    @property
    def canaries(self) -> list[str]:
        """Everything that may be found: the person, and what was planted."""
        return [self.person, *(self.canary(number) for number in range(1, 36))]


def plant(world: World) -> None:
    """All of them."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("DVC_SITE_CACHE_DIR", str(world.home / "dvc-site"))
        dvc(world)
        runs(world)
        models(world)
        traces_and_records(world)
        free_pages(world)
        expectations(world)
        checkpoints_and_scratch(world)
        if world.prefect:
            flows(world)
        copies(world)


def dvc(world: World) -> None:
    """1–4, 6–8: a tracked table and folder, both in an old revision, pushed; a run-cache entry; a small file in Git."""
    root, person, repository = world.project.root, world.person, world.project.workspace.data
    extra = root / "data/extra.csv"
    extra.write_text(f"patient,note\n{person},{world.canary(2)}\n{world.others[0]},nothing\n")
    scan = root / "scans" / person / "scan.txt"
    scan.parent.mkdir(parents=True)
    scan.write_text(f"scan of {world.canary(4)}\n")
    (root / "scans/other.txt").write_text("somebody else\n")
    (root / "cohort.txt").write_text(f"first of all {world.canary(8)}\n")
    repository.add(["data/extra.csv", "scans"])
    for remote in [None, "s3"] if world.bucket else [None]:
        repository.push(["data/extra.csv", "scans", *TABLES], remote=remote)
    repository.git.commit("Add scans", ["."])
    world.ids["old"] = repository.git.head
    extra.write_text("patient,note\nnobody-at-all,nothing\n")
    shutil.rmtree(scan.parent)
    (root / "cohort.txt").unlink()
    repository.add(["data/extra.csv", "scans"])
    repository.push(["data/extra.csv", "scans"])
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Take them out"], cwd=root, check=True)
    entry = f"cmd: python scan.py\ndeps:\n- path: scans/{person}/scan.txt\n  md5: {_object(world, 'scans')}\n"
    for store in (root / ".dvc/cache", root / ".dvc-remote"):
        run = store / "runs/ab" / ("ab" + "0" * 62) / ("cd" + "1" * 62)
        run.parent.mkdir(parents=True, exist_ok=True)
        run.write_text(entry)
    (world.home / "dvc-site").mkdir(exist_ok=True)
    subprocess.run(["dvc", "status", "-q"], cwd=root, env={**os.environ}, check=False, capture_output=True)


def _object(world: World, path: str) -> str:
    out = subprocess.run(
        ["git", "show", f"{world.ids['old']}:{path}.dvc"], cwd=world.project.root, capture_output=True, check=True
    )
    return next(line.split()[-1] for line in out.stdout.decode().splitlines() if "md5:" in line)


@contextmanager
def _mlflow(world: World) -> Iterator[Any]:
    """The library at the users' address, in the project's experiment; artifacts never leave the world."""
    import mlflow

    mlflow.set_tracking_uri(world.mlflow)
    mlflow.set_experiment("unlearning")
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(None)


def runs(world: World) -> None:
    """10, 11, 16, 19: a run of a user that says much about a person."""
    others = world.others[:3]
    with _mlflow(world) as mlflow, mlflow.start_run(run_name=f"look at {world.canary(10)}") as run:
        mlflow.set_tag("patient", world.canary(10))
        mlflow.log_param("example", world.canary(10))
        mlflow.log_metric(f"loss/{world.person}", 0.5)
        mlflow.log_text(f"worst of all: {world.canary(11)}", "notes/worst.txt")
        table = pd.DataFrame({"patient": [world.person, *others], "loss": [0.9, 0.1, 0.2, 0.3]})
        table.to_parquet(world.home / "losses.parquet")
        mlflow.log_artifact(str(world.home / "losses.parquet"), f"by-person/{others[0]}")
        (world.home / "losses.parquet").unlink()
        mlflow.log_table({"patient": [world.canary(19), *others], "shap": [0.9, 0.1, 0.2, 0.3]}, "shap.json")
        mlflow.log_dict({world.canary(19): {"age": 0.3}}, "confusion/examples.json")
        data = mlflow.data.from_pandas(table, name=f"cohort {world.canary(16)}", source=f"s3://cohorts/{world.person}/x.csv")
        mlflow.log_input(data, context="evaluation")
        world.ids["run"] = run.info.run_id
        world.ids["experiment"] = run.info.experiment_id
    with _mlflow(world) as mlflow, mlflow.start_run() as run:  # one that its owner thinks is deleted
        mlflow.log_text(f"deleted: {world.canary(11)}", "worst.txt")
        mlflow.set_tag("patient", world.canary(10))
    mlflow.MlflowClient(world.mlflow).delete_run(run.info.run_id)
    world.ids["deleted_run"] = run.info.run_id


def models(world: World) -> None:
    """12–15, 29: a user's own model with an input example, notes on the version that serves, a child of it."""
    from sklearn.linear_model import LinearRegression

    with _mlflow(world) as mlflow, mlflow.start_run() as run:
        example = pd.DataFrame({"patient": [world.canary(12)], "age": [50.0]})
        fitted = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
        cohort = {"cohort": world.canary(13)}
        logged = mlflow.sklearn.log_model(fitted, name="own", input_example=example, params=cohort, pip_requirements=[])
        client = mlflow.MlflowClient(world.mlflow)
        client.set_model_version_tag("outcome", "1", "worst_patient", world.canary(15))
        client.update_model_version("outcome", "1", f"asked for by {world.canary(14)}")
        child = _other_model(mlflow, world.canary(29))
        client.create_registered_model("child")
        derived = {"unlearning.derived_from": "outcome/1", "unlearning.derived_kind": "distilled"}
        client.create_model_version("child", f"models:/{child}", run.info.run_id, tags=derived, model_id=child)
        world.ids["model_run"], world.ids["logged"] = run.info.run_id, logged.model_id
    from unlearning.lineage import follow

    follow.follow(world.project.workspace)


def _other_model(mlflow: Any, memory: str) -> str:
    """A model whose weights hold a canary: no text, so only its owner can make it again."""
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier

    fitted = KNeighborsClassifier(n_neighbors=1).fit([[0.0], [1.0]], np.array([memory, "nobody"]))
    return str(mlflow.sklearn.log_model(fitted, name="child", pip_requirements=[]).model_id)


def traces_and_records(world: World) -> None:
    """17, 18."""
    with _mlflow(world) as mlflow:
        with mlflow.start_span("predict") as span:
            span.set_inputs({"patient": world.canary(17)})
            span.set_outputs({"answer": f"{world.canary(17)} is ill"})
        mlflow.flush_trace_async_logging()
        _as_a_file(span.trace_id)
        data = mlflow.genai.datasets.create_dataset(name="golden", experiment_id=world.ids["experiment"])
        for who, answer in ((world.canary(18), "ill"), ("somebody else", "well")):
            data.merge_records([{"inputs": {"patient": who}, "expectations": {"expected_response": answer}}])


def _as_a_file(trace_id: str) -> None:
    """Keep a trace's spans in its folder of artifacts too.

    Whether they are there or in the database is decided by which of MLflow's own two threads comes first.
    """
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION

    trace = MlflowClient().get_trace(trace_id)
    folder = get_artifact_repository(trace.info.tags[MLFLOW_ARTIFACT_LOCATION])
    folder.upload_trace_data(json.dumps(trace.data.to_dict()))


def free_pages(world: World) -> None:
    """24: rows that were deleted, still to be read on free pages of MLflow's database."""
    for database in (world.project.root / "mlflow.db", world.home / "mlflow/server.db"):
        if database.exists():
            with closing(sqlite3.connect(database, timeout=30)) as connection:
                connection.execute("PRAGMA secure_delete = OFF")
                key = [(f"{world.canary(24)}", str(number)) for number in range(200)]
                connection.executemany("INSERT INTO experiment_tags VALUES (?, ?, 0)", [(b, a) for a, b in key])
                connection.commit()
                connection.execute("DELETE FROM experiment_tags WHERE value = ?", [world.canary(24)])
                connection.commit()
    for url in world.databases.values():
        _dead_rows(url, world.canary(24))


def _dead_rows(url: str, canary: str) -> None:
    """The same in PostgreSQL, which keeps them until `VACUUM`, and what it wrote to its log for longer."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (said text)")
        connection.execute(sa.text("INSERT INTO notes SELECT :canary FROM generate_series(1, 200)"), {"canary": canary})
        connection.exec_driver_sql("DELETE FROM notes")
    engine.dispose()


def expectations(world: World) -> None:
    """25–27: a user's own Great Expectations project with its default result format."""
    import great_expectations as gx
    import great_expectations.expectations as expect

    context = gx.get_context(mode="file", project_root_dir=str(world.project.root))
    batch = context.data_sources.add_pandas("own").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name="own"))
    suite.add_expectation(expect.ExpectColumnValuesToBeInSet(column="patient", value_set=["nobody", world.canary(27)]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="own", data=batch, suite=suite))
    checkpoint = context.checkpoints.add(gx.Checkpoint(name="own", validation_definitions=[definition]))
    checkpoint.run(batch_parameters={"dataframe": pd.DataFrame({"patient": [world.canary(25), "nobody"]})})
    context.build_data_docs()


def checkpoints_and_scratch(world: World) -> None:
    """28, 31: bytes in a checkpoint of the person's slice, spools of trainings that died, a draft of a killed run."""
    from unlearning.domain.versions import ModelVersion
    from unlearning.project.training.registration import record_of

    workspace = world.project.workspace
    record = record_of(workspace, ModelVersion("outcome", 1))
    shard, piece = next(cell for cell, people in world.project.cells().items() if world.person in people)
    key = next(chain for chain in record.chain.shards if chain.shard == shard).keys[piece + 1]
    for file in (world.project.root / ".unlearning/checkpoints").rglob(f"{key}*"):
        if file.is_file():
            file.chmod(0o644)
            with file.open("ab") as stream:
                stream.write(world.canary(28).encode())
    scratch = world.project.root / ".unlearning/tmp"
    for folder, name in (("spool-0123456789abcdef", "features.npy"), ("twin-killed", "object"), ("E-0", "train.parquet")):
        (scratch / folder).mkdir(parents=True, mode=0o700)
        (scratch / folder / name).write_text(world.canary(31))
    spool = workspace.sealed_spool(str(world.home / "spool"))
    with spool.opened():
        killed = Path(spool.folder) / "0-killed"  # sealed in truth, so that no scan would find it
    killed.mkdir()
    (killed / "0").write_text(world.canary(31))


def flows(world: World) -> None:
    """20–23: a user's own flow on the same Prefect server."""
    script = Path(__file__).with_name("user_flow.py")
    shutil.copy(script, world.home / "user_flow.py")
    environment = {**os.environ, "PREFECT_API_URL": str(world.prefect), "PREFECT_HOME": str(world.home / "prefect")}
    canaries = [world.canary(number) for number in (20, 21, 22, 23)]
    done = subprocess.run(
        ["python", "user_flow.py", *canaries], cwd=world.home, env=environment, capture_output=True, text=True
    )
    (world.home / "user_flow.py").unlink()
    world.ids["flow_run"] = json.loads(done.stdout.splitlines()[-1])["flow_run"]


def copies(world: World) -> None:
    """5, 32: a clone with its own cache, and a backup."""
    shutil.copytree(world.project.root, world.home / "clone", symlinks=True)
    with tarfile.open(world.home / "backup.tar.gz", "w:gz") as backup:
        backup.add(world.project.root / ".dvc/cache", "cache")


def come_back(world: World) -> None:
    """34: the next load of the source table brings the person again."""
    columns = tables.read(world.project.root / SOURCE).to_pydict()
    longer = {name: [*column, column[0]] for name, column in columns.items()}
    redaction.write({**longer, "patient": [*columns["patient"], world.person]}, world.project.root / SOURCE)
