"""The service: what comes in each format becomes a request, durably and once; who may not is turned away."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.entrypoints.intake.conftest import NOON, Service
from tests.erasure.test_plans import planned
from tests.examples import example
from unlearning.domain.events import CertificateIssued, ErasureQueued, ErasureStarted, PlanMade, Purged
from unlearning.entrypoints.intake.formats import own
from unlearning.erasure import decisions
from unlearning.erasure.steps import receive
from unlearning.erasure.steps.receive import confirm

OWN = {"subjects": ["ann-1"], "identity_verified": True}


def test_own_json_is_in_the_ledger_before_it_is_acknowledged(service: Service) -> None:
    said = {
        **OWN,
        "subjects": ["ann-1", "bob-2"],
        "regulation": "ccpa",
        "requested_at": "2026-02-01",
        "reference": "OPS-77",
        "channel": "mail",
    }
    answer = service.ask("POST", "/v1/requests", json_body=said)
    assert answer.status_code == 202
    made = answer.json()["requests"]
    assert service.states() == {one["request_id"]: "suppressed" for one in made}
    assert {(one["due_at"], one["reference"], one["channel"]) for one in made} == {
        ("2026-03-18T00:00:00+00:00", "OPS-77", "mail")
    }
    assert sorted(service.announced) == sorted(one["request_id"] for one in made)
    shown = service.ask("GET", f"/v1/requests/{made[0]['request_id']}")
    assert shown.json() == made[0]
    assert service.ask("GET", "/v1/requests?limit=1").json()["total"] == 2


def test_who_is_not_said_to_be_verified_waits_for_a_person(service: Service) -> None:
    [made] = service.ask("POST", "/v1/requests", json_body={"subjects": ["ann-1"]}).json()["requests"]
    assert made["state"] == "unverified"
    assert list(service.workspace.ledger.standing.suppressed()) == []
    confirm(service.workspace, made["request_id"], by="the front desk", now=NOON)
    assert service.ask("GET", f"/v1/requests/{made['request_id']}").json()["state"] == "suppressed"


def test_a_list_is_one_demand_for_everybody_on_it_and_the_same_list_is_the_same(service: Service) -> None:
    body = "customer,since\nann-1,2020\nbob-2,2021\n"
    path = "/v1/requests?column=customer&identity_verified=true"
    answers = [service.ask("POST", path, content=body, content_type="text/csv; charset=utf-8") for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert set(service.states().values()) == {"suppressed"}
    assert len(service.states()) == 2


def test_opendsr_is_taken_shown_and_withdrawn(service: Service) -> None:
    name = str(uuid.uuid4())
    said = {
        "subject_request_id": name,
        "subject_request_type": "erasure",
        "submitted_time": "2026-02-20T10:00:00Z",
        "subject_identities": [
            {"identity_type": "email", "identity_value": "a@b.example", "identity_format": "raw"},
            {"identity_type": "controller_customer_id", "identity_value": "ann-1", "identity_format": "raw"},
        ],
        "status_callback_urls": ["https://example.com/opendsr"],
        "api_version": "2.0",
    }
    assert service.ask("DELETE", f"/v1/opendsr/requests/{name}").status_code == 404
    made = service.ask("POST", "/v1/opendsr/requests", json_body=said)
    assert made.status_code == 201
    assert (made.json()["subject_request_id"], made.json()["expected_completion_time"]) == (name, "2026-03-20T10:00:00+00:00")
    assert service.ask("POST", "/v1/opendsr/requests", json_body=said).json() == made.json()
    assert service.ask("GET", f"/v1/opendsr/requests/{name}").json()["request_status"] == "pending"
    assert service.ask("DELETE", f"/v1/opendsr/requests/{name}").status_code == 202
    assert service.ask("DELETE", f"/v1/opendsr/requests/{name}").status_code == 202
    assert service.ask("GET", f"/v1/opendsr/requests/{name}").json()["request_status"] == "cancelled"
    assert service.ask("GET", "/v1/opendsr/discovery", scope="").json()["supported_subject_request_types"] == ["erasure"]


def test_fides_halts_until_the_request_has_ended(service: Service) -> None:
    said = {
        "privacy_request_id": "pri_1",
        "privacy_request_status": "in_processing",
        "direction": "two_way",
        "callback_type": "pre_execution",
        "identity": {"customer_id": "ann-1", "email": None, "phone_number": None},
        "policy_action": "erasure",
    }
    headers = {"reply_to": "/privacy-request/pri_1/resume", "reply_to_token": "secret-jwe"}
    for _ in range(2):
        answer = service.ask("POST", "/v1/fides/webhook", json_body=said, **headers)
        assert (answer.status_code, answer.json()) == (200, {"derived_identities": {}, "halt": True})
    [request] = service.states()
    assert "secret-jwe" not in str(service.workspace.ledger.events())
    service.ask("POST", f"/v1/requests/{request}/cancel")
    assert service.ask("GET", "/v1/fides/requests/pri_1").json()["halt"] is False
    assert service.ask("POST", "/v1/fides/webhook", json_body={**said, "policy_action": "access"}).status_code == 400


def test_drop_comes_as_hashes_and_is_answered_with_numbers(service: Service) -> None:
    rows = {"101": "ann-1", "102": "bob-2", "103": "nobody@example.com"}
    hashes = {name: base64.b64encode(hashlib.sha256(who.encode()).digest()).decode() for name, who in rows.items()}
    body = "ID,Hash\r\n" + "".join(f"{name},{found}\r\n" for name, found in hashes.items())
    for _ in range(2):
        assert service.ask("POST", "/v1/drop", content=body, content_type="text/csv").json() == {"received": 3}
    of = {one.reference: one for one in service.workspace.ledger.standing.referred_to("drop")}
    assert set(of) == set(rows)
    [plain] = service.ask("POST", "/v1/requests", json_body=OWN).json()["requests"]
    assert plain["group"] == of["101"].request_id
    assert service.ask("GET", "/v1/drop").text == "ID,status\r\n"
    decisions.exempt(service.workspace, of["102"].request_id, reason="tax law", now=NOON)
    assert service.ask("GET", "/v1/drop").text == "ID,status\r\n102,2\r\n"


def test_the_same_delivery_from_many_clients_at_once_makes_one_request(service: Service) -> None:
    def once(_number: int) -> tuple[int, str]:
        answer = service.ask("POST", "/v1/requests", json_body=OWN, idempotency_key="key-1")
        return answer.status_code, answer.json()["requests"][0]["request_id"]

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(once, range(48)))) == 1
    assert len(service.states()) == 1


def test_a_withdrawal_out_of_order_or_too_late_changes_nothing(service: Service) -> None:
    assert service.ask("POST", "/v1/requests/request-0123456789abcdef/cancel").status_code == 404
    assert service.ask("POST", "/v1/requests/ann-1/cancel").status_code == 404
    [made] = service.ask("POST", "/v1/requests", json_body=OWN).json()["requests"]
    named = service.ask("POST", f"/v1/requests/{made['request_id']}/cancel", json_body={"reason": "ann-1 called"})
    assert named.status_code == 400
    assert service.ask("POST", f"/v1/requests/{made['request_id']}/cancel", scope="read").status_code == 403
    done = service.ask("POST", f"/v1/requests/{made['request_id']}/cancel", json_body={"reason": "sent by mistake"})
    assert (done.status_code, done.json()["state"]) == (200, "cancelled")
    assert service.ask("POST", f"/v1/requests/{made['request_id']}/cancel").status_code == 409


def test_a_certificate_is_given_out_as_it_was_signed(service: Service) -> None:
    assert service.ask("GET", "/v1/certificates/erasure-0123456789ab").status_code == 404
    file = service.workspace.path("certificates/erasure-0123456789ab.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"signed": true}')
    issued = example(CertificateIssued, path="certificates/erasure-0123456789ab.json")
    [made] = service.ask("POST", "/v1/requests", json_body=OWN).json()["requests"]
    at = NOON
    service.workspace.ledger.append("erasure-0123456789ab", example(ErasureStarted, requests=(made["request_id"],)), at=at)
    for fact in (example(PlanMade), example(Purged), issued):
        service.workspace.ledger.append("erasure-0123456789ab", fact, at=at)
    for name in ("erasure-0123456789ab", made["request_id"]):
        assert service.ask("GET", f"/v1/certificates/{name}").json() == {"signed": True}
    for name in ("../../params.yaml", "..%2f..%2fparams.yaml", "erasure-0123456789ab.json"):
        assert service.ask("GET", f"/v1/certificates/{name}").status_code == 404


def test_health_says_whether_requests_can_come_and_metrics_count_them(service: Service) -> None:
    service.ask("POST", "/v1/requests", json_body=OWN)
    service.ask("POST", "/v1/requests", json_body={}, content_type="application/json")
    assert service.ask("GET", "/healthz", scope="").json() == {"status": "ok"}
    assert service.ask("GET", "/readyz", scope="").json() == {"status": "ready", "flows": {"where": "off"}}
    text = service.ask("GET", "/metrics", scope="").text
    assert 'unlearning_requests{state="suppressed"} 1' in text
    assert 'unlearning_intake_accepted_total{format="own"} 1' in text
    assert 'unlearning_intake_refused_total{code="400"} 1' in text
    assert "unlearning_requests_must_start 0" in text


def test_what_comes_at_once_is_one_transaction_and_each_is_answered_for_itself(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one of them is refused, asks twice, or comes in another form."""
    moments, receive_each = list[int](), receive.receive_each

    def counted(workspace: Any, demands: Any, **more: Any) -> Any:
        made = receive_each(workspace, demands, **more)
        moments.append(len(demands))
        return made

    monkeypatch.setattr(receive, "receive_each", counted)
    fides = {
        "privacy_request_id": "pri_1",
        "direction": "two_way",
        "identity": {"customer_id": "cid-3"},
        "policy_action": "erasure",
    }
    said: list[tuple[str, Any, dict[str, str]]] = [
        ("/v1/requests", {**OWN, "subjects": [f"{one}-1"]}, {}) for one in ("dan", "eve", "fay")
    ]
    said += [("/v1/requests", {**OWN, "reference": "ann-1"}, {}), ("/v1/fides/webhook", fides, {})]
    said += [("/v1/requests", OWN, {"idempotency_key": "key-7"})] * 2
    with ThreadPoolExecutor(len(said)) as pool, service.workspace.ledger.exclusive("receive"):
        first = pool.submit(service.ask, "POST", "/v1/requests", json_body={**OWN, "subjects": ["bob-2"]})
        time.sleep(0.3)  # it waits for the lock, and the others for it
        others = [pool.submit(service.ask, "POST", path, json_body=body, **headers) for path, body, headers in said]
        time.sleep(1)
    assert first.result().status_code == 202
    answers = [one.result() for one in others]
    assert [one.status_code for one in answers] == [202, 202, 202, 400, 200, 202, 202]
    assert [len(one.json()["requests"]) for one in answers if one.status_code == 202] == [1] * 5
    assert answers[-1].json() == answers[-2].json()
    assert len(service.states()) == 6
    assert sorted(set(service.announced)) == sorted(service.states())
    assert moments[0] == 1
    assert sum(moments) == 7


