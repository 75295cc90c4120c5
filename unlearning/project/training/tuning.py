"""Which hyperparameters of a method forget best, tried on people who did not ask: nothing is stored, nothing changed.

A share of the people, drawn by their secret tokens, is taken for leaving. Gold is a training without them; the score of a
candidate is its gap to gold, the mean difference of the utility's metric about the forgotten, the retained and the holdout. The
floor is the same between gold and another gold with a new seed: below it there is nothing to tell apart.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, inf
from statistics import fmean
from typing import TYPE_CHECKING

from unlearning.checks.membership import membership_auc
from unlearning.domain.entities import Certified
from unlearning.domain.errors import MethodFailed, NotFound, SettingsError, WrongUse
from unlearning.domain.partition import keyed
from unlearning.methods.retrain import Retrain
from unlearning.methods.whole_model import Knob, WholeModel
from unlearning.project import plugins, suppression
from unlearning.project.people import read_with_people
from unlearning.project.training import ensemble, train
from unlearning.project.training.registration import parent_of, record_of
from unlearning.project.training.training_set import TrainingSet, encoded, training_set
from unlearning.stores.checkpoints import CheckpointStore

if TYPE_CHECKING:
    from unlearning.domain.chain import Part
    from unlearning.domain.protocols import Method, Records
    from unlearning.project.workspace import Workspace

SCALES: Mapping[str, Sequence[float]] = {"learning_rate": (0.3, 1, 3), "epochs": (0.5, 1)}
"""Of each default, where a method has such a knob."""
OTHERWISE: Sequence[float] = (0.1, 0.2, 0.5, 1)
"""Of the default of the first knob, where it has neither."""


@dataclass(frozen=True)
class Tried:
    """One set of hyperparameters."""

    params: Mapping[str, float]
    score: float | None
    """The lower, the better; None where the method failed."""
    over_floor: float | None
    """How many times the floor the gap is; None without gold."""
    membership: float | None
    """Area of the loss-threshold attack, forgotten against holdout."""
    utility: float | None
    """The metric on the holdout."""
    cpu_seconds: float
    of_retraining: float | None
    """The same as a share of gold's."""
    failed: str | None = None


@dataclass(frozen=True)
class Tuning:
    """What was tried, the best first."""

    model: str
    method: str
    metric: str
    people: int
    """Who were taken for leaving."""
    records: int
    scored_by: str
    floor: float | None
    utility_before: float
    tried: Sequence[Tried]


def tune(
    workspace: Workspace,
    name: str,
    *,
    tries: Mapping[str, Sequence[float]] | None = None,
    share: float = 0.05,
    gold: bool = True,
) -> Tuning:
    """Try a small grid on people who did not ask. tries: values by hyperparameter, in place of the grid here.

    share: of the people, who are taken for leaving. gold: train without them, twice, to be compared with; otherwise the attack
    and utility are the score. Raises WrongUse for a method without hyperparameters to tune, or one that cannot serve the model.
    """
    method = tunable(name)
    points = list(grid(method, tries or {}))
    with tempfile.TemporaryDirectory() as folder:
        trial = _trial(workspace, CheckpointStore(folder), share)
        before = trial.measured(trial.parent)
        truth, floor, cost = _gold(trial, workspace.settings.partition.seed) if gold else (None, None, None)
        tried = [_tried(trial, method, params, before, truth, floor, cost) for params in points]
        return Tuning(
            model=workspace.own.model,
            method=name,
            metric=workspace.metric.name,
            people=trial.people,
            records=len(trial.forget),
            scored_by="gap to gold" if gold else "distance of the attack's area from a half, and utility lost",
            floor=floor,
            utility_before=before.on[-1],
            tried=sorted(tried, key=lambda one: inf if one.score is None else one.score),
        )


def tunable(name: str) -> WholeModel:
    """The method; raises WrongUse for one without hyperparameters, or whose hyperparameters are its promise."""
    method = plugins.method(name)
    if not isinstance(method, WholeModel) or not method.knobs:
        raise WrongUse(f"{name} has no hyperparameters to tune; methods that have some are listed in docs/methods.md")
    if isinstance(method.guarantee, Certified):
        raise WrongUse(f"the hyperparameters of {name} are what it promises, and nothing to tune")
    return method


def grid(method: WholeModel, tries: Mapping[str, Sequence[float]]) -> Iterator[dict[str, float]]:
    """Every combination of the values to try, with the defaults of all else; raises SettingsError for a value out of range."""
    knobs = {knob.name: knob for knob in method.knobs}
    if unknown := sorted(tries.keys() - knobs.keys()):
        raise SettingsError(f"{method.name} has no hyperparameter {', '.join(unknown)}; expected {', '.join(knobs)}")
    wanted = dict(tries) or _scaled(method)
    for values in product(*wanted.values()):
        point = dict(zip(wanted, values, strict=True))
        yield {name: knobs[name].check(method.name, point.get(name, knob.default)) for name, knob in knobs.items()}


def _scaled(method: WholeModel) -> dict[str, list[float]]:
    known = {knob.name: knob for knob in method.knobs}
    scales = {name: scale for name, scale in SCALES.items() if name in known} or {method.knobs[0].name: OTHERWISE}
    return {name: [_rounded(known[name], known[name].default * one) for one in scale] for name, scale in scales.items()}


