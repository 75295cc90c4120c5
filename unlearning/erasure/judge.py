"""`unlearn judge`: a model version beside models that are trained again without the people, on demand.

What can be measured depends on whose records there still are. Of a finished erasure they are gone, which is the point of it:
then the version's use, its agreement with retrainings and its bytes are judged, and the checks that look for traces say that
nobody can make them. While an erasure is open, or with people who did not ask in the place of those who did (`--people-like`),
every check is made. The report says what was measured on whom.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from unlearning.checks import attacks, exactness
from unlearning.checks.against_floor import too_few
from unlearning.checks.attacks import Shadows
from unlearning.checks.judge import FORGET, LEAST_SHADOWS, RETAIN, UNSEEN, Margins, Said, Side, Trial, judge, scale
from unlearning.domain.chain import Trained
from unlearning.domain.draws import draw
from unlearning.domain.entities import CheckResult, Exact, ModelRecord
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.domain.hashing import seed_from
from unlearning.domain.partition import Places, keyed, members_of
from unlearning.domain.protocols import Records
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.erasure import Erasure
from unlearning.project import plugins, suppression
from unlearning.project.people import people_of, read_some, read_with_people
from unlearning.project.placement import grouped
from unlearning.project.training.bench import MOST_PASSES, Bench, bench, passes_until_known
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.registration import record_of
from unlearning.project.training.train import replay
from unlearning.project.training.training_set import TrainingSet, encoded, encoded_rows, training_set
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

progress = logging.getLogger("unlearning.progress")

MOST_PEOPLE = 2000
"""Of the retained and of the unseen, drawn by key: more would be asked in vain."""
_GOLD = 2
Whom = Literal["erased", "stand-ins", "nobody"]


@dataclass(frozen=True)
class Asked:
    """How much is to be done."""

    people_like: int | None = None
    """So many people who did not ask take the place of those who did."""
    method: str | None = None
    """What forgets the stand-ins; the first of `policy.methods`."""
    shadows: int = 16
    seconds: float | None = None
    """After which no further part is begun; the model and two retrainings are the least of a judgement."""
    groups: tuple[str, ...] = ()
    """Columns of the holdout by whose values use is judged besides."""
    keep: bool = False
    """Shadow models stay in the checkpoint store for the next time."""

    def check(self) -> None:
        """Raises WrongUse."""
        if self.people_like is not None and self.people_like < 1:
            raise WrongUse(f"--people-like is {self.people_like}; expected at least 1 person")
        if self.method and self.people_like is None:
            raise WrongUse("--method says what forgets the stand-ins; say how many with `--people-like` too")
        if self.shadows < 0:
            raise WrongUse(f"--shadows is {self.shadows}; expected 0 or more")


@dataclass(frozen=True)
class Judgement:
    """What the judge found, without a name or a cell of anybody."""

    model: str
    version: int
    method: str
    guarantee: str
    judged_at: datetime
    seconds: float
    whom: Whom
    measured_on: str
    """In words: on whom, and beside what."""
    people: Mapping[str, int]
    """Side → people measured."""
    shadow_models: int
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> bool:
        """Some check did."""
        return any(one.verdict == "failed" for one in self.checks)


@dataclass(frozen=True)
class Judged:
    """The same with what it was found in, which stays in memory or goes to an auditor."""

    judgement: Judgement
    trial: Trial


def of_version(workspace: Workspace, version: ModelVersion, asked: Asked, *, now: datetime) -> Judged:
    """Judge a version that was trained here.

    Raises NotFound for one that is unknown, or whose records are no longer those that made it, WrongUse.
    """
    asked.check()
    began, view = time.perf_counter(), workspace.of(version.name)
    before = bar(view, version, asked)
    before.require_same()
    trial, trained = before.trial()
    exact = before.exact(trained)  # before what takes longer and shows less
    trial = before.attacked(trial)
    margins = view.settings.checks
    checks = judge(trial, Margins(margins.utility_tolerance, 1 - margins.agreement_minimum, margins.membership_margin))
    found = Judgement(
        model=version.name,
        version=version.version,
        method=trained.method,
        guarantee=trained.guarantee,
        judged_at=now,
        seconds=round(time.perf_counter() - began, 3),
        whom=before.whom,
        measured_on=before.said,
        people={side: len(np.unique(one.whose)) for side, one in trial.sides.items()},
        shadow_models=len(trial.shadows) if trial.shadows else 0,
        checks=(exact, *checks),
    )
    return Judged(found, trial)


def bar(view: Workspace, version: ModelVersion, asked: Asked) -> Bar:
    """A version before the judge. view: of its model. Raises NotFound for a version that was not trained here."""
    return Bar(view, record_of(view, version), asked, time.perf_counter())


@dataclass(frozen=True)
class _Some:
    """Encoded records and whose each is."""

    records: Records
    where: Places

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> _Some:
        return _Some(self.records[rows], self.where[rows])

    def __add__(self, other: _Some) -> _Some:
        return _Some(self.records.followed_by(other.records), np.concatenate((self.where, other.where)))

    @cached_property
    def whose(self) -> NDArray[np.int64]:
        """(n,) a number for each person."""
        return np.unique(self.where, axis=0, return_inverse=True)[1].reshape(-1)

    def drawn(self, people: int, *purpose: str | int) -> NDArray[np.bool_]:
        """(n,) whether a record is of one of so many people, whom their keys draw."""
        order = np.argsort(draw(self.where[:, 3], *purpose)[self._first], kind="stable")
        chosen = np.zeros(len(self._first), np.bool_)
        chosen[order[:people]] = True
        return np.asarray(chosen[self.whose], np.bool_)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        return np.asarray(np.unique(self.where, axis=0, return_index=True)[1], np.int64)


@dataclass(frozen=True)
class Bar:
    """One version before the judge: who and what there is, each found once."""

    view: Workspace
    record: ModelRecord
    asked: Asked
    began: float
    notes: list[str] = field(default_factory=list)

    # --- the people ---

    @cached_property
    def _trained_on(self) -> tuple[TrainingSet, _Some, int]:
        """What trained it; the same of the people who did not ask since, and how many did."""
        view, data, person = self.view, self.record.data, self.view.recipe.person
        file = view.data.fetch(data)
        with tables.about(data.path):
            people = people_of(view, file, person, named=data.path, past=True)
            table = tables.read(file, person=person, named=data.path)
            then = suppression.suppressed(view, people, self.record.suppressed_upto)
            now = suppression.suppressed(view, people, view.ledger.head()[0])
            whole = training_set(view, table, people, exclude=then.keys())
            some = _Some(*encoded(view.recipe, table, grouped(view, table, people), ~people.mask(now.keys())))
        return whole, some, len(now.keys() - then.keys())

    @property
    def trained_on(self) -> TrainingSet:
        """What trained it."""
        return self._trained_on[0]

    @property
    def asked_since(self) -> int:
        """How many people of it asked to be erased since."""
        return self._trained_on[2]

    def require_same(self) -> None:
        """Raises NotFound where the version cannot be compared with a training on what there is now."""
        if self.trained_on.chain != self.record.chain:
            raise NotFound(
                f"{self.record.model} cannot be judged: its records or its recipe are no longer those that made it (an erasure "
                "took people out since, or the recipe changed); judge the version behind the alias"
            )

    @cached_property
    def _unseen(self) -> tuple[_Some, Mapping[str, NDArray[np.str_]]]:
        """People who are in no training set, and their groups."""
        view, path, person = self.view, self.view.own.data.holdout, self.view.recipe.person
        table, people = read_with_people(view, view.path(path), person, named=path)
        now = suppression.suppressed(view, people, view.ledger.head()[0])
        keep = ~people.mask(now.keys())
        with tables.about(path):
            some = _Some(*encoded(view.recipe, table, grouped(view, table, people), keep))
        if self.asked.groups and len(some) != int(keep.sum()):
            raise WrongUse("--group: this recipe makes one record of all rows of a person, so no row's group is a record's")
        groups = {}
        for column in self.asked.groups:
            if column not in table.column_names:
                raise WrongUse(f"--group {column}: {path} has no such column; it has {', '.join(table.column_names)}")
            if column == person:
                raise WrongUse(f"--group {column}: that is the column of people; name one of groups")
            groups[column] = np.array([str(value) for value in table.column(column).to_pylist()])[keep]
        chosen = self.view.task.judged(some.records.target)
        return some[chosen], {column: values[chosen] for column, values in groups.items()}

    @cached_property
    def whom(self) -> Whom:
        """Whose traces are looked for."""
        return "stand-ins" if self.asked.people_like else "erased" if len(self._forgotten[0]) else "nobody"

    @cached_property
    def _forgotten(self) -> tuple[_Some, str]:
        """The records that are to be forgotten, and why there are none."""
        _, some, _ = self._trained_on
        if self.asked.people_like:
            people = len(some._first)
            if self.asked.people_like > people // 2:
                raise WrongUse(
                    f"--people-like {self.asked.people_like}: the version was trained on {people} people who did not ask; "
                    f"expected at most {people // 2}, half of them"
                )
            return some[some.drawn(self.asked.people_like, "stand-in", str(self.record.model))], ""
        if self.record.erasure_id is None:
            return some[:0], f"nobody was erased from {self.record.model}; `--people-like` takes people who did not ask"  # type: ignore[index]
        return self._erased(Erasure(self.view, self.record.erasure_id).of(self.view.own.model), some)

    def _erased(self, erasure: Erasure, some: _Some) -> tuple[_Some, str]:
        gone = "the rows of those who were erased are gone; `--people-like` takes people who did not ask in their place"
        plan = erasure.plan
        before = next((one for one in plan.before if one.path == self.record.data.path), None)
        nobody = some[np.zeros(len(some), np.bool_)]
        if before is None:
            return nobody, gone
        view, recipe = self.view, self.view.recipe
        try:
            file = view.data.fetch(before)
            table, people, theirs = read_some(view, file, recipe.person, lambda roll: roll.mask(plan.tokens), named=before.path)
        except NotFound:  # a service that does not answer is another matter, and is said
            return nobody, gone
        if not theirs.any():  # a twin: the same table without them
            return nobody, gone
        with tables.about(before.path):
            codes = people.codes[theirs]
            return _Some(*encoded_rows(recipe, table, grouped(view, table, people, codes), codes)), ""

    @cached_property
    def _retained(self) -> _Some:
        """Who stays."""
        _, some, _ = self._trained_on
        if not self.asked.people_like:
            return some
        return some[~some.drawn(self.asked.people_like, "stand-in", str(self.record.model))]

    @property
    def said(self) -> str:
        """On whom it was measured, in words."""
        since = self.asked_since
        forgotten, why = self._forgotten
        whom = {
            "stand-ins": f"{len(forgotten._first)} people who did not ask, drawn by key, whom {self._method} forgot for this "
            "judgement: it says what the method does to people like these, not that anybody else was forgotten",
            "erased": f"{len(forgotten._first)} people whose erasure made this version",
            "nobody": f"nobody: {why}",
        }[self.whom]
        later = (
            f"; {since} people who asked since are in this version and in no model that it is compared with" if since else ""
        )
        return f"traces of {whom}{later}"

    # --- the models ---

    @cached_property
    def _method(self) -> str:
        return self.asked.method or self.view.settings.policy.methods[0]

    @cached_property
    def _shown(self) -> NDArray[np.bool_]:
        return self._unseen[0].drawn(MOST_PEOPLE, "shown", "unseen")

    @cached_property
    def _judged(self) -> Mapping[str, _Some]:
        """Side → the records that every model is asked about."""
        retained = self._retained[self._retained.drawn(MOST_PEOPLE, "shown", "retained")]
        rows = {FORGET: self._forgotten[0], RETAIN: retained, UNSEEN: self._unseen[0][self._shown]}
        return {side: one[self.view.task.judged(one.records.target)] for side, one in rows.items()}

    @cached_property
    def _models(self) -> tuple[Ensemble, Trained, Sequence[Ensemble]]:
        """What is judged, and the retrainings."""
        model, trained = self._model()
        return model, trained, [self._gold(number) for number in range(_GOLD)]

    def trial(self) -> tuple[Trial, Trained]:
        """Train the least that is needed, and ask everybody."""
        view, judged_rows, (_, why) = self.view, self._judged, self._forgotten
        asking, old = _Asking(judged_rows), self._old()
        model, trained, gold = self._models
        groups = {column: values[self._shown] for column, values in self._unseen[1].items()}
        trial = Trial(
            task=view.task,
            metric=view.metric,
            sides={side: Side(one.records.target, one.whose) for side, one in judged_rows.items()},
            judged=asking(model),
            gold=(asking(gold[0]), asking(gold[1])),
            old=asking(old) if old else None,
            nobody=why,
            groups=groups,
            seed=seed_from("judge", str(self.record.model)),
        )
        if why or not len(judged_rows[FORGET]):
            trial = replace(trial, nobody=why or "nobody's records can be judged")
        return trial, trained

    def attacked(self, trial: Trial) -> Trial:
        """The same with relearning and shadow models, where they would tell more."""
        if trial.nobody or too_few({FORGET: trial.sides[FORGET].whose}):
            return trial
        model, _, gold = self._models
        late = self._late()
        trial = replace(trial, not_relearned=late) if late else self._relearned(trial, self._judged[FORGET], [model, *gold])
        return self._with_shadows(trial, self._judged)

    def _late(self) -> str:
        """Why no further part is begun; empty while there is time."""
        if self.asked.seconds is None or time.perf_counter() - self.began <= self.asked.seconds:
            return ""
        return f"the {self.asked.seconds:g} s that were given were over"

    def _model(self) -> tuple[Ensemble, Trained]:
        """What is judged: the version, or what a method makes of it for the stand-ins."""
        if not self.asked.people_like:
            return Ensemble.of(self.view, self.record.trained), self.record.trained
        with bench(self.view) as place:
            forget, retain = self._forgotten[0], place.set_of(*_parts(self._retained))
            stored = [*(part.key for part in self.record.trained.parts), *retain.chain.keys]
            place.borrow(self.view.checkpoints, stored)
            progress.info("judge: %s forgets %d people", self._method, len(forget._first))
            made = place.unlearn(retain, keyed(*_parts(forget)), self.record.trained, self._method)
            return place.answers(made), made

    def _old(self) -> Ensemble | None:
        """The version before, where its states are still there."""
        if self.asked.people_like:
            return Ensemble.of(self.view, self.record.trained)
        if self.record.parent is None:
            return None
        before = record_of(self.view, self.record.parent).trained
        return Ensemble.of(self.view, before) if all(part.key in self.view.checkpoints for part in before.parts) else None

    def _gold(self, number: int) -> Ensemble:
        """A retraining without the people, with a seed of its own."""
        progress.info("judge: retraining %d of %d", number + 1, _GOLD)
        return self._trained(self._retained, "gold", number)

    def _trained(self, some: _Some, *seed: str | int) -> Ensemble:
        with bench(self.view, seed=seed_from("judge", *seed)) as place:
            return place.answers(place.train(place.set_of(*_parts(some))))

    def exact(self, trained: Trained) -> CheckResult:
        """Whether the judged model is, to the byte, what training from scratch gives."""
        whole, since = self.trained_on, self.asked_since
        why = ""
        if not isinstance(plugins.method(trained.method).guarantee, Exact):
            why = f"{trained.method} does not promise it"
        elif since and not self.asked.people_like:
            why = f"{since} people who asked since are in this version, and nothing is trained on them again"
        if why := why or self._late():
            return CheckResult("exactness", None, "every replayed shard equal", "underpowered", f"not measured: {why}")
        progress.info("judge: replay from scratch")
        if not self.asked.people_like:
            again = replay(self.view, whole, trained, shards=[part.shard for part in trained.parts])
            return exactness.of_replay(again.digests, _digests(trained), again.otherwise)
        with bench(self.view) as place:
            retain = place.set_of(*_parts(self._retained))
            again = replay(place.workspace, retain, trained, shards=[part.shard for part in trained.parts])
        return exactness.of_replay(again.digests, _digests(trained), again.otherwise)

    # --- relearning and shadow models ---

    def _relearned(self, trial: Trial, forgotten: _Some, models: Sequence[Ensemble]) -> Trial:
        """How fast each of the models knows the forgotten again as the version before did."""
        if trial.old is None:
            return replace(trial, not_relearned="the version before is gone, so nobody knows how well it knew them")
        losses = trial.task.losses(trial.old[FORGET], trial.sides[FORGET].target)
        part = self.view.settings.partition
        rows, shard, _ = members_of(
            forgotten.where,
            shards=part.shards,
            slices=part.slices,
            members_of_person=part.members_of_person,
            placement=part.placement,
        )
        theirs = {int(one): keyed(*_parts(forgotten[rows[shard == one]])) for one in np.unique(shard)}
        progress.info("judge: relearning")
        mine, gold, other = (
            passes_until_known(one, trial.task, theirs, forgotten.records, float(np.mean(losses))) for one in models
        )
        if max(gold, other) >= MOST_PASSES:
            return replace(trial, not_relearned=f"a retraining does not know them as before after {MOST_PASSES} passes")
        return replace(trial, relearned=(float(mine), float(gold), float(other)))

    def _with_shadows(self, trial: Trial, rows: Mapping[str, _Some]) -> Trial:
        """Attacks that need shadow models get them, as many as the time allows."""
        forgotten, unseen = rows[FORGET], rows[UNSEEN]
        drawn = np.flatnonzero(unseen.drawn(len(forgotten._first), "shadowed"))
        asked = forgotten + unseen[drawn]
        pool = asked + self._retained
        inside = _halves(pool, self.asked.shadows)
        confident: Callable[[Ensemble], NDArray[np.float64]] = lambda model: attacks.confidence(  # noqa: E731
            trial.task.name,
            trial.task.losses(model.predict(asked.records.features), asked.records.target),
            scale=scale(trial),
        )
        made = list(self._shadows(pool, len(asked), inside, confident))
        if len(made) < LEAST_SHADOWS:
            given = f"{len(made)} of {self.asked.shadows} shadow models could be trained in the time given"
            return replace(trial, drawn=drawn, no_shadows=f"{given}, and it takes {LEAST_SHADOWS}")
        unlearned = [one for _, one in made if one is not None]
        shadows = Shadows(
            member=inside[: len(made), : len(asked)],
            confidence=np.array([one for one, _ in made]),
            unlearned=np.array(unlearned) if len(unlearned) == len(made) else None,
        )
        return replace(trial, drawn=drawn, shadows=shadows)

    def _shadows(
        self,
        pool: _Some,
        asked: int,
        inside: NDArray[np.bool_],
        confident: Callable[[Ensemble], NDArray[np.float64]],
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
        """What each shadow model answers, and what it answers once it has unlearned those who are asked about."""
        who = np.arange(len(pool)) < asked
        for number, member in enumerate(inside):
            if self._late():
                return
            progress.info("judge: shadow model %d of %d", number + 1, len(inside))
            with bench(self.view, seed=seed_from("judge", "shadow", number), kept=self.asked.keep) as place:
                trained = place.train(place.set_of(*_parts(pool[member])))
                before = confident(place.answers(trained))
                yield before, self._forgets(place, trained, pool, (member & ~who, member & who), confident)

    def _forgets(
        self,
        place: Bench,
        trained: Trained,
        pool: _Some,
        stay_and_go: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        confident: Callable[[Ensemble], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """In a store of its own: a state that a method makes stands in no chain, so nothing would find it again."""
        method = self._method if self.asked.people_like else self.record.trained.method
        stay, go = stay_and_go
        with bench(self.view, seed=place.workspace.settings.partition.seed) as apart:
            retain = apart.set_of(*_parts(pool[stay]))
            apart.borrow(place.workspace.checkpoints, [*(part.key for part in trained.parts), *retain.chain.keys])
            return confident(apart.answers(apart.unlearn(retain, keyed(*_parts(pool[go])), trained, method)))


@dataclass(frozen=True)
class _Asking:
    """Puts the same records to every model."""

    rows: Mapping[str, _Some]

    def __call__(self, model: Ensemble) -> Said:
        return {side: model.predict(one.records.features) for side, one in self.rows.items()}


def _halves(pool: _Some, count: int) -> NDArray[np.bool_]:
    """(count, n) whether each shadow model is trained on each record: every person is in half of them, whom their key draws."""
    draws = np.array([draw(pool.where[:, 3], "shadow", number) for number in range(count)]).reshape(count, len(pool))
    return np.argsort(np.argsort(draws, axis=0), axis=0) < count / 2


def _parts(some: _Some) -> tuple[Records, Places]:
    return some.records, some.where


def _digests(trained: Trained) -> dict[int, str]:
    return {part.shard: part.digest for part in trained.parts}
