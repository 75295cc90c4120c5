"""OpenLineage out: training, following and erasing tell a file or a lineage server what went in and what came out.

Run events by OpenLineage's own classes, which come with the extra `openlineage`. Off unless `params.yaml` names a target. A
target that is away never stops the work: the ledger is the truth, and it says what could not be sent. Nothing in an event is
about a person: data versions and model versions, by names that hold nobody.
"""

from __future__ import annotations

import logging
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unlearning import __version__
from unlearning.domain.environ import OPENLINEAGE_API_KEY
from unlearning.domain.events import LineageNotSent
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.project import preflight
from unlearning.project.settings import OpenLineage as Target
from unlearning.project.training.registration import record_of

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.facet_v2 import DatasetFacet, RunFacet

    from unlearning.domain.events import AdoptedPromoted, AdoptedRetrained
    from unlearning.project.workspace import Workspace

PRODUCER = f"https://pypi.org/project/mlflow-unlearning/{__version__}"

_PATIENCE_S = 5

State = Literal["START", "COMPLETE", "FAIL"]

progress = logging.getLogger("unlearning.progress")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of data or of a model, as an event names it."""

    namespace: str
    name: str
    version: str
    kind: Literal["FILE", "MODEL"]


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
    """Tell of a run when it starts, and how it ended when it does; what happens inside is never changed by that.

    Raises SettingsError, before anything happens, when there is a target and the extra `openlineage` is not installed.
    """
    preflight.check_openlineage(workspace)
    told = Told(f"{workspace.settings.model or workspace.root.name}.{job}", str(uuid.uuid4()), tags)
    tell(workspace, "START", told)
    try:
        yield told
    except BaseException as error:
        tell(workspace, "FAIL", told, error=type(error).__name__)
        raise
    tell(workspace, "COMPLETE", told)


# --- events: pure ----------------------------------------------------------------------------------------------------


def event(state: State, told: Told, *, namespace: str, at: datetime, error: str | None = None) -> RunEvent:
    """One run event. error: the kind of what went wrong, in place of its words, which may quote somebody else's."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job

    kind = job_type_job.JobTypeJobFacet("BATCH", "MLFLOW_UNLEARNING", "JOB", producer=PRODUCER)
    return RunEvent(
        eventType=RunState[state],
        eventTime=at.isoformat(),
        run=Run(told.run_id, facets=_about_run(told.tags, error)),
        job=Job(namespace, told.job, facets={"jobType": kind}),
        inputs=[InputDataset(one.namespace, one.name, facets=_about_dataset(one)) for one in told.inputs],
        outputs=[OutputDataset(one.namespace, one.name, facets=_about_dataset(one)) for one in told.outputs],
        producer=PRODUCER,
    )


def _about_run(tags: Mapping[str, str], error: str | None) -> dict[str, RunFacet]:
    from openlineage.client.facet_v2 import error_message_run, tags_run

    facets: dict[str, RunFacet] = {}
    if tags:
        said = [tags_run.TagsRunFacetFields(key, value, "INTEGRATION") for key, value in sorted(tags.items())]
        facets["tags"] = tags_run.TagsRunFacet(said, producer=PRODUCER)
    if error is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(error, "python", producer=PRODUCER)
    return facets


def _about_dataset(dataset: Dataset) -> dict[str, DatasetFacet]:
    from openlineage.client.facet_v2 import dataset_type_dataset, dataset_version_dataset

    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(dataset.version, producer=PRODUCER),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(dataset.kind, producer=PRODUCER),
    }


def table(workspace: Workspace, path: str, object_hash: str) -> Dataset:
    """A data version: its path in this DVC repository, and DVC's name for the content."""
    return Dataset(f"dvc://{workspace.root.name}", path, version=object_hash, kind="FILE")


def data(workspace: Workspace, version: DataVersion) -> Dataset:
    """A data version."""
    return table(workspace, version.path, version.object)


def model(workspace: Workspace, version: ModelVersion) -> Dataset:
    """A model version: its registered model at this registry."""
    return Dataset(workspace.models.shown, version.name, version=str(version.version), kind="MODEL")


# --- sending ---------------------------------------------------------------------------------------------------------


def tell(workspace: Workspace, state: State, told: Told, *, error: str | None = None) -> None:
    """Hand an event to the target, if there is one; what could not be sent is said aloud and written into the ledger."""
    target = workspace.settings.openlineage
    if target is None:
        return
    now = datetime.now(UTC)
    try:
        _send(workspace, target, event(state, told, namespace=target.namespace, at=now, error=error))
    except (OSError, HTTPException, ValueError) as wrong:  # the network, an answer that is no HTTP, a key no header can hold
        why = f"HTTP {wrong.code}" if isinstance(wrong, urllib.error.HTTPError) else type(wrong).__name__
        progress.warning("OpenLineage: %s of %s was not sent (%s)", state, told.job, why)
        missed = LineageNotSent(job=told.job, run=told.run_id, state=state, why=why)
        workspace.ledger.append("openlineage", missed, at=now)


def _send(workspace: Workspace, target: Target, made: RunEvent) -> None:
    from openlineage.client.serde import Serde

    text = Serde.to_json(made)
    if target.file is not None:
        _append(workspace.path(target.file), text)
    else:
        _post(f"{str(target.url).rstrip('/')}/api/v1/lineage", text)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text + "\n")


class _GoesNowhereElse(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is a failure: the key is for this host alone, and a redirected event was not taken."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, text: str) -> None:
    """By hand, because the client's own transport follows redirects and waits for as long as the server asks it to."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(OPENLINEAGE_API_KEY):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, text.encode(), headers, method="POST")
    with urllib.request.build_opener(_GoesNowhereElse).open(request, timeout=_PATIENCE_S):
        pass


# --- what the flows tell ---------------------------------------------------------------------------------------------


def tell_training(workspace: Workspace, told: Told, version: ModelVersion) -> None:
    """The training table went in, the registered version came out."""
    made = record_of(workspace, version)
    told.inputs.append(data(workspace, made.data))
    told.outputs.append(model(workspace, made.model))


def tell_erasure(
    workspace: Workspace,
    told: Told,
    moved: Sequence[tuple[ModelVersion, ModelVersion]],
    redacted: Sequence[tuple[DataVersion, DataVersion]],
) -> None:
    """The new data and the old model went in, the new model came out; without a new model, old data became new data.

    moved: (before, after) of the project's own model. redacted: the same of every table that was rewritten.
    """
    for before, after in moved:
        train = workspace.of(after.name).own.data.train
        told.inputs += [data(workspace, one) for _, one in redacted if one.path == train]
        told.inputs.append(model(workspace, before))
        told.outputs.append(model(workspace, after))
    if not moved:
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
        tell(workspace, "COMPLETE", told)


def _run_id(mlflow_run: str | None, version: ModelVersion) -> str:
    """MLflow's run ids are UUIDs without hyphens; a version without a run has a name made of its own."""
    try:
        return str(uuid.UUID(hex=mlflow_run or ""))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"models:/{version}"))
