"""Signed statements: an in-toto Statement in a DSSE envelope, signed with Ed25519.

DSSE v1.0 (github.com/secure-systems-lab/dsse): what is signed is `DSSEv1 <len> <type> <len> <payload>`, the payload as it is
stored, so nobody has to agree on how to write JSON. Any tool that reads DSSE verifies these envelopes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

from unlearning.certificate.document import Document, each, parse
from unlearning.certificate.schema import STATEMENT_TYPE
from unlearning.domain.errors import KeyFileError, VerificationFailed, WrongUse
from unlearning.domain.foreign import shown

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_PRIME = 2**255 - 19
_OF_SMALL_ORDER = frozenset(
    {
        0, 1, _PRIME - 1, _PRIME, _PRIME + 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)  # fmt: skip
"""The y of public keys under which anybody can sign, with either sign (Chalkias et al. 2020, Taming the many EdDSAs)."""
_FIELDS, _SIGNATURE_FIELDS = frozenset({"payload", "payloadType", "signatures"}), frozenset({"keyid", "sig"})


@dataclass(frozen=True, slots=True)
class Signature:
    """One key's signature."""

    sig: bytes
    keyid: str | None = None
    """What the signer calls the key, a hint; DSSE leaves it optional."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes and their signatures."""

    payload: bytes
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about."""

    name: str
    digest: str
    """SHA-256."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an in-toto Statement says: the predicate, about the subjects."""

    predicate_type: object
    subjects: tuple[Subject, ...]
    predicate: Document
    said: Mapping[str, Any]
    """All of it, as it stands in the payload."""


def sign(statement: bytes, private_key_pem: bytes, *, keyid: str | None = None) -> Envelope:
    """The statement in an envelope with one signature. Raises KeyFileError unless the key is Ed25519 in PEM, unencrypted.

    keyid: a hint for whoever verifies; by default the SHA-256 of the public key (`public_key_id`).
    """
    return add_signature(Envelope(statement), private_key_pem, keyid=keyid)


def add_signature(envelope: Envelope, private_key_pem: bytes, *, keyid: str | None = None) -> Envelope:
    """The envelope with one more signature (operator, data protection officer); the signatures before it stay.

    Raises WrongUse when that key has signed already.
    """
    key = _private_key(private_key_pem)
    made = Signature(key.sign(_encode(envelope.payload)), keyid or _key_id(key.public_key()))
    # Ed25519 signs the same bytes the same way: whoever signed already is known by the signature, not by the name in the file.
    if any(signature.sig == made.sig for signature in envelope.signatures):
        raise WrongUse(f"the envelope already holds a signature of key {made.keyid}; sign with another key")
    return Envelope(envelope.payload, (*envelope.signatures, made))


def dump(envelope: Envelope) -> bytes:
    """The envelope as a file's bytes; the same bytes for the same envelope."""
    signatures = [
        {**({} if one.keyid is None else {"keyid": one.keyid}), "sig": base64.b64encode(one.sig).decode()}
        for one in envelope.signatures
    ]
    payload = base64.b64encode(envelope.payload).decode()
    file = {"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": signatures}
    return json.dumps(file, indent=1, sort_keys=True).encode() + b"\n"


def read(raw: bytes) -> Envelope:
    """A file's bytes as an envelope. Raises VerificationFailed that names what is wrong with the file.

    Unlike other readers of DSSE this one refuses what else stands there: it is not signed, and somebody would read it.
    """
    file = parse(raw, "the file")
    if (kind := file.get("payloadType")) != PAYLOAD_TYPE:
        raise VerificationFailed(f"payloadType is {shown(repr(kind))}; expected {PAYLOAD_TYPE!r}: this is nothing signed here")
    payload, signatures = _base64(file.get("payload"), "payload"), _signatures(file.get("signatures"))
    for found, known in ((file, _FIELDS), *((one, _SIGNATURE_FIELDS) for one in each(file["signatures"]))):
        if strange := found.said.keys() - known:
            raise VerificationFailed(
                f"{shown(min(strange), 60)} stands beside what is signed; nobody signed it, so take it out"
            )
    return Envelope(payload, signatures)


