"""Whether this user may delete at MLflow: asked before a new version replaces the one that has to go.

Part of the home of MLflow, with `models.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from unlearning.domain.errors import ProjectError, UnlearningError
from unlearning.stores.mlflow.connection import mlflow_exception

if TYPE_CHECKING:
    from unlearning.stores.mlflow.models import MlflowModels

_NOBODYS = str(2**31 - 1)
"""A version that no model has: whoever may delete is told that it is not there, everybody else that they may not."""


def undeletable(models: MlflowModels, names: Collection[str]) -> Iterator[UnlearningError]:
    """Of these registered models, those whose versions a server would not let this user delete."""
    if not models.uri.startswith("http"):
        return
    with models.client() as client:
        for name in names:
            try:
                client.delete_model_version(name, _NOBODYS)
            except mlflow_exception() as error:
                if error.error_code == "PERMISSION_DENIED" or any(f"error code {code}" in str(error) for code in (401, 403)):
                    yield ProjectError(
                        f"MLflow at {models.shown} does not let this user delete versions of {name!r}; have it granted (MANAGE)"
                    )
