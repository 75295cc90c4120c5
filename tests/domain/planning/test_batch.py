"""When a batch begins: by number, by age, or by the latest safe start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.planning import batch
from unlearning.domain.planning.batch import Gathering, say

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENTS = st.integers(-40, 40).map(lambda days: NOON + timedelta(days=days))
RECEIVED = st.lists(MOMENTS, min_size=1, max_size=6)
STARTS = st.lists(st.none() | MOMENTS, max_size=6)
AT_LEAST = st.none() | st.integers(1, 8)
OLDEST = st.none() | st.integers(0, 30).map(lambda days: timedelta(days=days))


def gathering(received: list[datetime], starts: list[datetime | None], **more: Any) -> Gathering:
    return batch.gathering(len(received), min(received), min(filter(None, starts), default=None), **more)


@given(RECEIVED, STARTS, AT_LEAST, OLDEST)
def test_a_batch_begins_with_the_first_of_number_age_and_latest_start(
    received: list[datetime], starts: list[datetime | None], at_least: int | None, oldest: timedelta | None
) -> None:
    found = gathering(received, starts, at_least=at_least, oldest=oldest, now=NOON)
    many = at_least is not None and len(received) >= at_least
    old = oldest is not None and any(one + oldest <= NOON for one in received)
    late = any(one is not None and one <= NOON for one in starts)
    assert found.due is (many or old or late)
    if found.begins_by is not None:  # whatever else comes, it begins then
        again = gathering(received, starts, at_least=at_least, oldest=oldest, now=found.begins_by)
        assert again.due
        assert all(one is None or found.begins_by <= one for one in starts)


@given(RECEIVED, STARTS, AT_LEAST, OLDEST, MOMENTS)
def test_one_more_never_begins_later(
    received: list[datetime], starts: list[datetime | None], at_least: int | None, oldest: timedelta | None, more: datetime
) -> None:
    before = gathering(received, starts, at_least=at_least, oldest=oldest, now=NOON)
    after = gathering([*received, more], starts, at_least=at_least, oldest=oldest, now=NOON)
    assert after.due or not before.due


def test_what_it_waits_for_is_said() -> None:
    waiting = gathering([NOON], [NOON + timedelta(days=9)], at_least=3, oldest=timedelta(days=7), now=NOON)
    assert say(waiting) == "the batch begins on 2026-03-08 12:00 UTC or when 3 people wait (1 do)"
    assert say(replace(waiting, begins_by=None)) == "the batch begins when 3 people wait (1 do)"
    assert say(replace(waiting, due=True)) == "the batch begins with the next erasure"
