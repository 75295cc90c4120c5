"""CloudEvents as the package `cloudevents` makes them, and what no router should have sent."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.entrypoints.intake.conftest import Service
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.intake.formats import cloudevents
from unlearning.entrypoints.intake.reading import Unacceptable

DATA = {"subjects": ["ann-1"], "identity_verified": True}
TYPE = "unlearning.erasure.requested"


def event(number: int = 1, data: Any = DATA, **attributes: Any) -> CloudEvent:
    said = {"id": f"event-{number}", "source": "/crm", "type": TYPE, "time": datetime(2026, 2, 1, tzinfo=UTC)}
    return CloudEvent({**said, "datacontenttype": "application/json", **attributes}, data)


def send(service: Service, message: HTTPMessage) -> Any:
    return service.client.post(
        "/v1/events", content=message.body, headers={**message.headers, "authorization": f"Bearer {service.tokens['submit']}"}
    )


def test_structured_and_binary_are_the_same_event_and_count_from_its_time(service: Service) -> None:
    answers = [send(service, made) for made in (to_structured_event(event()), to_binary_event(event()))]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    [made] = answers[0].json()["requests"]
    assert (made["received_at"], made["due_at"]) == ("2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00")


def test_a_batch_is_taken_whole_or_not_at_all_and_may_be_empty(service: Service) -> None:
    def batch(*members: bytes) -> Any:
        body = b"[" + b",".join(members) + b"]"
        return send(service, HTTPMessage({"content-type": cloudevents.BATCH}, body))

    assert (batch().status_code, batch().json()) == (202, {"requests": []})
    good = [to_structured_event(event(n, {**DATA, "subjects": [who]})).body for n, who in enumerate(("ann-1", "bob-2"))]
    bad = to_structured_event(event(3, {"subjects": []})).body
    refused = batch(*good, bad)
    assert (refused.status_code, service.states()) == (400, {})
    assert batch(*good).status_code == 202
    assert list(service.states().values()) == ["suppressed", "suppressed"]


@pytest.mark.parametrize("times", [64, pytest.param(1_000, marks=pytest.mark.slow)])
def test_the_same_event_from_sixteen_clients_at_once_makes_one_request(service: Service, times: int) -> None:
    message = to_structured_event(event())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: send(service, message), range(times)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["requests"][0]["request_id"] for one in answers}) == len(service.states()) == 1


def structured(**changes: Any) -> bytes:
    whole = {"specversion": "1.0", "id": "1", "source": "/crm", "type": TYPE, "data": DATA}
    return json.dumps({name: one for name, one in {**whole, **changes}.items() if one is not None}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": None},
        {"specversion": "2.0"},
        {"id": None},
        {"id": ""},
        {"source": None},
        {"source": ["/crm"]},
        {"type": None},
        {"type": "com.example.access.requested"},
        {"type": "unlearning.erasure.completed"},
        {"time": "yesterday"},
        {"data": None},
        {"data": "ann-1"},
        {"data": None, "data_base64": "YQ=="},
        {"data": {**DATA, "more": 1}},
        {"subject": "ann-1"},
        {"source": "/customers/ann-1"},
        {"Upper": "no name of an attribute"},
        {"nested": {"a": 1}},
        {"id": "x" * 2_000},
    ],
)
def test_what_is_no_event_that_asks_for_an_erasure_is_refused_without_repeating_it(changes: dict[str, Any]) -> None:
    with pytest.raises((Unacceptable, WrongUse)) as caught:
        cloudevents.demands(cloudevents.ONE, {}, structured(**changes), regulation="gdpr")
    assert "ann-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("media", "headers", "status"),
    [
        ("application/json", {}, 415),
        ("text/plain", {"ce-specversion": "1.0"}, 415),
        ("application/json", {"ce-specversion": "1.0", "ce-id": "1"}, 400),
        ("application/json", {"ce-specversion": "1.0", "ce-id": "%ff", "ce-source": "/", "ce-type": TYPE}, 400),
    ],
)
def test_a_message_in_no_mode_is_refused(media: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(Unacceptable) as caught:
        cloudevents.demands(media, headers, json.dumps(DATA).encode(), regulation="gdpr")
    assert caught.value.status == status
