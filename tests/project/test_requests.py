"""Requests by the ids that people hand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import NotFound
from unlearning.erasure.steps.receive import receive
from unlearning.project.requests import chosen, unknown


def test_an_id_that_looks_like_one_is_repeated_and_anything_else_is_counted() -> None:
    said = str(unknown(["request-0123456789abcdef", "Zq-9999"]))
    assert "request-0123456789abcdef" in said
    assert "(7 characters that are no request id)" in said
    assert "Zq-9999" not in said


def test_the_named_requests_come_in_the_order_they_were_named_and_all_open_ones_where_none_is(
    beginning: History, tmp_path: Path
) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    assert chosen(workspace, []) == []
    made = receive(workspace, ["ann-1", "bob-2"], regulation="gdpr", now=utc_now())
    names = [one.request_id for one in reversed(made)]
    assert [one.request_id for one in chosen(workspace, names)] == names
    assert {one.request_id for one in chosen(workspace, [])} == set(names)
    with pytest.raises(NotFound, match="request-0000000000000000"):
        chosen(workspace, [*names, "request-0000000000000000"])
