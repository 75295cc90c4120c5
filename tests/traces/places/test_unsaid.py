"""People whom no text can show."""

from __future__ import annotations

import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Found, Wanted
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.unsaid import UnsaidPlace

KEY = bytes(32)


def find(kind: str, *people: str) -> Found:
    wanted = frozenset(hashing.token(KEY, one, kind) for one in people)
    return UnsaidPlace(Watch(("patient",), kind, KEY)).find(Wanted(wanted))


@pytest.mark.parametrize("short", ["7", "042", "999", "-0"])
def test_that_a_short_number_was_compared_in_no_text_is_said_of_whom_it_is_true(short: str) -> None:
    [said] = find("integer", "100042", short).unclear
    assert (said.outcome, said.count) == ("unverified", None)


@pytest.mark.parametrize(("kind", "who"), [("integer", "1000"), ("integer", "100042"), ("text", "7"), ("email", "a@b.example")])
def test_nothing_is_said_of_the_others(kind: str, who: str) -> None:
    assert find(kind, who).unclear == ()
    assert find(kind).unclear == ()
