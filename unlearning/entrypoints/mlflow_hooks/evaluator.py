"""`mlflow.models.evaluate(model, data, targets=…, evaluators="unlearning", …)`: what the judge asks, of any pyfunc model.

It trains nothing. What is given is compared: the model, the version before it, and retrainings without the people. No record,
name or cell is logged; groups of few people are not shown.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.models.evaluation import EvaluationResult, ModelEvaluator
from mlflow.models.evaluation.artifacts import ImageEvaluationArtifact, JsonEvaluationArtifact
from numpy.typing import NDArray

from unlearning.checks.against_floor import LEAST_PEOPLE
from unlearning.checks.judge import FORGET, RETAIN, SIDES, UNSEEN, Margins, Said, Side, Trial, judge
from unlearning.checks.membership import area_error, membership_auc
from unlearning.domain import tasks
from unlearning.domain.codec import write
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.mlflow_hooks import evaluation_plots as plots

if TYPE_CHECKING:
    import pandas as pd

    from unlearning.domain.tasks import Task

FOLDER = "unlearning"
_TASKS = {"classifier": tasks.CLASSIFICATION, "regressor": tasks.REGRESSION}
_KNOWN = frozenset({"side", "person", "groups", "labels", "before", "retrained", "retrained_again", "margins"})
_Z = 1.6449
"""95 % quantile of the standard normal."""


class UnlearningEvaluator(ModelEvaluator):
    """Metrics, tables and plots about what a model kept of people who were to be forgotten.

    evaluator_config: `side` names the column of the data that says `forgotten`, `retained` or `unseen` (required); `person` the
    column that says whose record it is (else each record is taken for a person of its own); `groups` columns by whose values
    use is judged besides; `labels` the classes in the order of an array of probabilities; `before`, `retrained` and
    `retrained_again` are model URIs or pyfunc models to compare with; `margins` is {"utility", "agreement", "membership"}.
    """

    @classmethod
    def can_evaluate(cls, *, model_type: str, evaluator_config: Mapping[str, Any], **_: Any) -> bool:  # noqa: ARG003
        """Whether it is a classifier or a regressor."""
        return model_type in _TASKS

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: Any,
        run_id: str,
        evaluator_config: Mapping[str, Any],
        model: Any = None,
        **_: Any,
    ) -> EvaluationResult:
        """Log and return what was measured. Raises WrongUse for data or a configuration that say too little."""
        given = _Given(_TASKS[model_type], dataset, evaluator_config, model)
        metrics = given.metrics
        found = _Artifacts(run_id)
        found.table("checks", [write(one) for one in given.checks])
        found.table("by_group", given.by_group)
        for name, picture in given.pictures():
            found.picture(name, picture)
        found.log(metrics)
        kind: Any = EvaluationResult  # untyped
        made: EvaluationResult = kind(metrics=metrics, artifacts=found.artifacts, run_id=run_id)
        return made


@dataclass(frozen=True)
class _Given:
    """What was handed to the evaluator, and what comes of it."""

    task: Task
    dataset: Any
    config: Mapping[str, Any]
    model: Any

    @cached_property
    def table(self) -> pd.DataFrame:
        """The data, checked."""
        table = self.dataset.features_data
        if unknown := sorted(self.config.keys() - _KNOWN):
            raise WrongUse(f"evaluator_config: unknown {', '.join(unknown)}; expected {', '.join(sorted(_KNOWN))}")
        if self.model is None or self.dataset.labels_data is None or not hasattr(table, "columns"):
            raise WrongUse("the evaluator `unlearning` needs a model, a table (pandas DataFrame) as data, and `targets`")
        named = [self.config.get("side"), self.config.get("person"), *self.groups]
        if self.config.get("side") is None:
            raise WrongUse('evaluator_config["side"]: not given; name the column that says forgotten, retained or unseen')
        if missing := [one for one in named if one is not None and one not in table.columns]:
            raise WrongUse(f"evaluator_config: the data has no column {', '.join(map(str, missing))}")
        strange = int((~table[self.config["side"]].isin(SIDES)).sum())
        if strange:
            raise WrongUse(
                f"the column {self.config['side']} says something else in {strange} rows; expected {', '.join(SIDES)}"
            )
        found: pd.DataFrame = table
        return found

    @property
    def groups(self) -> Sequence[str]:
        """The columns of groups."""
        return tuple(self.config.get("groups", ()))

    @cached_property
    def _rows(self) -> Mapping[str, NDArray[np.int64]]:
        sides = self.table[self.config["side"]].to_numpy()
        return {side: np.flatnonzero(sides == side) for side in SIDES}

    @cached_property
    def _target(self) -> NDArray[Any]:
        labels = np.asarray(self.dataset.labels_data)
        if self.task is tasks.REGRESSION:
            return labels.astype(np.float64)
        place = {label: number for number, label in enumerate(map(str, self._labels))}
        found = np.array([place.get(str(one), -1) for one in labels], np.int64)
        if (found < 0).any():
            raise WrongUse(f"{int((found < 0).sum())} targets are none of the labels {', '.join(place)}; name all in `labels`")
        return found

    @cached_property
    def _labels(self) -> Sequence[Any]:
        named = self.config.get("labels")
        return tuple(named) if named is not None else tuple(sorted(set(np.asarray(self.dataset.labels_data).tolist()), key=str))

    @cached_property
    def _whose(self) -> NDArray[np.int64]:
        person = self.config.get("person")
        if person is None:
            return np.arange(len(self.table))
        return np.unique(self.table[person].astype(str).to_numpy(), return_inverse=True)[1].reshape(-1)

    def _said(self, model: Any) -> Said:
        """What a model answers to each side; it never sees whose record it is or on which side."""
        import mlflow

        loaded = mlflow.pyfunc.load_model(model) if isinstance(model, str) else model
        hidden = [one for one in (self.config["side"], self.config.get("person")) if one is not None]
        answers = _answers(self.task, loaded.predict(self.table.drop(columns=hidden)), self._labels)
        return {side: answers[rows] for side, rows in self._rows.items()}

    @cached_property
    def judged(self) -> Said:
        """What the model answers."""
        return self._said(self.model)

    @cached_property
    def before(self) -> Said | None:
        """What the version before answers."""
        return self._said(self.config["before"]) if "before" in self.config else None

    @cached_property
    def sides(self) -> Mapping[str, Side]:
        """The records of each side."""
        return {side: Side(self._target[rows], self._whose[rows]) for side, rows in self._rows.items()}

    def losses(self, said: Said, side: str) -> tasks.Losses:
        """(n,) of a side."""
        return self.task.losses(said[side], self.sides[side].target)

    @cached_property
    def groups_of(self) -> Mapping[str, NDArray[np.str_]]:
        """Column → group of each unseen record."""
        return {name: self.table[name].astype(str).to_numpy(dtype=np.str_)[self._rows[UNSEEN]] for name in self.groups}

    @cached_property
    def checks(self) -> Sequence[Any]:
        """The judge's, where retrainings were given to hold the model against."""
        if "retrained" not in self.config or "retrained_again" not in self.config:
            return ()
        margins = {"utility": 0.05, "agreement": 0.15, "membership": 0.1, **self.config.get("margins", {})}
        trial = Trial(
            task=self.task,
            metric=self.task.metrics[0],
            sides=self.sides,
            judged=self.judged,
            gold=(self._said(self.config["retrained"]), self._said(self.config["retrained_again"])),
            old=self.before,
            nobody="" if len(self.sides[FORGET]) else "no row is forgotten",
            groups=self.groups_of,
            no_shadows="an evaluator trains no shadow model; `unlearn judge` does",
            not_relearned="an evaluator trains nothing; `unlearn judge` does",
        )
        return judge(trial, Margins(**margins))

    @cached_property
    def metrics(self) -> dict[str, float]:
        """By name; what has no value is left out."""
        found: dict[str, float] = {}
        for side in SIDES:
            found[f"{side}_records"] = float(len(self.sides[side]))
            if len(self.sides[side]):
                measured = self.task.measured(self.judged[side], self.sides[side].target)
                found |= {f"{side}_{name}": value for name, value in measured.items()}
        found |= dict(self._membership())
        if self.before and len(self.sides[UNSEEN]):
            moved = self.task.moved(self.before[UNSEEN], self.judged[UNSEEN], self.sides[UNSEEN].target)
            found |= {"answers_kept": float(moved.kept.mean()), "answers_moved_median": float(np.median(moved.by))}
            found |= {
                "answers_moved_95_percent": float(np.quantile(moved.by, 0.95)),
                "answers_moved_largest": float(moved.by.max()),
            }
        for check in self.checks:
            if ":" not in check.name:
                found |= {f"{check.name}": check.value} if check.value is not None else {}
                found |= {f"{check.name}_floor": check.floor} if check.floor is not None else {}
        return {f"unlearning_{name}": float(value) for name, value in found.items() if isfinite(value)}

    def _membership(self) -> Iterator[tuple[str, float]]:
        forgotten, unseen = len(self.sides[FORGET]), len(self.sides[UNSEEN])
        if not forgotten or not unseen:
            return
        for name, said in (("", self.judged), ("before_", self.before)):
            if said and all(np.isfinite(said[side]).all() for side in (FORGET, UNSEEN)):
                area = membership_auc(self.losses(said, FORGET), self.losses(said, UNSEEN))
                reach = _Z * area_error(area, forgotten=forgotten, unseen=unseen)
                yield f"{name}membership_auc", area
                yield f"{name}membership_auc_low", max(0.0, area - reach)
                yield f"{name}membership_auc_high", min(1.0, area + reach)

    @cached_property
    def by_group(self) -> list[dict[str, Any]]:
        """Use and decisions that flipped, of each group of enough people."""
        metric, side, found = self.task.metrics[0], self.sides[UNSEEN], []
        moved = self.task.moved(self.before[UNSEEN], self.judged[UNSEEN], side.target) if self.before else None
        for column, values in self.groups_of.items():
            for value in np.unique(values):
                rows = np.flatnonzero(values == value)
                if (people := len(np.unique(side.whose[rows]))) < LEAST_PEOPLE:
                    continue
                row = {"column": column, "group": str(value), "people": people}
                row[metric.name] = metric.measure(self.judged[UNSEEN][rows], side.target[rows])
                row[f"{metric.name}_before"] = (
                    metric.measure(self.before[UNSEEN][rows], side.target[rows]) if self.before else None
                )
                row["flipped"] = int((~moved.kept[rows]).sum()) if moved else None
                found.append(row)
        return found

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """What can be drawn of what was given, as PNG."""
        if len(self.sides[FORGET]) and len(self.sides[UNSEEN]) and _finite(self.judged):
            losses = [self.losses(self.judged, side) for side in (FORGET, UNSEEN)]
            yield "losses", plots.losses(*losses)
            known = {"this version": (-losses[0], -losses[1])}
            if self.before and _finite(self.before):
                known["version before"] = (-self.losses(self.before, FORGET), -self.losses(self.before, UNSEEN))
            yield "roc", plots.roc(known)
        if self.by_group:
            yield "by_group", plots.by_group(self.by_group, self.task.metrics[0].name)
        if self.before and len(self.sides[UNSEEN]) and _finite(self.judged) and _finite(self.before):
            moved = self.task.moved(self.before[UNSEEN], self.judged[UNSEEN], self.sides[UNSEEN].target)
            yield "moved", plots.moved(moved.by, moved.unit)


