"""Canonical bytes, content digests and keyed tokens: every name in the system is made here.

Tokens follow HMAC-SHA256 (RFC 2104) over the SHA-256 of the normalised identifier, so that a raw identifier and one that
arrives already hashed (OpenDSR `sha256`, California DROP) resolve to the same token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from unlearning.domain.errors import IdentifierError

IdentifierKind = str
"""`text`, `integer`, `email` or `phone`; for a person named by several columns, the kind of each: `text/integer`."""

KINDS = ("text", "integer", "email", "phone")
PART = "\x1f"
"""Between the parts of a composite identifier in memory: ASCII's unit separator, which no name holds."""
SAID_PART = "/"
"""Between them where people write: `north/4711`, and in the names of kinds and columns."""

_SEVERAL = ";"
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(pad ^ one for one in range(256)) for pad in (0x36, 0x5C))
"""RFC 2104: a key's bytes, each with `ipad` and `opad`."""
_INTEGER = re.compile(r"[+-]?\d+(?:\.0+)?")


def canonical(value: Any) -> bytes:
    """The one JSON encoding of plain values: sorted keys, no spaces, UTF-8, no NaN; half a character, as in the name of a file
    that is no UTF-8, as JSON escapes it.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of plain values, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def bytes_digest(*chunks: bytes | memoryview) -> str:
    """SHA-256 of the concatenated chunks, in hex."""
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return sha.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; what `sha256sum` prints."""
    with path.open("rb") as stream:
        return stream_digest(stream)


def stream_digest(stream: IO[bytes]) -> str:
    """The same of what is left of a stream."""
    sha = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        sha.update(chunk)
    return sha.hexdigest()


def file_md5(path: Path) -> str:
    """MD5 of a file's bytes, in hex: DVC's name for it."""
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            md5.update(chunk)
    return md5.hexdigest()


def seed_from(*parts: str | int) -> int:
    """A 63-bit seed that depends on every part; the same on every machine."""
    return int.from_bytes(hashlib.sha256(canonical(list(parts))).digest()[:8], "big") >> 1


def normalise(identifier: object, kind: IdentifierKind) -> str:
    """One spelling per person: what `4711`, `"4711"` and `" 4711 "` have in common.

    Of a composite identifier, `north/4711` or its parts with `PART` between them, the JSON list of the normalised parts.
    Raises IdentifierError when the value cannot be of that kind; the message never repeats the value.
    """
    if SAID_PART in kind:
        pairs = zip(parts(str(identifier), kind), kind.split(SAID_PART), strict=True)
        return canonical([normalise(part, one) for part, one in pairs]).decode()
    text = str(identifier)
    text = (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()
    if not text:
        raise IdentifierError("an identifier is empty; expected a value in every line or cell")
    if kind == "integer":
        if text.isascii() and text.isdigit() and text[0] != "0":  # as almost everybody is written
            return text
        if not _INTEGER.fullmatch(text):
            raise IdentifierError("an identifier is not a whole number, but params.yaml says subject.identifier: integer")
        # Sign by sign: Python turns no number of more than 4,300 digits into an int.
        digits = "".join(str(int(one)) for one in text.split(".")[0].lstrip("+-")).lstrip("0")
        return f"{'-' if text.startswith('-') and digits else ''}{digits or '0'}"
    if kind == "email":
        if text.count("@") != 1:
            raise IdentifierError("an identifier is no e-mail address, but params.yaml says subject.identifier: email")
        # Not casefold(), which makes one person of strasse@ and straße@.
        return unicodedata.normalize("NFC", text.lower())
    if kind == "phone":
        digits = re.sub(r"\D", "", text)
        if not digits:
            raise IdentifierError("an identifier is no phone number, but params.yaml says subject.identifier: phone")
        return ("+" if text.startswith("+") else "") + digits
    return text


def parts(identifier: str, kind: IdentifierKind) -> list[str]:
    """The parts of an identifier, as many as its kind has; of a plain one, itself. Raises IdentifierError."""
    expected = kind.count(SAID_PART) + 1
    found = identifier.split(PART if PART in identifier else SAID_PART) if expected > 1 else [identifier]
    if len(found) != expected:
        raise IdentifierError(
            f"an identifier has {len(found)} parts, but params.yaml says subject.identifier: {kind}; "
            f"expected {expected} parts with {SAID_PART!r} between them"
        )
    return found


def several(identifier: object) -> tuple[str, ...]:
    """The people that one cell names, `ann;bob`, when it names more than one; a composite identifier names one."""
    if not isinstance(identifier, str) or PART in identifier or _SEVERAL not in identifier:
        return ()
    named = tuple(part for each in identifier.split(_SEVERAL) if (part := each.strip()))
    return named if len(named) > 1 else ()


def fingerprint(identifier: object, kind: IdentifierKind) -> bytes:
    """SHA-256 of the normalised identifier: the inner value of every token, never stored itself (32 bytes)."""
    return hashlib.sha256(normalise(identifier, kind).encode()).digest()


def keyed(key: bytes, fingerprints: Iterable[bytes]) -> list[bytes]:
    """HMAC-SHA256 of each fingerprint, 32 bytes each: what `hmac` gives, with the work on the key done once for all."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))
    made = []
    for one in fingerprints:
        inside, whole = inner.copy(), outer.copy()
        inside.update(one)
        whole.update(inside.digest())
        made.append(whole.digest())
    return made


def tokens(identifiers: Iterable[object], kind: IdentifierKind, *, keys: Sequence[bytes]) -> list[list[bytes]]:
    """The 32-byte tokens of identifiers, one list for each key. Raises IdentifierError."""
    fingerprints = [fingerprint(one, kind) for one in identifiers]
    return [keyed(key, fingerprints) for key in keys]


def token(key: bytes, identifier: object, kind: IdentifierKind) -> str:
    """The keyed token of one identifier, 64 hex digits."""
    return hmac.digest(key, fingerprint(identifier, kind), "sha256").hex()


def label(key: bytes, text: str) -> str:
    """What a thing is called whose own name may be a person's: 32 hex digits, the same for the same name and key."""
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def key_id(key: bytes) -> str:
    """A public name for a secret key, 16 hex digits; says nothing about the key."""
    return hmac.digest(key, b"unlearning/key-id", "sha256").hex()[:16]
