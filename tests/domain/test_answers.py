"""No answer says more than is known: laws over whatever may be known of a request, in every state that it can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain import answers, lifecycle
from unlearning.domain.answers import Again, Copy, House, Kept, Known, Longer, Replaced, Request, Told
from unlearning.domain.traces import KEPT_BY_HOLD, Residual

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUSE = House("Example Ltd", None, None)
STATES = sorted(lifecycle.ACTIVE | lifecycle.ENDED | {"on_hold"})
REDACTED = frozenset(
    {"erasing", "validating", "promoting", "purging", "failed", "on_hold", "completed", "completed_with_residuals"}
)
PURGED = frozenset({"purging", "completed", "completed_with_residuals"})

WORDS = st.sampled_from(["because", "§ 147 AO", "a | b <i>"])
MOMENTS = st.integers(0, 90).map(lambda days: NOON + timedelta(days=days))
MAYBE = st.none() | MOMENTS
RESIDUALS = st.builds(
    Residual,
    place=st.sampled_from(["the cache", f"the cache{KEPT_BY_HOLD}", "logs"]),
    level=st.sampled_from(["logical", "physical", "model"]),
    outcome=st.sampled_from(["residual", "unverified"]),
    count=st.none(),
    why=WORDS,
    remedy=WORDS,
)


@st.composite
def known(draw: Any) -> Known:
    """What a ledger may say of a request: an event comes in no state that it cannot have come in."""
    state = draw(st.sampled_from(STATES))
    redacted = draw(MAYBE) if state in REDACTED else None
    purged = draw(MOMENTS) if state in PURGED and redacted else None
    ended = state in lifecycle.ENDED
    request = Request("request-1", state, draw(st.sampled_from(["gdpr", "ccpa", "none"])), NOON, draw(MAYBE))
    return Known(
        request=request,
        alone=draw(st.booleans()),
        assessed=draw(st.booleans()),
        tables=tuple(draw(st.lists(st.just("data/a.csv@4b2d"), max_size=1))),
        models=tuple(draw(st.lists(st.just("churn/1"), max_size=1))),
        suppressed_at=draw(MAYBE) if state != lifecycle.UNVERIFIED else None,
        redacted_at=redacted,
        redacted=("data/a.csv",) if redacted else (),
        replaced=tuple(
            draw(st.lists(st.builds(Replaced, st.just("churn/1"), st.just("churn/2"), MOMENTS, st.just("exact")), max_size=2))
        )
        if redacted
        else (),
        refused=state == "failed",
        purged_at=purged,
        certified_at=draw(MOMENTS) if ended and (purged or state == "not_found") else None,
        residuals=tuple(draw(st.lists(RESIDUALS, max_size=3))) if ended else (),
        backups=tuple(draw(st.lists(st.builds(Copy, WORDS, MAYBE), max_size=1))),
        decided_at=draw(MOMENTS) if state in lifecycle.LEFT else None,
        reason=draw(WORDS) if state in ("exempt", "cancelled") else None,
        holds=tuple(
            draw(
                st.lists(
                    st.builds(Kept, MOMENTS, WORDS, MAYBE, st.just(("data/a.csv",)) | st.just(()), st.booleans()), max_size=2
                )
            )
        ),
        longer=draw(st.none() | st.builds(Longer, MOMENTS, MOMENTS, WORDS)),
        recipients=tuple(draw(st.lists(st.builds(Told, WORDS, MOMENTS, st.none() | MOMENTS), max_size=1))),
        to_tell=tuple(draw(st.lists(WORDS, max_size=1))),
        again=draw(st.none() | st.builds(Again, MOMENTS, WORDS)) if state in lifecycle.ERASED else None,
    )


@drawn(few=150, many=20_000, it=known())
def test_nothing_is_said_that_no_event_shows(it: Known) -> None:
    found = answers.answer(it, HOUSE, now=NOON + timedelta(days=20))
    state, said = it.request.state, " ".join((found.title, *found.summary, *(one.what for one in found.done)))
    assert ("Your data was erased" in found.title) == (state in ("completed", "completed_with_residuals"))
    assert ("deleted as far as" in said or "were deleted" in said) == (it.purged_at is not None)
    assert ("were taken out of" in said) == (it.redacted_at is not None)
    assert ("took the place of" in said) == bool(it.replaced)
    assert (found.ended_at is not None) <= (state in lifecycle.ENDED)
    if state in lifecycle.ENDED - {"completed", "completed_with_residuals"}:
        assert "was erased" not in said.replace("Nothing was erased", "").replace("before anything was erased", "")
    if state not in lifecycle.ENDED:
        assert "every place within our reach" not in said
        assert ("Nothing has been erased yet" in said) <= (it.redacted_at is None and it.purged_at is None)
    assert found.stays[-1].kind == "record"
    silent = {one.name for one in it.recipients if one.acknowledged_at is None}
    assert {one.what for one in found.stays if one.kind == "recipient"} == silent | {*it.to_tell}
    assert ("hold nothing of it any more" in said) == any(one.acknowledged_at for one in it.recipients)
    assert ("keep your data out" in found.stays[-1].why) <= (it.suppressed_at is not None and it.again is None)


@drawn(few=150, many=20_000, it=known())
def test_what_is_left_is_listed_once_and_what_is_kept_of_others_is_not(it: Known) -> None:
    found = answers.answer(it, HOUSE, now=NOON)
    listed = [one for one in found.stays if one.kind in ("residual", "unverified")]
    theirs = any(one.data for one in it.holds)
    assert [one.what for one in listed] == [one.place for one in it.residuals if theirs or not one.place.endswith(KEPT_BY_HOLD)]
    if not it.alone and it.request.state != "not_found":
        assert all("or of somebody" in one.why for one in listed)
    if it.request.state in ("completed", "completed_with_residuals"):
        assert ("nothing of you was found there" in " ".join(found.summary)) == (not listed)
    assert sum(one.kind == "hold" for one in found.stays) == sum(one.in_force for one in it.holds)


@pytest.mark.parametrize(
    ("state", "due", "ended", "words"),
    [
        ("suppressed", 10, None, ["An answer is due on 11 March 2026."]),
        ("suppressed", -1, None, ["An answer was due on 28 February 2026, and we are late."]),
        ("completed", 10, 9, []),
        ("completed", 10, 11, ["An answer was due on 11 March 2026; this came later."]),
        ("suppressed", None, None, []),
    ],
)
def test_a_date_that_passed_is_said_to_have_passed(state: str, due: int | None, ended: int | None, words: list[str]) -> None:
    due_at = None if due is None else NOON + timedelta(days=due)
    at = None if ended is None else NOON + timedelta(days=ended)
    it = Known(request=Request("request-1", state, "gdpr", NOON, due_at), certified_at=at)
    assert list(answers.answer(it, HOUSE, now=NOON).deadline) == words


def test_the_house_says_where_to_complain_and_otherwise_the_law_does() -> None:
    it = Known(request=Request("request-1", "exempt", "gdpr", NOON, None), reason="because")
    assert "Article 77" in " ".join(answers.answer(it, HOUSE, now=NOON).complaints)
    ours = replace(HOUSE, contact="privacy@example.com", complaints="Write to the ombudsman.")
    said = " ".join(answers.answer(it, ours, now=NOON).complaints)
    assert said.endswith("Write to the ombudsman.")
    assert "privacy@example.com" in said
    assert "Article 77" not in said
