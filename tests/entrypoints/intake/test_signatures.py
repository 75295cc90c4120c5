"""Standard Webhooks: what the package of that name signs is taken, and what it should not take is not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from tests.entrypoints.intake.conftest import KEY, NOON, Service
from unlearning.domain.errors import KeyFileError
from unlearning.entrypoints.intake import signatures
from unlearning.entrypoints.intake.signatures import NotAuthentic

BODY = b'{"subjects": ["ann-1"], "identity_verified": true}'
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = bytes(range(1, 33))
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def signed(body: bytes = BODY, *, key: bytes = KEY, name: str = "msg_1", at: datetime = AT) -> dict[str, str]:
    """The headers that the package makes."""
    said = Webhook(base64.b64encode(key).decode()).sign(name, at, body.decode())
    return {"webhook-id": name, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": said}


def verify(headers: dict[str, str], body: bytes = BODY, keys: tuple[bytes, ...] = (KEY,)) -> str:
    return signatures.verify(headers, body, keys, now=AT.timestamp())


def test_what_the_package_signs_is_taken_while_secrets_change() -> None:
    assert verify(signed()) == "msg_1"
    assert verify(signed(key=OTHER), keys=(KEY, OTHER)) == "msg_1"
    both = f"{signed(key=OTHER)['webhook-signature']} {signed()['webhook-signature']}"
    assert verify({**signed(), "webhook-signature": both}) == "msg_1"
    assert verify(signed(at=AT - timedelta(seconds=299))) == "msg_1"


@pytest.mark.parametrize("name", signatures.HEADERS)
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(NotAuthentic, match=name):
        verify({key: value for key, value in signed().items() if key != name})


GOOD = signed()["webhook-signature"]
HOSTILE = {
    "another key": signed(key=OTHER),
    "another id": {**signed(), "webhook-id": "msg_2"},
    "too old": signed(at=AT - timedelta(seconds=301)),
    "too new": signed(at=AT + timedelta(seconds=301)),
    "a later time": {**signed(), "webhook-timestamp": str(int(AT.timestamp()) + 1)},
    "half seconds": {**signed(), "webhook-timestamp": f"{int(AT.timestamp())}.9"},
    "underscores": {**signed(), "webhook-timestamp": f"{int(AT.timestamp()):_}"},
    "Arabic digits": {**signed(), "webhook-timestamp": "".join(chr(0x660 + int(one)) for one in str(int(AT.timestamp())))},
    "a sign": {**signed(), "webhook-timestamp": f"+{int(AT.timestamp())}"},
    "no comma": {**signed(), "webhook-signature": GOOD.replace(",", "")},
    "another version": {**signed(), "webhook-signature": GOOD.replace("v1,", "v2,")},
    "junk in base64": {**signed(), "webhook-signature": f"v1,*{GOOD[3:]}"},
    "padding bits set": {**signed(), "webhook-signature": GOOD[:-2] + chr(ord(GOOD[-2]) + 1) + "="},
    "a long list": {**signed(), "webhook-signature": " ".join([*["v1,AAAA"] * 20, GOOD])},
    "an id with a blank": {**signed(), "webhook-id": "msg 1"},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_anything_else_is_not_authentic(case: str) -> None:
    with pytest.raises(NotAuthentic):
        verify(HOSTILE[case])


def test_another_body_or_none_to_check_with_is_not_authentic() -> None:
    for body, keys in ((BODY + b" ", (KEY,)), (b"\xff", (KEY,)), (BODY, ())):
        with pytest.raises(NotAuthentic):
            verify(signed(), body, keys)


@pytest.mark.parametrize("said", ["secret", "whsec_", "whsec_AAAA", f"{SECRET} whsec_!", SECRET.replace("whsec_", "whsec-")])
def test_a_secret_that_is_none_is_refused_without_repeating_it(said: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        signatures.secrets_in(said, named="X")
    assert "AAAA" not in str(caught.value)
    assert signatures.secrets_in(f"{SECRET} {SECRET}", named="X") == (KEY, KEY)


def test_a_signed_message_hands_requests_in_without_a_token_and_its_replay_is_the_same(service: Service) -> None:
    headers = {name.replace("-", "_"): value for name, value in signed(at=NOON).items()} | {"content_type": "application/json"}
    answers = [service.ask("POST", "/v1/requests", scope="", content=BODY, **headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len(service.states()) == 1
    assert service.ask("POST", "/v1/requests", scope="", content=BODY + b" ", **headers).status_code == 401
    assert service.ask("POST", "/v1/requests", content=BODY + b" ", **headers).status_code == 401
    old = {name.replace("-", "_"): value for name, value in signed(at=NOON - timedelta(minutes=6)).items()}
    assert service.ask("POST", "/v1/requests", scope="", content=BODY, **{**headers, **old}).status_code == 401
    assert service.ask("GET", "/v1/requests", scope="", **headers).status_code == 401
