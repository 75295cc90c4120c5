"""`dvc://` addresses through MLflow as it is installed: its own registries find the hooks, with every warning an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from tests.clones import V1, V2, md5, run, sha
from unlearning.domain.errors import Damaged
from unlearning.domain.versions import Pin
from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource

# MLflow 3.17 calls `all` as pandas 4 will not allow.
pytestmark = pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0 all arguments of all:DeprecationWarning")


def test_a_pinned_version_loads_again_in_any_clone(origin: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(origin)
    described = DVCDatasetSource._resolve("dvc://data/train.csv?rev=v1").to_json()
    monkeypatch.chdir(clone)
    loaded = Path(DVCDatasetSource.from_json(described).load(str(clone.parent)))
    assert loaded.name == "train.csv"
    assert loaded.read_text() == V1


def test_uncommitted_content_loads_while_it_is_there_and_is_refused_when_it_changed(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    run(clone, "dvc", "pull", "-q")
    table = clone / "data" / "train.csv"
    for content in ("age\n7\n", "age\n8\n"):
        table.unlink()
        table.write_text(content)
        source = DVCDatasetSource._resolve("dvc://data/train.csv")
        assert Path(source.load(str(clone.parent))).read_text() == content
    table.write_text("age\n9\n")
    with pytest.raises(Damaged, match="working folder"):
        source.load(str(clone.parent))


def test_another_repository_is_named_in_the_address(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = DVCDatasetSource._resolve(f"dvc://data/train.csv?rev=v1&repo={origin}")
    assert Path(source.load(str(tmp_path))).read_text() == V1


def test_content_that_is_not_what_was_pinned_is_refused(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(origin)
    wrong = Pin("data/train.csv", "v1", md5(V1), sha(V2))
    with pytest.raises(Damaged, match="expected"):
        DVCDatasetSource(wrong).load(str(tmp_path))


def test_mlflow_resolves_a_dvc_address_and_gives_the_source_back_from_a_run(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{clone.parent}/mlflow.db")
    try:
        dataset = mlflow.data.from_pandas(pd.DataFrame({"age": [1, 2]}, dtype=float), source="dvc://data/train.csv?rev=v1")
        with mlflow.start_run() as active:
            mlflow.log_input(dataset, context="training")
            mlflow.log_input(mlflow.data.load_dvc("data/train.csv", rev="v1"), context="raw")
        inputs = mlflow.get_run(active.info.run_id).inputs.dataset_inputs
    finally:
        mlflow.set_tracking_uri(before)
    raw = next(each for each in inputs if each.dataset.name == "data/train.csv")
    assert raw.dataset.digest == md5(V1)
    for each in inputs:
        source = mlflow.data.get_source(each)
        assert isinstance(source, DVCDatasetSource)
        assert source.pin.digest == sha(V1)


def test_mlflow_says_why_an_address_cannot_be_resolved(origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(origin)
    with pytest.warns(UserWarning, match="not tracked by DVC"), pytest.raises(MlflowException):
        mlflow.data.from_pandas(pd.DataFrame({"age": [1.0]}), source="dvc://data/other.csv?rev=v1")


def test_a_fresh_mlflow_finds_all_hooks_without_a_warning_and_without_importing_dvc() -> None:
    code = (
        "import sys, json, mlflow, mlflow.data\n"
        "from mlflow.data.dataset_source_registry import get_registered_sources\n"
        "from mlflow.tracking.context.registry import _run_context_provider_registry as contexts\n"
        "print(json.dumps([[s.__name__ for s in get_registered_sources()], [type(c).__name__ for c in contexts],"
        " hasattr(mlflow.data, 'load_dvc'), 'dvc' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True, check=True)
    sources, contexts, constructor, imported_dvc = json.loads(done.stdout)
    assert "DVCDatasetSource" in sources
    assert "DvcRunContext" in contexts
    assert constructor
    assert not imported_dvc
    assert "unlearning" not in done.stderr
