"""Records with known answers, and the model that sums give of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.small_statistics import recipe
from unlearning.domain.draws import mixed
from unlearning.domain.protocols import Records
from unlearning.learners.statistics import StatisticsLearner

LOW, HIGH = -8.0, 8.0
UNIT = 8.0


def classified(rows: int = 300, features: int = 5, labels: int = 3, seed: int = 0) -> Records:
    """Overlapping clouds, of unequal size and width."""
    generator = np.random.default_rng(seed)
    target = generator.choice(labels, rows, p=np.arange(1, labels + 1) / np.arange(1, labels + 1).sum())
    centres = generator.normal(0, 1, (labels, features))
    noise = generator.normal(0, 1, (rows, features)) * generator.uniform(0.3, 1.2, (labels, features))[target]
    values = np.clip(centres[target] + noise, LOW, HIGH).astype(np.float32)
    return Records(values, target.astype(np.int64), mixed(np.arange(rows, dtype=np.uint64)))


def valued(rows: int = 300, features: int = 5, seed: int = 0) -> Records:
    """A linear function of correlated features, with noise."""
    generator = np.random.default_rng(seed)
    values = np.clip(generator.normal(0, 1, (rows, features)) @ generator.normal(0, 1, (features, features)), LOW, HIGH)
    values = values.astype(np.float32)
    target = np.clip(values @ generator.normal(0, 0.5, features) + 1 + generator.normal(0, 0.1, rows), -63, 63)
    return Records(values, target, mixed(np.arange(rows, dtype=np.uint64)))


def learned(model: str, records: Records, **parts: Any) -> tuple[StatisticsLearner, Any]:
    """A learner of these records and their sums."""
    ranges = {f"x{at}": (LOW, HIGH) for at in range(records.features.shape[1])}
    if records.target.dtype.kind == "f":
        ranges["target"] = (-64.0, 64.0)
    labels = int(records.target.max()) + 1 if records.target.dtype.kind == "i" else 0
    parts = {"ranges": ranges, **parts}
    learner = StatisticsLearner(recipe(model, features=records.features.shape[1], labels=labels, **parts))
    return learner, learner.fit(learner.fresh(0, records), records, epochs=1, seed=0)


def answers(model: str, records: Records, **parts: Any) -> np.ndarray:
    """What the model answers about the records that it was made of."""
    learner, state = learned(model, records, **parts)
    return learner.predict(state, records.features)
