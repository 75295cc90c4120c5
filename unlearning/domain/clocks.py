"""The clocks of the law: deadlines, extensions, and when work must begin."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from unlearning.domain.entities import Regulation


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


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment; the edge where time enters."""
    return datetime.now(UTC)
