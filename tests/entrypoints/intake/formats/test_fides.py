"""Fides' policy webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from unlearning.entrypoints.intake.formats import fides
from unlearning.entrypoints.intake.reading import Unacceptable

SAID: dict[str, Any] = {
    "privacy_request_id": "pri_0",
    "direction": "two_way",
    "callback_type": "pre_execution",
    "identity": {"email": "ann@example.com", "phone_number": None, "loyalty_id": {"label": "Loyalty", "value": 4711}},
    "policy_action": "erasure",
}


def test_the_identity_of_the_project_is_chosen_and_the_direction_says_who_waits() -> None:
    found, waits = fides.demand(SAID, kind="email", regulation="gdpr")
    assert (list(found.identifiers), found.reference, waits) == (["ann@example.com"], "pri_0", True)
    found, waits = fides.demand({**SAID, "direction": "one_way"}, kind="integer", regulation="gdpr")
    assert (list(found.identifiers), waits) == (["4711"], False)


@pytest.mark.parametrize(
    "changes",
    [
        {"privacy_request_id": "a b"},
        {"privacy_request_id": None},
        {"identity": None},
        {"identity": {"email": None}},
        {"identity": {"ga_client_id": "x"}},
        {"identity": {"email": ["ann@example.com"]}},
        {"policy_action": "access"},
        {"direction": "sideways"},
    ],
)
def test_what_is_no_erasure_of_somebody_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unacceptable) as caught:
        fides.demand({**SAID, **changes}, kind="email", regulation="gdpr")
    assert "ann@" not in str(caught.value)
