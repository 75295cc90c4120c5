"""A registry, a candidate for it, and what a server of the session holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ensembles import candidate, local, models
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels

__all__ = ["candidate", "local", "models"]


@pytest.fixture
def served(registry_server: tuple[str, str], tmp_path: Path) -> MlflowGarbage:
    return MlflowGarbage(MlflowModels(registry_server[0], "unlearning", tmp_path))
