"""What the steps of an erasure read of data and lineage: where the people are, what is kept, what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning.domain.events import DataRedacted, PlanMade
from unlearning.domain.partition import keyed
from unlearning.erasure.search import Search, search
from unlearning.project import suppression
from unlearning.project.people import read_with_people
from unlearning.project.training.registration import record_of
from unlearning.project.training.training_set import TrainingSet, encoded, training_set

if TYPE_CHECKING:
    from unlearning.domain.entities import ModelRecord
    from unlearning.domain.protocols import Records
    from unlearning.domain.versions import DataVersion
    from unlearning.erasure.erasure import Erasure


@dataclass(frozen=True)
class RecordSets:
    """The record sets of one attempt, each read when it is first needed and then handed on from step to step."""

    erasure: Erasure
    whole: RecordSets | None = None
    """Those of the whole erasure, where these are of one of its models."""

    def of(self, erasure: Erasure) -> RecordSets:
        """The sets of one model, as its view of the erasure sees them; where the people are is looked for once."""
        return RecordSets(erasure, self.whole or self)

    @cached_property
    def found(self) -> Search:
        """Where the people are now, or were before an earlier attempt of this erasure redacted the tables."""
        if self.whole:
            return self.whole.found
        return search(self.erasure.workspace, self.erasure.tokens, made_from=self._made_from)

    def _made_from(self, version: DataVersion) -> DataVersion:
        """The version that an earlier attempt made this one from; the version itself when none did."""
        origin = version
        planned: tuple[DataVersion, ...] = ()
        for event in self.erasure.events:
            if isinstance(event.fact, PlanMade):
                planned = event.fact.plan.before
            elif isinstance(event.fact, DataRedacted):
                after = {(one.path, one.digest) for one in event.fact.after}
                if planned and (version.path, version.digest) in after:
                    origin = next(before for before in planned if before.path == version.path)
        return origin

    @cached_property
    def before(self) -> Search:
        """Where the people were when the plan was made: the same once their data is redacted, through the index."""
        if self.whole:
            return self.whole.before
        return search(self.erasure.workspace, self.erasure.plan.tokens)

    @cached_property
    def parent(self) -> ModelRecord:
        """The version that is to be replaced."""
        return record_of(self.erasure.workspace, self.erasure.own.parent)

    @cached_property
    def retain(self) -> TrainingSet:
        """The retained training records."""
        workspace, plan = self.erasure.workspace, self.erasure.plan
        train, person = self.erasure.own.train, workspace.recipe.person
        table, people = read_with_people(workspace, workspace.path(train), person, named=train)
        exclude = suppression.suppressed(workspace, people, plan.suppressed_upto)
        return training_set(workspace, table, people, exclude=exclude)

    @cached_property
    def forget(self) -> Records:
        """The training records to forget, as the parent's training table held them."""
        workspace, plan = self.erasure.workspace, self.erasure.plan
        before = next(version for version in plan.before if version.path == self.erasure.own.train)
        recipe, file = workspace.recipe, workspace.data.fetch(before)
        table, people = read_with_people(workspace, file, recipe.person, named=before.path)
        return keyed(*encoded(recipe, table, people, people.mask(plan.tokens)))
