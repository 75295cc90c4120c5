"""Deleting what was found: twins for old revisions first, then everything that holds the people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from unlearning.domain.clocks import utc_now
from unlearning.domain.events import TracesFound
from unlearning.domain.lifecycle import EVERY_PURGE
from unlearning.domain.traces import Deleted, Inventory, Removed, Residual, Trace
from unlearning.project.workspace import Workspace
from unlearning.stores.dvc.objects import named_now
from unlearning.traces import twins
from unlearning.traces.out_of_reach import out_of_reach
from unlearning.traces.places import checkpoints
from unlearning.traces.places.dvc_objects import OBJECTS
from unlearning.traces.within_reach import ABOUT_NOBODY, Reach, remembered_as


def find(reach: Reach, tokens: Iterable[str], *, stale: Iterable[str] = (), derived: bool = False) -> Inventory:
    """Every trace of these people within reach, by place; changes nothing.

    stale: names of checkpoints that hold them, which nobody can work out once their data is gone.
    derived: also what stages made from their data and nobody can read.
    """
    wanted = reach.wanted(tokens, trust_index=True)
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


def twins_then_deletion(reach: Reach, inventory: Inventory, tokens: Collection[str], more: Iterable[Residual]) -> Deleted:
    """Old revisions keep everybody else: what stands in for an object is stored everywhere before the object goes."""
    made = stand_ins(reach, inventory, tokens)
    done = carry_out(reach, inventory.traces)
    return replace(
        done,
        residuals=(*done.residuals, *more),
        twins=len(made.twins),
        twin_commits=made.commits,
        without_twin=made.without,
    )


def stand_ins(reach: Reach, inventory: Inventory, tokens: Collection[str]) -> twins.Made:
    """The twins of every object in an inventory."""
    objects = [trace.name for trace in inventory.traces.get(OBJECTS, ())]
    return twins.make(reach, objects, tokens, stale=inventory.derived)


def again(workspace: Workspace, tokens: Collection[str], *, derived: bool = False) -> Deleted:
    """Search and delete once more for people who were erased: what came back, what could not be reached then."""
    with workspace.ledger.exclusive("purge"):
        reach = Reach(workspace)
        found = find(reach, tokens, derived=derived)
        if found.traces:
            workspace.ledger.append(EVERY_PURGE, TracesFound(inventory=found), at=utc_now())
        return twins_then_deletion(reach, found, tokens, ())


def carry_out(reach: Reach, found: Mapping[str, Sequence[Trace]]) -> Deleted:
    """Delete what was found. What is gone already is no error, so a killed purge is finished by running it again."""
    residuals = tuple(residual for place in reach.places() for residual in place.erase(found.get(remembered_as(place), ())))
    return Deleted(removed=listed(found), residuals=residuals, out_of_reach=out_of_reach(reach.workspace.settings))


def listed(found: Mapping[str, Sequence[Trace]]) -> tuple[Removed, ...]:
    """What goes with these traces, place by place."""
    return tuple(Removed(name, len(traces), tuple(trace.name for trace in traces)) for name, traces in found.items())


def _order(trace: Trace) -> tuple[str, str, str]:
    return trace.kind, trace.name, trace.location
