"""Train boosted trees slice by slice, to the same bytes every time.

A stage is a pure function of (recipe, model of the stage before, records, rounds, seed). The model before is bytes of the
library's own file and nothing else: whatever a file cannot hold is not carried on. Which rows a round sees is drawn by each
record's key; columns are drawn by the library from the stage's seed. Base score, bins and averages are the library's, of the
records of the stage.
Method: SISA training, Bourtoule et al. 2021, arXiv:1912.03817.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import draws
from unlearning.domain.errors import Damaged, RecipeError, SettingsError
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import named
from unlearning.learners.boosting import parameters
from unlearning.learners.boosting.library import Rows, opened
from unlearning.learners.boosting.recipe import BoostingRecipe
from unlearning.learners.tabular import packaged
from unlearning.stores import foreign_code

if TYPE_CHECKING:
    from unlearning.domain.draws import Keys
    from unlearning.domain.protocols import Answers, Features

_SEEDS = 2**31 - 2**16
"""Seeds that every library takes, with room to count on from each."""


@dataclass(frozen=True)
class BoostedState:
    """The trees so far."""

    model: bytes = b""
    """The library's own file; empty before the first round."""


class BoostingLearner:
    """Trains what a BoostingRecipe describes; satisfies `unlearning.domain.protocols.Learner`."""

    draws: ClassVar[bool] = False
    """An untrained state holds nothing, so that its seed shows nowhere."""

    def __init__(self, recipe: BoostingRecipe, device: str = "cpu") -> None:
        if device != "cpu":
            raise SettingsError(f"run.device: {device!r}; boosted trees are trained on the CPU, to the same bytes; use cpu")
        self.recipe = recipe
        self._library = opened(recipe.library)

    def fresh(self, seed: int, first_slice: Records) -> BoostedState:
        """No tree; what a library fits besides them, it fits in the first stage."""
        del seed, first_slice
        return BoostedState()

    def fit(self, state: BoostedState, records: Records, *, epochs: int, seed: int) -> BoostedState:
        """The state after so many rounds more on these records; raises RecipeError when the library refuses to train."""
        if not len(records) or epochs < 1:
            return state
        rows = self._rows(records.keys, seed)
        try:
            model = self._library.train(self.recipe, state.model, records, rounds=epochs, seed=seed % _SEEDS, rows=rows)
        except self._library.FAILURES as error:
            raise RecipeError(
                f"{self.recipe.library} cannot train {len(records)} records with these parameters: {foreign_code.said(error)}; "
                "check parameters in the recipe"
            ) from error
        return BoostedState(model)

    def stage_epochs(self, slices: int) -> list[int]:
        """(R,) an equal share of the recipe's rounds after each slice, so that the model has as many trees as a plain one.

        About twice as many, as SISA's 2e/(R+1) would have it, cost 1.2 (CatBoost) to 4.7 times (LightGBM) a plain training on a
        table of Adult's shape, because a round on few records costs more than its share: splits are looked for in every bin.
        """
        least, more = divmod(self.recipe.rounds, slices)
        return [max(1, least + (stage >= slices - more)) for stage in range(slices)]

    def predict(self, state: BoostedState, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values; an untrained state holds every label for as probable, or answers 0."""
        if not state.model or not len(features):
            return np.full((len(features), self.recipe.outputs), 1 / len(self.recipe.labels) if self.recipe.labels else 0.0)
        raw = self._library.raw(self.recipe, state.model, features)
        return _probabilities(raw) if self.recipe.labels else raw

    def losses(self, state: BoostedState, records: Records) -> NDArray[np.float64]:
        """(n,) cross-entropy of each record in nats, or its squared error, whatever the objective is."""
        return named(self.recipe.task).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: BoostedState) -> bytes:
        """A line that says what follows, and the library's own file."""
        return self._head(state.model) + state.model

    def loads(self, payload: bytes) -> BoostedState:
        """The inverse of dumps; raises Damaged when the bytes are no state, or not one of this recipe's trees."""
        head, _, model = payload.partition(b"\n")
        if head + b"\n" != self._head(model):
            raise _damaged(payload, "it does not say what the recipe expects of it")
        if model and (complaint := self._library.complain(model)):
            raise _damaged(payload, complaint)
        return BoostedState(model)

    def package(self, states: Mapping[int, BoostedState]) -> Served:
        """The constituents as files of the library's own, and the file that answers with them."""
        files = {f"shard-{shard:03d}.{self._library.SUFFIX}": states[shard].model for shard in sorted(states)}
        code = Path(__file__).with_name("serving.py")
        return packaged(self.recipe, self.recipe.library, code, files, needs=(self.recipe.library,))

    def environment(self) -> dict[str, str]:
        """The versions of the library and of numpy."""
        return {name: version(name) for name in (self.recipe.library, "numpy")}

    def _rows(self, keys: Keys, seed: int) -> Rows | None:
        share, every = parameters.fraction(self.recipe.library, self.recipe.parameters)
        if share == 1 or not every:
            return None

        def rows(number: int) -> NDArray[np.float32]:
            seen: NDArray[np.bool_] = draws.uniform(keys, "rows", seed, number // every) < share
            return (seen if seen.any() else ~seen).astype(np.float32)

        return rows

    def _head(self, model: bytes) -> bytes:
        said = {
            "library": self.recipe.library,
            "features": self.recipe.width,
            "outputs": self.recipe.outputs,
            "sha256": hashlib.sha256(model).hexdigest(),
        }
        return json.dumps(said).encode() + b"\n"


def _probabilities(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) from log-odds, in doubles: a probability of 0 in single precision would be an infinite loss."""
    scores = raw if raw.shape[1] > 1 else np.concatenate((np.zeros_like(raw), raw), axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    answers: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return answers


def _damaged(payload: bytes, why: str) -> Damaged:
    return Damaged(f"a checkpoint of {len(payload)} bytes cannot be read ({why}); delete it and run `unlearn train`")
