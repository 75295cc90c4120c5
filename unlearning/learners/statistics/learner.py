"""Sum over records in whole numbers, and solve when asked: a person is taken out by subtraction, to the byte.

A state is sums alone; what they answer with is solved anew for each batch, so that no rounding of it is ever stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.hashing import bytes_digest, digest
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import named
from unlearning.learners.statistics.fixed_point import refuse
from unlearning.learners.statistics.state import Sums, marks, nothing, pack, unpack

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features

_SOLVED = 2
"""Solved states that are kept: of the version that serves and of its candidate."""


class Summed(Protocol):
    """A recipe whose model is sums: what a record adds to them, and what they answer with."""

    @property
    def task(self) -> str:
        """By which the model is judged."""

    def facts(self) -> Mapping[str, Any]:
        """Everything that shapes training."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every array of sums by name, in the order in which they are stored."""

    @property
    def rows(self) -> int:
        """Records whose contributions are exact in one piece."""

    def findings(self, features: NDArray[Any], target: NDArray[Any]) -> Iterator[str]:
        """What the sums cannot hold, in words."""

    def contributions(self, part: Records) -> dict[str, NDArray[Any]]:
        """The sums of at most `rows` records: integers."""

    def solve(self, sums: Mapping[str, NDArray[Any]], rows: int) -> Any:
        """What the sums of so many records answer with."""

    def answers(self, solved: Any, features: Features) -> Answers:
        """What is answered."""

    def served(self, states: Sequence[Sums], solve: Callable[[Sums], Any]) -> Served:
        """What answers in place of these states where this package is not."""


class StatisticsLearner:
    """Sums what a recipe describes; plays the roles Learner and Subtractive of `unlearning.domain.protocols`."""

    draws = False

    def __init__(self, recipe: Summed, device: str = "cpu") -> None:
        del device  # sums are made where the records are
        self.recipe = recipe
        self._shapes = recipe.shapes
        self._meaning = digest(dict(recipe.facts()))
        self._known: dict[str, Any] = {}

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
        """(n, labels) probabilities, (n, 1) values or (n, items) scores, in storage order of the features."""
        return self.recipe.answers(self._solved(state), features)

    def losses(self, state: Sums, records: Records) -> NDArray[np.float64]:
        """(n,) the task's loss of each record."""
        return named(self.recipe.task).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: Sums) -> bytes:
        """The sums, and the digest of what the recipe says: model, columns, ranges, resolution."""
        return pack(state, self._meaning)

    def loads(self, payload: bytes) -> Sums:
        """The inverse of dumps; raises Damaged when the bytes are no sums, or those of another recipe."""
        return unpack(payload, self._shapes, self._meaning)

    def package(self, states: Mapping[int, Sums]) -> Served:
        """What the sums answer with: arrays over the constituents, and the file that answers with them."""
        return self.recipe.served([states[shard] for shard in sorted(states)], self._solved)

    def environment(self) -> dict[str, str]:
        """numpy; the sums' bytes depend on none of it."""
        return {"numpy": np.__version__}

    def _solved(self, state: Sums) -> Any:
        """Solved once for everyone who asks the same state."""
        name = bytes_digest(self.dumps(state))
        if name not in self._known:
            newest = list(self._known.items())[1 - _SOLVED :]
            self._known = dict([*newest, (name, self.recipe.solve(state.arrays, state.rows))])
        return self._known[name]

    def _sums(self, records: Records) -> Sums:
        refuse(list(self.recipe.findings(records.features, records.target)))
        first, *others = _pieces(records, self.recipe.rows)
        total = self.recipe.contributions(first)
        for part in others:
            for name, more in self.recipe.contributions(part).items():
                total[name] = total[name] + more
        return Sums(len(records), marks(records.keys), total)


def _pieces(records: Records, rows: int) -> Iterator[Records]:
    for start in range(0, max(1, len(records)), rows):
        yield records[start : start + rows]
