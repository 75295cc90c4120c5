"""Training from scratch on what is retained: the definition that every other method is measured by.

Guarantee: exact. Assumes that nothing else in the recipe (frozen preprocessing, a tuned setting, a parent model) saw the
forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from unlearning.methods.constituent import ByConstituent


@dataclass(frozen=True)
class Retrain(ByConstituent):
    """Train every constituent from scratch; stored checkpoints are written, never read."""

    name: str = "retrain"
    reuse: bool = False
