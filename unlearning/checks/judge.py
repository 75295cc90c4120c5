"""The judge: everything that can be asked of an unlearned model beside models that were trained again without the people.

Each check is held against its floor, the same check between two retrainings that never saw the people (or on one of them), and
says `underpowered` where it could not tell: too few people, or an attack that does not even find them in the version before,
which was trained on them. Two-sample tests flag exact retraining too, so nothing here asks whether two models are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.checks import attacks
from unlearning.checks.against_floor import LEAST_PEOPLE, Measure, Rows, judged, too_few, unmeasured
from unlearning.checks.attacks import Floats, Mask, Shadows
from unlearning.domain.entities import CheckResult, Verdict
from unlearning.domain.tasks import Metric, Task

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Target

FORGET, RETAIN, UNSEEN = SIDES = ("forgotten", "retained", "unseen")
LEAST_SHADOWS = 8
"""With fewer, a record has too few models on each side for an attack that deserves its name."""
FALSE_POSITIVES = 0.01
NEEDED_FOR_ONE_PERCENT = 100
"""Unseen records without which a rate of one percent is no rate."""


@dataclass(frozen=True)
class Side:
    """Records of one kind, and whose each is: a number, no name."""

    target: Target
    whose: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)


Said = Mapping[str, "Answers"]
"""Side → (n, k) what one model answers."""


@dataclass(frozen=True)
class Margins:
    """How far a value may be from its floor."""

    utility: float
    agreement: float
    membership: float


@dataclass(frozen=True)
class Trial:
    """What is judged, and what it is held against."""

    task: Task
    metric: Metric
    sides: Mapping[str, Side]
    judged: Said
    gold: tuple[Said, Said]
    """Two retrainings without the people: the reference, and what takes the judged one's place for the floor."""
    old: Said | None = None
    """The version before, trained on the people; None where it is gone or there is none."""
    nobody: str = ""
    """Why there is no forgotten record; empty where there are."""
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    """Column → (n,) group of each unseen record."""
    shadows: Shadows | None = None
    """Over the forgotten records and then the `drawn` unseen ones."""
    drawn: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    """Rows of the unseen side that shadow models were trained on, or not."""
    no_shadows: str = "no shadow model was trained"
    """Why, where there are none or too few."""
    relearned: tuple[float, float, float] | None = None
    """Passes over the forgotten records until they are known again as before: of the judged one and both gold ones."""
    not_relearned: str = "not asked"
    seed: int = 0


def judge(trial: Trial, margins: Margins) -> tuple[CheckResult, ...]:
    """Every check but exactness, in the order in which people read them."""
    if _broken(trial):  # whatever it is asked, what it answers is no number
        return tuple(_diverged(one) for one in _each(replace(trial, judged=trial.gold[0]), margins))
    return tuple(_each(trial, margins))


def _each(trial: Trial, margins: Margins) -> Iterator[CheckResult]:
    yield utility(trial, margins.utility)
    yield from utility_by_group(trial, margins.utility)
    yield agreement(trial, margins.agreement)
    yield membership(trial, margins.membership)
    yield shadow_attack(trial, margins.membership, "lira")
    yield shadow_attack(trial, margins.membership, "u_lira")
    yield shadow_attack(trial, margins.membership, "rmia")
    yield relative(trial)
    yield gap_to_gold(trial, margins.utility)
    yield relearn(trial)


def _broken(trial: Trial) -> bool:
    return not all(np.isfinite(said).all() for said in trial.judged.values())


def _diverged(result: CheckResult) -> CheckResult:
    return replace(result, verdict="failed", value=None, how="the model gives answers that are no numbers", details={})


# --- use ------------------------------------------------------------------------------------------------------------


def utility(trial: Trial, margin: float) -> CheckResult:
    """What the holdout loses against a retraining."""
    return _utility(trial, Measure("utility", _lost(trial), margin, "above"), np.arange(len(trial.sides[UNSEEN])))


def utility_by_group(trial: Trial, margin: float) -> Iterator[CheckResult]:
    """The same for each group of LEAST_PEOPLE or more; smaller ones are counted and not named."""
    for column, values in trial.groups.items():
        small = 0
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            if len(np.unique(trial.sides[UNSEEN].whose[rows])) < LEAST_PEOPLE:
                small += 1
                continue
            yield _utility(trial, Measure(f"utility: {column}={value}", _lost(trial), margin, "above"), rows)
        if small:
            smallest = Measure(f"utility: smaller groups of {column}", _lost(trial), margin, "above")
            yield unmeasured(smallest, f"{small} groups have fewer than {LEAST_PEOPLE} people in the holdout; not named")


