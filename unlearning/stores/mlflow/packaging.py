"""A candidate as an MLflow model folder: code, served files, signature, requirements, a synthetic example; no row, no pickle.

Part of the home of MLflow, with `models.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain.errors import WrongUse
from unlearning.domain.protocols import Served
from unlearning.domain.versions import DataVersion, Pin

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.models import Model, ModelSignature

PREDICTION = "prediction"
CODE = "serving.py"
"""The file that answers, in the model's folder."""


@dataclass(frozen=True)
class Candidate:
    """A trained ensemble on its way into the registry, with everything that says how it came to be."""

    model: str
    """Name of the registered model it is for."""
    idempotency: str
    """Names this attempt: logging or registering it again gives the same run and version."""
    served: Served
    """What answers, as its learner packaged it."""
    features: Sequence[str]
    categories: Mapping[str, Sequence[str]]
    """Categorical feature → declared categories, in order."""
    labels: Sequence[str]
    data: DataVersion
    embeddings: Mapping[str, int] = field(default_factory=dict)
    """Feature of equally long lists of numbers → how long they are."""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    shard_metrics: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    extra_artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """File name → content, stored beside the served files; `chain.json` is the chain."""
    types: Mapping[str, str] = field(default_factory=dict)
    """MLflow types of features, to be stricter than any number and any word, e.g. `long`."""
    remote: str | None = None
    """DVC remote that holds the data version."""


def refuse_unservable(candidate: Candidate) -> None:
    """Raises WrongUse for a candidate that could not answer: there is no file, or two columns would have one name."""
    if not candidate.served.files:
        raise WrongUse(
            f"the candidate of model {candidate.model!r} has no file to answer from; expected what its learner packages of at "
            "least one shard with records"
        )
    if PREDICTION in candidate.labels and candidate.served.question is None:
        raise WrongUse(f"a label is called {PREDICTION!r}, which is the column of the predicted label; rename the label")


def plain_name(name: str) -> str:
    """A name that MLflow and file systems take as it is."""
    return re.sub(r"[^\w-]+", "-", name)


def logged_params(candidate: Candidate) -> dict[str, str]:
    """The parameters as MLflow keeps them, of the run and of the model."""
    return {key: str(value) for key, value in candidate.params.items()}


def data_tags(data: DataVersion) -> dict[str, str]:
    """The data version as tags; MLflow copies those of a logged model to its versions and their copies."""
    facts = {"path": data.path, "digest": data.digest, "object": data.object, "rev": data.rev or "uncommitted"}
    return {f"unlearning.data_{name}": value for name, value in facts.items()}


def write_model(candidate: Candidate, scratch: Path, logged: LoggedModel) -> Path:
    """The model's folder: code, served files, signature, requirements, a synthetic example, and no path of this machine."""
    from mlflow import pyfunc
    from mlflow.models import Model

    signature, example = _signature(candidate), _synthetic_example(candidate)
    code = scratch / CODE
    code.write_text(candidate.served.code, "utf-8")
    description = Model(run_id=logged.source_run_id, model_uuid=logged.model_id, model_id=logged.model_id)
    pyfunc.save_model(
        str(scratch / "model"),
        mlflow_model=description,
        python_model=str(code),
        artifacts={"ensemble": str(_write_ensemble(candidate, scratch / "ensemble"))},
        signature=signature,
        input_example=example,
        pip_requirements=list(candidate.served.requirements),
    )
    _forget_paths(description, scratch / "model")
    return scratch / "model"


def _write_ensemble(candidate: Candidate, folder: Path) -> Path:
    folder.mkdir()
    for name, content in {**candidate.served.files, **candidate.extra_artifacts}.items():
        (folder / name).write_bytes(content)
    return folder


def _forget_paths(description: Model, folder: Path) -> None:
    flavor = description.flavors["python_function"]
    flavor["model_code_path"] = CODE
    flavor["artifacts"]["ensemble"]["uri"] = flavor["artifacts"]["ensemble"]["path"]
    description.save(str(folder / "MLmodel"))


def _signature(candidate: Candidate) -> ModelSignature:
    """Raw columns in, a column per label, if there are any, and the prediction out.

    Numbers are `any`: for a `double` MLflow refuses a column of 64-bit integers, for a `long` one with a missing value.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType, Array

    served = candidate.served
    if served.question is not None:
        asked, told = (_frame([dict(one)]) for one in (served.question, served.reply or {}))
        return infer_signature(asked, told, params=dict(served.options) or None)
    any_type: Any = AnyType  # untyped in MLflow

    def kind(name: str) -> Any:
        if name in candidate.embeddings:
            return Array(DataType.double)
        declared = candidate.categories.get(name, ("0",))
        words = not all(value.removeprefix("-").isdecimal() for value in declared)
        return candidate.types.get(name) or ("string" if words else any_type())

    inputs: Any = [ColSpec(kind(name), name) for name in candidate.features]
    answer = ColSpec("string" if candidate.labels else "double", PREDICTION)
    outputs: Any = [*(ColSpec("double", label) for label in candidate.labels), answer]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _synthetic_example(candidate: Candidate) -> pd.DataFrame:
    """Two rows of zeros and first declared categories: shows the shape, holds nobody."""
    if candidate.served.question is not None:
        return _frame([dict(candidate.served.question)])
    zeros = {"long": 0, "integer": 0, "boolean": False}
    first: dict[str, Any] = {
        name: declared[0] for name, declared in candidate.categories.items() if name not in candidate.types
    }
    first |= {name: [0.0] * length for name, length in candidate.embeddings.items()}
    row = {name: first.get(name, zeros.get(candidate.types.get(name, ""), 0.0)) for name in candidate.features}
    return _frame([row, row])


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def record(client: MlflowClient, candidate: Candidate, run: Run, model: LoggedModel) -> None:
    """Params, the data version as the run's input, the model as its output, and metrics that tie all three together."""
    from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, Metric, Param

    dataset = _dataset(candidate)
    client.log_inputs(run.info.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
    shards = {f"shard-{s:03d}/{name}": v for s, values in candidate.shard_metrics.items() for name, v in values.items()}
    # A logged model is found by its data set only through a metric, so there is always one.
    values = {"data_rows": float(candidate.data.rows), **candidate.metrics, **shards}
    metrics = [
        Metric(key, float(value), run.info.start_time, 0, model.model_id, dataset.name, dataset.digest, run.info.run_id)
        for key, value in values.items()
    ]
    client.log_batch(
        run.info.run_id, metrics=metrics, params=[Param(key, value) for key, value in logged_params(candidate).items()]
    )


def _dataset(candidate: Candidate) -> Any:
    """The data version as MLflow's data set; its source is what `mlflow_hooks/dataset_source.py` reads back."""
    from mlflow.entities import Dataset

    data = candidate.data
    pin = Pin(data.path, data.rev, data.object, data.digest, candidate.remote)
    source = {"uri": pin.uri, **asdict(pin)}
    profile = {"num_rows": data.rows, "num_people": data.people}
    return Dataset(data.path, data.object, "dvc", json.dumps(source), profile=json.dumps(profile))
