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


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("2026-03-31", "2026-03-31T00:00:00"),
        ("2026-03-31T09:00:00+02:00", "2026-03-31T07:00:00"),
        ("2026-03-31T09:00:00Z", "2026-03-31T09:00:00"),
    ],
)
def test_a_date_begins_in_utc_and_a_moment_says_its_zone(said: str, found: str) -> None:
    assert clocks.moment(said, of="it") == datetime.fromisoformat(found).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "said", ["2026-03-31T09:00:00", "0001-01-01T00:00:00+14:00", "31.3.2026", "20:15", "now", "２０２６-03-31x"]
)
def test_what_is_no_moment_is_said_without_repeating_it(said: str) -> None:
    with pytest.raises(clocks.WrongUse) as caught:
        clocks.moment(said, of="it")
    assert said not in str(caught.value).replace("2026-03-31T09:00:00+02:00", "")


def test_ninety_five_of_a_hundred_stay_below_and_of_few_all() -> None:
    hours = [timedelta(hours=number) for number in range(1, 101)]
    assert clocks.nearly_always(hours[::-1]) == timedelta(hours=95)
    assert clocks.nearly_always(hours[:3]) == timedelta(hours=3)
    assert clocks.nearly_always([]) == timedelta()
    assert clocks.must_start_by(NOON, takes=timedelta.max, margin=timedelta()).year == 1
