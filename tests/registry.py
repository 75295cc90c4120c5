"""What tests register in MLflow: versions that were trained elsewhere, with as much or as little said as a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlearning.domain.versions import ModelVersion, Tracked

MLMODEL = "flavors:\n  python_function:\n    loader_module: nothing\n"


@dataclass(frozen=True)
class Elsewhere:
    """Someone else's training, through MLflow's client alone."""

    uri: str
    experiment: str
    scratch: Path

    @classmethod
    def at(cls, uri: str, scratch: Path) -> Elsewhere:
        return cls(uri, cls._client(uri).create_experiment("elsewhere"), scratch)

    @staticmethod
    def _client(uri: str) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    @property
    def client(self) -> Any:
        return self._client(self.uri)

    def run(
        self,
        *,
        data: Sequence[Tracked] = (),
        foreign: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        models: Sequence[str] = (),
        context: str = "training",
    ) -> str:
        """A finished run that logged these inputs; its id."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput

        run_id: str = self.client.create_run(self.experiment, tags=dict(tags or {})).info.run_id
        tagged = [InputTag("mlflow.data.context", context)]
        inputs = [DatasetInput(Dataset(one.path, one.object, "dvc", json.dumps(one._asdict())), tagged) for one in data]
        inputs += [DatasetInput(Dataset(name, "d0ca2a63", "local", json.dumps({"uri": name})), tagged) for name in foreign]
        if inputs or models:
            self.client.log_inputs(run_id, inputs, [LoggedModelInput(model) for model in models])
        self.client.set_terminated(run_id)
        return run_id

    def logged(self, run_id: str, tags: Mapping[str, str] | None = None) -> str:
        """A logged model of a run; its id."""
        model = self.client.create_logged_model(self.experiment, "model", source_run_id=run_id, tags=dict(tags or {}))
        self.client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def register(self, name: str, model_id: str, run_id: str | None = None, **tags: str) -> ModelVersion:
        """A registered version of a logged model."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        named = {key.replace("__", "."): value for key, value in tags.items()}
        made = self._global(
            lambda: self.client.create_model_version(name, f"models:/{model_id}", run_id, named, model_id=model_id)
        )
        return ModelVersion(name, int(made.version))

    def train(self, name: str, **said: Any) -> ModelVersion:
        """A run, its logged model and its registered version in one go."""
        run_id = self.run(**said)
        return self.register(name, self.logged(run_id), run_id)

    def copy(self, version: ModelVersion, name: str) -> ModelVersion:
        """A version promoted into another registered model."""
        made = self._global(lambda: self.client.copy_model_version(f"models:/{version}", name))
        return ModelVersion(name, int(made.version))

    def _global(self, call: Any) -> Any:
        """MLflow asks for its global address when it registers in a database."""
        from unlearning.stores.mlflow.connection import global_address

        with global_address(self.uri):
            return call()
