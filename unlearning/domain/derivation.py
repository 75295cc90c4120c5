"""Which model versions come from which. Pure.

A copy has the very weights of what it was copied from, so what is said of either is true of both: `copied` leads both ways,
every other kind from parent to child.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from unlearning.domain.versions import ModelVersion

Edge = tuple[ModelVersion, ModelVersion, str]
"""(parent, child, kind)."""

EDGE_KINDS = ("fine_tuned", "distilled", "quantised", "exported", "copied")
"""How a model version can come from another."""

SAME_WEIGHTS = "copied"
"""The kind whose two ends are one model under two names."""


@dataclass(frozen=True)
class Family:
    """Everything that was said about which version comes from which; answers take as long as they are."""

    edges: Sequence[Edge]

    def descendants(self, models: Iterable[ModelVersion]) -> dict[ModelVersion, str]:
        """Everything made from these versions, directly or not, without themselves → from what, and how."""
        start = set(models)
        found: dict[ModelVersion, str] = {}
        waiting = deque(sorted(start, key=str))
        while waiting:
            for child, how in self._made.get(waiting.popleft(), ()):
                if child not in found and child not in start:
                    found[child] = how
                    waiting.append(child)
        return found

    def ancestors(self, models: Collection[ModelVersion]) -> frozenset[ModelVersion]:
        """These versions and all they were made from."""
        return _reached(self._made_from, models)

    def twins(self, model: ModelVersion) -> frozenset[ModelVersion]:
        """A version and all that have the same weights."""
        return _reached(self._same, [model])

    @cached_property
    def _made(self) -> Mapping[ModelVersion, Sequence[tuple[ModelVersion, str]]]:
        found: dict[ModelVersion, list[tuple[ModelVersion, str]]] = {}
        for parent, child, kind in self.edges:
            found.setdefault(parent, []).append((child, f"{kind} from {parent}"))
            if kind == SAME_WEIGHTS:
                found.setdefault(child, []).append((parent, f"the same as {child}"))
        return found

    @cached_property
    def _made_from(self) -> Mapping[ModelVersion, set[ModelVersion]]:
        found: dict[ModelVersion, set[ModelVersion]] = {}
        for parent, child, kind in self.edges:
            found.setdefault(child, set()).add(parent)
            if kind == SAME_WEIGHTS:
                found.setdefault(parent, set()).add(child)
        return found

    @cached_property
    def _same(self) -> Mapping[ModelVersion, set[ModelVersion]]:
        return Family([edge for edge in self.edges if edge[2] == SAME_WEIGHTS])._made_from


def _reached(
    following: Mapping[ModelVersion, Collection[ModelVersion]], start: Collection[ModelVersion]
) -> frozenset[ModelVersion]:
    found, waiting = set(start), list(start)
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return frozenset(found)
