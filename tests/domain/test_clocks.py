"""The clocks of the law."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain import clocks
from unlearning.domain.clocks import extended_due_at
from unlearning.domain.entities import Regulation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-15T12:00:00", "2026-02-15T12:00:00"),
        ("2026-01-31T12:00:00", "2026-02-28T12:00:00"),
        ("2028-01-31T12:00:00", "2028-02-29T12:00:00"),
        ("2026-03-31T23:59:59", "2026-04-30T23:59:59"),
        ("2026-12-31T00:00:00", "2027-01-31T00:00:00"),
        ("2026-11-30T00:00:00", "2026-12-30T00:00:00"),
    ],
)
def test_a_gdpr_month_ends_on_the_same_day_or_the_months_last(start: str, end: str) -> None:
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert clocks.due_at(moment, "gdpr") == datetime.fromisoformat(end).replace(tzinfo=UTC)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_gdpr_month_lasts_28_to_31_days_and_ends_in_the_next_month(moment: datetime) -> None:
    due = clocks.due_at(moment, "gdpr")
    assert due is not None
    assert timedelta(days=28) <= due - moment <= timedelta(days=31)
    assert (due.year * 12 + due.month) - (moment.year * 12 + moment.month) == 1


@pytest.mark.parametrize(("regulation", "days"), [("ccpa", 45), ("none", None)])
def test_ccpa_gives_45_days_and_no_law_no_deadline(regulation: Regulation, days: int | None) -> None:
    assert clocks.due_at(NOON, regulation) == (None if days is None else NOON + timedelta(days=days))


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_longer_deadline_lies_two_months_or_45_days_after_the_first(moment: datetime) -> None:
    longer, first = extended_due_at(moment, "gdpr"), clocks.due_at(moment, "gdpr")
    assert longer is not None
    assert first is not None
    assert (longer.year * 12 + longer.month) - (first.year * 12 + first.month) == 2
    assert longer.day == moment.day or (longer + timedelta(days=1)).day == 1  # the same day, or the last of its month
    assert extended_due_at(moment, "ccpa") == moment + timedelta(days=90)
    assert extended_due_at(moment, "none") is None


def test_the_present_is_an_aware_moment_in_utc() -> None:
    assert clocks.utc_now().utcoffset() == timedelta(0)
