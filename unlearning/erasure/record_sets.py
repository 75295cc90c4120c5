"""What the steps of an erasure read of data and lineage: where the people are, what is kept, what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning.domain.events import DataRedacted, PlanMade
from unlearning.domain.partition import keyed
from unlearning.erasure.search import Search, search
from unlearning.project import suppression
from unlearning.project.people import read_some, read_with_people
from unlearning.project.training.registration import record_of
from unlearning.project.training.touched import Redaction, touched_set
from unlearning.project.training.training_set import TrainingSet, encoded_rows, training_set

if TYPE_CHECKING:
    from unlearning.domain.chain import Chain
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
        """The retained training records: of the touched shards alone where that says the same, or of all."""
        found = self._touched() or self._everybody()
        self._chains[self.erasure.workspace.own.model] = found.chain
        return found

    def chain(self, erasure: Erasure) -> Chain:
        """The keys that the retained records of one model lead to, as this process found them before, or finds them now."""
        known = self._chains.get(erasure.workspace.own.model)
        return known or self.of(erasure).retain.chain

    @cached_property
    def _chains(self) -> dict[str, Chain]:
        return self.whole._chains if self.whole else {}

    def _touched(self) -> TrainingSet | None:
        """None where the table was not redacted here, or lies in another version now."""
        erasure, redacted = self.erasure, self.erasure.said(DataRedacted)
        train = erasure.own.train
        before = next(version for version in erasure.plan.before if version.path == train)
        after = next((version for version in redacted.after if version.path == train), None) if redacted else None
        if after is None or erasure.after[train] != after:
            return None
        return touched_set(
            erasure.workspace,
            self.parent,
            Redaction(before, after, erasure.plan.tokens),
            suppressed_upto=erasure.plan.suppressed_upto,
            everybody=self._everybody,
        )

    def _everybody(self) -> TrainingSet:
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
        table, people, theirs = read_some(
            workspace, file, recipe.person, lambda roll: roll.mask(plan.tokens), named=before.path
        )
        return keyed(*encoded_rows(recipe, table, people, people.codes[theirs]))
