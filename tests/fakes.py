"""A learner small enough to check by hand: softmax regression, one record a step, with momentum."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from unlearning.domain.errors import Damaged
from unlearning.domain.protocols import Records, Served
from unlearning.testing import FEATURES, LABELS


@dataclass(frozen=True)
class FakeState:
    centre: np.ndarray  # (d,) mean of the first slice: fitted preprocessing
    weights: np.ndarray  # (d + 1, k)
    velocity: np.ndarray  # (d + 1, k)


@dataclass(frozen=True)
class FakeLearner:
    epochs: int = 4
    learning_rate: float = 0.05
    momentum: float = 0.5

    def fresh(self, seed: int, first_slice: Records) -> FakeState:
        weights = np.random.default_rng(seed).normal(0, 0.1, (FEATURES + 1, LABELS))
        return FakeState(np.mean(first_slice.features, axis=0, dtype=np.float64), weights, np.zeros_like(weights))

    def fit(self, state: FakeState, records: Records, *, epochs: int, seed: int) -> FakeState:
        generator, weights, velocity = np.random.default_rng(seed), state.weights, state.velocity
        inputs, wanted = self._inputs(state, records.features), np.eye(LABELS)[records.target]
        for _ in range(epochs):
            for row in generator.permutation(len(records)):
                gradient = np.outer(inputs[row], _softmax(inputs[row] @ weights) - wanted[row])
                velocity = self.momentum * velocity - self.learning_rate * gradient
                weights = weights + velocity
        return FakeState(state.centre, weights, velocity)

    def stage_epochs(self, slices: int) -> Sequence[int]:
        return [max(1, round(2 * self.epochs / (slices + 1)))] * slices

    def predict(self, state: FakeState, features: np.ndarray) -> np.ndarray:
        return _softmax(self._inputs(state, features) @ state.weights)

    def losses(self, state: FakeState, records: Records) -> np.ndarray:
        return -np.log(self.predict(state, records.features)[np.arange(len(records)), records.target])

    def dumps(self, state: FakeState) -> bytes:
        stream = io.BytesIO()
        np.save(stream, np.concatenate([state.centre, state.weights.ravel(), state.velocity.ravel()]))
        return stream.getvalue()

    def loads(self, payload: bytes) -> FakeState:
        try:
            values = np.load(io.BytesIO(payload), allow_pickle=False)
            centre, weights, velocity = np.split(values, [FEATURES, FEATURES + (FEATURES + 1) * LABELS])
            return FakeState(centre, weights.reshape(-1, LABELS), velocity.reshape(FEATURES + 1, LABELS))
        except (ValueError, EOFError, AttributeError) as error:
            raise Damaged("these bytes are no state of the fake learner") from error

    def package(self, states: Mapping[int, FakeState]) -> Served:
        files = {f"shard-{shard}.npy": self.dumps(state) for shard, state in states.items()}
        return Served("fake", "import mlflow", files, ("numpy==1.0",))

    def environment(self) -> Mapping[str, str]:
        return {"fake": "1"}

    def _inputs(self, state: FakeState, features: np.ndarray) -> np.ndarray:
        return np.column_stack([np.asarray(features, np.float64) - state.centre, np.ones(len(features))])


@dataclass(frozen=True)
class ClimbingLearner(FakeLearner):
    """The fake in the role Differentiable: its weights as a layer of torch's, one full batch a step."""

    def repeatable(self, seed: int) -> AbstractContextManager[int]:
        return nullcontext(seed)

    def network(self, state: FakeState) -> Any:
        import torch

        layer = torch.nn.Linear(FEATURES + 1, LABELS, bias=False, dtype=torch.float64)
        layer.load_state_dict({"weight": torch.from_numpy(state.weights.T.copy())})
        return layer

    def batches(self, state: FakeState, records: Records, *, size: int, generator: int) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002
        import torch

        return repeat((torch.from_numpy(self._inputs(state, records.features)), torch.tensor(records.target)))

    def loss(self, logits: Any, labels: Any) -> Any:
        import torch

        return torch.nn.functional.cross_entropy(logits, labels, reduction="none")

    def rebuild(self, state: FakeState, network: Any) -> FakeState:
        return FakeState(state.centre, network.weight.detach().numpy().T.copy(), np.zeros_like(state.velocity))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
