"""What a library of boosted trees does for us, and finding the one that a recipe names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import SettingsError

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.recipe import BoostingRecipe

Rows = Callable[[int], NDArray[np.float32]]
"""Round of this stage → (n,) 1 for a record that it sees, 0 for one that it does not."""


class Library(Protocol):
    """One module a library: a model is the bytes of the library's own file, and goes on from such bytes alone."""

    SUFFIX: str
    """Of the library's own files."""
    FAILURES: tuple[type[Exception], ...]
    """What it raises when it cannot train so."""

    def train(
        self, recipe: BoostingRecipe, model: bytes, records: Records, *, rounds: int, seed: int, rows: Rows | None
    ) -> bytes:
        """The model with so many rounds more; from nothing where `model` is empty. rows: None, all in every round."""

    def raw(self, recipe: BoostingRecipe, model: bytes, features: Features) -> NDArray[np.float64]:
        """(n, k) log-odds of the labels, (n, 1) of the second of two, or (n, 1) values."""

    def complain(self, model: bytes) -> str | None:
        """Why these bytes are no model; None for one."""


def opened(name: str) -> Library:
    """The library with this name; raises SettingsError when it is not installed."""
    try:
        return cast("Library", import_module(f"unlearning.learners.boosting.{name}"))
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the recipe's library {name!r} is not installed; run `pip install 'mlflow-unlearning[{name}]'`"
        ) from error
