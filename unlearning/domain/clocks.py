"""The clocks of the law: deadlines, extensions, and when work must begin."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from unlearning.domain.entities import Regulation
from unlearning.domain.errors import WrongUse


def due_at(received_at: datetime, regulation: Regulation) -> datetime | None:
    """The legal deadline: GDPR one calendar month (Art. 12(3)), CCPA 45 days (§ 1798.130(a)(2)), none without a law.

    A month ends on the same day of the next month, or on its last day when it has no such day.
    """
    if regulation == "gdpr":
        return _months_after(received_at, 1)
    return received_at + timedelta(days=45) if regulation == "ccpa" else None


def extended_due_at(received_at: datetime, regulation: Regulation) -> datetime | None:
    """The deadline once it is extended: two further months (GDPR Art. 12(3)), 45 further days (CCPA § 1798.130(a)(2))."""
    if regulation == "gdpr":
        return _months_after(received_at, 3)
    return received_at + timedelta(days=90) if regulation == "ccpa" else None


def _months_after(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def moment(said: str, *, of: str) -> datetime:
    """A date, from its beginning in UTC, or a moment with its time zone, both as ISO 8601. Raises WrongUse.

    of: what it is the date of, for the message, which does not repeat what came.
    """
    try:
        found = datetime.fromisoformat(said)
        found = found if found.tzinfo is not None or len(said) > _DATE else found.replace(tzinfo=UTC)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise WrongUse(f"{of} is no moment; expected a date, 2026-03-31, or one with its time zone, 2026-03-31T09:00:00+02:00")


def since(received_at: datetime | None, now: datetime) -> datetime:
    """When a deadline begins to count: at receipt, or now. Raises WrongUse for a receipt that is still to come."""
    if received_at is not None and received_at > now + SKEW:
        raise WrongUse(
            f"the date of receipt, {received_at.isoformat(timespec='minutes')}, is still to come (it is "
            f"{now.isoformat(timespec='minutes')} here); correct it, or leave it out when it came just now"
        )
    return now if received_at is None else min(received_at, now)


def must_start_by(due: datetime, *, takes: timedelta, margin: timedelta) -> datetime:
    """The latest moment at which an erasure can begin and be done in time."""
    try:
        return due - takes - margin
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def nearly_always(durations: Iterable[timedelta]) -> timedelta:
    """What 95 of 100 stay below, by nearest rank: of few the longest, of none nothing."""
    ordered = sorted(durations)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else timedelta()


SKEW = timedelta(minutes=5)
"""By which the clock of whoever says when a request came may be ahead of ours."""
_DATE = len("2026-03-31")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment; the edge where time enters."""
    return datetime.now(UTC)
