"""What a test logs to a server."""

from __future__ import annotations

import mlflow

from unlearning.stores.mlflow.garbage import MlflowGarbage


def with_files(garbage: MlflowGarbage, count: int) -> tuple[mlflow.MlflowClient, str, str]:
    """A run with as many small files in folders of three; client, run and address of its files."""
    client = mlflow.MlflowClient(garbage.models.uri)
    found = client.get_experiment_by_name("files")
    run = client.create_run(found.experiment_id if found else client.create_experiment("files"))
    for number in range(count):
        client.log_text(run.info.run_id, f"text {number}", f"part{number // 3}/{number}.txt")
    return client, run.info.run_id, str(run.info.artifact_uri)
