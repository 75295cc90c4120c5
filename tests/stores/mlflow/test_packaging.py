"""What a registered model consists of, and what it never holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from tests.ensembles import DATA, by_hand, client, packaged, registered, template
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource
from unlearning.stores.mlflow.connection import silence
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.torch import serving


def test_the_model_holds_a_signature_and_synthetic_rows_and_no_path_of_this_machine(
    local: MlflowModels, candidate: Candidate, tmp_path: Path
) -> None:
    version = registered(local, candidate)
    logged = local.files_digest(version)
    signature = local.load(version).metadata.signature
    assert local.files_digest(version) == logged
    assert [(each["name"], each["type"]) for each in signature.inputs.to_dict()] == [("age", "any"), ("ward", "string")]
    assert [each.name for each in signature.outputs] == ["ill", "well", "prediction"]
    with local._files(version) as folder:
        example = json.loads((folder / "input_example.json").read_text())
        requirements = (folder / "requirements.txt").read_text()
        texts = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert example == {"columns": ["age", "ward"], "data": [[0.0, "a"], [0.0, "a"]]}
    assert f"torch=={torch.__version__.partition('+')[0]}" in requirements
    assert not any(name.endswith((".pkl", ".pickle")) for name in texts)
    for place in (str(tmp_path), str(Path(serving.__file__).parent), "/unlearning-"):
        assert not [name for name, content in texts.items() if place.encode() in content]


@pytest.mark.parametrize(
    "ages", [[1, 3], [1.0, 3.0], [True, False], np.array([1, 3], dtype="uint8"), pd.array([1, 3], dtype="Int64")]
)
def test_numbers_of_any_type_are_answered_through_mlflow(local: MlflowModels, candidate: Candidate, ages: Any) -> None:
    whole = pd.DataFrame({"age": ages, "ward": ["a", "b"]})
    expected = by_hand(whole.astype({"age": float}))
    np.testing.assert_allclose(local.load(registered(local, candidate)).predict(whole)["ill"], expected, atol=1e-6)


def test_categories_coded_as_numbers_are_answered_through_mlflow(local: MlflowModels, candidate: Candidate) -> None:
    served = packaged(template(), wards=("0", "1"))
    version = registered(local, replace(candidate, served=served, categories={"ward": ("0", "1")}))
    coded = pd.DataFrame({"age": [0.5, -1.0], "ward": [0, 1]})
    spelled = coded.assign(ward=["a", "b"])
    np.testing.assert_allclose(local.load(version).predict(coded)["ill"], by_hand(spelled), atol=1e-6)


def test_a_stricter_type_is_kept_in_the_signature(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, types={"age": "long"}))
    assert local.load(version).metadata.signature.inputs.to_dict()[0]["type"] == "long"


def test_run_model_and_version_are_found_from_the_data_version(models: MlflowModels, candidate: Candidate) -> None:
    logged = models.log_candidate(candidate)
    version = models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)
    api = client(models)
    experiment = api.get_experiment_by_name(models.experiment).experiment_id
    [run] = api.search_runs([experiment], f"dataset.digest = '{DATA.object}'")
    [model] = api.search_logged_models([experiment], datasets=[{"dataset_name": DATA.path, "dataset_digest": DATA.object}])
    [found] = api.search_model_versions(f"name = '{version.name}' and tags.`unlearning.data_digest` = '{DATA.digest}'")
    assert (run.info.run_id, model.model_id, int(found.version)) == (logged.run_id, logged.model_id, version.version)
    assert run.info.status == "FINISHED"
    source = mlflow.data.get_source(run.inputs.dataset_inputs[0])
    assert isinstance(source, DVCDatasetSource)
    assert (source.pin.path, source.pin.rev, source.pin.digest) == (DATA.path, DATA.rev, DATA.digest)
    assert run.data.params == model.params == {"shards": "8", "epochs": "3"}
    assert run.data.metrics["accuracy"] == 0.9
    assert run.data.metrics["shard-007/accuracy"] == 0.8
    assert [each.model_id for each in run.outputs.model_outputs] == [logged.model_id]
    tags = models.version(version.name, version.version).tags
    assert tags["unlearning.recipe"] == "r" * 64
    assert tags["unlearning.method"] == "sisa"


def test_a_candidate_that_cannot_answer_is_refused(local: MlflowModels, candidate: Candidate) -> None:
    with pytest.raises(WrongUse, match="one shard"):
        local.log_candidate(replace(candidate, served=replace(candidate.served, files={})))
    with pytest.raises(WrongUse, match="prediction"):
        local.log_candidate(replace(candidate, labels=("ill", "prediction")))
