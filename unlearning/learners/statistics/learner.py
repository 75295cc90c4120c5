"""Sum over records in whole numbers, and solve when asked: a person is taken out by subtraction, to the byte.

A state is sums alone; what they answer with is solved anew for each batch, so that no rounding of it is ever stored.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.hashing import digest
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import named
from unlearning.learners.statistics import fixed_point
from unlearning.learners.statistics.recipe import StatisticsRecipe
from unlearning.learners.statistics.solved import Solved, as_arrays
from unlearning.learners.statistics.state import Sums, marks, nothing, pack, unpack
from unlearning.learners.tabular import packaged

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features


class StatisticsLearner:
    """Sums what a StatisticsRecipe describes; plays the roles Learner and Subtractive of `unlearning.domain.protocols`."""

    draws = False

    def __init__(self, recipe: StatisticsRecipe, device: str = "cpu") -> None:
        del device  # sums are made where the records are
        self.recipe = recipe
        self._shapes = recipe.family.shapes(recipe.width, len(recipe.labels))
        self._meaning = digest(recipe.facts())

    def fresh(self, seed: int, first_slice: Records) -> Sums:
        """The sums of nobody: nothing is fitted beforehand."""
        del seed, first_slice
        return nothing(self._shapes)

    def fit(self, state: Sums, records: Records, *, epochs: int, seed: int) -> Sums:
        """The sums of these records, whatever was summed before; raises DataError for what they cannot hold."""
        del seed
        return self._sums(records) if epochs else state

    def stage_epochs(self, slices: int) -> list[int]:
        """One pass after each slice."""
        return [1] * slices

    def subtract(self, state: Sums, records: Records) -> Sums:
        """The same bytes as if these records, all of which were summed, had never been."""
        return state.minus(self._sums(records))

    def made_of(self, state: Sums, records: Records) -> bool:
        """The sums are of these records and no others, by their keys."""
        return (state.rows, state.marks) == (len(records), marks(records.keys))

    def predict(self, state: Sums, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values, in storage order of the features."""
        units = self.recipe.scale.units(np.asarray(features, np.float64))
        return self._solved(state).answers(units, labels=bool(self.recipe.labels))

    def losses(self, state: Sums, records: Records) -> NDArray[np.float64]:
        """(n,) cross-entropy of each record in nats, or its squared error."""
        return named(self.recipe.task).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: Sums) -> bytes:
        """The sums, and the digest of what the recipe says: model, columns, ranges, resolution."""
        return pack(state, self._meaning)

    def loads(self, payload: bytes) -> Sums:
        """The inverse of dumps; raises Damaged when the bytes are no sums, or those of another recipe."""
        return unpack(payload, self._shapes, self._meaning)

    def package(self, states: Mapping[int, Sums]) -> Served:
        """What the sums answer with: arrays over the constituents, and the file that answers with them."""
        solved = [as_arrays(self._solved(states[shard])) for shard in sorted(states)]
        arrays = {name: np.stack([one[name] for one in solved]) for name in solved[0]}
        scale = self.recipe.scale
        arrays |= {"middle": scale.middle, "unit": scale.unit, "gap": scale.gap}
        files = {f"{name}.npy": _npy(values) for name, values in arrays.items()}
        return packaged(self.recipe, f"sums: {self.recipe.model}", Path(__file__).with_name("serving.py"), files, needs=())

    def environment(self) -> dict[str, str]:
        """numpy; the sums' bytes depend on none of it."""
        return {"numpy": np.__version__}

    def _solved(self, state: Sums) -> Solved:
        return self.recipe.family.solve(state.arrays, state.rows, self.recipe)

    def _sums(self, records: Records) -> Sums:
        fixed_point.refuse(list(self.recipe.findings(records.features, records.target)))
        first, *others = _pieces(records, self.recipe.scale.rows)
        total = self._contributions(first)
        for part in others:
            for name, more in self._contributions(part).items():
                total[name] += more
        return Sums(len(records), marks(records.keys), total)

    def _contributions(self, part: Records) -> dict[str, NDArray[np.int64]]:
        recipe = self.recipe
        target = part.target if recipe.labels else recipe.goal.whole(part.target[:, None])[:, 0]
        return recipe.family.contributions(recipe.scale.whole(part.features), target, len(recipe.labels))


def _pieces(records: Records, rows: int) -> Iterator[Records]:
    for start in range(0, max(1, len(records)), rows):
        yield records[start : start + rows]


def _npy(values: NDArray[np.float64]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()