def _lost(trial: Trial) -> str:
    return f"how much worse {trial.metric.name} is, on people who are in no training set, than that of a retraining"


def _utility(trial: Trial, measure: Measure, among: Rows) -> CheckResult:
    target, metric = trial.sides[UNSEEN].target[among], trial.metric
    answers = [said[UNSEEN][among] for said in (trial.judged, *trial.gold)]
    values = [metric.measure(one, target) if len(target) else float("nan") for one in answers]
    scale = 1.0 if metric.bounded else abs(values[1]) or 1.0

    def lost(rows: Mapping[str, Rows]) -> tuple[float, float]:
        mine, gold, other = (metric.measure(one[rows[UNSEEN]], target[rows[UNSEEN]]) / scale for one in answers)
        return (gold - mine, gold - other) if metric.higher else (mine - gold, other - gold)

    details = dict(zip(("judged", "retrained", "retrained_again"), map(_number, values), strict=True))
    return judged(measure, lost, {UNSEEN: trial.sides[UNSEEN].whose[among]}, seed=trial.seed, details=details)


def agreement(trial: Trial, margin: float) -> CheckResult:
    """How many decisions are those of a retraining, how far answers moved, and in which groups decisions flipped."""
    side, (gold, other) = trial.sides[UNSEEN], (one[UNSEEN] for one in trial.gold)
    measure = Measure("agreement", "share of unseen records decided as a retraining decides them", margin, "below")
    if not len(side):
        return unmeasured(measure, "the holdout is empty")
    moved, usual = (trial.task.moved(gold, one, side.target) for one in (trial.judged[UNSEEN], other))

    def kept(rows: Mapping[str, Rows]) -> tuple[float, float]:
        return float(moved.kept[rows[UNSEEN]].mean()), float(usual.kept[rows[UNSEEN]].mean())

    quantiles = {f"moved_{name}": _number(float(np.quantile(moved.by, at))) for name, at in _QUANTILES.items()}
    floors = {f"floor_moved_{name}": _number(float(np.quantile(usual.by, at))) for name, at in _QUANTILES.items()}
    details = {
        "moved_in": moved.unit,
        **quantiles,
        **floors,
        "flipped": int((~moved.kept).sum()),
        **_flipped(trial, moved.kept),
    }
    return judged(measure, kept, {UNSEEN: side.whose}, seed=trial.seed, details=details)


_QUANTILES = {"median": 0.5, "95_percent": 0.95, "largest": 1.0}


def _flipped(trial: Trial, kept: Mask) -> dict[str, int]:
    """How many decisions of each group are others; of groups with few people nothing."""
    return {
        f"flipped: {column}={value}": int((~kept[values == value]).sum())
        for column, values in trial.groups.items()
        for value in np.unique(values)
        if len(np.unique(trial.sides[UNSEEN].whose[values == value])) >= LEAST_PEOPLE
    }


# --- traces ---------------------------------------------------------------------------------------------------------


def membership(trial: Trial, margin: float) -> CheckResult:
    """The loss-threshold attack (Yeom et al. 2018, arXiv:1709.01604): forgotten against unseen records."""
    measure = Measure(
        "membership", "area under the ROC curve of the loss-threshold attack, forgotten against unseen", margin, "both"
    )

    def scores(said: Said) -> tuple[Floats, Floats]:
        losses = [trial.task.losses(said[side], trial.sides[side].target) for side in (FORGET, UNSEEN)]
        return -losses[0], -losses[1]

    return _attack(trial, measure, scores, np.arange(len(trial.sides[UNSEEN])))


_ATTACKS = {
    "lira": "likelihood-ratio attack with shadow models (Carlini et al. 2022)",
    "u_lira": "the same, where shadow models unlearned the records (Hayes et al. 2024)",
    "rmia": "robust membership attack (Zarifzadeh et al. 2024)",
}


def shadow_attack(trial: Trial, margin: float, name: str) -> CheckResult:
    """An attack with shadow models, forgotten against drawn unseen records."""
    measure = Measure(name, f"area under the ROC curve of the {_ATTACKS[name]}", margin, "both")
    shadows, few = trial.shadows, too_few({FORGET: trial.sides[FORGET].whose})
    if trial.nobody or few or shadows is None or len(shadows) < LEAST_SHADOWS:
        return unmeasured(measure, trial.nobody or few or trial.no_shadows)
    if name == "u_lira" and shadows.unlearned is None:
        return unmeasured(measure, "no shadow model unlearned anything")
    edge = len(trial.sides[FORGET])
    population = np.arange(edge + len(trial.drawn)) >= edge

    def scores(said: Said) -> tuple[Floats, Floats]:
        sure = confidence(trial, said)
        found = attacks.rmia(sure, shadows, population) if name == "rmia" else getattr(attacks, name)(sure, shadows)
        found = np.where(np.isfinite(found), found, np.nanmedian(found))  # of records that no model can score: no evidence
        return found[:edge], found[edge:]

    return _attack(trial, measure, scores, trial.drawn, {"shadow_models": len(shadows)})


