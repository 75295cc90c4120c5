"""Training and erasure as a deployment starts them: by a project's folder, on the task runner that its `params.yaml` names.

Apart from `deployments.py`, which is started as `__main__`: a flow that is defined there is found by no other process. What a
flow needs it imports once it runs: a process of Prefect reads this module first, and nobody sees a run begin before that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow


@flow(name="unlearning-erase", flow_run_name="erase", persist_result=False)
def erase(root: str = ".", request_id: str | None = None, replay: bool = False) -> list[Any]:
    """Carry out every open request of a project in one batch, on the task runner that `params.yaml` names.

    request_id: the opaque id that an event announced; the run fails when the ledger does not know it.
    """
    from unlearning.erasure import batches
    from unlearning.project.requests import chosen
    from unlearning.project.workspace import open_workspace

    workspace = open_workspace(Path(root))
    if request_id is not None:
        chosen(workspace, [request_id])
    if not batches.has_work(workspace, ()):  # as every hour, and for a request that waits for others
        return []
    from unlearning.entrypoints.flows import erase as erasing

    return erasing.run(workspace, [], replay=replay)


@flow(name="unlearning-train", flow_run_name="train", persist_result=False)
def train(root: str = ".", models: list[str] | None = None) -> list[Any]:
    """Train what is missing of these models, or of all that the project trains; judge, register, move the alias that may.

    models: names of registered models that the project trains.
    """
    from unlearning.entrypoints.flows import train as training
    from unlearning.project.workspace import open_workspace

    return training.run_each(open_workspace(Path(root)).among(models or []))


@flow(name="unlearning-retire", flow_run_name="retire", persist_result=False)
def retire(root: str = ".") -> Any:
    """Take out the rows that are older than the rules of retention allow, on the task runner that `params.yaml` names."""
    from unlearning.entrypoints.flows import retire as retiring
    from unlearning.project.workspace import open_workspace

    return retiring.run(open_workspace(Path(root)))
