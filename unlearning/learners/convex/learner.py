"""Train a linear or logistic model with secret noise in its objective, by Newton's method, to the same bytes every time.

Objective perturbation after Chaudhuri, Monteleoni & Sarwate 2011 (arXiv:0912.0071), as certified removal needs it (Guo et al.
2020, arXiv:1911.03030). A state holds what the method `newton` goes on from, and how large the gradient is at its weights; not
the noise, which nobody needs again.

The noise is the output of SHAKE-256 over the keys of all records and the seed. A record's key is made of its person's token,
by the project's secret partition key, so whoever sees the model, the settings and even the data cannot draw it; whoever
holds the key trains the same model again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import Damaged
from unlearning.domain.hashing import canonical, digest
from unlearning.domain.protocols import Minimum, Records, Served
from unlearning.domain.tasks import task_of
from unlearning.learners.convex.recipe import ConvexRecipe
from unlearning.learners.sklearn.determinism import one_thread
from unlearning.learners.statistics.state import marks

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features

Values = NDArray[np.float64]

STEEPEST = 3**0.5 / 18
"""The largest |third derivative| of the logistic loss: how fast its curvature changes."""
_STEPS = 100
_SMALL = 1e-10
"""Share of the first gradient below which a minimum is reached, as far as float64 sees."""
_ARRAYS = ("weights", "anchor", "hessian", "inverse", "gram", "residual")


@dataclass(frozen=True)
class ConvexState:
    """A minimum, and of which records."""

    rows: int
    marks: tuple[int, ...]
    """A multiset hash of their keys, see `statistics/state.py`."""
    minimum: Minimum


class ConvexLearner:
    """Trains what a ConvexRecipe describes; plays the roles Learner and Convex of `unlearning.domain.protocols`."""

    draws = False  # before it is trained

    def __init__(self, recipe: ConvexRecipe, device: str = "cpu") -> None:
        del device  # one model of a few hundred weights
        self.recipe = recipe
        self._meaning = digest(dict(recipe.facts()))

    def fresh(self, seed: int, first_slice: Records) -> ConvexState:
        """Weights of zero, of nobody: nothing is fitted beforehand."""
        del seed, first_slice
        models, width = self.recipe.models, self.recipe.width + 1
        zeros, penalty = np.zeros((models, width)), self.recipe.penalty
        curved = np.broadcast_to(np.eye(width) * penalty, (models, width, width)).copy()
        nobody = marks(np.zeros(0, np.uint64))
        at = self._minimum(zeros, curved, np.zeros((width, width)), 0.0, np.full(models, np.inf))
        return ConvexState(0, nobody, at)

    def fit(self, state: ConvexState, records: Records, *, epochs: int, seed: int) -> ConvexState:
        """The minimum for these records, whatever was before; raises DataError for what is out of its range."""
        if not epochs:
            return state
        with self.repeatable():
            inputs, wanted = self.examples(records)
            secret = canonical(["unlearning/convex", seed]) + records.keys.astype("<u8").tobytes()
            noise = self.recipe.noise * gaussian((self.recipe.models, inputs.shape[1]), secret)
            found = [self._descended(inputs, wanted[:, one], noise[one]) for one in range(self.recipe.models)]
            weights, hessian, residual = (np.stack([each[part] for each in found]) for part in range(3))
            gram = inputs.T @ inputs
            # Rounding of the eigenvalue upwards: it bounds something.
            spectrum = float(np.linalg.eigvalsh(gram)[-1]) * (1 + 1e-9) if len(inputs) else 0.0
            return ConvexState(len(records), marks(records.keys), self._minimum(weights, hessian, gram, spectrum, residual))

    def stage_epochs(self, slices: int) -> list[int]:
        """One training after each slice."""
        return [1] * slices

    def predict(self, state: ConvexState, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values."""
        return self.recipe.answers(self.recipe.solved(state.minimum.weights), features)

    def losses(self, state: ConvexState, records: Records) -> Values:
        """(n,) the task's loss of each record."""
        return task_of(self).losses(self.predict(state, records.features), records.target)

    def dumps(self, state: ConvexState) -> bytes:
        """The minimum with its curvature, as little-endian float64."""
        stream, minimum = io.BytesIO(), state.minimum
        stream.write(f"convex {self._meaning}\n".encode())
        stream.write(np.array([state.rows, *state.marks], "<u8").tobytes())
        stream.write(np.array([minimum.spectrum], "<f8").tobytes())
        for name in _ARRAYS:
            stream.write(np.ascontiguousarray(getattr(minimum, name), "<f8").data)
        return stream.getvalue()

    def loads(self, payload: bytes) -> ConvexState:
        """The inverse of dumps; raises Damaged."""
        models, width = self.recipe.models, self.recipe.width + 1
        square = (models, width, width)
        shapes = ((models, width), (models, width), square, square, (width, width), (models,))
        line, counts = f"convex {self._meaning}\n".encode(), 1 + len(marks(np.zeros(0, np.uint64)))
        sizes = [int(np.prod(shape)) for shape in shapes]
        if not payload.startswith(line) or len(payload) != len(line) + 8 * (counts + 1 + sum(sizes)):
            raise Damaged(
                f"a checkpoint of {len(payload)} bytes holds no minimum of this recipe's model; delete it and run"
                " `unlearn train`"
            )
        rows, *marked = np.frombuffer(payload, "<u8", counts, len(line)).tolist()
        values = np.frombuffer(payload, "<f8", offset=len(line) + 8 * counts)
        ends = np.cumsum([1, *sizes])
        arrays = {
            name: values[end - size : end].reshape(shape)
            for name, shape, size, end in zip(_ARRAYS, shapes, sizes, ends[1:], strict=True)
        }
        minimum = Minimum(**arrays, spectrum=float(values[0]), noise=self.recipe.noise, steepest=self._steepest)
        return ConvexState(rows, tuple(marked), minimum)

    def package(self, states: Mapping[int, ConvexState]) -> Served:
        """What the weights answer with; neither noise nor curvature."""
        return self.recipe.served_as("convex", [self.recipe.solved(states[shard].minimum.weights) for shard in sorted(states)])

    def environment(self) -> dict[str, str]:
        """numpy, and the linear algebra that it multiplies with."""
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"numpy": np.__version__, "blas": f"{blas['name']} {blas['version']}"}

    # --- the role Convex ------------------------------------------------------------------------------------------------

    @contextmanager
    def repeatable(self) -> Iterator[None]:
        """Within: one thread, so that sums have one order."""
        with one_thread():
            yield

    def minimum(self, state: ConvexState) -> Minimum:
        """Where training ended."""
        return state.minimum

    def examples(self, records: Records) -> tuple[Values, Values]:
        """(n, d) inputs of norm at most 1, and (n, models) what is wanted of each."""
        return self.recipe.inputs(records.features), self.recipe.wanted(records)

    def slopes(self, scores: Values, wanted: Values) -> tuple[Values, Values]:
        """First and second derivative of each loss by its score."""
        if not self.recipe.logistic:
            return scores - wanted, np.ones_like(scores)
        chance = 0.5 * (1 + np.tanh(scores / 2))
        return chance - wanted, chance * (1 - chance)

    def moved(self, state: ConvexState, minimum: Minimum, without: Records) -> ConvexState:
        """The state at another minimum, that of its records without these."""
        less = marks(without.keys)
        return ConvexState(
            state.rows - len(without), tuple((one - two) % 2**64 for one, two in zip(state.marks, less, strict=True)), minimum
        )

    def made_of(self, state: ConvexState, records: Records) -> bool:
        """The state is of these records and no others, by their keys."""
        return (state.rows, state.marks) == (len(records), marks(records.keys))

    # --- training -------------------------------------------------------------------------------------------------------

    def _descended(self, inputs: Values, wanted: Values, noise: Values) -> tuple[Values, Values, Values]:
        """Weights, Hessian and norm of the gradient there: Newton's method, each step halved until the objective falls."""
        penalty, weights = self.recipe.penalty, np.zeros(inputs.shape[1])
        value, first = self._objective(inputs, wanted, noise, weights), 0.0
        for left in reversed(range(_STEPS)):
            slope, curved = self.slopes(inputs @ weights, wanted)
            gradient = inputs.T @ slope + penalty * weights + noise
            hessian = (inputs * curved[:, None]).T @ inputs + penalty * np.eye(len(weights))
            norm = float(np.linalg.norm(gradient))
            first = first or norm
            if norm <= _SMALL * max(first, 1.0) or not left:
                break
            step, share = np.linalg.solve(hessian, gradient), 1.0
            while share > 1e-12 and (found := self._objective(inputs, wanted, noise, weights - share * step)) > value:
                share /= 2
            if share <= 1e-12:  # the objective falls no further that float64 could see
                break
            weights, value = weights - share * step, found
        return weights, hessian, np.asarray(norm)

    def _objective(self, inputs: Values, wanted: Values, noise: Values, weights: Values) -> float:
        scores = inputs @ weights
        losses = np.logaddexp(0, scores) - wanted * scores if self.recipe.logistic else np.square(scores - wanted) / 2
        return float(losses.sum() + self.recipe.penalty / 2 * weights @ weights + noise @ weights)

    def _minimum(self, weights: Values, hessian: Values, gram: Values, spectrum: float, residual: Values) -> Minimum:
        return Minimum(
            weights=weights,
            anchor=weights,
            hessian=hessian,
            inverse=np.asarray(np.linalg.inv(hessian), np.float64),
            gram=gram,
            spectrum=spectrum,
            residual=residual,
            noise=self.recipe.noise,
            steepest=self._steepest,
        )

    @property
    def _steepest(self) -> float:
        return STEEPEST if self.recipe.logistic else 0.0


def gaussian(shape: tuple[int, ...], secret: bytes) -> Values:
    """Standard normal numbers that nobody draws without the secret (Box & Muller 1958, doi:10.1214/aoms/1177706645)."""
    count = int(np.prod(shape))
    words = np.frombuffer(hashlib.shake_256(secret).digest(16 * count), "<u8").reshape(2, count) >> np.uint64(11)
    radius, angle = (words[0] + 1.0) * 2.0**-53, words[1] * 2.0**-53
    numbers: Values = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    return numbers.reshape(shape)
