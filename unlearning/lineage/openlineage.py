"""OpenLineage out: training, following and erasing tell a file or a lineage server what went in and what came out.

Run events as https://openlineage.io/spec/2-0-2/OpenLineage.json defines them. Off unless `params.yaml` names a target. A target
that is away never stops the work: the ledger is the truth, and it says what could not be sent. Nothing in an event is about a
person: data versions and model versions, by names that hold nobody.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from unlearning import __version__
from unlearning.domain.events import LineageNotSent
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.project.settings import OPENLINEAGE_KEY

if TYPE_CHECKING:
    from unlearning.domain.events import AdoptedPromoted, AdoptedRetrained
    from unlearning.project.workspace import Workspace

SPEC = "https://openlineage.io/spec"
PRODUCER = f"https://pypi.org/project/mlflow-unlearning/{__version__}"

_PATIENCE_S = 5
_FACETS = {
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "tags": "1-0-0/TagsRunFacet",
}
"""Facet → version and name of its schema."""

State = Literal["START", "COMPLETE", "FAIL"]
Dataset = dict[str, Any]

progress = logging.getLogger("unlearning.progress")


@dataclass
class Told:
    """What one run read and made; filled while it runs, told when it ends."""

    job: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    inputs: list[Dataset] = field(default_factory=list)
    outputs: list[Dataset] = field(default_factory=list)


@contextmanager
def reported(workspace: Workspace, job: str, **tags: str) -> Iterator[Told]:
    """Tell of a run when it starts, and how it ended when it does; what happens inside is never changed by that."""
    told = Told(f"{workspace.settings.model or workspace.root.name}.{job}", str(uuid.uuid4()), tags)
    send(workspace, event("START", told, namespace=_namespace(workspace), at=datetime.now(UTC)))
    try:
        yield told
    except BaseException as error:
        kind = type(error).__name__
        send(workspace, event("FAIL", told, namespace=_namespace(workspace), at=datetime.now(UTC), error=kind))
        raise
    send(workspace, event("COMPLETE", told, namespace=_namespace(workspace), at=datetime.now(UTC)))


# --- events: pure ----------------------------------------------------------------------------------------------------


def event(state: State, told: Told, *, namespace: str, at: datetime, error: str | None = None) -> dict[str, Any]:
    """One run event. error: the kind of what went wrong, in place of its words, which may quote somebody else's."""
    run: dict[str, Any] = {}
    if told.tags:
        tags = [{"key": key, "value": value, "source": "INTEGRATION"} for key, value in sorted(told.tags.items())]
        run["tags"] = _facet("tags", tags=tags)
    if error is not None:
        run["errorMessage"] = _facet("errorMessage", message=error, programmingLanguage="python")
    kind = _facet("jobType", processingType="BATCH", integration="MLFLOW_UNLEARNING", jobType="JOB")
    return {
        "eventType": state,
        "eventTime": at.isoformat(),
        "run": {"runId": told.run_id, "facets": run},
        "job": {"namespace": namespace, "name": told.job, "facets": {"jobType": kind}},
        "inputs": told.inputs,
        "outputs": told.outputs,
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def table(workspace: Workspace, path: str, object_hash: str) -> Dataset:
    """A data version: its path in this DVC repository, and DVC's name for the content."""
    return _dataset(f"dvc://{workspace.root.name}", path, version=object_hash, kind="FILE")


def data(workspace: Workspace, version: DataVersion) -> Dataset:
    """A data version."""
    return table(workspace, version.path, version.object)


def model(workspace: Workspace, version: ModelVersion) -> Dataset:
    """A model version: its registered model at this registry."""
    return _dataset(workspace.models.shown, version.name, version=str(version.version), kind="MODEL")


def _dataset(namespace: str, name: str, *, version: str, kind: str) -> Dataset:
    facets = {
        "version": _facet("version", datasetVersion=version),
        "datasetType": _facet("datasetType", datasetType=kind),
    }
    return {"namespace": namespace, "name": name, "facets": facets}


def _facet(name: str, **values: Any) -> dict[str, Any]:
    version = _FACETS[name]
    schema = f"{SPEC}/facets/{version}.json#/$defs/{version.rpartition('/')[2]}"
    return {"_producer": PRODUCER, "_schemaURL": schema, **values}


# --- sending ---------------------------------------------------------------------------------------------------------


def send(workspace: Workspace, told: Mapping[str, Any]) -> None:
    """Hand an event to the target, if there is one; what could not be sent is said aloud and written into the ledger."""
    target = workspace.settings.openlineage
    if target is None:
        return
    try:
        if target.file is not None:
            _append(workspace, target.file, told)
        else:
            _post(f"{str(target.url).rstrip('/')}/api/v1/lineage", told)
    except OSError as error:  # urllib's errors are OSErrors too
        why = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        progress.warning("OpenLineage: %s of %s was not sent (%s)", told["eventType"], told["job"]["name"], why)
        missed = LineageNotSent(job=told["job"]["name"], run=told["run"]["runId"], state=told["eventType"], why=why)
        workspace.ledger.append("openlineage", missed, at=datetime.now(UTC))


def _append(workspace: Workspace, file: str, told: Mapping[str, Any]) -> None:
    path = workspace.path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(told, ensure_ascii=False) + "\n")


