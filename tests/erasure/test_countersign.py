"""A second signature under a certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.certificate.examples import keys
from unlearning.certificate import envelope
from unlearning.domain.errors import KeyFileError, NotFound, VerificationFailed, WrongUse
from unlearning.erasure.countersign import countersign

GOLDEN = Path(__file__).parents[1] / "golden/certificate.json"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    (tmp_path / "certificate.json").write_bytes(GOLDEN.read_bytes())
    return tmp_path / "certificate.json"


@pytest.fixture
def officer(tmp_path: Path) -> Path:
    (tmp_path / "officer.pem").touch(mode=0o600)
    (tmp_path / "officer.pem").write_bytes(keys(2).private)
    return tmp_path / "officer.pem"


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    (tmp_path / "issuer.pub").write_bytes(keys(1).public)
    return tmp_path / "issuer.pub"


def test_both_signatures_hold_and_the_page_is_made_again(certificate: Path, officer: Path, operator: Path) -> None:
    before = envelope.read(certificate.read_bytes())
    found = countersign(certificate, officer, operator=operator)
    after = envelope.read(certificate.read_bytes())
    assert found.signers == tuple(envelope.public_key_id(keys(number).public) for number in (1, 2))
    assert after.payload == before.payload
    assert all(envelope.signed_by(after, keys(number).public) for number in (1, 2))
    assert certificate.with_suffix(".html").is_file()


def test_nobody_signs_twice_and_the_file_stays_as_it_is(certificate: Path, officer: Path, operator: Path) -> None:
    countersign(certificate, officer, operator=operator)
    content = certificate.read_bytes()
    with pytest.raises(WrongUse, match="already"):
        countersign(certificate, officer, operator=operator)
    assert certificate.read_bytes() == content


def test_a_certificate_that_contradicts_itself_is_not_signed(certificate: Path, officer: Path, operator: Path) -> None:
    document = json.loads(certificate.read_text())
    statement = json.loads(base64.b64decode(document["payload"]))
    statement["predicate"]["doesNotProve"] = []
    forged = envelope.sign(json.dumps(statement).encode(), keys(1).private)
    certificate.write_bytes(envelope.dump(forged))
    with pytest.raises(VerificationFailed, match=r"certificate\.json is contradictory under the operator's key"):
        countersign(certificate, officer, operator=operator)
    assert not certificate.with_suffix(".html").exists()


def test_a_key_that_others_can_read_or_that_is_not_there_signs_nothing(
    certificate: Path, officer: Path, operator: Path
) -> None:
    officer.chmod(0o644)
    with pytest.raises(KeyFileError):
        countersign(certificate, officer, operator=operator)
    with pytest.raises(NotFound, match="openssl genpkey"):
        countersign(certificate, officer.with_name("nobody.pem"), operator=operator)
    assert certificate.read_bytes() == GOLDEN.read_bytes()


def _broken(file: dict[str, Any]) -> None:
    sig = bytearray(base64.b64decode(file["signatures"][0]["sig"]))
    sig[7] ^= 1
    file["signatures"][0]["sig"] = base64.b64encode(sig).decode()


def _resigned(file: dict[str, Any]) -> None:
    """By a stranger, under the operator's name."""
    payload = base64.b64decode(file["payload"])
    forged = envelope.sign(payload, keys(3).private, keyid=envelope.public_key_id(keys(1).public))
    file["signatures"] = json.loads(envelope.dump(forged))["signatures"]


def _made_up(file: dict[str, Any]) -> None:
    """Beside the operator's own, another one in the operator's name."""
    file["signatures"].append({"keyid": envelope.public_key_id(keys(1).public), "sig": base64.b64encode(b"x" * 64).decode()})


@pytest.mark.parametrize("change", [_broken, _resigned, _made_up, lambda file: file.update(signatures=[])])
def test_what_does_not_verify_under_the_operators_key_is_not_signed(
    certificate: Path, officer: Path, operator: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    file = json.loads(certificate.read_text())
    change(file)
    certificate.write_text(json.dumps(file))
    content = certificate.read_bytes()
    with pytest.raises(VerificationFailed, match="under the operator's key, so it was not signed"):
        countersign(certificate, officer, operator=operator)
    assert certificate.read_bytes() == content
    assert not certificate.with_suffix(".html").exists()


def test_a_made_up_countersignature_is_a_claim_and_its_maker_no_signer(
    certificate: Path, officer: Path, operator: Path
) -> None:
    file = json.loads(certificate.read_text())
    file["signatures"].append({"keyid": "the regulator", "sig": base64.b64encode(b"x" * 64).decode()})
    certificate.write_text(json.dumps(file))
    found = countersign(certificate, officer, operator=operator)
    assert found.claimed_keyids == ("the regulator",)
    assert len(found.signers) == 2