class _Artifacts:
    """What is put beside the metrics of a run."""

    def __init__(self, run_id: str) -> None:
        from mlflow import MlflowClient

        self._client, self._run = MlflowClient(), run_id
        self.artifacts: dict[str, Any] = {}

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """A list of rows as JSON; nothing where there is none."""
        if rows:
            content: Any = list(rows)
            self._client.log_dict(self._run, content, f"{FOLDER}/{name}.json")
            self._keep(name, JsonEvaluationArtifact, "json", content)

    def picture(self, name: str, png: bytes) -> None:
        """A picture."""
        from PIL import Image

        image = Image.open(io.BytesIO(png))
        self._client.log_image(self._run, image, f"{FOLDER}/{name}.png")
        self._keep(name, ImageEvaluationArtifact, "png", image)

    def log(self, metrics: Mapping[str, float]) -> None:
        """The metrics, on the run."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, metrics=[Metric(name, value, now, 0) for name, value in metrics.items()])

    def _keep(self, name: str, kind: Any, suffix: str, content: Any) -> None:
        place = self._client.get_run(self._run).info.artifact_uri
        self.artifacts[f"{FOLDER}/{name}"] = kind(uri=f"{place}/{FOLDER}/{name}.{suffix}", content=content)


def _answers(task: Task, said: Any, labels: Sequence[Any]) -> NDArray[np.float64]:
    """(n, k) answers of a pyfunc model. Raises WrongUse where it gives decisions and no probabilities."""
    if hasattr(said, "columns") and task is tasks.CLASSIFICATION:
        if set(map(str, labels)) <= set(map(str, said.columns)):
            said = said[[column for label in labels for column in said.columns if str(column) == str(label)]]
        answers = said.to_numpy()
    elif hasattr(said, "columns"):
        answers = said.to_numpy()[:, :1]
    else:
        answers = np.asarray(said)
    answers = answers.reshape(len(answers), -1)
    if task is tasks.CLASSIFICATION and (answers.shape[1] != len(labels) or answers.dtype.kind != "f"):
        raise WrongUse(
            f"the model gives {answers.shape[1]} columns of {answers.dtype}; expected a probability for each of the labels "
            f'{", ".join(map(str, labels))}: log it with `pyfunc_predict_fn="predict_proba"`, or name them in `labels`'
        )
    return np.asarray(answers, np.float64)


def _finite(said: Said) -> bool:
    return all(bool(np.isfinite(one).all()) for one in said.values())


__all__ = ["FOLDER", "RETAIN", "UnlearningEvaluator"]
