"""The frame of methods that change a trained model as a whole: write one function, `@whole_model` makes it a Method.

The function gets `(model, forget, retain, learner, params, seed)` and returns the changed model. The model is a private copy,
the result is named by everything that shaped it, and a name that is stored already is not made again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Certified, Empirical, Guarantee
from unlearning.domain.errors import (
    Damaged,
    MethodFailed,
    NotFound,
    SettingsError,
    VerificationFailed,
    WouldEmptyData,
    WrongUse,
)
from unlearning.domain.hashing import bytes_digest, canonical, digest, seed_from
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records, State
from unlearning.domain.tasks import CLASSIFICATION, task_of
from unlearning.methods import constituent

EMPIRICAL = Empirical()
_LOOKED_AT = 256
"""So many retained records are asked whether the model still answers with numbers."""
Change = Callable[[State, Records, Records, Any, Mapping[str, float], int], State]
"""(model, forget, retain, learner, params, seed) → model; the learner in the role that the method needs."""
Spent = Callable[[State, Any, Mapping[str, float]], float]


@dataclass(frozen=True)
class Knob:
    """One hyperparameter: its default and its range, ends excluded."""

    name: str
    default: float
    above: float
    below: float = math.inf
    whole: bool = False
    """Refuse fractions."""
    also: float | None = None
    """An end of the range that may be used too."""

    def check(self, method: str, value: float) -> float:
        """The value, if it may be used; raises SettingsError."""
        within = self.above < value < self.below or value == self.also
        if math.isfinite(value) and within and (not self.whole or value == int(value)):
            return value
        raise SettingsError(f"unlearning.policy.params.{method}.{self.name}: got {value!r}; expected {self.range}")

    @property
    def range(self) -> str:
        """In words: `a number above 0 and below 1`."""
        kind = "a whole number" if self.whole else "a number"
        most = "" if math.isinf(self.below) else f" and below {self.below:g}"
        return f"{kind} above {self.above:g}{most}" + ("" if self.also is None else f", or {self.also:g}")


def whole_model(
    *,
    knobs: Sequence[Knob] = (),
    guarantee: Guarantee = EMPIRICAL,
    needs: type | None = None,
    classifies: bool = False,
    spent: Spent | None = None,
    trains: bool = True,
) -> Callable[[Change], WholeModel]:
    """A decorator that makes a Method of one function; the method is called what the function is called.

    needs: a role beyond `Learner` that the learner must play, such as `Differentiable`; a runtime-checkable protocol.
    classifies: the method needs labels. spent: what share of its budget a certified method has used up by a result.
    trains: records are shown to the learner again.
    """

    def decorate(change: Change) -> WholeModel:
        return WholeModel(change.__name__, change, tuple(knobs), guarantee, needs, classifies, spent, trains)

    return decorate


@dataclass(frozen=True)
class WholeModel:
    """A method that starts from the current model and looks at the forget set."""

    name: str
    change: Change
    knobs: tuple[Knob, ...] = ()
    guarantee: Guarantee = EMPIRICAL
    needs: type | None = None
    """The role beyond `Learner` that the learner must play."""
    classifies: bool = False
    """Whether it needs labels."""
    spent: Spent | None = None
    """(model, learner, params) → the share of the budget that is used up; None for a method without one."""
    trains: bool = True
    """Whether records are shown to the learner again, once where no hyperparameter says how often."""

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """One job; raises WrongUse for a learner without the role, for an ensemble, or without a parent and a forget set."""
        if self.needs and not isinstance(assignment.learner, self.needs):
            raise WrongUse(
                f"{self.name} needs a learner in the role {self.needs.__name__} (see docs/writing-a-learner.md), which"
                f" {type(assignment.learner).__name__} does not play; use the methods sisa or retrain, which any learner serves"
            )
        if self.classifies and task_of(assignment.learner) is not CLASSIFICATION:
            raise WrongUse(
                f"{self.name} needs labels, and this model is a {task_of(assignment.learner).name}; use finetune,"
                " negative_gradient, ssd or retrain"
            )
        if len(assignment.target.shards) != 1:
            raise WrongUse(
                f"{self.name} changes one model, this one has {len(assignment.target.shards)} shards; set"
                " unlearning.partition.shards to 1, or use the methods sisa or retrain"
            )
        if len(assignment.parent) != 1 or assignment.forget is None:
            raise WrongUse(f"{self.name} starts from a trained model and a forget set; train first, then erase")
        params = self._params(assignment.params)
        whole = constituent.jobs(assignment, method=self.name, reuse=True)[0]
        return [replace(whole, parent=assignment.parent[0], forget=assignment.forget, params=params)]

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """The changed model under its name; without anyone to forget, the parent itself."""
        started = time.thread_time()
        retain, forget = _sets(self.name, job, records)
        parent = _parent(self.name, job, checkpoints)
        key = result_key(job, forget=forget, retain=retain) if len(forget) else str(job.parent)
        payload, damaged = (parent, 0) if not len(forget) else _stored(job, key, checkpoints)
        made = payload is None
        if payload is None:
            seed = seed_from(self.name, job.seed, job.shard)
            changed = self.change(learner.loads(parent), forget, retain, learner, dict(job.params), seed)
            _require_forgotten(self.name, job, learner, parent, changed, forget, retain)
            payload = learner.dumps(changed)
            if job.save:
                checkpoints.put(key, payload)
        return Part(
            shard=job.shard,
            key=key,
            digest=bytes_digest(payload),
            slices_trained=int(made),
            rows_trained=int(dict(job.params).get("epochs", 1)) * (len(retain) + len(forget)) if made and self.trains else 0,
            cpu_seconds=time.thread_time() - started,
            repaired=damaged if made and job.save else 0,
            spent=self.spent(learner.loads(payload), learner, dict(job.params)) if self.spent else None,
        )

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The one changed model; raises VerificationFailed when there is another number of parts."""
        if [part.shard for part in parts] != [assignment.target.shards[0].shard]:
            raise VerificationFailed(f"{self.name}: {len(parts)} parts came back, 1 was planned; run the job again")
        return Trained(method=self.name, guarantee=str(self.promised(assignment.params)), parts=tuple(parts))

    def promised(self, given: Sequence[tuple[str, float]] = ()) -> Guarantee:
        """The guarantee with these hyperparameters: those that it is made of may be among them."""
        if not isinstance(self.guarantee, Certified):
            return self.guarantee
        return replace(self.guarantee, **{name: value for name, value in self._params(given) if hasattr(self.guarantee, name)})

    def _params(self, given: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
        """Every hyperparameter with its value; raises SettingsError for an unknown name or a value out of range."""
        values = dict(given)
        unknown = sorted(values.keys() - {knob.name for knob in self.knobs})
        if unknown:
            known = ", ".join(knob.name for knob in self.knobs) or "none"
            raise SettingsError(f"unlearning.policy.params.{self.name}: unknown {', '.join(unknown)}; expected {known}")
        checked = {knob.name: knob.check(self.name, float(values.get(knob.name, knob.default))) for knob in self.knobs}
        return tuple(sorted(checked.items()))


def share_of(size: int, some: Records, others: Records) -> int:
    """How many of `some` go beside a batch of so many others, for a pass over both to end together; at least one."""
    return max(1, min(len(some), round(size * len(some) / len(others))))


def _require_forgotten(
    method: str, job: Job, learner: Learner, parent: bytes, changed: State, forget: Records, retain: Records
) -> None:
    """Raises MethodFailed for a model that answers with no numbers, or about the forgotten what its parent answers."""
    after = learner.losses(changed, forget)
    if not (np.isfinite(after).all() and np.isfinite(learner.losses(changed, retain[:_LOOKED_AT])).all()):
        said = ", ".join(f"{name} {value:g}" for name, value in job.params) or "no hyperparameters"
        raise MethodFailed(
            f"{method}: the model's answers are no longer finite, with {said}; lower its learning rate in policy.params, or use"
            " the method retrain"
        )
    if np.array_equal(after, learner.losses(learner.loads(parent), forget)):
        raise MethodFailed(f"{method}: it changed nothing about the forgotten records; use another method, or retrain")


def result_key(job: Job, *, forget: Records, retain: Records) -> str:
    """The name of a changed model: a digest of method, parent, records, hyperparameters, recipe and seed."""
    shaped = [_digest(forget), _digest(retain), [list(pair) for pair in job.params]]
    return digest(["unlearning/whole-model/3", job.method, job.parent, *shaped, job.recipe_digest, job.seed])


def _digest(records: Records) -> str:
    told = [np.ascontiguousarray(values) for values in records.arrays.values()]
    shapes = [[values.dtype.str, list(values.shape)] for values in told]
    return bytes_digest(canonical(shapes), *(values.tobytes() for values in told))


def _sets(method: str, job: Job, records: Records) -> tuple[Records, Records]:
    """Retain set and forget set."""
    if job.forget is None:
        raise WrongUse(f"{method}: the job names no forget set; plan it with {method} itself")
    retain, forget = records[job.bounds[0] : job.bounds[-1]], records[slice(*job.forget)]
    if not len(retain):
        raise WouldEmptyData(f"{method}: no record is left to keep the model useful; withdraw the model")
    return retain, forget


def _parent(method: str, job: Job, checkpoints: Checkpoints) -> bytes:
    payload = checkpoints.get(job.parent) if job.parent else None
    if payload is None:
        raise NotFound(f"{method}: the current model's state {job.parent} is not in the checkpoint store; use retrain")
    return payload


def _stored(job: Job, key: str, checkpoints: Checkpoints) -> tuple[bytes | None, int]:
    """The result if it was made before, and how many damaged copies of it were found."""
    try:
        return (checkpoints.get(key) if job.reuse else None), 0
    except Damaged:
        return None, 1
