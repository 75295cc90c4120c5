"""Registered models in MLflow: candidates with their lineage, versions, aliases, files. The only home of MLflow.

MLflow is spoken to through clients with an explicit address, so the caller's active run and tracking URI stay as they are.
MLflow's logs, warnings, progress bars and telemetry are off while a call here runs, and as they were afterwards.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain.addresses import without_password
from unlearning.domain.errors import Damaged, NotFound, ParentMoved, ProjectError, Unavailable
from unlearning.domain.hashing import digest, file_digest
from unlearning.domain.versions import ModelVersion
from unlearning.stores import spool
from unlearning.stores.mlflow.api import runs
from unlearning.stores.mlflow.bulk_reader import Reader
from unlearning.stores.mlflow.connection import (
    address,
    already_there,
    create_sqlite,
    global_address,
    how_silent,
    knock,
    mlflow_exception,
    silence,
)
from unlearning.stores.mlflow.files import MlflowFiles
from unlearning.stores.mlflow.packaging import (
    Candidate,
    data_tags,
    logged_params,
    plain_name,
    record,
    refuse_unservable,
    write_model,
)

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

__all__ = ["CANDIDATE_TAG", "FILES_TAG", "Candidate", "Logged", "MlflowModels", "Registered"]

CANDIDATE_TAG = "unlearning.candidate"
FILES_TAG = "unlearning.files_digest"

_PAGE = 1000
_UNDER_MLFLOW = ("sqlalchemy", "alembic", "sqlite3")
"""What MLflow lets through of the libraries that it opens a database with."""
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Logged:
    """Where MLflow keeps a candidate."""

    run_id: str
    model_id: str
    files_digest: str
    """SHA-256 over the sorted (relative path, SHA-256) pairs of the model's files."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered version as MLflow describes it."""

    model: ModelVersion
    run_id: str | None
    source: str
    tags: Mapping[str, str]
    created_ms: int
    updated_ms: int = 0


