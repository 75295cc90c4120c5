"""Trained states on their way to a model: every one that a slice with the person went into (TRACES 28)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unlearning.domain.entities import Level
from unlearning.domain.protocols import Checkpoints
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted

NAME = "checkpoint store"


@dataclass(frozen=True)
class CheckpointPlace:
    """The checkpoint store. Whether a state holds somebody follows from its name, which the purge worked out and wrote down."""

    store: Checkpoints
    name: str = NAME
    level: Level = "model"
    how: str = "every name that a record of theirs went into looked up"
    recognise: Callable[[], None] = field(default=lambda: None, repr=False)
    """Raises Unavailable when this is not the store that was used before."""

    def find(self, wanted: Wanted) -> Found:
        """Stale states that are still, or again, stored. Raises Unavailable."""
        self.recognise()
        known = wanted.known.get(self.name, frozenset())
        stored = set(self.store.keys()) if known else set()  # half-written ones too, which do not count as stored
        there = tuple(sorted((trace for trace in known if trace.name in stored), key=lambda trace: trace.name))
        return Found(there, searched=len(known), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete the states."""
        for trace in traces:
            self.store.delete(trace.name)
        return ()
