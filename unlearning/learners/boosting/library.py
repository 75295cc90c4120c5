"""What a library of boosted trees does for us, and finding the one that a recipe names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import SettingsError

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.recipe import BoostingRecipe

Rows = Callable[[int], NDArray[np.float32]]
"""Round of this link → (n,) 1 for a record that it sees, 0 for one that it does not."""
Margins = NDArray[Any]
"""(n, k) what trees answer before it is made a probability or a value: log-odds, of the second of two labels alone."""


class Library(Protocol):
    """One module a library: a link is the library's own file of some rounds, which went on from margins and nothing else."""

    SUFFIX: str
    """Of the library's own files."""
    FAILURES: tuple[type[Exception], ...]
    """What it raises when it cannot train so."""
    MARGINS: str
    """The type of its margins, in numpy's words."""
    ROUNDS_ALIKE: int | None
    """How many rounds see the same rows where rows are drawn, because one call of the library cannot change them."""

    def train(
        self, recipe: BoostingRecipe, margins: Margins | None, records: Records, *, rounds: int, seed: int, rows: Rows | None
    ) -> tuple[bytes, Margins | None]:
        """A link of so many rounds, the first where there are no margins; and the margins after it, where they cost nothing.

        rows: None, all in every round.
        """

    def margins(self, recipe: BoostingRecipe, link: bytes, features: Features, before: Margins | None) -> Margins:
        """What the answers before become by this link: of each record by itself, to the bit."""

    def complain(self, link: bytes) -> str | None:
        """Why these bytes are no link; None for one."""


def opened(name: str) -> Library:
    """The library with this name; raises SettingsError when it is not installed."""
    try:
        return cast("Library", import_module(f"unlearning.learners.boosting.{name}"))
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the recipe's library {name!r} is not installed; run `pip install 'mlflow-unlearning[{name}]'`"
        ) from error
