"""A learner without torch: softmax regression by gradient descent on all records at once, its state as JSON.

Small, and whole: it trains, is registered, served and certified as the PyTorch learner is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import Damaged
from unlearning.domain.protocols import Encoded, Records, Served
from unlearning.learners.requirements import pinned

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Probabilities


@dataclass(frozen=True, kw_only=True)
class SoftmaxRecipe:
    """How a table becomes numbers, and how long they are trained on."""

    features: Sequence[str]
    target: str
    person: str
    labels: Sequence[str]
    epochs: int = 12
    rate: float = 0.5
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    learner: str = "softmax"

    def facts(self) -> dict[str, Any]:
        facts = {name: getattr(self, name) for name in ("learner", "target", "person", "epochs", "rate")}
        return facts | {"engine": "softmax/1", "features": list(self.features), "labels": list(self.labels)}

    def encode(self, table: Any) -> Encoded:
        features = np.stack([table.column(name).to_numpy() for name in self.features], axis=1).astype(np.float32)
        labels = [self.labels.index(label) for label in table.column(self.target).to_pylist()]
        return Encoded(Records(features, np.array(labels, np.int64)), table.column(self.person).to_pylist())


@dataclass(frozen=True)
class SoftmaxState:
    centre: NDArray[np.float64]
    """(d,) mean of the first slice."""
    weights: NDArray[np.float64]
    """(d + 1, labels)"""


class SoftmaxLearner:
    """Trains what a SoftmaxRecipe describes; plays the role Learner and no other."""

    def __init__(self, recipe: SoftmaxRecipe, device: str = "cpu") -> None:
        self.recipe, self.device = recipe, device

    def fresh(self, seed: int, first_slice: Records) -> SoftmaxState:
        shape = (len(self.recipe.features) + 1, len(self.recipe.labels))
        weights = np.random.default_rng(seed).normal(0, 0.1, shape)
        return SoftmaxState(np.mean(first_slice.features, axis=0, dtype=np.float64), weights)

    def fit(self, state: SoftmaxState, records: Records, *, epochs: int, seed: int) -> SoftmaxState:  # noqa: ARG002
        inputs, weights = _inputs(state, records.features), state.weights
        wanted = np.eye(weights.shape[1])[records.target]
        for _ in range(epochs):
            missed = _softmax(inputs, weights) - wanted
            # einsum and not BLAS, whose bits depend on its threads.
            weights = weights - self.recipe.rate * np.einsum("nd,nk->dk", inputs, missed) / len(inputs)
        return SoftmaxState(state.centre, weights)

    def stage_epochs(self, slices: int) -> Sequence[int]:
        return [max(1, round(2 * self.recipe.epochs / (slices + 1)))] * slices

    def predict(self, state: SoftmaxState, features: Features) -> Probabilities:
        return _softmax(_inputs(state, features), state.weights)

    def losses(self, state: SoftmaxState, records: Records) -> NDArray[np.float64]:
        return -np.log(self.predict(state, records.features)[np.arange(len(records)), records.target])

    def dumps(self, state: SoftmaxState) -> bytes:
        return json.dumps([state.centre.tolist(), state.weights.tolist()]).encode()

    def loads(self, payload: bytes) -> SoftmaxState:
        try:
            centre, weights = (np.array(values, np.float64) for values in json.loads(payload))
        except ValueError as error:
            raise Damaged(f"a checkpoint of {len(payload)} bytes cannot be read; delete it and run `unlearn train`") from error
        return SoftmaxState(centre, weights)

    def package(self, states: Mapping[int, SoftmaxState]) -> Served:
        votes = [[states[shard].centre.tolist(), states[shard].weights.tolist()] for shard in sorted(states)]
        facts = {"features": list(self.recipe.features), "labels": list(self.recipe.labels), "votes": votes}
        return Served(
            kind="softmax regression",
            code=Path(__file__).with_name("numpy_serving.py").read_text("utf-8"),
            files={"ensemble.json": json.dumps(facts).encode()},
            requirements=pinned("numpy", "pandas"),
        )

    def environment(self) -> dict[str, str]:
        return {"numpy": np.__version__}


def _inputs(state: SoftmaxState, features: Features) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(features, np.float64) - state.centre, np.ones(len(features))])


def _softmax(inputs: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = np.einsum("nd,dk->nk", inputs, weights)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    answer: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return answer
