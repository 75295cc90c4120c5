"""Leaving nothing of a model version in MLflow: part of the home of MLflow, with `models.py`.

MLflow's own deletion leaves version tags, inputs and data sets, and a version that still loads. The order that leaves nothing:
aliases away, the version's tags, the version, its logged models, its run, then `mlflow gc` of those, then our clean-up of
inputs, data sets and free pages. Everything may run again after a crash. A tracking server cannot collect its own garbage:
that part needs the address of its database; without one it is left to an administrator.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearning.domain.lean_import import importing
from unlearning.domain.traces import Trace
from unlearning.domain.versions import ModelVersion
from unlearning.stores.mlflow import api
from unlearning.stores.mlflow import rows as mlflow_rows
from unlearning.stores.mlflow.connection import global_address, mlflow_exception, silence
from unlearning.stores.mlflow.files import MlflowFiles
from unlearning.stores.mlflow.models import MlflowModels

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

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

    @property
    def files(self) -> MlflowFiles:
        """What is logged there besides rows."""
        return MlflowFiles(self.models.uri, self.models.scratch)

    def of(
        self,
        versions: Iterable[tuple[ModelVersion, str | None]],
        more: Collection[str] = (),
        *,
        spared: Collection[str] = (),
    ) -> list[Trace]:
        """What there is of versions and their runs: themselves, their logged models, their runs, data sets of no other run.

        more: runs that go with them. spared: logged models that one of the runs names and that are not theirs.
        """
        wanted = list(versions)
        runs = {run_id for _, run_id in wanted if run_id is not None} | set(more)
        found = [Trace(str(version), VERSION) for version, _ in wanted]
        with self.models.client() as client:
            there = api.runs(client, runs)
            found += [Trace(run.info.run_id, RUN, str(run.info.artifact_uri)) for run in there]
            made = self._made_by(client, there)
            found += [Trace(model_id, MODEL, location) for model_id, location in made if model_id not in spared]
        if self.backend is not None:
            with self.store() as store:
                found += [Trace(one, DATASET) for run_id in sorted(runs) for one in mlflow_rows.own_datasets(store, run_id)]
        return found

    def _made_by(self, client: MlflowClient, runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
        """(id, address of its files) of the logged models of these runs."""
        for model in api.logged_models(client, "source_run_id", [run.info.run_id for run in runs]):
            yield model.model_id, str(model.artifact_location)
        for run in runs:
            # Once a run is deleted its models are too, or found by their source above; only their rows could say more.
            if self.backend is not None or run.info.lifecycle_stage != "deleted":
                outputs = client.get_run(run.info.run_id).outputs  # a search does not say which models came out
                for one in outputs.model_outputs if outputs else ():
                    yield one.model_id, self._location(client, one.model_id)

    def still(self, traces: Iterable[Trace]) -> list[Trace]:
        """Those of the traces that are there: a row, or files without a row."""
        wanted = list(traces)
        names = {kind: {trace.name for trace in wanted if trace.kind == kind} for kind in KINDS}
        rows = {kind: self._rows(kind, names[kind]) for kind in KINDS if names[kind]}
        unknown = [trace for trace in wanted if trace.name not in rows[trace.kind]]
        files = self.files.holding({trace.location for trace in unknown if trace.location})
        return [trace for trace in wanted if trace.name in rows[trace.kind] or trace.location in files]

    def forget(self, traces: Sequence[Trace], *, aliases_to: Collection[ModelVersion] = ()) -> None:
        """Delete them, as far as this address lets us. aliases_to: where aliases of a deleted version of the same model go."""
        with self.models.client() as client:
            for trace in sorted(traces, key=lambda one: KINDS.index(one.kind)):
                _delete(client, trace, aliases_to)
            for location in sorted(self.files.holding({trace.location for trace in traces} - {""})):
                self.files.delete(location)
        if self.backend is not None:
            self._collect(traces)

    def _collect(self, traces: Sequence[Trace]) -> None:
        """`mlflow gc` for these runs and logged models alone, then what it leaves."""
        names = {kind: [trace.name for trace in traces if trace.kind == kind] for kind in KINDS}
        with self.store() as store:
            with importing(absent=("mlflow.assistant.cli",)):  # its web server, of which a collection needs nothing
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

    def _rows(self, kind: str, names: Collection[str]) -> set[str]:
        """Those of which something in MLflow's database is left; without that database, as far as its API says."""
        if kind == VERSION:
            models = {name.rpartition("/")[0] for name in names}
            return {str(version.model) for name in models for version in self.models.versions(name)} & set(names)
        if self.backend is not None:
            with self.store() as store:
                return {name for name in names if mlflow_rows.exists(store, kind, name)}
        with self.models.client() as client:
            if kind == RUN:
                return {run.info.run_id for run in api.runs(client, names)}
            return {model.model_id for model in api.logged_models(client, "model_id", names)} if kind == MODEL else set()

    def _location(self, client: MlflowClient, model_id: str) -> str:
        """Where a logged model's files lie, also of one that was deleted softly and whose database can be opened."""
        model = ask(client.get_logged_model, model_id)
        if model is None and self.backend is not None:
            with self.store() as store:
                return mlflow_rows.location(store, model_id)
        return "" if model is None else str(model.artifact_location)

    @contextlib.contextmanager
    def store(self) -> Any:
        """MLflow's tracking store, opened on the database itself; only where there is a `backend`."""
        with silence(), global_address(self.models.uri), contextlib.redirect_stdout(io.StringIO()):
            from mlflow.tracking._tracking_service import utils

            service: Any = utils  # untyped in MLflow
            yield service._get_store(self.backend)


def _delete(client: MlflowClient, trace: Trace, aliases_to: Collection[ModelVersion]) -> None:
    """As MLflow's API deletes: for runs and logged models a mark, nothing more."""
    if trace.kind == VERSION:
        _delete_version(client, trace.name, aliases_to)
    elif trace.kind == MODEL:
        ask(client.delete_logged_model, trace.name)
    elif trace.kind == RUN:
        run = ask(client.get_run, trace.name)
        if run is not None and run.info.lifecycle_stage != "deleted":
            client.delete_run(trace.name)


def _delete_version(client: MlflowClient, named: str, aliases_to: Collection[ModelVersion]) -> None:
    name, _, number = named.rpartition("/")
    version = ask(client.get_model_version, name, number)
    if version is None:
        return
    for alias, behind in dict(client.get_registered_model(name).aliases).items():
        for clean in aliases_to:
            if str(behind) == number and clean.name == name:
                client.set_registered_model_alias(name, alias, str(clean.version))
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
