"""Deleting what was found: twins for old revisions first, then everything that holds the people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from unlearning.domain.clocks import utc_now
from unlearning.domain.events import TracesFound
from unlearning.domain.lifecycle import EVERY_PURGE
from unlearning.domain.traces import Deleted, Inventory, Removed, Residual, Trace
from unlearning.domain.versions import DataVersion
from unlearning.project.workspace import Workspace
from unlearning.stores.dvc.objects import named_now
from unlearning.traces import twins
from unlearning.traces.out_of_reach import out_of_reach
from unlearning.traces.places import checkpoints
from unlearning.traces.places.dvc_objects import OBJECTS
from unlearning.traces.within_reach import ABOUT_NOBODY, Reach, remembered_as


def find(
    reach: Reach, tokens: Iterable[str], *, stale: Iterable[str] = (), derived: bool = False, trust_index: bool = True
) -> Inventory:
    """Every trace of these people within reach, by place; changes nothing.

    stale: names of checkpoints that hold them, which nobody can work out once their data is gone.
    derived: also what stages made from their data and nobody can read.
    trust_index: believe the index of objects that it knows; otherwise all are opened, as a sweep does.
    """
    wanted = reach.wanted(tokens, trust_index=trust_index)
    found: dict[str, set[Trace]] = {checkpoints.NAME: set(map(Trace, stale))}
    made: set[str] = set()
    for place in reach.places():
        # An object that was found in one store is erased in all, and so is what names it.
        known = {name: frozenset(found.get(name, ())) | wanted.known.get(name, frozenset()) for name in {*wanted.known, *found}}
        here = place.find(replace(wanted, known=known))
        found.setdefault(remembered_as(place), set()).update(here.traces, here.derived if derived else ())
        made.update(trace.name for trace in here.derived)
    # A declared table that holds them now is redacted by an erasure, never pulled from under its project.
    present = named_now(reach.workspace.data, tuple(reach.holdings.tables))
    found[OBJECTS] = {trace for trace in found.get(OBJECTS, ()) if trace.name not in present}
    traces = {name: tuple(sorted(traces, key=_order)) for name, traces in sorted(found.items()) if traces}
    return Inventory(traces, tuple(sorted(made)))


def named(reach: Reach, tokens: Collection[str]) -> frozenset[str]:
    """Those of these people who are in some place, of whom the index knows nothing; changes nothing. Raises Unavailable.

    An old table whose person column nobody knows, a file of a stage, a tag: no data version that is indexed says so.
    """
    if not tokens or not _in_any_place(reach, tokens):
        return frozenset()
    return frozenset(token for token in tokens if len(tokens) == 1 or _in_any_place(reach, [token]))


def _in_any_place(reach: Reach, tokens: Collection[str]) -> bool:
    """They themselves, not what an earlier purge found of others."""
    wanted = replace(reach.wanted(tokens, trust_index=True), known={})
    return any(place.find(wanted).traces for place in reach.places() if not isinstance(place, ABOUT_NOBODY))


def twins_then_deletion(
    reach: Reach,
    inventory: Inventory,
    tokens: Collection[str],
    more: Iterable[Residual],
    *,
    redacted: Mapping[str, DataVersion] | None = None,
) -> Deleted:
    """Old revisions keep everybody else: what stands in for an object is stored everywhere before the object goes.

    redacted: see `twins.make`.
    """
    made = stand_ins(reach, inventory, tokens, redacted=redacted)
    done = carry_out(reach, inventory.traces)
    return replace(
        done,
        residuals=(*done.residuals, *more),
        twins=len(made.twins),
        twin_commits=made.commits,
        without_twin=made.without,
    )


def stand_ins(
    reach: Reach, inventory: Inventory, tokens: Collection[str], *, redacted: Mapping[str, DataVersion] | None = None
) -> twins.Made:
    """The twins of every object in an inventory."""
    objects = [trace.name for trace in inventory.traces.get(OBJECTS, ())]
    return twins.make(reach, objects, tokens, stale=inventory.derived, redacted=redacted)


def again(workspace: Workspace, tokens: Collection[str], *, derived: bool = False) -> Deleted:
    """Search and delete once more for people who were erased: what came back, what could not be reached then.

    Then it looks again: what is still there was not deleted, whatever its place said.
    """
    with workspace.ledger.exclusive("purge"):
        reach = Reach(workspace)
        found = find(reach, tokens, derived=derived, trust_index=False)
        if not found.traces:
            return twins_then_deletion(reach, found, tokens, ())
        workspace.ledger.append(EVERY_PURGE, TracesFound(inventory=found), at=utc_now())
        done = twins_then_deletion(reach, found, tokens, ())
        there = find(reach, tokens, derived=derived)
        still = {name: set(traces) & set(there.traces.get(name, ())) for name, traces in found.traces.items()}
        gone = {name: [one for one in traces if one not in still[name]] for name, traces in found.traces.items()}
        return replace(
            done,
            removed=tuple(one for one in listed(gone) if one.count),
            residuals=(*done.residuals, *_still(reach, still, tokens, {one.place for one in done.residuals})),
        )


def _still(reach: Reach, still: Mapping[str, set[Trace]], tokens: Collection[str], said: Collection[str]) -> Iterator[Residual]:
    """What was to be deleted and is there, in places that did not say so themselves."""
    wanted = reach.wanted(tokens, trust_index=True)
    for place in reach.places():
        there = still.get(remembered_as(place)) if place.name not in said else None
        if not there:
            continue
        found = place.find(wanted)
        if left := there.intersection((*found.traces, *found.derived)):
            why = "they were to be deleted and are there still"
            remedy = "see who else writes there, and whether this account may delete there; then `unlearn purge`"
            yield Residual(place.name, place.level, "residual", len(left), why, remedy)


def carry_out(reach: Reach, found: Mapping[str, Sequence[Trace]]) -> Deleted:
    """Delete what was found. What is gone already is no error, so a killed purge is finished by running it again."""
    residuals = tuple(residual for place in reach.places() for residual in place.erase(found.get(remembered_as(place), ())))
    return Deleted(removed=listed(found), residuals=residuals, out_of_reach=out_of_reach(reach.workspace.settings))


def listed(found: Mapping[str, Sequence[Trace]]) -> tuple[Removed, ...]:
    """What goes with these traces, place by place."""
    return tuple(Removed(name, len(traces), tuple(trace.name for trace in traces)) for name, traces in found.items())


def _order(trace: Trace) -> tuple[str, str, str]:
    return trace.kind, trace.name, trace.location
