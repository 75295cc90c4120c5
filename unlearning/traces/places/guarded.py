"""A place that is believed only while it is the one that was used before: an empty one in its stead proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unlearning.domain.entities import Level
from unlearning.domain.traces import Found, Place, Residual, Trace, Wanted


@dataclass(frozen=True)
class GuardedPlace:
    """A place behind a question that raises Unavailable when it is not the right one."""

    place: Place
    recognise: Callable[[], None] = field(repr=False)

    @property
    def name(self) -> str:
        """That of the place."""
        return self.place.name

    @property
    def level(self) -> Level:
        """That of the place."""
        return self.place.level

    @property
    def how(self) -> str:
        """That of the place."""
        return self.place.how

    def find(self, wanted: Wanted) -> Found:
        """What the place holds. Raises Unavailable."""
        self.recognise()
        return self.place.find(wanted)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """As the place does. Raises Unavailable."""
        return self.place.erase(traces)
