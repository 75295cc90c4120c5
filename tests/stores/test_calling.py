"""One guarded POST: to the address that was checked and nowhere else, within bounds."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.receivers import receiving
from unlearning.domain.callbacks import receiver
from unlearning.stores import calling
from unlearning.stores.calling import NotTaken

BODY, HEADERS = b'{"state":"completed"}', {"Content-Type": "application/json"}


def leads_to(*answers: Sequence[str]) -> tuple[calling.Resolve, list[str]]:
    """A resolver that answers one after the other, and whom it was asked for."""
    asked, left = list[str](), list(answers)

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return left.pop(0)

    return resolve, asked


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_means_next() -> None:
    with receiving() as one, receiving() as other:
        resolve, asked = leads_to(["127.0.0.1"], ["169.254.169.254"])
        calling.post(receiver(f"http://told.invalid:{one.port}/a?b=c"), BODY, HEADERS, internal=True, resolve=resolve)
    [got] = one.got
    assert (got.path, got.body, got.headers["host"]) == ("/a?b=c", BODY, f"told.invalid:{one.port}")
    assert asked == ["told.invalid"]
    assert not other.got


@pytest.mark.parametrize("behind", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], []])
def test_a_name_with_one_address_that_may_not_be_reached_is_not_called(
    behind: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling.socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(NotTaken, match="not called"):
        calling.post(receiver("https://told.example/"), BODY, HEADERS, resolve=lambda *_: behind)


def test_every_spelling_of_loopback_that_the_system_resolves_is_refused() -> None:
    with receiving() as one:
        for host in ("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0"):
            with pytest.raises(NotTaken):
                calling.post(receiver(f"https://{host}:{one.port}/"), BODY, HEADERS)
    assert not one.got


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiving() as one, receiving() as other:
        one.answers, one.location = lambda _number: status, other.url()
        with pytest.raises(NotTaken, match=f"answered {status}"):
            calling.post(receiver(one.url()), BODY, HEADERS, internal=True)
    assert len(one.got) == 1
    assert not other.got


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as one, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.at}")
        calling.post(receiver(one.url()), BODY, HEADERS, internal=True)
    assert len(one.got) == 1
    assert not proxy.got


def test_an_answer_that_comes_byte_by_byte_is_cut_off() -> None:
    with receiving() as one:
        one.trickle_s = 0.1
        began = time.monotonic()
        with pytest.raises(NotTaken, match="too long"):
            calling.post(receiver(one.url()), BODY, HEADERS, internal=True, patience_s=0.5)
        assert time.monotonic() - began < 3


def test_nobody_there_is_said_without_the_address() -> None:
    with receiving() as one:
        gone = one.url()
    with pytest.raises(NotTaken, match="ConnectionRefusedError") as caught:
        calling.post(receiver(gone), BODY, HEADERS, internal=True)
    assert "127.0.0.1" not in str(caught.value)
    with pytest.raises(NotTaken, match="not known"):
        calling.post(receiver(f"https://{'a' * 64}.example/"), BODY, HEADERS)


@pytest.fixture
def identified(tmp_path: Path) -> Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]]:
    """(what a receiver of this name shows, what trusts it)."""

    def made(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(
            key, hashes.SHA256()
        )
        pem, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shows.load_cert_chain(pem, private)
        return shows, ssl.create_default_context(cafile=str(pem))

    return made


def test_a_receiver_by_https_must_be_who_its_name_says(
    identified: Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    shows, trusts = identified("told.invalid")

    def call(name: str, trust: ssl.SSLContext | None) -> None:
        to = receiver(f"https://{name}:{one.port}/")
        calling.post(to, BODY, HEADERS, internal=True, resolve=lambda *_: ["127.0.0.1"], trust=trust)

    with receiving(shows) as one:
        call("told.invalid", trusts)
        for name, trust in (("other.invalid", trusts), ("told.invalid", None)):
            with pytest.raises(NotTaken, match="SSL"):
                call(name, trust)
    assert len(one.got) == 1
