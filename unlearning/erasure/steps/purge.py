"""Step 8, purge: what holds the people goes; what stays is listed with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unlearning.domain.events import CandidateTrained, DataRedacted, Purged, TracesFound
from unlearning.domain.planning.impact import stale_in_all, stale_in_chain
from unlearning.domain.traces import Deleted
from unlearning.erasure import decisions
from unlearning.erasure.left import elsewhere
from unlearning.erasure.search import shaped_records
from unlearning.erasure.steps import promote
from unlearning.traces.deletion import find, twins_then_deletion
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.erasure.search import Search
    from unlearning.project.workspace import Workspace


def purge(erasure: Erasure, sets: RecordSets, *, identifiers: Sequence[str] = ()) -> Deleted:
    """Find everything, then delete it: what holds the people in every place within reach; what could not go is listed.

    identifiers: the same people raw, as far as they are known; the search is the same without, and slower.
    Raises Unavailable when a place does not answer: the request stays open, and the next run goes on where this one stopped.
    """
    workspace = erasure.workspace
    with workspace.ledger.exclusive("purge"):
        reach = Reach(workspace, tuple(identifiers))

        def body() -> TracesFound:
            return TracesFound(inventory=find(reach, erasure.plan.tokens, stale=_stale(erasure, sets)))

        inventory = erasure.once(TracesFound, body).inventory
        pairs = zip(erasure.plan.before, erasure.done(DataRedacted).after, strict=True)
        redacted = {before.object: after for before, after in pairs}
        return twins_then_deletion(reach, inventory, erasure.plan.tokens, elsewhere(erasure), redacted=redacted)


def _stale(erasure: Erasure, sets: RecordSets) -> frozenset[str]:
    """Checkpoints that hold the people: of every version they shaped, and of heuristic candidates that did not pass."""
    shaped = shaped_records(erasure.workspace, sets.before, deleted=None)
    stale = stale_in_all((record, sets.before.places_in(record)) for record, _ in shaped)
    if any(
        record.chain.placement for record, _ in shaped
    ):  # nobody may know their group of then: more was named than held them
        stale -= _free(erasure, sets)
    return (stale | _attempted(erasure, sets) | _rejected(erasure)) - _served(erasure)


def _attempted(erasure: Erasure, sets: RecordSets) -> frozenset[str]:
    """Checkpoints of trainings that died or failed their checks: no version names them, their chains do.

    A chain does not say who was in it, so what versions hold that these people never shaped is left alone.
    """
    workspace = erasure.workspace
    records = workspace.lineage.models(deleted=None)
    recipes = dict[str, str | None].fromkeys(record.model.name for record in records)  # also of models that nobody names now
    recipes |= {view.own.model: view.recipe_digest for view in workspace.each}
    stale = frozenset[str]().union(*(_set_out(workspace, name, recipe, sets.before) for name, recipe in recipes.items()))
    return stale - _free(erasure, sets)


def _free(erasure: Erasure, sets: RecordSets) -> frozenset[str]:
    """Names of checkpoints that never saw the people: of training without them, and of versions that they did not shape."""
    workspace = erasure.workspace
    shaped = {record.model for record, _ in shaped_records(workspace, sets.before)}
    clean = (record.chain.keys for record in workspace.lineage.models() if record.model not in shaped)
    return frozenset[str]().union(*(sets.chain(view).keys for view in erasure.owns), *clean)


def _set_out(workspace: Workspace, model: str, recipe: str | None, before: Search) -> frozenset[str]:
    """Checkpoints that trainings of one model set out to make and that may hold the people."""
    chains = workspace.attempts.chains(model)
    stale = frozenset[str]().union(*(stale_in_chain(chain, before.people) for chain in chains))
    # Nobody can say in which shard people were that are lost, or under another partition key: what no clean version needs goes.
    lost = (chain for chain in chains if before.lost or (recipe and chain.recipe != recipe))
    return stale.union(*(chain.keys for chain in lost))


def _rejected(erasure: Erasure) -> frozenset[str]:
    """States of candidates without a proof: what failed the checks may still know the people."""
    every = [one.trained for one in erasure.every(CandidateTrained)]
    return frozenset(part.key for trained in every if trained.guarantee != "exact" for part in trained.parts)


def _served(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of the candidates that were promoted."""
    return frozenset(part.key for made in erasure.made for part in made.trained.trained.parts)


def purge_step(erasure: Erasure, sets: RecordSets, *, identifiers: Sequence[str] = ()) -> Deleted:
    """8: delete what holds the people and can be deleted; what is left is listed, never left out. No way back from here."""

    def body() -> Purged:
        decisions.require_free(erasure.erasure_id, erasure.requests)
        for view in erasure.owns:
            promote.check_served(view, sets)
        return Purged(deleted=purge(erasure, sets, identifiers=identifiers))

    with erasure.workspace.ledger.exclusive(decisions.LOCK):
        return erasure.once(Purged, body).deleted