def _rounded(knob: Knob, value: float) -> float:
    return float(ceil(value)) if knob.whole else float(f"{value:.3g}")


@dataclass(frozen=True)
class _Measured:
    """One model."""

    on: tuple[float, ...]
    """The metric about the forgotten, the retained and the holdout."""
    area: float

    def gap(self, other: _Measured) -> float:
        """The mean difference of the metrics."""
        return fmean(abs(one - two) for one, two in zip(self.on, other.on, strict=True))


@dataclass(frozen=True)
class _Trial:
    """The sets of one tuning, and a store that goes with it."""

    workspace: Workspace
    store: CheckpointStore
    retain: TrainingSet
    forget: Records
    people: int
    holdout: Records
    parent: str

    def run(self, method: Method, params: Mapping[str, float], *, seed: int | None = None) -> Part:
        """What the method makes of it, in the store of the trial."""
        retained = len(self.retain.records)
        edges = (retained, retained + len(self.forget))
        asked = train.assignment(self.workspace, self.retain.chain, method=method.name, parent=[self.parent], forget=edges)
        (job,) = method.plan(replace(asked, params=tuple(sorted(params.items()))))
        spool = self.retain.records.followed_by(self.forget)
        return method.run(job if seed is None else replace(job, seed=seed), self.workspace.learner, spool, self.store)

    def measured(self, key: str) -> _Measured:
        """A stored model, about the three sets."""
        learner, metric = self.workspace.learner, self.workspace.metric
        state = learner.loads(self.store.get(key) or b"")
        sets = (self.forget, self.retain.records, self.holdout)
        on = tuple(metric.measure(learner.predict(state, one.features), one.target) for one in sets)
        return _Measured(on, membership_auc(learner.losses(state, self.forget), learner.losses(state, self.holdout)))


def _trial(workspace: Workspace, store: CheckpointStore, share: float) -> _Trial:
    record = record_of(workspace, parent_of(workspace))
    if len(record.trained.parts) != 1:
        raise WrongUse(
            f"{record.model} is an ensemble of {len(record.trained.parts)}; methods that can be tuned change one model, so set"
            " unlearning.partition.shards to 1 and train anew"
        )
    parent = record.trained.parts[0].key
    payload = workspace.checkpoints.get(parent)
    if payload is None:
        raise NotFound(f"the state of {record.model} is not in the checkpoint store; train anew")
    store.put(parent, payload)
    train_table, person = workspace.own.data.train, workspace.recipe.person
    table, people = read_with_people(workspace, workspace.path(train_table), person, named=train_table)
    gone = suppression.suppressed(workspace, people, workspace.ledger.head()[0]).keys()
    leaving = _drawn([one.tobytes() for one in people.tokens if one.tobytes().hex() not in gone], share)
    forget = keyed(*encoded(workspace.recipe, table, people, people.mask(leaving)))
    holdout = ensemble.read_records(workspace, workspace.own.data.holdout)
    return _Trial(
        workspace=workspace,
        store=store,
        retain=training_set(workspace, table, people, exclude={*gone, *leaving}),
        forget=forget[workspace.task.judged(forget.target)],
        people=len(leaving),
        holdout=holdout[workspace.task.judged(holdout.target)],
        parent=parent,
    )


def _drawn(tokens: Sequence[bytes], share: float) -> list[str]:
    """At least one of these people and never all, by a hash of their secret tokens: the same ones each time."""
    order = sorted(set(tokens), key=lambda token: hashlib.sha256(b"unlearning/tune" + token).digest())
    if len(order) < 2:
        raise WrongUse(
            f"{len(order)} people are in the training table; tuning takes some of them for leaving, and keeps others"
        )
    return [one.hex() for one in order[: min(len(order) - 1, ceil(share * len(order)))]]


def _gold(trial: _Trial, seed: int) -> tuple[_Measured, float, float]:
    """The model without them, its gap to another with a new seed, and the CPU seconds of a training."""
    first = trial.run(Retrain(), {})
    truth = trial.measured(first.key)
    other = trial.run(Retrain(), {}, seed=seed + 1)  # under the name of the first, which was read
    return truth, trial.measured(other.key).gap(truth), first.cpu_seconds


def _tried(
    trial: _Trial,
    method: WholeModel,
    params: Mapping[str, float],
    before: _Measured,
    truth: _Measured | None,
    floor: float | None,
    cost: float | None,
) -> Tried:
    began = time.thread_time()
    try:
        part = trial.run(method, params)
    except MethodFailed as error:
        return Tried(params, None, None, None, None, time.thread_time() - began, None, str(error))
    found = trial.measured(part.key)
    lost = before.on[-1] - found.on[-1] if trial.workspace.metric.higher else found.on[-1] - before.on[-1]
    gap = abs(found.area - 0.5) + max(0.0, lost) if truth is None else found.gap(truth)
    return Tried(
        params=params,
        score=gap,
        over_floor=gap / floor if floor else None,
        membership=found.area,
        utility=found.on[-1],
        cpu_seconds=part.cpu_seconds,
        of_retraining=part.cpu_seconds / cost if cost else None,
    )
