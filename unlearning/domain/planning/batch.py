"""When requests that wait for each other begin together: by number, by age, or by the latest safe start. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Gathering:
    """People who wait for a common erasure."""

    people: int
    at_least: int | None
    """So many begin at once."""
    begins_by: datetime | None
    """However few there are; None where neither their age nor a deadline says when."""
    due: bool
    """That moment, or that number, has come."""


def gathering(
    people: int,
    received: datetime,
    latest_start: datetime | None,
    *,
    at_least: int | None,
    oldest: timedelta | None,
    now: datetime,
) -> Gathering:
    """people: at least one. received: of the first. latest_start: of the most urgent, to be done in time, which always wins.

    at_least, oldest: how many, or how old, begin; None: neither counts.
    """
    age = received + oldest if oldest is not None else None
    begins_by = min([one for one in (age, latest_start) if one is not None], default=None)
    enough = at_least is not None and people >= at_least
    return Gathering(people, at_least, begins_by, enough or (begins_by is not None and begins_by <= now))


def say(found: Gathering) -> str:
    """What it waits for, in half a sentence."""
    if found.due:
        return "the batch begins with the next erasure"
    when = [f"on {found.begins_by:%Y-%m-%d %H:%M} UTC"] if found.begins_by else []
    when += [f"when {found.at_least} people wait ({found.people} do)"] if found.at_least else []
    return f"the batch begins {' or '.join(when)}"