class MlflowModels:
    """The registry at one address; the default is a SQLite file and an artifact folder in the project."""

    def __init__(self, uri: str | None, experiment: str, root: Path, database: str | None = None) -> None:
        """database: of the server at `uri`, where it may be opened directly."""
        self.uri = address(uri, root)
        self.database = database
        self.experiment = experiment
        self.root = root.resolve()
        self.scratch = self.root / ".unlearning/tmp"

    # --- candidates -------------------------------------------------------------------------------------------------

    def log_candidate(self, candidate: Candidate) -> Logged:
        """The candidate as one finished MLflow run with one model; an unfinished earlier attempt is removed first."""
        refuse_unservable(candidate)
        with self._client() as client, spool.spooled(self.scratch) as scratch:
            experiment = self._experiment_id(client)
            if found := _finished(client, experiment, candidate.idempotency):
                return found
            tags = {**candidate.tags, **data_tags(candidate.data), CANDIDATE_TAG: candidate.idempotency}
            run = client.create_run(experiment, tags=tags, run_name=f"{candidate.model} {candidate.idempotency[:12]}")
            model = client.create_logged_model(
                experiment,
                plain_name(candidate.model),
                source_run_id=run.info.run_id,
                tags=tags,
                params=logged_params(candidate),
                model_type="ensemble",
            )
            folder = write_model(candidate, scratch, model)
            client.log_model_artifacts(model.model_id, str(folder))
            files = digest(sorted(_manifest(folder).items()))
            record(client, candidate, run, model)
            client.set_logged_model_tags(model.model_id, {FILES_TAG: files})
            client.finalize_logged_model(model.model_id, "READY")
            client.set_terminated(run.info.run_id)
        return Logged(run_id=run.info.run_id, model_id=model.model_id, files_digest=files)

    def register(self, logged: Logged, name: str, *, tags: Mapping[str, str], idempotency: str) -> ModelVersion:
        """The registered version of a logged candidate; registering the same attempt again gives the same version."""
        with self._client() as client:
            with already_there():
                client.create_registered_model(name)
            found = client.search_model_versions(f"name = {_quoted(name)} and tags.`{CANDIDATE_TAG}` = '{idempotency}'")
            if found:
                return ModelVersion(name, min(int(each.version) for each in found))
            source, inherited = f"models:/{logged.model_id}", client.get_logged_model(logged.model_id).tags
            given = {**inherited, **tags, CANDIDATE_TAG: idempotency}
            with global_address(self.uri):
                made = client.create_model_version(name, source, logged.run_id, given, model_id=logged.model_id)
            return ModelVersion(name, int(made.version))

    # --- versions and aliases ---------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every registered model."""
        with self._client() as client:
            return [each.name for each in _all_pages(client.search_registered_models)]

    def versions(self, name: str) -> list[Registered]:
        """The versions of one model, oldest first; empty when there is no such model."""
        with self._client() as client:
            found = _all_pages(client.search_model_versions, filter_string=f"name = {_quoted(name)}")
            return sorted(map(_registered, found), key=lambda each: each.model.version)

    def every_version(self) -> list[Registered]:
        """The versions of every registered model."""
        with self._client() as client:
            return [_registered(one) for one in _all_pages(client.search_model_versions, max_results=_PAGE)]

    def every_alias(self) -> dict[str, dict[str, int]]:
        """Model → alias → version, of every registered model."""
        with self.reader() as reader:
            return reader.aliases()

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        """What reads runs and logged models in bulk; MLflow is silent while it is open."""
        with self._client() as client:
            yield Reader(client, self.database)

    def version(self, name: str, version: int) -> Registered:
        """One version. Raises NotFound."""
        with self._client() as client, self._missing(f"version {version} of model {name!r}"):
            return _registered(client.get_model_version(name, str(version)))

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version; empty when there is no such model."""
        with self._client() as client:
            try:
                found: Mapping[str, Any] = client.get_registered_model(name).aliases
            except mlflow_exception() as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}
            return {alias: int(version) for alias, version in found.items()}

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version behind an alias, or None."""
        version = self.aliases(name).get(alias)
        return None if version is None else ModelVersion(name, version)

    def behind(self, name: str, alias: str) -> ModelVersion:
        """The version behind an alias. Raises NotFound with the next step."""
        if found := self.alias(name, alias):
            return found
        versions = [each.model.version for each in self.versions(name)]
        if not versions:
            raise NotFound(f"no registered model {name!r} at {self.shown}; run `unlearn train` to register version 1")
        raise NotFound(
            f"alias {alias!r} of model {name!r} points nowhere; versions are {versions}: set it with"
            f" `MlflowClient.set_registered_model_alias({name!r}, {alias!r}, version)`, or run `unlearn train`"
        )

    def move_alias(self, name: str, alias: str, *, expected: ModelVersion | None, to: ModelVersion) -> None:
        """Point the alias at `to`, from `expected`; the caller holds the lock of this model. Raises ParentMoved."""
        now = self.alias(name, alias)
        if now == to:
            return
        if now != expected:
            raise ParentMoved(f"alias {alias!r} of {name!r} points at {now}, expected {expected}; start again from {now}")
        with self._client() as client:
            client.set_registered_model_alias(name, alias, str(to.version))

    def withdraw_alias(self, name: str, alias: str) -> None:
        """Let the alias point nowhere, so that nothing is served by it."""
        if alias in self.aliases(name):
            with self._client() as client:
                client.delete_registered_model_alias(name, alias)

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Add tags to a version. Raises NotFound."""
        with self._client() as client, self._missing(f"model version {version}"):
            for key, value in tags.items():
                client.set_model_version_tag(version.name, str(version.version), key, value)

    # --- files ------------------------------------------------------------------------------------------------------

    def load(self, version: ModelVersion) -> Any:
        """The version as an MLflow pyfunc model, in memory."""
        with self._files(version) as folder, _leaving_no_bytecode():
            from mlflow import pyfunc

            return pyfunc.load_model(str(folder))

    def predict(self, version: ModelVersion, table: pd.DataFrame) -> pd.DataFrame:
        """A probability per label and the prediction for each row of raw features, of whatever types the table holds."""
        answer: pd.DataFrame = self.load(version).unwrap_python_model().predict(None, table)
        return answer

    def flavours(self, version: ModelVersion) -> tuple[str, ...]:
        """What the version can be loaded as: `sklearn`, `pytorch`, `python_function`, …"""
        with self._files(version, "MLmodel") as file:
            from ruamel.yaml import YAML

            return tuple(YAML(typ="safe").load(file.read_text()).get("flavors", {}))

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last value of each metric of a run. Raises NotFound."""
        with self._client() as client, self._missing(f"run {run_id}"):
            return {name: float(value) for name, value in client.get_run(run_id).data.metrics.items()}

    def attach(self, run_id: str, folder: Path, path: str) -> None:
        """Add the files of a folder to those of a run, under a path. Raises NotFound."""
        with self._client() as client, self._missing(f"run {run_id}"):
            client.log_artifacts(run_id, str(folder), path)

    def seconds(self, run_id: str) -> float | None:
        """How long a run took; None for one that is gone or has not ended."""
        with self._client() as client:
            ended = [one.info for one in runs(client, [run_id]) if one.info.end_time]
            return (ended[0].end_time - ended[0].start_time) / 1000 if ended else None

    def artifacts(self, run_id: str) -> list[str]:
        """The paths of every file that a run logged, relative to its folder; empty for one that is gone."""
        with self._client() as client:
            found = [run.info.artifact_uri for run in runs(client, [run_id])]
            return MlflowFiles(self.uri, self.scratch).paths(str(found[0])) if found else []

    def experiment_ids(self) -> set[str]:
        """The experiment that this project logs to, if it is there."""
        with self._client() as client:
            found = client.get_experiment_by_name(self.experiment)
            return {str(found.experiment_id)} if found else set()

    def manifest(self, version: ModelVersion) -> dict[str, str]:
        """Relative path → SHA-256 of every file of the version, as they are stored now."""
        with self._files(version) as folder:
            return _manifest(folder)

    def files_digest(self, version: ModelVersion) -> str:
        """SHA-256 over the sorted manifest: equal to what was logged unless a file changed."""
        return digest(sorted(self.manifest(version).items()))

    @contextlib.contextmanager
    def _files(self, version: ModelVersion, part: str = "") -> Iterator[Path]:
        """The version's folder, or one file of it: in place when it is local, else a download that is removed again."""
        with self._client() as client, spool.spooled(self.scratch) as scratch:
            from mlflow.artifacts import download_artifacts

            with self._missing(f"{part or 'the files'} of model version {version}"):
                place = f"{_location(client, version).rstrip('/')}/{part}".rstrip("/")
                local = place.startswith(("file:", "/"))
                path = Path(download_artifacts(place, dst_path=None if local else str(scratch), tracking_uri=self.uri))
            if not path.exists() or (path.is_dir() and not any(path.iterdir())):
                raise NotFound(f"{part or 'the files'} of model version {version} are gone from {self.shown}")
            yield path

    # --- the connection ---------------------------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """The address without its credentials, for messages."""
        return without_password(self.uri)

    @contextlib.contextmanager
    def client(self) -> Iterator[MlflowClient]:
        """MLflow's own client, for the other files of its home."""
        with self._client() as client:
            yield client

    @contextlib.contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        """A client of this address; MLflow is silent inside and its errors become ours."""
        with silence(), self._translated():
            from mlflow import MlflowClient

            self._reach()
            yield MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _reach(self) -> None:
        if self.uri.startswith("sqlite:"):
            path = Path(self.uri.removeprefix("sqlite:///"))
            if not path.exists():
                create_sqlite(path, lock=self.root / ".unlearning" / "mlflow.lock")
            elif not path.is_file():  # MLflow would try to open it again and again
                raise self._broken("no regular file")
        elif not self.uri.startswith("http"):
            knock(self.uri, self.shown)  # MLflow itself would retry a database for many minutes

    def _experiment_id(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            place = (self.root / "mlruns" / plain_name(self.experiment)).as_uri() if self.uri.startswith("sqlite:") else None
            with already_there():
                return client.create_experiment(self.experiment, artifact_location=place)
            found = client.get_experiment_by_name(self.experiment)
        if found is None or found.lifecycle_stage != "active":
            raise NotFound(f"MLflow experiment {self.experiment!r} at {self.shown} is deleted; restore it, or name another one")
        return str(found.experiment_id)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except mlflow_exception() as error:
            text = str(error)
            if "disk is full" in text:
                raise Unavailable(f"MLflow at {self.shown}: its disk is full; make room and run again") from error
            if text.startswith("API request to") or error.error_code == "TEMPORARILY_UNAVAILABLE":
                raise Unavailable(f"MLflow at {self.shown} {how_silent(text)}; start it, or correct stores.mlflow") from error
            if "out-of-date database schema" in text:
                raise ProjectError(f"{self.shown} was made by another MLflow; run `mlflow db upgrade {self.shown}`") from error
            if "sqlite3.DatabaseError" in text or "database disk image is malformed" in text:
                raise self._broken("DatabaseError") from None
            raise
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in _UNDER_MLFLOW:
                raise
            raise self._broken(type(error).__name__) from None

    def _broken(self, kind: str) -> Damaged:
        return Damaged(
            f"MLflow's database at {self.shown} cannot be read ({kind}): it is broken, or no database of MLflow's; restore it "
            "from a backup, or correct stores.mlflow"
        )

    @contextlib.contextmanager
    def _missing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (mlflow_exception(), OSError) as error:
            # A failed download hides its reason in the text.
            if getattr(error, "error_code", _ABSENT[0]) not in _ABSENT and _ABSENT[0] not in str(error):
                raise
            raise NotFound(f"{what}: not found at {self.shown}; `unlearn lineage` lists what there is") from error


# --- reading MLflow -------------------------------------------------------------------------------------------------


def _all_pages(search: Callable[..., Any], **query: Any) -> list[Any]:
    found, token = [], None
    while True:
        page = search(**query, page_token=token)
        found += page
        if not (token := page.token):
            return found


def _quoted(name: str) -> str:
    """A name in MLflow's filter language, which knows both quotes and no escape."""
    return f'"{name}"' if "'" in name else f"'{name}'"


def _registered(found: Any) -> Registered:
    return Registered(
        model=ModelVersion(found.name, int(found.version)),
        run_id=found.run_id or None,
        source=found.source,
        tags=dict(found.tags),
        created_ms=int(found.creation_timestamp),
        updated_ms=int(found.last_updated_timestamp or found.creation_timestamp),
    )


def _location(client: MlflowClient, version: ModelVersion) -> str:
    """Where the files are: a version names a logged model, another version it was copied from, or a folder."""
    source = str(client.get_model_version(version.name, str(version.version)).source)
    if not source.startswith("models:/"):
        return source
    name, _, number = source.removeprefix("models:/").partition("/")
    if number:
        return _location(client, ModelVersion(name, int(number)))
    return str(client.get_logged_model(name).artifact_location)


def _finished(client: MlflowClient, experiment: str, idempotency: str) -> Logged | None:
    """What an earlier attempt of the same name completed; whatever it left unfinished is deleted."""
    wanted = f"tags.`{CANDIDATE_TAG}` = '{idempotency}'"
    runs = {run.info.run_id: run for run in client.search_runs([experiment], wanted)}
    for model in client.search_logged_models([experiment], wanted):
        run = runs.get(model.source_run_id)
        if run and run.info.status == "FINISHED" and model.status.value == "READY":
            return Logged(run.info.run_id, model.model_id, model.tags[FILES_TAG])
        client.delete_logged_model(model.model_id)
    for run_id in runs:
        client.delete_run(run_id)
    return None


@contextlib.contextmanager
def _leaving_no_bytecode() -> Iterator[None]:
    """A model's code is compiled in memory alone: beside it, in a store of files, the result would be one file more of the
    version, with a path of this machine in it.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _manifest(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
