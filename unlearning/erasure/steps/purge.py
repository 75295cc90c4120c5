"""Step 8, purge: what holds the people goes; what stays is listed with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unlearning.domain.events import CandidateTrained, ImpactAssessed, Purged, TracesFound
from unlearning.domain.planning.impact import stale_in_chain, stale_keys
from unlearning.domain.traces import Deleted, Residual
from unlearning.erasure import decisions
from unlearning.erasure.search import shaped_records
from unlearning.erasure.steps import promote
from unlearning.lineage.shaped import made_elsewhere, superseded
from unlearning.project.holdings import adoptions
from unlearning.traces.deletion import find, twins_then_deletion
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets


def purge(erasure: Erasure, sets: RecordSets) -> Deleted:
    """Find everything, then delete it: what holds the people in every place within reach; what could not go is listed.

    Raises Unavailable when a place does not answer: the request stays open, and the next run goes on where this one stopped.
    """
    workspace = erasure.workspace
    with workspace.ledger.exclusive("purge"):
        reach = Reach(workspace)

        def body() -> TracesFound:
            return TracesFound(inventory=find(reach, erasure.plan.tokens, stale=_stale(erasure, sets)))

        inventory = erasure.once(TracesFound, body).inventory
        return twins_then_deletion(reach, inventory, erasure.plan.tokens, _elsewhere(erasure))


def _stale(erasure: Erasure, sets: RecordSets) -> frozenset[str]:
    """Checkpoints that hold the people: of every version they shaped, and of heuristic candidates that did not pass."""
    shaped = shaped_records(erasure.workspace, sets.before, deleted=None)
    stale = frozenset[str]().union(*(stale_keys(record, sets.before.people) for record, _ in shaped))
    return (stale | _attempted(erasure, sets) | _rejected(erasure)) - _served(erasure)


def _attempted(erasure: Erasure, sets: RecordSets) -> frozenset[str]:
    """Checkpoints of trainings that died or failed their checks: no version names them, their chains do.

    A chain does not say who was in it, so what versions hold that these people never shaped is left alone.
    """
    if erasure.plan.own is None:
        return frozenset()
    workspace, model = erasure.workspace, erasure.plan.own.model
    chains = workspace.attempts.chains(model)
    stale = frozenset[str]().union(*(stale_in_chain(chain, sets.before.people) for chain in chains))
    # Nobody can say in which shard people were that are lost, or under another partition key: what no clean version needs goes.
    lost = (chain for chain in chains if sets.before.lost or chain.recipe != workspace.recipe_digest)
    stale = stale.union(*(chain.keys for chain in lost))
    shaped = {record.model for record, _ in shaped_records(workspace, sets.before)}
    clean = (record.chain.keys for record in workspace.lineage.models(model) if record.model not in shaped)
    return stale.difference(sets.retain.chain.keys, *clean)


def _rejected(erasure: Erasure) -> frozenset[str]:
    """States of candidates without a proof: what failed the checks may still know the people."""
    every = [one.trained for one in erasure.every(CandidateTrained)]
    return frozenset(part.key for trained in every if trained.guarantee != "exact" for part in trained.parts)


def _served(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of the candidate that was promoted."""
    trained = erasure.promoted
    return frozenset(part.key for part in trained.parts) if trained else frozenset()


def _elsewhere(erasure: Erasure) -> Iterable[Residual]:
    """Versions that this project did not train: making them again needs whoever did."""
    yield from _unexplained(erasure)
    gone = superseded(erasure.workspace)
    touched = [version for version in erasure.done(ImpactAssessed).impact.model_versions if version.via]
    named = [version for version in touched if version.model not in gone]
    if named:
        names = ", ".join(f"{version.model} ({version.via})" for version in named)
        yield Residual(
            place=f"model versions that this project did not train: {names}",
            level="model",
            outcome="residual",
            count=len(named),
            why="the people shaped them, and this erasure did not touch them; an alias may still serve them",
            remedy="make them again from the clean version or the redacted data, then move their aliases; or let the next "
            "erasure do so: `unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN --stage NAME` (docs/lineage.md)",
        )


def _unexplained(erasure: Erasure) -> Iterable[Residual]:
    """Versions of adopted models of which nobody knows the data: what came after an adoption may have seen these people."""
    workspace, adopted = erasure.workspace, adoptions(erasure.workspace)
    known = {source.model for source in workspace.followed.sources()} | {child for _, child, _ in workspace.lineage.edges()}
    known |= superseded(workspace).keys() | {each.model for each in adopted.values()}
    every = [version for name in adopted for version in workspace.models.versions(name)]
    if unknown := made_elsewhere(workspace, [version for version in every if version.model not in known]):
        yield Residual(
            place=f"versions of adopted models whose data nobody knows: {', '.join(map(str, unknown))}",
            level="model",
            outcome="unverified",
            count=len(unknown),
            why="their runs name no data version, so nobody can say whether the people shaped them; an alias may serve them",
            remedy="`unlearn follow`, or `unlearn adopt` each with the table that trained it, then `unlearn erase`",
        )


def purge_step(erasure: Erasure, sets: RecordSets) -> Deleted:
    """8: delete what holds the people and can be deleted; what is left is listed, never left out. No way back from here."""

    def body() -> Purged:
        decisions.require_free(erasure.erasure_id, erasure.requests)
        if erasure.plan.own:
            promote.check_served(erasure, sets)
        return Purged(deleted=purge(erasure, sets))

    with erasure.workspace.ledger.exclusive(decisions.LOCK):
        return erasure.once(Purged, body).deleted
