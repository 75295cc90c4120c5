"""Lists of California's DROP."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from unlearning.domain.entities import ErasureRequest
from unlearning.entrypoints.intake.formats import drop
from unlearning.entrypoints.intake.reading import Unacceptable

HASH = base64.b64encode(hashlib.sha256(b"ann@example.com").digest()).decode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_row_is_a_demand_of_its_own(end: str) -> None:
    [one, other] = drop.demands(f"\ufeffID,Hash{end}1,{HASH}{end}A-2,{HASH}{end}".encode())
    assert (one.reference, other.reference, one.regulation, one.verified) == ("1", "A-2", "ccpa", True)
    assert one.hashed == [hashlib.sha256(b"ann@example.com").digest()]
    assert one.delivery != other.delivery


@pytest.mark.parametrize(
    "body",
    ["", "ID,Hash\n", "id,hash\n1,x\n", f"ID,Hash\n1,{HASH}\n1,{HASH}\n", f"ID,Hash\n,{HASH}\n", f"ID,Hash\n1,{HASH},3\n",
     "ID,Hash\n1,ann@example.com\n", 'ID,Hash\n"1', f"ID,Hash\n=cmd(),{HASH}\n", "ID,Hash\n1\n"],
)  # fmt: skip
def test_what_is_no_such_list_is_refused(body: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        drop.demands(body.encode())
    assert "ann@" not in str(caught.value)
    with pytest.raises(Unacceptable):
        drop.demands(b"ID,Hash\n1,\xff\n")


def test_the_answer_has_a_number_for_whoever_is_done_with() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = ErasureRequest("request-0123456789abcdef", "00", "", "ccpa", at, at, "request-0123456789abcdef", channel="drop")
    states = ["exempt", "completed", "completed_with_residuals", "not_found", "suppressed", "duplicate", "cancelled"]
    rows = drop.answer(replace(one, state=state, reference=str(number)) for number, state in enumerate(states))
    assert rows == "ID,status\r\n0,2\r\n1,3\r\n2,3\r\n3,5\r\n"
