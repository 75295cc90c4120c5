"""A world in which models remember: labels that are half noise, and a classifier that learns every record by heart.

Fast because a model is one least-squares fit on random features; one model more than people needs a label of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unlearning.checks.attacks import Shadows
from unlearning.checks.judge import FORGET, RETAIN, UNSEEN, Margins, Said, Side, Trial, confidence
from unlearning.domain.tasks import CLASSIFICATION

MARGINS = Margins(utility=0.15, agreement=0.2, membership=0.15)
WIDTH = 400


@dataclass(frozen=True)
class World:
    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    rows: dict[str, NDArray[np.int64]]

    def model(self, on: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
        """(n, 2) what a model trained on these rows answers to every record."""
        weights = np.random.default_rng(seed).normal(size=(self.inputs.shape[1], WIDTH)) / 2
        lifted = np.maximum(self.inputs @ weights, 0)
        signs = 2.0 * self.labels[on] - 1
        gram = lifted[on] @ lifted[on].T + 1e-3 * np.eye(len(on))
        sure = 1 / (1 + np.exp(-3 * (lifted @ (lifted[on].T @ np.linalg.solve(gram, signs)))))
        return np.stack([1 - sure, sure], axis=1)

    def said(self, answers: NDArray[np.float64]) -> Said:
        return {side: answers[rows] for side, rows in self.rows.items()}


@cache
def world(people: int = 60, seed: int = 0) -> World:
    """people: of the forgotten, as many unseen, and twice as many retained; one record each."""
    generator = np.random.default_rng(seed)
    count = 4 * people
    inputs = generator.normal(size=(count, 12))
    labels = (inputs[:, 0] + 1.5 * generator.normal(size=count) > 0).astype(np.int64)
    edges = np.cumsum([people, 2 * people])
    rows = dict(zip((FORGET, RETAIN, UNSEEN), np.split(np.arange(count), edges), strict=True))
    return World(inputs, labels, rows)


@cache
def trial(people: int = 60, *, shadows: int = 16) -> Trial:
    """A retraining with a seed of its own in the judged one's place."""
    made = world(people)
    retained, everybody = made.rows[RETAIN], np.concatenate([made.rows[FORGET], made.rows[RETAIN]])
    sides = {side: Side(made.labels[rows], np.arange(len(rows))) for side, rows in made.rows.items()}
    plain = Trial(
        task=CLASSIFICATION,
        metric=CLASSIFICATION.metrics[0],
        sides=sides,
        judged=made.said(made.model(retained, 7)),
        gold=(made.said(made.model(retained, 8)), made.said(made.model(retained, 9))),
        old=made.said(made.model(everybody, 7)),
        groups={"half": np.where(np.arange(people) % 2, "odd", "even")},
        drawn=np.arange(people),
        relearned=(10.0, 10.0, 9.0),
    )
    return replace(plain, shadows=_shadows(made, plain, shadows)) if shadows else plain


def _shadows(made: World, plain: Trial, count: int) -> Shadows:
    generator = np.random.default_rng(3)
    asked = np.concatenate([made.rows[FORGET], made.rows[UNSEEN]])
    pool = np.concatenate([asked, made.rows[RETAIN]])
    inside = np.argsort(np.argsort(generator.random((count, len(pool))), axis=0), axis=0) < count / 2
    # "Unlearned" is trained without whoever is judged, so that only an honest trace of the method could show.
    kept = [pool[mask & np.isin(pool, made.rows[RETAIN])] for mask in inside]
    before = [confidence(plain, made.said(made.model(pool[mask], 100 + at))) for at, mask in enumerate(inside)]
    after = [confidence(plain, made.said(made.model(one, 100 + at))) for at, one in enumerate(kept)]
    return Shadows(inside[:, : len(asked)], np.array(before), np.array(after))
