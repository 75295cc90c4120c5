"""People who were erased and let in again: what may hold them now, and what is of before and stays erased.

What is of before: objects that a commit of before names, model versions whose training began before, and whatever no commit
and no DVC file names. A commit is of before when a ref of then leads to it, or when it says itself that it is older: a clone
that was not told may push it later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning.domain.lifecycle import Readmission
from unlearning.stores.dvc.objects import object_stores, with_files
from unlearning.stores.git import plumbing

if TYPE_CHECKING:
    from unlearning.domain.entities import ModelRecord
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Readmitted:
    """Whom a decision let in again, who was not erased anew since."""

    workspace: Workspace

    @cached_property
    def since(self) -> Mapping[str, Readmission]:
        """Index token → the decision."""
        return self.workspace.ledger.standing.readmitted().readmitted

    @cached_property
    def alone(self) -> frozenset[str]:
        """Those of them without a new request: once they ask again, all of theirs is searched for."""
        return frozenset(self.since) - self.workspace.ledger.standing.open_groups(self.since).keys()

    @cached_property
    def objects(self) -> dict[str, frozenset[str]]:
        """DVC object → those of them who may be in it: what the work tree names, and what only later commits do."""
        if not self.since:
            return {}
        data = self.workspace.data
        stores, revs = object_stores(data), data.commits()
        named = {one.rev: {out.object for out in one.outs} for one in data.snapshots(revs)}
        dates = plumbing.dates(data.git)
        now = with_files({out.object for out in data.present().outs}, stores)
        found: dict[str, frozenset[str]] = {}
        for token, decision in self.since.items():
            before = plumbing.behind(data.git, decision.tips)
            old = {rev for rev in revs if rev in before or dates[rev] < int(decision.at.timestamp())}
            of_before = with_files(set().union(*(named[rev] for rev in old)), stores)
            of_after = with_files(set().union(*(named[rev] for rev in revs if rev not in old)), stores)
            for name in now | (of_after - of_before):
                found[name] = found.get(name, frozenset()) | {token}
        return found

    def may_hold(self, record: ModelRecord, tokens: Collection[str]) -> frozenset[str]:
        """Those of these people whom a version that was trained here may know: its training began after their readmission."""
        return frozenset(
            token for token in tokens if token in self.since and record.suppressed_upto >= self.since[token].position
        )
