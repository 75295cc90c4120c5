"""In which order things are made again: each after everything that it comes from, whatever lies between. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from unlearning.domain.derivation import reached
from unlearning.domain.errors import NeedsReview


def in_order(
    wanted: Collection[str], made_from: Mapping[str, Collection[str]], *, early: Collection[str] = ()
) -> tuple[str, ...]:
    """What is wanted, each once and after all that it comes from; otherwise by name, the `early` ones as soon as they can be.

    made_from: anything → what it comes from, also through what nobody wants. Raises NeedsReview naming the things of a cycle.
    """
    above = reached(sorted(wanted), lambda one: made_from.get(one, ()))
    sorter = TopologicalSorter({one: set(made_from.get(one, ())) - {one} for one in above})
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = " → ".join(error.args[1])
        raise NeedsReview(
            f"nothing says what comes first of {cycle}: each comes from the one before it; make one of them again by hand, or "
            "adopt it with --policy none, which lists it as left"
        ) from error
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    first = reached(list(early), lambda one: made_from.get(one, ()))
    return tuple(sorted((one for one in order if one in wanted), key=lambda one: one not in first))
