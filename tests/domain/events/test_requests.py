"""What happens to a request, as it is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from tests.examples import example
from unlearning.domain.events import KINDS, RequestHeld, RequestReceived, SubjectNotFound, decode, encode
from unlearning.domain.events.requests import RequestFact

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_deadline_is_a_moment_and_no_law_has_none() -> None:
    for due, written in ((NOON, "2026-03-01T12:00:00+00:00"), (None, None)):
        received = example(RequestReceived, due_at=due)
        assert encode(received)["due_at"] == written
        assert decode("RequestReceived", encode(received)) == received


def test_a_request_that_joins_none_names_no_group_and_an_old_one_no_key() -> None:
    body = encode(example(RequestReceived, group=None, index_key=None))
    assert body.keys() == {"token", "suppression_token", "regulation", "due_at"}


def test_a_hold_on_everything_names_no_data_set() -> None:
    assert "data" not in encode(example(RequestHeld, data=()))
    assert encode(example(RequestHeld, data=("data/a.csv",)))["data"] == ["data/a.csv"]


def test_who_is_in_no_data_needs_no_words() -> None:
    assert encode(SubjectNotFound()) == {}


@pytest.mark.parametrize("kind", get_args(RequestFact), ids=lambda kind: kind.__name__)
def test_every_kind_is_known_by_its_name(kind: type) -> None:
    assert KINDS[kind.__name__] is kind
