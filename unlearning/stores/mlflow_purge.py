"""Leaving nothing of a model version in MLflow: part of the home of MLflow, with `stores/models.py`.

MLflow's own deletion leaves version tags, inputs and data sets, and a version that still loads. The order that leaves nothing:
aliases away, the version's tags, the version, its logged models, its run, then `mlflow gc` of those, then our clean-up of
inputs, data sets and free pages. Everything may run again after a crash. A tracking server cannot collect its own garbage:
that part needs the address of its database; without one it is left to an administrator.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from unlearning.entities import ModelVersion, Trace
from unlearning.errors import Unavailable
from unlearning.stores import mlflow_rows
from unlearning.stores.models import MlflowModels
from unlearning.stores.tracking import global_address, mlflow_exception, silence

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERSION, MODEL, RUN, DATASET = KINDS = ("model version", "logged model", "run", "data set")


@dataclass(frozen=True)
class MlflowGarbage:
    """What is left of model versions, and how to leave nothing."""

    models: MlflowModels
    database: str | None = None
    """Of the tracking server, where it may be opened directly; without a server, MLflow's address is its database."""

    @property
    def backend(self) -> str | None:
        """The database that can be opened, or None."""
        return self.database if self.models.uri.startswith("http") else self.models.uri

    def of(self, version: ModelVersion, run_id: str | None) -> list[Trace]:
        """What there is of a version: itself, its logged models, its run, and data sets of no other run."""
        found = [Trace(str(version), VERSION)]
        if run_id is None:
            return self.still(found)
        with self.models.client() as client:
            run = ask(client.get_run, run_id)
            if run is not None:
                outputs = run.outputs.model_outputs if run.outputs else []
                found += [Trace(one.model_id, MODEL, self._location(client, one.model_id)) for one in outputs]
                found.append(Trace(run_id, RUN, str(run.info.artifact_uri)))
        if self.backend is not None:
            with self.store() as store:
                found += [Trace(one, DATASET) for one in mlflow_rows.own_datasets(store, run_id)]
        return self.still(found)

    def still(self, traces: Iterable[Trace]) -> list[Trace]:
        """Those of the traces that are there: a row, or files without a row."""
        wanted = list(traces)
        with self.models.client() as client:
            return [trace for trace in wanted if self._row(client, trace) or (trace.location and self._files(trace.location))]

    def forget(self, traces: Sequence[Trace], *, aliases_to: ModelVersion | None) -> None:
        """Delete them, as far as this address lets us. aliases_to: where aliases of a deleted version go; None drops them."""
        with self.models.client() as client:
            for trace in sorted(traces, key=lambda one: KINDS.index(one.kind)):
                _delete(client, trace, aliases_to)
            for location in sorted({trace.location for trace in traces} - {""}):
                self._delete_files(location)
        if self.backend is not None:
            self._collect(traces)

    def _collect(self, traces: Sequence[Trace]) -> None:
        """`mlflow gc` for these runs and logged models alone, then what it leaves."""
        names = {kind: [trace.name for trace in traces if trace.kind == kind] for kind in KINDS}
        with self.store() as store:
            from mlflow import cli

            datasets = {*names[DATASET], *(one for run in names[RUN] for one in mlflow_rows.own_datasets(store, run))}
            collect: Any = cli._gc_tracking_resources  # untyped in MLflow; what `mlflow gc` calls
            collect(
                backend_store=store,
                run_ids=[one for one in names[RUN] if mlflow_rows.exists(store, "run", one)],
                experiment_ids=None,
                logged_model_ids=[one for one in names[MODEL] if mlflow_rows.exists(store, "logged model", one)],
                older_than=None,
                time_delta=0,
                skip_experiments=True,
                skip_logged_models=False,
                ignore_not_found=True,
            )
            mlflow_rows.delete_inputs(store, [*names[RUN], *names[MODEL]], sorted(datasets))
            mlflow_rows.delete_version_tags(store, names[VERSION])
            mlflow_rows.compact(store)

    def _row(self, client: MlflowClient, trace: Trace) -> bool:
        """Something in MLflow's database is left of it; without that database, as far as its API says."""
        if trace.kind == VERSION:
            name, _, number = trace.name.rpartition("/")
            return ask(client.get_model_version, name, number) is not None
        if self.backend is not None:
            with self.store() as store:
                return mlflow_rows.exists(store, trace.kind, trace.name)
        if trace.kind == RUN:
            return ask(client.get_run, trace.name) is not None
        return trace.kind == MODEL and ask(client.get_logged_model, trace.name) is not None

    def _location(self, client: MlflowClient, model_id: str) -> str:
        """Where a logged model's files lie, also of one that was deleted softly and whose database can be opened."""
        model = ask(client.get_logged_model, model_id)
        if model is None and self.backend is not None:
            with self.store() as store:
                return mlflow_rows.location(store, model_id)
        return "" if model is None else str(model.artifact_location)

    def _files(self, location: str) -> bool:
        if (folder := local_folder(location)) is not None:
            return folder.exists() and any(file.is_file() for file in folder.rglob("*"))
        with self.artifacts(location) as artifacts:
            return bool(artifacts.list_artifacts())

    def _delete_files(self, location: str) -> None:
        if self._files(location):
            with self.artifacts(location) as artifacts:
                artifacts.delete_artifacts()

    @contextlib.contextmanager
    def artifacts(self, location: str) -> Any:
        """MLflow's files below an address. Raises Unavailable."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with silence(), global_address(self.models.uri):
            try:
                yield get_artifact_repository(location)
            except OSError as error:  # also what the `requests` library raises
                raise Unavailable(
                    f"MLflow's artifacts did not answer or refused ({type(error).__name__}); make them writable, run again"
                ) from error

    @contextlib.contextmanager
    def store(self) -> Any:
        """MLflow's tracking store, opened on the database itself; only where there is a `backend`."""
        with silence(), global_address(self.models.uri), contextlib.redirect_stdout(io.StringIO()):
            from mlflow.tracking._tracking_service import utils

            service: Any = utils  # untyped in MLflow
            yield service._get_store(self.backend)


def _delete(client: MlflowClient, trace: Trace, aliases_to: ModelVersion | None) -> None:
    """As MLflow's API deletes: for runs and logged models a mark, nothing more."""
    if trace.kind == VERSION:
        _delete_version(client, trace.name, aliases_to)
    elif trace.kind == MODEL:
        ask(client.delete_logged_model, trace.name)
    elif trace.kind == RUN:
        run = ask(client.get_run, trace.name)
        if run is not None and run.info.lifecycle_stage != "deleted":
            client.delete_run(trace.name)


def _delete_version(client: MlflowClient, named: str, aliases_to: ModelVersion | None) -> None:
    name, _, number = named.rpartition("/")
    version = ask(client.get_model_version, name, number)
    if version is None:
        return
    for alias, behind in dict(client.get_registered_model(name).aliases).items():
        if str(behind) == number and aliases_to is not None and aliases_to.name == name:
            client.set_registered_model_alias(name, alias, str(aliases_to.version))
    for key in list(version.tags):
        client.delete_model_version_tag(name, number, key)
    client.delete_model_version(name, number)


def ask(call: Any, *arguments: Any) -> Any:
    """What MLflow answers; None for something that does not exist."""
    try:
        return call(*arguments)
    except mlflow_exception() as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            return None
        raise


def local_folder(location: str) -> Path | None:
    """The folder on this machine that an address of MLflow's names; None for one elsewhere."""
    if location.startswith("/"):
        return Path(location)
    return Path(unquote(urlsplit(location).path)) if location.startswith("file:") else None