def test_no_more_transactions_than_moments(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    moments, receive_each = list[int](), receive.receive_each

    def counted(workspace: Any, demands: Any, **more: Any) -> Any:
        moments.append(len(demands))
        return receive_each(workspace, demands, **more)

    monkeypatch.setattr(receive, "receive_each", counted)
    with ThreadPoolExecutor(9) as pool, service.workspace.ledger.exclusive("receive"):
        asked = [pool.submit(service.ask, "POST", "/v1/requests", json_body={**OWN, "subjects": ["bob-2"]})]
        time.sleep(0.3)
        asked += [
            pool.submit(service.ask, "POST", "/v1/requests", json_body={**OWN, "subjects": [f"dan-{one}"]}) for one in range(8)
        ]
        time.sleep(1)
    assert {one.result().status_code for one in asked} == {202}
    assert moments == [1, 8]


BAD: dict[str, tuple[bytes, str, int]] = {
    "no JSON": (b"{", "application/json", 400),
    "no UTF-8": (b'{"subjects": ["\xff"]}', "application/json", 400),
    "UTF-16": ('{"subjects": ["ann-1"]}'.encode("utf-16"), "application/json", 400),
    "another charset": (b'{"subjects": ["ann-1"]}', "application/json; charset=latin-1", 415),
    "half a pair": (b'{"subjects": ["\\ud800"]}', "application/json", 400),
    "a name twice": (b'{"subjects": ["ann-1"], "subjects": ["bob-2"]}', "application/json", 400),
    "deep": (b'{"subjects": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "application/json", 400),
    "a little deep": (b'{"subjects": ' + b"[" * 20 + b"]" * 20 + b"}", "application/json", 400),
    "NaN": (b'{"subjects": [NaN]}', "application/json", 400),
    "1e999": (b'{"subjects": [1e999]}', "application/json", 400),
    "thousands of digits": (b'{"subjects": [' + b"7" * 5_000 + b"]}", "application/json", 400),
    "true": (b'{"subjects": [true]}', "application/json", 400),
    "a float": (b'{"subjects": [1.5]}', "application/json", 400),
    "null": (b'{"subjects": [null]}', "application/json", 400),
    "a list": (b'["ann-1"]', "application/json", 400),
    "nobody": (b'{"subjects": []}', "application/json", 400),
    "text": (b'{"subjects": "ann-1"}', "application/json", 400),
    "a blank": (b'{"subjects": [" "]}', "application/json", 400),
    "an unknown name": (b'{"subjects": ["ann-1"], "ann-1": 1}', "application/json", 400),
    "a scope": (b'{"subjects": ["ann-1"], "scope": {"models": ["churn"]}}', "application/json", 400),
    "a law": (b'{"subjects": ["ann-1"], "regulation": "ann-1"}', "application/json", 400),
    "a date to come": (b'{"subjects": ["ann-1"], "requested_at": "2999-01-01"}', "application/json", 400),
    "a date": (b'{"subjects": ["ann-1"], "requested_at": "ann-1"}', "application/json", 400),
    "no truth": (b'{"subjects": ["ann-1"], "identity_verified": "yes"}', "application/json", 400),
    "a channel": (b'{"subjects": ["ann-1"], "channel": "ann-1"}', "application/json", 400),
    "a reference": (b'{"subjects": ["ann-1"], "reference": "re ann-1"}', "application/json", 400),
    "a control": (b'{"subjects": ["ann\\u0000-1"]}', "application/json", 422),
    "another type": (b"<ann-1/>", "application/xml", 415),
    "no type": (b'{"subjects": ["ann-1"]}', "", 415),
    "a heading": (b"customer_id\nann-1\n", "text/plain", 422),
    "an empty list": (b"\n\n", "text/csv", 422),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_without_repeating_it_and_records_nothing(service: Service, case: str) -> None:
    content, media, status = BAD[case]
    before = len(service.workspace.ledger.events())
    answer = service.ask("POST", "/v1/requests", content=content, content_type=media)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert len(service.workspace.ledger.events()) == before


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"content": b"x" * ((1 << 20) + 1), "content_type": "application/json"}, 413),
        ({"json_body": OWN, "content_encoding": "gzip"}, 415),
        ({"json_body": OWN, "idempotency_key": "two words"}, 400),
        ({"json_body": OWN, "scope": "read"}, 403),
        ({"json_body": OWN, "scope": "approve"}, 403),
        ({"json_body": OWN, "scope": ""}, 401),
        ({"json_body": OWN, "authorization": "Bearer unl_0123456789abcdef_" + "A" * 43}, 401),
        ({"json_body": OWN, "authorization": "Basic YTpi"}, 401),
        ({"json_body": OWN, "authorization": "Bearer"}, 401),
    ],
)
def test_what_is_too_large_encoded_or_not_allowed_is_turned_away(service: Service, said: dict[str, Any], status: int) -> None:
    answer = service.ask("POST", "/v1/requests", **said)
    assert answer.status_code == status
    assert service.states() == {}


