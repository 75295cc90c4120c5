"""Two worlds with the same canaries: in one each tool deletes by its own means, in the other we do. What is left in each."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.campaign.places import place_of
from tests.campaign.plants import World, come_back
from tests.campaign.scan import Hit, Scanner, with_live_rows
from tests.small_project import SOURCE, TABLES
from unlearning.stores.tables import redaction, tables

UNLEARN = ["-c", "from unlearning.entrypoints.cli import main; main()"]


def look(world: World) -> list[Hit]:
    """Every byte and every live row of a world."""
    scanner = Scanner(tuple(world.canaries))
    scanner.tree(world.home)
    scratch = world.home.parent / f"{world.home.name}-logs"
    scratch.mkdir(exist_ok=True)
    for database in with_live_rows(world.home, scratch):
        scanner.content(database.name, database.read_bytes())
    for label, url in world.databases.items():
        scanner.postgres(url, label)
    if world.bucket:
        scanner.bucket(*world.bucket, "s3-remote/")
    return scanner.found()


def by_place(hits: list[Hit]) -> dict[int, set[str]]:
    """Place → where it was found."""
    found: dict[int, set[str]] = {}
    for hit in hits:
        found.setdefault(place_of(hit.where, hit.canary), set()).add(hit.where)
    return found


# --- each tool's own deletion ---------------------------------------------------------------------------------------


def delete_with_the_tools(world: World) -> None:
    """What each tool's manual says: rewrite and `dvc gc`; `delete_run`, `delete_traces` and `mlflow gc`; `delete_flow_run`."""
    _dvc_gc(world)
    _mlflow_gc(world)
    if world.prefect:
        environment = {**os.environ, "PREFECT_API_URL": world.prefect, "PREFECT_HOME": str(world.home / "prefect")}
        _run(["prefect", "--no-prompt", "flow-run", "delete", str(world.ids["flow_run"])], world.home, environment)


def _dvc_gc(world: World) -> None:
    root, environment = world.project.root, {**os.environ, "DVC_SITE_CACHE_DIR": str(world.home / "dvc-site")}
    for path in TABLES:
        columns = tables.read(root / path).to_pydict()
        keep = [number for number, who in enumerate(columns["patient"]) if who != world.person]
        redaction.write({name: [column[number] for number in keep] for name, column in columns.items()}, root / path)
    _run(["dvc", "add", SOURCE], root, environment)
    _run(["dvc", "commit", "-f"], root, environment)
    _run(["dvc", "push"], root, environment)
    for remote in ["store", "s3"] if world.bucket else ["store"]:
        _run(["dvc", "gc", "-w", "-c", "-f", "-r", remote], root, environment)


def _mlflow_gc(world: World) -> None:
    import mlflow

    client = mlflow.MlflowClient(world.mlflow)
    shaped = client.get_model_version("outcome", "1").run_id
    for run in (world.ids["run"], world.ids["model_run"], shaped):
        client.delete_run(run)
    found = client.search_traces(locations=[world.ids["experiment"]])
    client.delete_traces(world.ids["experiment"], trace_ids=[trace.info.trace_id for trace in found])
    database = f"sqlite:///{world.project.root / 'mlflow.db'}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": world.mlflow}
    _run(["mlflow", "gc", "--backend-store-uri", database, "--tracking-uri", world.mlflow], world.home, environment)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=250)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


# --- ours -----------------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What our software says when it is done."""

    report: Mapping[str, Any]
    swept: Mapping[str, Any]
    certificate: Mapping[str, Any]

    @property
    def left(self) -> list[str]:
        """Every place that the sweep, the certificate or the report names as not clean or out of reach."""
        open_places = [row["place"] for row in self.swept["places"] if row["outcome"] != "verified"]
        residuals = [row["place"] for row in (*self.report["residuals"], *self.report["out_of_reach"])]
        return sorted({*open_places, *residuals, *(row["place"] for row in self.swept["out_of_reach"])})


def erase(world: World, extra: Mapping[str, str] | None = None) -> Told:
    """Request, erase, purge what came of the residuals, sweep for the person: as a user does it, Prefect and all."""
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith("PREFECT_HOME")
        },  # as a user's project has it
        "DVC_SITE_CACHE_DIR": str(world.home / "dvc-site"),
        "TMPDIR": str(world.home / "tmp"),
        **({"PREFECT_API_URL": world.prefect, "PREFECT_HOME": str(world.home / "prefect")} if world.prefect else {}),
        **(extra or {}),
    }
    (world.home / "tmp").mkdir(exist_ok=True)
    root = world.project.root

    def unlearn(*arguments: str, said: str = "", expect: tuple[int, ...] = (0,)) -> Any:
        command = [warm.python(), *UNLEARN, *arguments, "--root", str(root), "--json"]
        done = subprocess.run(command, input=said, env=environment, capture_output=True, text=True, timeout=280)
        if done.returncode not in expect:
            raise RuntimeError(
                f"unlearn {arguments[0]} ended with {done.returncode}: {done.stderr[-4000:]}{done.stdout[-2000:]}"
            )
        (world.home / f"{arguments[0]}.said").write_text(done.stdout + done.stderr)
        return json.loads(done.stdout)

    unlearn("request", "--file", "-", said=world.person)
    report = unlearn("erase", expect=(0, 1))
    swept = unlearn("sweep", "--subject", world.person, expect=(0, 1))
    certificate = json.loads((root / report["certificate"]).read_text())
    return Told(report, swept, certificate)


def behaves(world: World) -> dict[int, bool]:
    """9, 14, 34, 35: what no byte shows."""
    import mlflow

    mlflow.set_tracking_uri(world.mlflow)
    client = mlflow.MlflowClient(world.mlflow)
    return {
        9: _old_revision_lives(world),
        14: not _answers(lambda: mlflow.pyfunc.load_model("models:/outcome/1")),
        34: _load_is_refused(world),
        35: not _answers(lambda: client.set_registered_model_alias("outcome", "champion", "1")),
    }


def _answers(call: Any) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        call()
    except MlflowException:
        return False
    return True


def _old_revision_lives(world: World) -> bool:
    """The old commit's twin: everybody else is there, the person is not."""
    from unlearning.traces import old_revisions

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(world.home / "dvc-site"))
        done = old_revisions.checkout(world.project.workspace, world.ids["old"], into=world.home / "old")
    if done.missing:
        return False
    text = (world.home / "old/data/extra.csv").read_text()
    return world.others[0] in text and world.person not in text


def _load_is_refused(world: World) -> bool:
    from unlearning.domain.errors import Refused
    from unlearning.project.training import stages

    file = world.project.root / SOURCE
    before = file.read_bytes()
    come_back(world)
    try:
        stages.prepare(world.project.workspace)
        stages.check(world.project.workspace)
    except Refused:
        return True
    else:
        return False
    finally:
        file.chmod(0o644)
        file.write_bytes(before)
