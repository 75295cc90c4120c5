"""How one scikit-learn estimator is made from a table: the recipe a user writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from unlearning.learners.tabular import TableRecipe

STAGES = ("refit", "partial_fit", "warm_start")


@dataclass(frozen=True, kw_only=True)
class SklearnRecipe(TableRecipe):
    """How one classifier or regressor with `fit` is made from a table.

    The estimator gets a pandas DataFrame with the recipe's columns by name, numbers as float64, declared categories as strings,
    NaN where a value is missing or was not declared; and the labels as they are declared, or numbers.
    """

    estimator: Any
    """An unfitted estimator or pipeline, or a function that makes one. Whatever draws has a `random_state`: any number, the
    stage's seed takes its place."""
    stages: str = "refit"
    """How a slice is added: `refit` on all so far; or going on with `partial_fit` or `warm_start`, what stands before the last
    step of a pipeline being fitted on the shard's first slice."""
    epochs: int = 1
    """Passes of a plain training, for `partial_fit`."""
    learner: str = "sklearn"

    engine: ClassVar[str] = "sklearn/3"

    def made(self) -> Any:
        """The estimator; a function is called each time."""
        made = callable(self.estimator) and (isinstance(self.estimator, type) or not hasattr(self.estimator, "fit"))
        return self.estimator() if made else self.estimator

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        return super().facts() | {"stages": self.stages, "epochs": self.epochs}

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and an estimator that cannot do what is asked of it."""
        yield from super().contradictions()
        if self.epochs < 1:
            yield f"epochs={self.epochs}; expected at least 1"
        made = self.made()
        kind, last = type(made).__name__, last_step(made)
        if not all(hasattr(made, name) for name in ("fit", "predict", "get_params")):
            yield f"estimator is a {kind}; expected a scikit-learn estimator with `fit` and `predict`, not fitted yet"
            return
        if self.labels and is_regressor(made):
            yield f"{kind} is a regressor, and labels are declared; take the labels out, or use a classifier"
        if not self.labels and is_classifier(made):
            yield f"{kind} is a classifier, and no labels are declared; declare `labels`, or use a regressor"
        if self.stages not in STAGES:
            yield f"stages={self.stages!r}; expected {', '.join(STAGES)}"
        if self.stages == "partial_fit" and not hasattr(last, "partial_fit"):
            yield f"{type(last).__name__} has no partial_fit; use stages='refit'"
        if self.stages == "warm_start" and "warm_start" not in last.get_params(deep=False):
            yield f"{type(last).__name__} has no warm_start; use stages='refit'"


def last_step(estimator: Any) -> Any:
    """What goes on from slice to slice: a pipeline's last step, or the estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
