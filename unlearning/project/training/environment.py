"""What a training ran on: the libraries and the machine that a replay needs for the same bytes."""

from __future__ import annotations

import platform

from unlearning.domain.protocols import Learner


def environment(learner: Learner) -> dict[str, str]:
    """What the bits of a training depend on besides the recipe: a replay elsewhere may give other bits, not another model."""
    return {"python": platform.python_version(), "machine": platform.machine(), **learner.environment()}
