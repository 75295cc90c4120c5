"""Which model versions come from which, and what a chain of such steps reaches. Pure.

A copy has the very weights of what it was copied from, so what is said of either is true of both: `copied` leads both ways,
every other kind from parent to child.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from unlearning.domain.versions import ModelVersion

T = TypeVar("T")

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

        def made(model: ModelVersion) -> Iterator[ModelVersion]:
            for child, how in self._made.get(model, ()):
                found.setdefault(child, how)
                yield child

        reached(sorted(start, key=str), made)
        return {child: how for child, how in found.items() if child not in start}

    def ancestors(self, models: Collection[ModelVersion]) -> frozenset[ModelVersion]:
        """These versions and all they were made from."""
        return frozenset(reached(models, lambda model: self._made_from.get(model, ())))

    def twins(self, model: ModelVersion) -> frozenset[ModelVersion]:
        """A version and all that have the same weights."""
        return frozenset(reached([model], lambda one: self._same.get(one, ())))

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


def reached(start: Iterable[T], following: Callable[[T], Iterable[T]]) -> dict[T, None]:
    """Everything that one thing after another leads to, where it starts included, nearest first.

    following: asked once of each.
    """
    found = dict.fromkeys(start)
    waiting = deque(found)
    while waiting:
        for one in following(waiting.popleft()):
            if one not in found:
                found[one] = None
                waiting.append(one)
    return found