def statement_of(envelope: Envelope) -> Statement:
    """The statement inside, unverified. Raises VerificationFailed when it is no in-toto Statement v1 with subjects."""
    said = parse(envelope.payload, "the payload")
    if (kind := said.get("_type")) != STATEMENT_TYPE:
        raise VerificationFailed(f"the payload's _type is {shown(repr(kind))}; expected {STATEMENT_TYPE!r}")
    subjects = said.get("subject")
    found = [_subject(one) for one in subjects] if isinstance(subjects, list) else []
    if not found or None in found:
        raise VerificationFailed("the payload's subject is not a list of named digests; ask the issuer for the file again")
    if not isinstance(said.get("predicate"), dict):
        raise VerificationFailed("the payload has no predicate; ask the issuer for the file again")
    return Statement(said.get("predicateType"), tuple(one for one in found if one), Document(said["predicate"]), said.said)


def signed_by(envelope: Envelope, public_key_pem: bytes) -> bool:
    """True when one of the signatures is this key's. Key ids are hints and are not trusted. Raises KeyFileError."""
    return bool(_of(envelope, public_key_pem))


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signed an envelope, as far as given keys tell."""

    signers: tuple[str, ...]
    """Ids of given keys that signed."""
    others: tuple[str, ...]
    """Ids of given keys that did not."""
    claimed: tuple[str, ...]
    """What the signatures that no given key made call their keys: hints, not evidence."""

    @property
    def forged(self) -> tuple[str, ...]:
        """Given keys in whose name something stands that they did not sign."""
        return tuple(one for one in self.claimed if one in {*self.signers, *self.others})


def signers(envelope: Envelope, public_keys: Sequence[bytes]) -> Signers:
    """Which of the keys signed. Raises KeyFileError for an unusable key."""
    made = {public_key_id(key): _of(envelope, key) for key in public_keys}
    known = {number for numbers in made.values() for number in numbers}
    claimed = (one.keyid or "" for number, one in enumerate(envelope.signatures) if number not in known)
    signed = tuple(name for name, numbers in made.items() if numbers)
    return Signers(signed, tuple(name for name in made if name not in signed), tuple(claimed))


def _of(envelope: Envelope, public_key_pem: bytes) -> tuple[int, ...]:
    """Places of the signatures that a key made."""
    key, signed = _public_key(public_key_pem), _encode(envelope.payload)
    return tuple(number for number, one in enumerate(envelope.signatures) if _verifies(key, one.sig, signed))


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


def _signatures(said: Any) -> tuple[Signature, ...]:
    if not isinstance(said, list) or not all(map(_is_signature, said)):
        raise VerificationFailed("signatures is not a list of objects with a sig; ask the issuer for the file again")
    found = tuple(Signature(_base64(one["sig"], "sig"), one.get("keyid")) for one in each(said))
    if len({one.sig for one in found}) < len(found):
        raise VerificationFailed("one signature stands twice; ask the issuer for the file again")
    return found


def _is_signature(said: Any) -> bool:
    match said:
        case {"sig": str(), **rest}:
            return isinstance(rest.get("keyid", ""), str)
    return False


def _subject(said: Any) -> Subject | None:
    match said:
        case {"name": str(name), "digest": {"sha256": str(digest)}}:
            return Subject(name, digest)
    return None


def _base64(text: Any, field: str) -> bytes:
    """Strict: standard alphabet and the one canonical spelling, so that no character of a file can change unnoticed."""
    try:
        value = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed(f"{field} is not base64; ask the issuer for the file again") from error
    if not value or base64.b64encode(value).decode() != text:
        raise VerificationFailed(f"{field} is not canonical base64; ask the issuer for the file again")
    return value


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
    if (several := pem.count(b"-----BEGIN ")) > 1:
        raise KeyFileError(f"a file of a public key holds {several} of them; give each key a file and a --key of its own")
    if int.from_bytes(key.public_bytes_raw(), "little") % 2**255 in _OF_SMALL_ORDER:
        raise KeyFileError("under the public key anybody can sign (it is a point of small order); ask for another, made anew")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
