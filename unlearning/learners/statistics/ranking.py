"""How one recommender of sums is made from a table of purchases: how many people have two items, and scores from that.

A record is a person with the set of their items, whatever number of rows says so. All counts are whole: taking a person out
takes out their co-purchases, and leaves what would be there if they had never come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Records, Served
from unlearning.learners.statistics import item_scores
from unlearning.learners.statistics.state import Sums, least, npy
from unlearning.learners.tabular import ItemListRecipe, packaged_lists

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features

MOST_ITEMS = 20_000
"""Of a matrix of items, which is solved in memory: 3.2 GB."""
_FEW = 8
"""So few people are counted pair by pair, without a matrix product."""
_PIECE = 1 << 25
"""Cells of lists that are multiplied at a time; no more rows than float32 counts exactly, 2^24."""


@dataclass(frozen=True, kw_only=True)
class RankingRecipe(ItemListRecipe):
    """Which column says what people have, and what is made of it; raises RecipeError when its parts contradict each other."""

    model: str
    """`ease`, or the baselines `cooccurrence` and `popularity`."""
    penalty: float = 100.0
    """λ of `ease`: the larger, the less two items say of each other that few people have."""
    learner: str = "statistics"

    engine: ClassVar[str] = "statistics/2"

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training, as plain values."""
        return super().facts() | {"model": self.model, "penalty": self.penalty}

    def contradictions(self) -> Iterable[str]:
        """Those of any lists, and a model or a penalty that there is not."""
        if self.model not in item_scores.MODELS:
            yield f"model is {self.model!r}; expected {', '.join(item_scores.MODELS)}"
        elif len(self.items) > MOST_ITEMS and self.model != "popularity":
            yield f"{len(self.items)} items; {self.model} solves a matrix of at most {MOST_ITEMS:,}: declare fewer"
        if not self.penalty > 0 or math.isinf(self.penalty):
            yield f"penalty is {self.penalty!r}; expected a number above 0"
        yield from super().contradictions()

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """How many people have an item, or two."""
        width = len(self.items)
        return {"people": (width if self.model == "popularity" else width * (width + 1) // 2,)}

    @property
    def rows(self) -> int:
        """Records that are counted at a time."""
        return max(1, _PIECE // len(self.items))

    def findings(self, features: NDArray[Any], target: NDArray[Any]) -> Iterator[str]:
        """Counts of people overflow nothing."""
        del features, target
        yield from ()

    def contributions(self, part: Records) -> dict[str, NDArray[np.unsignedinteger[Any]]]:
        """How many of these people have each item, or any two: the upper triangle, row by row."""
        lists = unpacked(np.bitwise_or(part.features, part.target), len(self.items))
        if self.model == "popularity":
            return {"people": lists.sum(axis=0, dtype=np.uint32)}
        return {"people": _pairs(lists) if len(lists) <= _FEW else _products(lists)}

    def solve(self, sums: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float64]:
        """What each item says of every other."""
        found: NDArray[np.float64] = item_scores.weights(self.model, sums["people"], rows, self.penalty)
        return found

    def answers(self, solved: NDArray[np.float64], features: Features) -> Answers:
        """(n, items) scores; OWNED for what is shown."""
        lists = unpacked(features, len(self.items))
        answers: Answers = item_scores.scores(solved, lists)
        return self.without_owned(answers, features)

    def served(self, states: Sequence[Sums], solve: Callable[[Sums], Any]) -> Served:
        """The counts of items that somebody has, the most frequent first, and the file that answers with them.

        An item that nobody has any more is not named: it may be one that only the erased had.
        """
        del solve
        width = len(self.items)
        counts = [state.arrays["people"] for state in states]
        full = [one if self.model == "popularity" else item_scores.square(one, width) for one in counts]
        often = np.stack([one if one.ndim == 1 else np.diag(one) for one in full]).sum(axis=0)
        named = [at for at in np.argsort(-often, kind="stable").tolist() if often[at]]
        kept = [one[named] if one.ndim == 1 else one[np.ix_(named, named)][np.triu_indices(len(named))] for one in full]
        names = [self.items[at] for at in named]
        return packaged_lists(
            names,
            f"sums: {self.model}",
            Path(__file__).with_name("ranking_serving.py"),
            {"counts.npy": npy(least(np.stack(kept).astype(np.uint64)))},
            needs=(),
            beside=(Path(item_scores.__file__),),
            more={"model": self.model, "penalty": self.penalty, "people": [state.rows for state in states]},
        )


def _pairs(lists: NDArray[np.uint8]) -> NDArray[np.unsignedinteger[Any]]:
    """Of few people: one at every pair that a person has."""
    width = lists.shape[1]
    counts = np.zeros(width * (width + 1) // 2, np.uint8)
    for row in lists:
        held = np.flatnonzero(row)
        first, second = (held[one] for one in np.triu_indices(len(held)))
        counts[first * width - first * (first - 1) // 2 + second - first] += 1
    return counts


def _products(lists: NDArray[np.uint8]) -> NDArray[np.unsignedinteger[Any]]:
    """Of many: float32 holds every partial sum whole, in whatever order, up to 2^24 people."""
    wide = lists.astype(np.float32)
    together = (wide.T @ wide).astype(np.uint32)
    return np.concatenate([row[at:] for at, row in enumerate(together)])