def _post(url: str, told: Mapping[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(OPENLINEAGE_KEY):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(told).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=_PATIENCE_S):
        pass


def _namespace(workspace: Workspace) -> str:
    target = workspace.settings.openlineage
    return target.namespace if target else ""


# --- what the flows tell ---------------------------------------------------------------------------------------------


def tell_training(workspace: Workspace, told: Told, done: Mapping[str, Any]) -> None:
    """The training table went in, the registered version came out."""
    version = workspace.lineage.data_version(done["data_version"], workspace.own.data.train)
    told.inputs += [data(workspace, version)] if version else []
    told.outputs.append(model(workspace, ModelVersion(done["model"], done["version"])))


def tell_erasure(workspace: Workspace, told: Told, report: Mapping[str, Any], redacted: Sequence[tuple[Any, Any]]) -> None:
    """The new data and the old model went in, the new model came out; without a new model, old data became new data.

    redacted: (before, after) of every table that was rewritten.
    """
    for made in report["models"]:
        train = [after for _, after in redacted if after.path == workspace.own.data.train]
        told.inputs += [data(workspace, one) for one in train]
        told.inputs.append(model(workspace, ModelVersion(made["name"], made["from_version"])))
        told.outputs.append(model(workspace, ModelVersion(made["name"], made["to_version"])))
    if not report["models"]:
        told.inputs += [data(workspace, before) for before, _ in redacted]
        told.outputs += [data(workspace, after) for _, after in redacted]


def tell_remade(workspace: Workspace, told: Told, made: AdoptedRetrained, moved: AdoptedPromoted) -> None:
    """An adopted model: the redacted table and the old versions went in, the new one came out."""
    told.inputs.append(data(workspace, made.data))
    told.inputs += [model(workspace, version) for version in moved.versions]
    told.outputs.append(model(workspace, ModelVersion(made.model, made.version)))


def tell_followed(workspace: Workspace, before: frozenset[Any]) -> None:
    """One finished run for each model version whose sources were found in this round: MLflow's own run, if it is known.

    before: the sources that were known.
    """
    if workspace.settings.openlineage is None:
        return
    fed: dict[ModelVersion, list[Dataset]] = {}
    for source in workspace.followed.sources():
        if source not in before:
            fed.setdefault(source.model, []).append(table(workspace, *source.content))
    runs = {version: one.run_id for version, one in workspace.followed.models().items()}
    for version, inputs in fed.items():
        told = Told(f"{version.name}.training", _run_id(runs.get(version), version), inputs=inputs)
        told.outputs.append(model(workspace, version))
        send(workspace, event("COMPLETE", told, namespace=_namespace(workspace), at=datetime.now(UTC)))


def _run_id(mlflow_run: str | None, version: ModelVersion) -> str:
    """MLflow's run ids are UUIDs without hyphens; a version without a run has a name made of its own."""
    try:
        return str(uuid.UUID(hex=mlflow_run or ""))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"models:/{version}"))
