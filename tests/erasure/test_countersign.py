"""A second signature under a certificate."""

from __future__ import annotations

import base64
import json
from pathlib import Path

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


def test_both_signatures_hold_and_the_page_is_made_again(certificate: Path, officer: Path) -> None:
    before = envelope.read(certificate.read_bytes())
    ids = countersign(certificate, officer)
    after = envelope.read(certificate.read_bytes())
    assert ids == tuple(envelope.public_key_id(keys(number).public) for number in (1, 2))
    assert after.payload == before.payload
    assert all(envelope.signed_by(after, keys(number).public) for number in (1, 2))
    assert certificate.with_suffix(".html").is_file()


def test_nobody_signs_twice_and_the_file_stays_as_it_is(certificate: Path, officer: Path) -> None:
    countersign(certificate, officer)
    content = certificate.read_bytes()
    with pytest.raises(WrongUse, match="already"):
        countersign(certificate, officer)
    assert certificate.read_bytes() == content


def test_a_certificate_that_contradicts_itself_is_not_signed(certificate: Path, officer: Path) -> None:
    document = json.loads(certificate.read_text())
    statement = json.loads(base64.b64decode(document["payload"]))
    statement["predicate"]["doesNotProve"] = []
    forged = envelope.sign(json.dumps(statement).encode(), keys(1).private)
    certificate.write_bytes(envelope.dump(forged))
    with pytest.raises(VerificationFailed, match=r"certificate\.json contradicts itself"):
        countersign(certificate, officer)
    assert not certificate.with_suffix(".html").exists()


def test_a_key_that_others_can_read_or_that_is_not_there_signs_nothing(certificate: Path, officer: Path) -> None:
    officer.chmod(0o644)
    with pytest.raises(KeyFileError):
        countersign(certificate, officer)
    with pytest.raises(NotFound, match="openssl genpkey"):
        countersign(certificate, officer.with_name("nobody.pem"))
    assert certificate.read_bytes() == GOLDEN.read_bytes()