def confidence(trial: Trial, said: Said) -> Floats:
    """(n,) how sure a model is of the forgotten records and then of the drawn unseen ones."""
    drawn = trial.sides[UNSEEN].target[trial.drawn]
    pairs = ((said[FORGET], trial.sides[FORGET].target), (said[UNSEEN][trial.drawn], drawn))
    losses = np.concatenate([trial.task.losses(*pair) for pair in pairs])
    return attacks.confidence(trial.task.name, losses, scale=scale(trial))


def scale(trial: Trial) -> float:
    """The mean loss of a retraining on people whom it never saw."""
    side = trial.sides[UNSEEN]
    return float(np.mean(trial.task.losses(trial.gold[0][UNSEEN], side.target))) if len(side) else 1.0


def _attack(
    trial: Trial,
    measure: Measure,
    scores: Callable[[Said], tuple[Floats, Floats]],
    unseen: Rows,
    more: Mapping[str, float | int | str | None] | None = None,
) -> CheckResult:
    """An attack on the judged model against the same on a retraining; passed only if it finds them in the version before."""
    if trial.nobody:
        return unmeasured(measure, trial.nobody)
    mine, gold = scores(trial.judged), scores(trial.gold[0])

    def areas(rows: Mapping[str, Rows]) -> tuple[float, float]:
        value, floor = (attacks.area(one[0][rows[FORGET]], one[1][rows[UNSEEN]]) for one in (mine, gold))
        return value, floor

    before = attacks.area(*scores(trial.old)) if trial.old else None
    caught = {}
    if len(unseen) >= NEEDED_FOR_ONE_PERCENT:
        rates = {"caught_at_1_percent": mine, "floor_caught_at_1_percent": gold}
        caught = {name: _number(attacks.caught(*one, wrongly=FALSE_POSITIVES)) for name, one in rates.items()}
    details = {"before": None if before is None else _number(before), **caught, **(more or {})}
    people = {FORGET: trial.sides[FORGET].whose, UNSEEN: trial.sides[UNSEEN].whose[unseen]}
    found = judged(measure, areas, people, seed=trial.seed, details=details)
    return _only_with_power(found, before, measure)


def _only_with_power(found: CheckResult, before: float | None, measure: Measure) -> CheckResult:
    if found.verdict != "passed" or found.floor is None:
        return found
    if before is None:
        why = "the version before is gone, so nobody knows whether this attack would have found them there"
    elif abs(before - found.floor) <= measure.margin:
        why = "this attack does not find them in the version before either, which was trained on them"
    else:
        return found
    return replace(found, verdict="underpowered", how=f"{found.how}; {why}")


def relative(trial: Trial) -> CheckResult:
    """Is the model nearer to a retraining or to the version before? 0 at the first, 1 at the second.

    Three samples of losses of the same forgotten records and their Wasserstein-1 distances; the idea of a relative test is that
    of Bounliphone et al. 2016, arXiv:1511.04581. Nothing can be nearer to one of two that do not differ.
    """
    measure = Measure(
        "relative", "nearer to the retrained model (0) or to the version before (1), by losses of the forgotten", 0.5, "above"
    )
    if trial.nobody or trial.old is None:
        return replace(unmeasured(measure, trial.nobody or "the version before is gone"), threshold="< 0.5")
    side = trial.sides[FORGET]
    mine, gold, other, old = (
        attacks.logit(attacks.confidence(trial.task.name, trial.task.losses(said[FORGET], side.target), scale=scale(trial)))
        for said in (trial.judged, *trial.gold, trial.old)
    )

    def nearer(rows: Mapping[str, Rows]) -> tuple[float, float]:
        one, gold_, other_, old_ = (np.sort(values[rows[FORGET]]) for values in (mine, gold, other, old))
        shares = (_share(_far(each, gold_), _far(each, old_)) for each in (one, other_))
        value, floor = shares
        return value, floor

    everywhere = np.arange(len(side))
    apart, usual = _far(np.sort(gold), np.sort(old)), _far(np.sort(gold), np.sort(other))
    found = judged(
        measure,
        lambda rows: (nearer(rows)[0], 0.0),  # judged against the middle, not against the floor
        {FORGET: side.whose},
        seed=trial.seed,
        details={"old_from_retrained": _number(apart), "retrained_from_retrained": _number(usual)},
    )
    found = replace(found, threshold="< 0.5", floor=None if found.value is None else _number(nearer({FORGET: everywhere})[1]))
    if found.value is not None and apart <= 2 * usual:
        return replace(
            found,
            verdict="underpowered",
            how=f"{found.how}; the version before differs little more from a retraining than two retrainings do",
        )
    return found


