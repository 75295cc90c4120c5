"""The flows as plain functions here too, and a history of a table that is pushed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.cli.conftest import without_prefect as without_prefect
from tests.histories import History
from tests.registry import MLMODEL, Elsewhere
from unlearning.domain.versions import ModelVersion

PATH = "data/train.csv"


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    """A table of two people, committed and pushed."""
    return beginning.with_table(tmp_path / "project", PATH, ["ann-1", "bob-2"])


def trained_elsewhere(root: Path, name: str) -> ModelVersion:
    """A version whose run says nothing of its data, with the file that says how it is loaded."""
    others = Elsewhere.at(f"sqlite:///{root / 'mlflow.db'}", root)
    model = others.logged(run := others.run())
    files = root.parent / f"files of {name}"
    files.mkdir(exist_ok=True)
    (files / "MLmodel").write_text(MLMODEL)
    others.client.log_model_artifacts(model, str(files))
    return others.register(name, model, run)
