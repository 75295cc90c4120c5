"""`dvc://` addresses through MLflow as it is installed: its own registries find the hooks, with every warning an error."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from unlearning.domain.errors import Damaged, NotFound, ProjectError, WrongUse
from unlearning.domain.versions import Pin
from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource
from unlearning.stores.dvc.pins import pin

from .conftest import run

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates, and calls `all` as pandas 4 will not allow.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0 all arguments of all:DeprecationWarning"),
]

V1, V2 = "age\n1\n2\n", "age\n1\n2\n3\n"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_a_revision_means_its_commit_object_and_full_content_digest(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    commit = run(clone, "git", "rev-parse", "v1")
    expected = Pin("data/train.csv", commit, md5(V1), sha(V1), remote="store")
    assert pin("dvc://data/train.csv?rev=v1") == expected
    assert pin(expected.uri).digest == sha(V1)


def test_without_a_revision_the_working_content_counts_and_head_is_named_only_when_it_is_that_content(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    with pytest.raises(NotFound, match="dvc pull"):
        pin("dvc://data/train.csv")
    run(clone, "dvc", "pull", "-q")
    assert pin("dvc://data/train.csv") == Pin(
        "data/train.csv", run(clone, "git", "rev-parse", "HEAD"), md5(V2), sha(V2), "store"
    )
    (clone / "data" / "train.csv").unlink()
    (clone / "data" / "train.csv").write_text("age\n9\n")
    assert pin("dvc://data/train.csv") == Pin("data/train.csv", None, md5("age\n9\n"), sha("age\n9\n"), "store")


def test_a_folder_is_pinned_by_the_digest_that_the_project_gives_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearning.stores.tables import tables

    monkeypatch.chdir(clone)
    run(clone, "dvc", "pull", "-q")
    found = pin("dvc://data/notes?rev=HEAD")
    assert found.object.endswith(".dir")
    assert len(found.object) == 36  # MLflow's limit for a dataset digest
    assert found.digest == tables.digest(clone / "data" / "notes") == pin("dvc://data/notes").digest


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


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("dvc://data/train.csv?version=1", WrongUse, "rev="),
        ("dvc://", WrongUse, "dvc://path"),
        ("dvc://data/other.csv?rev=v1", NotFound, "not tracked"),
        ("dvc://data/train.csv?rev=nowhere", NotFound, "nowhere"),
    ],
)
def test_an_address_that_means_nothing_says_what_was_expected(
    origin: Path, monkeypatch: pytest.MonkeyPatch, uri: str, error: type[Exception], says: str
) -> None:
    monkeypatch.chdir(origin)
    with pytest.raises(error, match=says):
        pin(uri)


def test_outside_a_repository_the_next_step_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="repo="):
        pin("dvc://data/train.csv")


def test_a_version_whose_object_is_gone_everywhere_is_not_found(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(clone, "dvc", "remote", "modify", "store", "url", str(clone.parent / "empty"))
    run(clone, "git", "-c", "user.email=t@example.org", "-c", "user.name=t", "commit", "-q", "-am", "move")
    monkeypatch.chdir(clone)
    with pytest.raises(NotFound, match="dvc push"):
        pin("dvc://data/train.csv?rev=HEAD")


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
