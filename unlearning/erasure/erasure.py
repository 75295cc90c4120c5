"""One batch of requests on its way through the steps: what is known of it, and how a step runs only once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from unlearning.domain import lifecycle
from unlearning.domain.chain import Part, Trained
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.entities import ErasureRequest, Event, ModelRecord
from unlearning.domain.lifecycle import SUPPRESSION_EVENTS
from unlearning.domain.planning.plan import OwnPlan, Plan
from unlearning.domain.protocols import Records
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.erasure.search import Search, search
from unlearning.project.people import people_in
from unlearning.project.training.registration import record_of
from unlearning.project.training.training_set import TrainingSet, take, training_set
from unlearning.project.workspace import Workspace
from unlearning.stores.tables import tables


@dataclass(frozen=True)
class Erasure:
    """One batch of requests on its way through the steps."""

    workspace: Workspace
    erasure_id: str
    clock: Clock = utc_now

    def now(self, *, after: Iterable[datetime] = ()) -> datetime:
        """The present moment, never before what happened to this erasure or before `after`.

        A clock that was set back must not let a step end before it began: its certificate would contradict itself.
        """
        return max([self.clock(), *after, *(event.at for event in self._events)])

    @property
    def progress(self) -> lifecycle.Progress:
        """What has been done so far."""
        return lifecycle.Progress(tuple(self._events[self._opened :]))

    @property
    def _events(self) -> list[Event]:
        return self.workspace.ledger.events(subject=self.erasure_id)

    @property
    def _opened(self) -> int:
        """Where the current attempt begins: an erasure that is started anew decides everything again."""
        return max(position for position, event in enumerate(self._events) if event.kind == "ErasureStarted")

    @property
    def refused(self) -> bool:
        """The last attempt ended without a candidate that passed."""
        return self._events[-1].kind == "ErasureRefused"

    @property
    def redacting(self) -> bool:
        """The plan is made and the tables are not redacted yet: some may be rewritten already."""
        progress = self.progress
        planned = progress.step_done("PlanMade")
        begun = not self.refused and self._events[-1].kind != "ApprovalRequested"
        return bool(planned and planned["tokens"]) and begun and progress.step_done("DataRedacted") is None

    @property
    def withdrawn(self) -> ModelVersion | None:
        """The version whose alias an earlier attempt of this erasure withdrew, while the alias still points nowhere."""
        own, refusals = self.workspace.own, self.bodies("ErasureRefused")
        if not refusals or refusals[-1]["alias"] != "withdraw":
            return None
        if self.workspace.models.alias(own.model, own.alias) is not None:
            return None
        return ModelVersion(**self.bodies("PlanMade")[-1]["parent"])

    @property
    def requests(self) -> tuple[ErasureRequest, ...]:
        """The batch."""
        known = lifecycle.fold(self.workspace.ledger.events())
        return tuple(known[request_id] for request_id in self.started["requests"])

    @property
    def started(self) -> Mapping[str, Any]:
        """The body of the event that opened the batch."""
        return self._events[self._opened].body

    @cached_property
    def found(self) -> Search:
        """Where the people are now, or were before an earlier attempt of this erasure redacted the tables."""
        return search(self.workspace, self.tokens, made_from=self._made_from)

    def _made_from(self, version: DataVersion) -> DataVersion:
        """The version that an earlier attempt made this one from; the version itself when none did."""
        origin, plan = version, None
        for event in self._events:
            if event.kind == "PlanMade":
                plan = Plan.from_body(_without_seconds(event.body))
            elif event.kind == "DataRedacted" and plan is not None:
                after = {(one["path"], one["digest"]) for one in event.body["after"]}
                if (version.path, version.digest) in after:
                    origin = next(before for before in plan.before if before.path == version.path)
        return origin

    @cached_property
    def before(self) -> Search:
        """Where the people were when the plan was made: the same once their data is redacted, through the index."""
        return search(self.workspace, self.plan.tokens)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The people of the batch, without those whose request was withdrawn or is exempt."""
        return tuple(sorted({request.token for request in self.requests if request.state not in ("cancelled", "exempt")}))

    def once(self, kind: str, make_body: Callable[[], Mapping[str, Any]], **facts: str) -> Mapping[str, Any]:
        """The body of this step's event: from the ledger when the step was done, else by doing it now.

        facts: what tells the event from others of its kind, such as the method.
        """
        if (done := self.progress.step_done(kind, **facts)) is not None:
            return done
        began = time.perf_counter()
        body = dict(make_body())
        body["seconds"] = round(time.perf_counter() - began, 3)
        return self.workspace.ledger.append(kind, self.erasure_id, body, at=self.now()).body

    @cached_property
    def plan(self) -> Plan:
        """The plan, once made."""
        return Plan.from_body(_without_seconds(self.body("PlanMade")))

    @property
    def own(self) -> OwnPlan:
        """What the plan says of the project's own model; asked for only where there is one."""
        if (own := self.plan.own) is None:
            raise RuntimeError("a plan for adopted models only was asked about a model of the project's own")
        return own

    def refuse(self, reason: str, *, alias: str = "keep") -> None:
        """Write down that this attempt is over; the next run decides everything again. alias: what the own model's did."""
        self.workspace.ledger.append("ErasureRefused", self.erasure_id, {"reason": reason, "alias": alias}, at=self.now())

    def body(self, kind: str) -> Mapping[str, Any]:
        """What a step that was done wrote down."""
        body = self.progress.step_done(kind)
        if body is None:
            raise RuntimeError(f"{kind} was asked for before it happened")
        return body

    @property
    def redacted(self) -> list[tuple[DataVersion, DataVersion]]:
        """(before, after) of every table that this attempt rewrote."""
        done = self.progress.step_done("DataRedacted")
        after = {one["path"]: DataVersion(**one) for one in done["after"]} if done else {}
        pairs = [(before, after[before.path]) for before in self.plan.before if before.path in after] if done else []
        return [(before, new) for before, new in pairs if before.digest != new.digest]

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        """What every run of a step wrote down, attempts that were given up included."""
        return [event.body for event in self._events if event.kind == kind]

    def steps(self) -> list[tuple[str, datetime, datetime]]:
        """(kind, began, ended) of each step of this attempt that was done, in order."""
        return [(event.kind, began, event.at) for event, began in self.timed()]

    def timed(self, kinds: Collection[str] | None = None) -> list[tuple[Event, datetime]]:
        """(event, when it began) of each step of this attempt, of some kinds when given."""
        return [
            (event, event.at - timedelta(seconds=event.body.get("seconds", 0)))
            for event in self._events[self._opened :]
            if kinds is None or event.kind in kinds
        ]

    @property
    def promoted(self) -> Trained | None:
        """The candidate that passed; None when no model had to change."""
        return trained_from(self.trained_body["trained"]) if self.trained_body else None

    @property
    def trained_body(self) -> Mapping[str, Any]:
        """What the training of the candidate that passed wrote down; empty when no model had to change."""
        validated = self.progress.step_done("CandidateValidated")
        if validated is None or not validated["passed"]:
            return {}
        return self.progress.step_done("CandidateTrained", validated["method"]) or {}

    @cached_property
    def parent(self) -> ModelRecord:
        """The version that is to be replaced."""
        return record_of(self.workspace, self.own.parent)

    @cached_property
    def retain(self) -> TrainingSet:
        """The retained training records."""
        events = self.workspace.ledger.events(kinds=SUPPRESSION_EVENTS)
        exclude = lifecycle.suppressed_index_tokens(events, self.plan.suppressed_upto)
        path = self.workspace.path(self.own.train)
        return training_set(self.workspace, tables.read(path, person=self.workspace.recipe.person), exclude=exclude)

    @cached_property
    def forget(self) -> Records:
        """The training records to forget, as the parent's training table held them."""
        before = next(version for version in self.plan.before if version.path == self.own.train)
        recipe = self.workspace.recipe
        table = tables.read(self.workspace.data.fetch(before), person=recipe.person, named=before.path)
        mask = people_in(self.workspace, table, recipe.person).mask(self.plan.tokens)
        return take(recipe.encode(table).records, np.flatnonzero(mask))


def _without_seconds(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "seconds"}


def trained_from(body: Mapping[str, Any]) -> Trained:
    """The inverse of `entities.plain` for a candidate."""
    return Trained(**{**body, "parts": tuple(Part(**part) for part in body["parts"]), "dropped": tuple(body["dropped"])})
