"""Rolls: who is in each content, by token, as it was read once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.rolls import Rolls


@dataclass(frozen=True)
class RollPlace:
    """What was read out of tables: of a content that went, or with somebody who is to go, nothing may be there."""

    rolls: Rolls
    objects: Callable[[], Mapping[str, str]] = field(repr=False)
    """Content digest → DVC object, of every version that the lineage knows."""
    present: Callable[[Collection[str]], Collection[str]] = field(repr=False)
    """Those of these content digests that are still kept: as a table of now, or as an object of DVC's cache."""
    name: str = "rolls of tables"
    level: Level = "logical"
    how: str = "every token of every roll compared; a roll holds no identifier and no cell"

    def find(self, wanted: Wanted) -> Found:
        """Rolls with somebody who is to go; what is no roll of this project's keys says nothing of anybody."""
        objects, traces, searched, strangers = self.objects(), list[Trace](), 0, 0
        for file, about, roll in self.rolls.kept():
            searched += 1
            content = objects.get(about.get("content", ""), "")
            stays = wanted.kept.get(content, frozenset()) | wanted.admitted.get(content, frozenset())
            strangers += roll is None
            if roll is not None and roll.holds(wanted.tokens - stays):
                traces.append(Trace(file.name))
        return Found(tuple(traces), searched=searched, remedy=PURGE_DELETES, unclear=self._strangers(strangers))

    def _strangers(self, count: int) -> tuple[Residual, ...]:
        why = "they are damaged, half written, or sealed with another key"
        unread = Residual(self.name, self.level, "unverified", count, why, PURGE_DELETES)
        return (unread,) if count else ()

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete them, and with them the rolls of contents that nobody keeps any more: what is needed again is read again."""
        names = {trace.name for trace in traces}
        about = {file: str(what.get("content", "")) for file, what, _ in self.rolls.kept()}
        present = self.present(set(about.values()))
        for file, content in about.items():
            if file.name in names or content not in present:
                self.rolls.forget(file)
        return ()
