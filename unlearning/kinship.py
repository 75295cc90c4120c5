"""Which model versions come from which. Pure.

A copy has the very weights of what it was copied from, so what is said of either is true of both: `copied` leads both ways,
every other kind from parent to child.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from unlearning.entities import ModelVersion

Edge = tuple[ModelVersion, ModelVersion, str]
"""(parent, child, kind)."""

EDGE_KINDS = ("fine_tuned", "distilled", "quantised", "exported", "copied")
"""How a model version can come from another."""

SAME_WEIGHTS = "copied"
"""The kind whose two ends are one model under two names."""


def descendants(edges: Iterable[Edge], models: Iterable[ModelVersion]) -> dict[ModelVersion, str]:
    """Everything made from these versions, directly or not, without themselves → from what, and how."""
    made: dict[ModelVersion, list[tuple[ModelVersion, str]]] = {}
    for parent, child, kind in edges:
        made.setdefault(parent, []).append((child, f"{kind} from {parent}"))
        if kind == SAME_WEIGHTS:
            made.setdefault(child, []).append((parent, f"the same as {child}"))
    start = set(models)
    found: dict[ModelVersion, str] = {}
    waiting = sorted(start, key=str)
    while waiting:
        for child, how in made.get(waiting.pop(0), ()):
            if child not in found and child not in start:
                found[child] = how
                waiting.append(child)
    return found


def ancestors(edges: Iterable[Edge], models: Collection[ModelVersion]) -> frozenset[ModelVersion]:
    """These versions and all they were made from."""
    made_from: dict[ModelVersion, set[ModelVersion]] = {}
    for parent, child, kind in edges:
        made_from.setdefault(child, set()).add(parent)
        if kind == SAME_WEIGHTS:
            made_from.setdefault(parent, set()).add(child)
    return _reached(made_from, models)


def twins(edges: Iterable[Edge], model: ModelVersion) -> frozenset[ModelVersion]:
    """A version and all that have the same weights."""
    return ancestors((edge for edge in edges if edge[2] == SAME_WEIGHTS), [model])


def _reached(
    following: Mapping[ModelVersion, Collection[ModelVersion]], start: Collection[ModelVersion]
) -> frozenset[ModelVersion]:
    found, waiting = set(start), list(start)
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return frozenset(found)