def test_an_unknown_path_and_an_unforeseen_error_say_nothing_of_what_came(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.ask("GET", "/v1/ann-1").status_code == 404
    assert service.ask("GET", "/v1/requests?limit=ann-1").status_code == 422
    assert service.ask("GET", "/v1/requests?limit=0").status_code == 422

    def broken(*_args: Any, **_named: Any) -> Any:
        raise RuntimeError("about ann-1")

    monkeypatch.setattr(own, "demand", broken)
    answer = service.ask("POST", "/v1/requests", json_body=OWN)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (500, "Unforeseen")


def test_what_a_person_is_told_is_given_to_whoever_may_read(service: Service) -> None:
    [made] = service.ask("POST", "/v1/requests", json_body={**OWN, "reference": "OPS-77"}).json()["requests"]
    path = f"/v1/answers/{made['request_id']}"
    found = service.ask("GET", path)
    assert (found.status_code, found.json()["title"], found.json()["reference"]) == (200, "Your request is open", "OPS-77")
    assert made["token"][:12] not in found.text
    page = service.ask("GET", path, accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "Nothing has been erased yet." in page.text
    assert service.ask("GET", path, scope="submit").status_code == 403
    assert service.ask("GET", "/v1/answers/request-0123456789abcdef").status_code == 404


# --- plans ----------------------------------------------------------------------------------------------------------


def test_a_plan_is_shown_and_approved_by_its_digest_with_keys_of_their_scopes(service: Service) -> None:
    waiting = planned(service.workspace)
    digest = waiting.wait()
    assert service.ask("GET", f"/v1/plans/{digest}").json()["waits"] is True
    path, by = f"/v1/plans/{digest}/approve", {"by": "the DPO"}
    assert {service.ask("POST", path, json_body=by, scope=one).status_code for one in ("read", "submit")} == {403}
    assert service.ask("POST", path, json_body=by, scope="").status_code == 401
    for wrong in ({}, {"by": ""}, {"by": 1}, {"by": "x" * 201}, {"by": "x", "also": 1}):
        assert service.ask("POST", path, json_body=wrong, scope="approve").status_code == 400
    assert service.states() == {waiting.request_id: "awaiting_approval"}
    for _ in range(2):
        answer = service.ask("POST", path, json_body=by, scope="approve")
        assert (answer.status_code, answer.json()["approved_by"]) == (200, "the DPO")
    [queued] = service.workspace.ledger.of(ErasureQueued)
    assert (queued.fact.access or "").startswith("access-")
    new = waiting.plan()
    assert service.ask("POST", path, json_body=by, scope="approve").status_code == 409
    assert service.ask("GET", f"/v1/plans/{digest}").status_code == 409
    assert service.ask("GET", f"/v1/plans/{new}").status_code == 200
    assert service.ask("POST", f"/v1/plans/{new}/approve", json_body=by, scope="approve").status_code == 409
    for unknown in ("0" * 64, "nobody"):
        assert service.ask("POST", f"/v1/plans/{unknown}/approve", json_body=by, scope="approve").status_code == 404