def _far(one: Floats, other: Floats) -> float:
    """Wasserstein-1 distance of two samples of one size, sorted."""
    return float(np.abs(one - other).mean()) if len(one) else 0.0


def _share(near: float, far: float) -> float:
    return near / (near + far) if near + far else 0.0


def gap_to_gold(trial: Trial, margin: float) -> CheckResult:
    """1 - ToW: how far the metric is from a retraining's on forgotten, retained and unseen records together.

    ToW = Π (1 - |Δ|), Zhao et al. 2024, arXiv:2406.01257.
    """
    measure = Measure(
        "gap_to_gold", "1 - ToW, the gaps to a retraining on forgotten, retained and unseen records", margin, "above"
    )
    if trial.nobody:
        return unmeasured(measure, trial.nobody)
    metric, sides = trial.metric, trial.sides

    def gaps(rows: Mapping[str, Rows], said: Said) -> list[float]:
        found = []
        for side in SIDES:
            target = sides[side].target[rows[side]]
            one, gold = (metric.measure(each[side][rows[side]], target) for each in (said, trial.gold[0]))
            found.append(abs(one - gold) if metric.bounded else abs(one - gold) / (abs(gold) or 1.0))
        return found

    def tow(rows: Mapping[str, Rows]) -> tuple[float, float]:
        value, floor = (
            1 - float(np.prod([1 - min(1.0, gap) for gap in gaps(rows, said)])) for said in (trial.judged, trial.gold[1])
        )
        return value, floor

    people = {side: sides[side].whose for side in SIDES}
    details: dict[str, float | int | str | None] = {}
    if all(map(len, sides.values())):
        everywhere = {side: np.arange(len(sides[side])) for side in SIDES}
        for name, said in (("", trial.judged), ("floor_", trial.gold[1])):
            details |= {f"{name}gap_{side}": _number(gap) for side, gap in zip(SIDES, gaps(everywhere, said), strict=True)}
    return judged(measure, tow, people, seed=trial.seed, details=details)


_HALF = "≥ half of the fewest that a retraining takes; below a quarter fails"
_LEAST_PASSES = 4
"""Of a retraining: with fewer there is no quarter."""


def relearn(trial: Trial) -> CheckResult:
    """Passes until the forgotten are known again as before, over those that a retraining takes: far below 1 is a trace.

    One number of each model and no interval: two retrainings may differ by half, so what lies between is underpowered.
    """
    how = "passes until the forgotten are known again as before, over those of a retraining"
    few = too_few({FORGET: trial.sides[FORGET].whose})
    if trial.nobody or trial.relearned is None or few:
        why = f"not measured: {trial.nobody or few or trial.not_relearned}"
        return CheckResult("relearn", None, _HALF, "underpowered", why)
    mine, gold, other = trial.relearned
    return CheckResult(
        name="relearn",
        value=_number(mine / gold),
        threshold=_HALF,
        verdict=_as_slow(mine, min(gold, other)),
        how=how if min(gold, other) >= _LEAST_PASSES else f"{how}; a retraining takes fewer than {_LEAST_PASSES}",
        floor=_number(other / gold),
        details={"passes": mine, "retrained_passes": gold, "retrained_again_passes": other},
    )


def _as_slow(passes: float, fewest: float) -> Verdict:
    if fewest < _LEAST_PASSES:
        return "underpowered"
    return "passed" if passes >= fewest / 2 else "failed" if passes < fewest / 4 else "underpowered"


def _number(value: float) -> float | None:
    return round(float(value), 4) if isfinite(value) else None


def summary(results: Sequence[CheckResult]) -> str:
    """`3 passed, 1 failed, 4 underpowered`."""
    counts = {verdict: sum(one.verdict == verdict for one in results) for verdict in ("passed", "failed", "underpowered")}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


__all__ = ["FORGET", "RETAIN", "SIDES", "UNSEEN", "Margins", "Side", "Trial", "judge", "summary"]
