"""A Prefect server of the user's, whose rows are searched as those of the embedded one are: through what its API gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from unlearning.domain.entities import Level
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.prefect_rows import Row, Server, Unread
from unlearning.stores.scans.comparing import Tally
from unlearning.stores.scans.words import Watch
from unlearning.traces.places import listing

_UNNAMED = "whose id names a person"
_DELETED_BY = {
    "flow run": "`prefect flow-run delete ID` deletes a run with its states, tasks and logs",
    "artifact": "`prefect artifact delete --id ID`",
    "deployment": "`prefect deployment delete --id ID`",
    "automation": "`prefect automation delete --id ID`",
    "variable": "`prefect variable delete NAME`, by the name that it has there",
    "event": "events cannot be deleted one by one: they go by PREFECT_SERVER_EVENTS_RETENTION_PERIOD",
}
_OTHERWISE = "what else is named, in Prefect's own pages"


@dataclass(frozen=True)
class PrefectServerPlace:
    """Runs, states, logs, events, artifacts and settings on a server, whoever's flows made them."""

    server: Server
    watch: Watch
    name: str = "Prefect server: runs, logs and events"
    level: Level = "logical"
    how: str = "every row that its API gives read, of all its flows: each cell and word by token"

    def find(self, wanted: Wanted) -> Found:
        """What names somebody there, and what its API does not show."""
        seen = _Seen(replace(self.watch, tokens=wanted.tokens))
        try:
            for page in self.server.pages():
                seen.add(page)
        except (OSError, RecursionError) as error:
            # Ours says what happened; others' words may say more than an address without its password.
            ours = isinstance(error, OSError) and error.errno is None
            why = str(error) if ours else type(error).__name__
            seen.unread[""] = f"{self.server.address} was not read: {why}"
        return Found(searched=seen.rows, unclear=tuple(self._unclear(seen)))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing: the history of runs is the user's, and others' flows may be in it."""
        return ()

    def _unclear(self, seen: _Seen) -> Iterator[Residual]:
        if seen.found:
            why = "rows of these name somebody who was erased"
            yield self._left("residual", len(seen.found), why, _remedy(seen.found.values()), tuple(sorted(seen.found)))
        if seen.unread:
            why = "; ".join(f"{kind}: {why}" if kind else why for kind, why in sorted(seen.unread.items()))
            remedy = (
                "start it, or correct PREFECT_API_URL, which usually ends in /api; one that asks who you are wants "
                "PREFECT_API_KEY or PREFECT_API_AUTH_STRING; then look again"
            )
            yield self._left("unverified", None, why, remedy)
        yield from listing.doubtful(self.name, self.level, len(seen.maybe), seen.maybe)
        if seen.secrets:
            yield Residual(
                place="Prefect server: secrets in blocks",
                level="logical",
                outcome="out_of_reach",
                count=len(seen.secrets),
                why="its API shows stars in their place",
                remedy="look at them in Prefect's own pages, if one may name a person",
                names=tuple(sorted(seen.secrets)),
            )
        yield Residual(
            place="Prefect server: its files",
            level="physical",
            outcome="out_of_reach",
            count=None,
            why="its API shows neither the free pages and backups of its database, nor its log, nor results of flows",
            remedy="have `VACUUM` run there, let its backups and logs expire, and delete stored results",
        )

    def _left(
        self, outcome: Literal["residual", "unverified"], count: int | None, why: str, remedy: str, names: tuple[str, ...] = ()
    ) -> Residual:
        return Residual(self.name, self.level, outcome, count, why, remedy, names)


@dataclass
class _Seen:
    """What the rows showed."""

    watch: Watch
    rows: int = 0
    found: dict[str, str] = field(default_factory=dict)
    """What names somebody, as it may be printed → what kind of thing it is."""
    maybe: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Kind → why it was not read; everything that follows, under no name."""

    def add(self, page: Sequence[Row] | Unread) -> None:
        """Some rows more: taken apart one by one only where one of them names somebody."""
        if isinstance(page, Unread):
            self.unread[page.kind] = f"not given ({page.why})"
            return
        self.rows += len(page)
        tally = Tally(self.watch)
        tally.document(f"[{','.join(row.text for row in page)}]")
        for row in page:
            if row.thing == "block" and _starred(row.content.get("data")):
                self.secrets[self._named(row)] = row.thing
        for row in page if tally.found or tally.maybe else ():
            one = self.watch.named(row.text)
            if one.found:
                self.found[self._named(row)] = row.thing
            elif one.maybe:
                self.maybe[self._named(row)] = row.thing
        for name in self.found:
            self.maybe.pop(name, None)

    def _named(self, row: Row) -> str:
        return f"{row.thing} {_UNNAMED if self.watch.named(row.id).found else row.id}".strip()


def _remedy(things: Iterable[str]) -> str:
    kinds = dict.fromkeys(things)
    ways = [_DELETED_BY[kind] for kind in _DELETED_BY if kind in kinds]
    return "; ".join([*ways, *([_OTHERWISE] if kinds.keys() - _DELETED_BY.keys() else [])])


def _starred(value: object) -> bool:
    """Somewhere in it stands what Prefect shows in place of a secret."""
    if isinstance(value, str):
        return "********" in value
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and any(map(_starred, value))
