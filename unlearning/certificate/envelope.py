"""Signed statements: an in-toto Statement in a DSSE envelope, signed with Ed25519.

DSSE v1.0 (github.com/secure-systems-lab/dsse): what is signed is `DSSEv1 <len> <type> <len> <payload>`, the payload as it is
stored, so nobody has to agree on how to write JSON. Any tool that reads DSSE verifies these envelopes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from unlearning.domain.errors import KeyFileError, VerificationFailed, WrongUse

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


def sign(statement: bytes, private_key_pem: bytes, *, keyid: str | None = None) -> dict[str, Any]:
    """The statement in an envelope with one signature. Raises KeyFileError unless the key is Ed25519 in PEM, unencrypted.

    keyid: a hint for whoever verifies; by default the SHA-256 of the public key (`public_key_id`).
    """
    envelope = {"payload": base64.b64encode(statement).decode(), "payloadType": PAYLOAD_TYPE, "signatures": []}
    return add_signature(envelope, private_key_pem, keyid=keyid)


def add_signature(envelope: Mapping[str, Any], private_key_pem: bytes, *, keyid: str | None = None) -> dict[str, Any]:
    """The envelope with one more signature (operator, data protection officer); the signatures before it stay.

    Raises WrongUse when that key has signed already.
    """
    key = _private_key(private_key_pem)
    name = keyid or _key_id(key.public_key())
    signatures = list(_signatures(envelope))
    if any(signature.get("keyid") == name for signature in signatures):
        raise WrongUse(f"the envelope already holds a signature of key {name}; sign with another key")
    made = key.sign(_encode(payload(envelope)))
    signatures.append({"keyid": name, "sig": base64.b64encode(made).decode()})
    return {"payload": envelope["payload"], "payloadType": PAYLOAD_TYPE, "signatures": signatures}


def dump(envelope: Mapping[str, Any]) -> bytes:
    """The envelope as a file's bytes; the same bytes for the same envelope."""
    return json.dumps(envelope, indent=1, sort_keys=True).encode() + b"\n"


def read(raw: bytes) -> dict[str, Any]:
    """A file's bytes as an envelope. Raises VerificationFailed that names what is wrong with the file."""
    envelope = _json(raw, "the file")
    payload(envelope)
    _signatures(envelope)
    return envelope


def payload(envelope: Mapping[str, Any]) -> bytes:
    """The signed bytes. Raises VerificationFailed when there are none or they are of another type."""
    kind = envelope.get("payloadType")
    if kind != PAYLOAD_TYPE:
        raise VerificationFailed(f"payloadType is {kind!r}; expected {PAYLOAD_TYPE!r}: this is no certificate")
    return _base64(envelope.get("payload"), "payload")


def statement_of(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The statement inside, unverified. Raises VerificationFailed when it is no in-toto Statement v1 with subjects."""
    statement = _json(payload(envelope), "the payload")
    kind = statement.get("_type")
    if kind != STATEMENT_TYPE:
        raise VerificationFailed(f"the payload's _type is {kind!r}; expected {STATEMENT_TYPE!r}")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects or not all(map(_is_subject, subjects)):
        raise VerificationFailed("the payload's subject is not a list of named digests; ask the issuer for the file again")
    if not isinstance(statement.get("predicate"), dict):
        raise VerificationFailed("the payload has no predicate; ask the issuer for the file again")
    return statement


def signed_by(envelope: Mapping[str, Any], public_key_pem: bytes) -> bool:
    """True when one of the signatures is this key's. Key ids are hints and are not trusted. Raises KeyFileError."""
    key, signed = _public_key(public_key_pem), _encode(payload(envelope))
    return any(_verifies(key, _base64(signature["sig"], "sig"), signed) for signature in _signatures(envelope))


def key_ids(envelope: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that the signatures give their keys: hints, not evidence."""
    return tuple(signature.get("keyid", "") for signature in _signatures(envelope))


def public_key(private_key_pem: bytes) -> bytes:
    """The public half of a signing key, PEM: what others verify with. Raises KeyFileError."""
    key = _private_key(private_key_pem).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key_id(public_key_pem: bytes) -> str:
    """SHA-256 of the key's DER form: what `openssl pkey -pubin -outform DER | sha256sum` prints."""
    return _key_id(_public_key(public_key_pem))


def _encode(statement: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(statement), statement)


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _signatures(envelope: Mapping[str, Any]) -> list[dict[str, str]]:
    found = envelope.get("signatures")
    if not isinstance(found, list) or not all(map(_is_signature, found)):
        raise VerificationFailed("signatures is not a list of objects with a sig; ask the issuer for the file again")
    for signature in found:
        _base64(signature["sig"], "sig")
    return found


def _is_signature(value: Any) -> bool:
    match value:
        case {"sig": str(), **rest}:
            return isinstance(rest.get("keyid", ""), str)  # DSSE leaves the hint optional
    return False


def _is_subject(value: Any) -> bool:
    match value:
        case {"name": str(), "digest": {"sha256": str()}}:
            return True
    return False


def _base64(text: Any, field: str) -> bytes:
    """Strict: standard alphabet and the one canonical spelling, so that no character of a file can change unnoticed."""
    try:
        value = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed(f"{field} is not base64; ask the issuer for the file again") from error
    if not value or base64.b64encode(value).decode() != text:
        raise VerificationFailed(f"{field} is not canonical base64; ask the issuer for the file again")
    return value


def _json(raw: bytes, what: str) -> dict[str, Any]:
    """A JSON object in UTF-8; a name that stands twice is refused, because two readers could see two different documents.

    So are numbers without a value (1e400, thousands of digits) and half a surrogate pair: they cannot be written down again.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise VerificationFailed(f"{what} is not JSON; expected a certificate as `unlearn erase` writes it") from error
    if not isinstance(value, dict):
        raise VerificationFailed(f"{what} is a JSON {type(value).__name__}; expected an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise VerificationFailed("a name stands twice in one JSON object; ask the issuer for the file again")
    return value


def _no_constant(name: str) -> Any:
    raise VerificationFailed(f"{name} is no JSON number; ask the issuer for the file again")


def _private_key(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            "the signing key is no unencrypted PEM private key; expected Ed25519, see docs/certificate.md"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"the signing key is {type(key).__name__}; expected Ed25519, see docs/certificate.md")
    return key


def _public_key(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError("the public key is no PEM public key; expected Ed25519, see docs/certificate.md") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"the public key is {type(key).__name__}; expected Ed25519, see docs/certificate.md")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
