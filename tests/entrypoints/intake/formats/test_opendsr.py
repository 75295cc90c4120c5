"""OpenDSR, as its specification and as senders have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.intake.formats import opendsr
from unlearning.entrypoints.intake.reading import Unacceptable

NAME = "A7551968-d5d6-44b2-9831-815ac9017798"
SAID: dict[str, Any] = {
    "subject_request_id": NAME,
    "subject_request_type": "erasure",
    "submitted_time": "2018-10-02T15:00:00Z",
    "subject_identities": [{"identity_type": "email", "identity_value": "johndoe@example.com", "identity_format": "raw"}],
    "status_callback_urls": ["https://examplecontroller.com/opendsr_callbacks"],
    "api_version": "2.0",
    "extensions": {"example-processor.com": {"foo": 123}},
}


def test_the_example_of_the_specification_is_taken_without_its_regulation() -> None:
    found = opendsr.demand(SAID, kind="email", regulation="gdpr")
    assert (list(found.identifiers), found.regulation, found.verified) == (["johndoe@example.com"], "gdpr", True)
    assert (found.reference, found.received_at) == (NAME.lower(), datetime(2018, 10, 2, 15, tzinfo=UTC))
    assert opendsr.demand({**SAID, "regulation": "ccpa"}, kind="email", regulation="gdpr").regulation == "ccpa"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_request_id": "1"},
        {"subject_request_id": None},
        {"subject_request_type": "access"},
        {"subject_request_type": "portability"},
        {"subject_identities": []},
        {"subject_identities": "johndoe@example.com"},
        {"subject_identities": [{"identity_type": "email", "identity_value": "0" * 32, "identity_format": "md5"}]},
        {"subject_identities": [{"identity_type": "phone", "identity_value": "1"}]},
        {"subject_identities": [{"identity_value": "johndoe@example.com"}]},
        {"regulation": "lgpd"},
        {"submitted_time": "soon"},
    ],
)
def test_what_cannot_be_carried_out_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((Unacceptable, WrongUse)) as caught:
        opendsr.demand({**SAID, **changes}, kind="email", regulation="gdpr")
    assert "johndoe" not in str(caught.value)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["suppressed"], "pending"),
        (["duplicate", "planned"], "pending"),
        (["erasing", "suppressed"], "in_progress"),
        (["purging"], "in_progress"),
        (["completed", "not_found"], "completed"),
        (["cancelled"], "cancelled"),
    ],
)
def test_states_have_the_names_of_the_specification(states: list[str], said: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = ErasureRequest("request-0123456789abcdef", "00", "", "gdpr", at, at, "request-0123456789abcdef")
    assert opendsr.status([replace(one, state=state) for state in states]) == said
    assert opendsr.discovery("email")["supported_identities"][0] == {"identity_type": "email", "identity_format": "raw"}
