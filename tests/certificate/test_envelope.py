"""Signatures that any tool for DSSE verifies, and files that were changed on their way."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from tests.certificate.examples import (
    SIGNED,
    envelope_of,
    facts,
    keys,
)
from unlearning.certificate.envelope import Envelope, Signature, Signers, public_key_id, signers
from unlearning.certificate.statement import (
    add_signature,
    dump,
    encode,
    read,
    sign,
    statement,
    verify,
)
from unlearning.domain.errors import KeyFileError, VerificationFailed, WrongUse


def file_of(envelope: Envelope) -> dict[str, Any]:
    """What another tool reads of an envelope."""
    return json.loads(dump(envelope))


def envelope_in(file: dict[str, Any]) -> Envelope:
    return read(json.dumps(file).encode())


def test_several_people_sign_and_each_signature_verifies_alone() -> None:
    both = add_signature(envelope_of(facts()), keys(2).private, keyid="dpo")
    assert both.signatures[0] == envelope_of(facts()).signatures[0]
    assert [verify(both, keys(seed).public).verdict for seed in (1, 2, 3)] == ["verified", "verified", "invalid"]
    assert verify(both).claimed_keyids == (public_key_id(keys().public), "dpo")
    with pytest.raises(WrongUse, match="already"):
        add_signature(both, keys(1).private)


def test_a_key_id_is_a_hint_and_no_evidence() -> None:
    lying = sign(encode(statement(facts())), keys(2).private, keyid=public_key_id(keys(1).public))
    assert verify(lying, keys(1).public).verdict == "invalid"
    assert verify(lying, keys(2).public).verdict == "verified"


@given(st.data())
def test_any_changed_character_of_payload_or_signature_is_noticed(data: st.DataObject) -> None:
    envelope = file_of(SIGNED)
    holder, field = data.draw(st.sampled_from([(envelope, "payload"), (envelope["signatures"][0], "sig")]))
    at = data.draw(st.integers(0, len(holder[field]) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != holder[field][at]))
    holder[field] = holder[field][:at] + other + holder[field][at + 1 :]
    assert verdict_of(envelope) in ("invalid", "refused")


def verdict_of(envelope: dict[str, Any]) -> str:
    try:
        return verify(envelope_in(envelope), keys().public).verdict
    except VerificationFailed:
        return "refused"


@given(st.integers(0, 7), st.data())
def test_any_flipped_bit_of_the_file_is_noticed_or_changes_nothing_that_is_signed(bit: int, data: st.DataObject) -> None:
    raw = bytearray(dump(SIGNED))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << bit
    try:
        outcome = verify(read(bytes(raw)), keys().public)
    except VerificationFailed:
        return
    unsigned = json.loads(bytes(raw))["payload"] == file_of(SIGNED)["payload"]
    assert outcome.verdict == "invalid" or unsigned


def test_only_ed25519_keys_are_used() -> None:
    curve = generate_private_key(SECP256R1())
    private = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for pem in (private, locked, b"no key", keys().public):
        with pytest.raises(KeyFileError, match="Ed25519"):
            sign(b"{}", pem)
    for pem in (public, b"no key", b"", keys().private):  # an empty file is no way to ask for less
        with pytest.raises(KeyFileError, match="Ed25519"):
            verify(SIGNED, pem)


def their_key(seed: int = 1) -> SSlibKey:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return SSlibKey.from_crypto(key.public_key(), keyid=public_key_id(keys(seed).public))


def test_a_file_of_two_public_keys_is_refused_as_one() -> None:
    with pytest.raises(KeyFileError, match="holds 2 of them"):
        public_key_id(keys(1).public + keys(2).public)


@pytest.mark.parametrize("point", ["01" + 31 * "00", 32 * "00", "ec" + 30 * "ff" + "7f", "ee" + 31 * "ff"])
def test_a_key_under_which_anybody_can_sign_is_refused(point: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(point))
    with pytest.raises(KeyFileError, match="anybody can sign"):
        public_key_id(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_securesystemslib_verifies_our_envelopes() -> None:
    theirs = Theirs.from_dict(file_of(add_signature(envelope_of(facts()), keys(2).private)))
    accepted = theirs.verify([their_key(1), their_key(2)], 2)
    assert len(accepted) == 2
    assert json.loads(theirs.payload) == statement(facts())


@given(st.integers(0), st.integers(0, 7), st.booleans())
def test_securesystemslib_refuses_our_envelopes_with_a_flipped_bit(at: int, bit: int, in_payload: bool) -> None:
    envelope = file_of(SIGNED)
    holder, field = (envelope, "payload") if in_payload else (envelope["signatures"][0], "sig")
    raw = bytearray(base64.b64decode(holder[field]))
    raw[at % len(raw)] ^= 1 << bit
    holder[field] = base64.b64encode(raw).decode()
    assert verify(envelope_in(envelope), keys().public).verdict == "invalid"
    with pytest.raises(VerificationError):
        Theirs.from_dict(envelope).verify([their_key()], 1)


def test_we_verify_the_envelopes_of_securesystemslib() -> None:
    theirs = Theirs(encode(statement(facts())), "application/vnd.in-toto+json", {})
    theirs.sign(CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)))
    assert verify(envelope_in(theirs.to_dict()), keys().public).verdict == "verified"
    assert verify(envelope_in(theirs.to_dict()), keys(2).public).verdict == "invalid"


def test_openssl_alone_verifies_a_certificate_as_the_documentation_says(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text("utf-8")
    script = text.split("```bash\n")[1].split("```")[0]
    (tmp_path / "certificate.json").write_bytes(dump(SIGNED))
    (tmp_path / "issuer.pub").write_bytes(keys().public)
    run = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr
    (tmp_path / "issuer.pub").write_bytes(keys(2).public)
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, timeout=300, check=False).returncode != 0


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is not JSON"),
        (b"\xff\xfe", "the file is not JSON"),
        (b"[]", "the file is a JSON list"),
        (b"{}", "payloadType is None"),
        (b'{"payloadType": "text/plain"}', "payloadType is 'text/plain'"),
        (b'{"payloadType": "application/vnd.in-toto+json"}', "payload is not canonical base64"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30"}', "payload is not base64"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30="}', "signatures is not a list"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{}]}', "signatures is not a list"),
        (b'{"payload": "e30=", "payload": "e31="}', "stands twice"),
        (b'{"payload": NaN}', "NaN is no JSON number"),
        (b'{"payload": 1e400}', "larger than any"),
        (b'{"payload": ' + b"9" * 5000 + b"}", "the file is not JSON"),
        (b'{"payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the file is JSON nested more than 32 deep"),
        (b'{"payload": "\\ud800"}', "the file is not JSON"),
        (b"\xef\xbb\xbf{}", "the file is not JSON"),
        ("{}".encode("utf-16"), "the file is not JSON"),
    ],
)
def test_a_malformed_file_is_refused_by_name(raw: bytes, message: str) -> None:
    with pytest.raises(VerificationFailed, match=message):
        read(raw)


def test_an_envelope_without_signatures_is_invalid_under_a_key() -> None:
    assert verify(replace(SIGNED, signatures=()), keys().public).verdict == "invalid"


def test_what_else_a_file_says_is_refused_because_nobody_signed_it() -> None:
    for strange in ({**file_of(SIGNED), "note": "approved"}, {**file_of(SIGNED), "_type": "x"}):
        with pytest.raises(VerificationFailed, match="stands beside what is signed"):
            envelope_in(strange)
    file = file_of(SIGNED)
    file["signatures"][0]["cert"] = "y"
    with pytest.raises(VerificationFailed, match="cert stands beside what is signed"):
        envelope_in(file)


def test_a_signature_that_stands_twice_is_refused_and_one_without_a_name_is_not() -> None:
    file = file_of(SIGNED)
    del file["signatures"][0]["keyid"]
    assert file_of(envelope_in(file)) == file
    assert verify(envelope_in(file), keys().public).verdict == "verified"
    assert verify(envelope_in(file)).claimed_keyids == ("",)
    file["signatures"] *= 2
    with pytest.raises(VerificationFailed, match="stands twice"):
        envelope_in(file)


def test_a_made_up_signature_in_somebodys_name_does_not_keep_them_from_signing() -> None:
    made_up = Signature(b"x" * 64, public_key_id(keys(2).public))
    both = add_signature(replace(SIGNED, signatures=(*SIGNED.signatures, made_up)), keys(2).private)
    found = signers(both, [keys(2).public])
    assert found.signers == found.forged == (public_key_id(keys(2).public),)


def test_only_what_verifies_under_a_given_key_is_a_signer() -> None:
    both = add_signature(SIGNED, keys(2).private, keyid="dpo")
    one, two, three = (public_key_id(keys(number).public) for number in (1, 2, 3))
    assert signers(both, [keys(1).public]) == Signers((one,), (), ("dpo",))
    assert signers(both, [keys(3).public, keys(2).public]) == Signers((two,), (three,), (one,))
    assert signers(both, []) == Signers((), (), (one, "dpo"))
