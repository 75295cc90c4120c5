"""Standard Webhooks 1.0.0: who holds one of the secrets signed these very bytes, a moment ago.

HMAC-SHA256 over `id.timestamp.body`, several signatures for rotation, five minutes either way, compared in constant time. By
hand, as ADR 10 says: the package of that name takes what two readers read differently; the tests sign with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from unlearning.domain.errors import KeyFileError

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE_S = 300
MOST = 8
"""Signatures of one message: the secrets of a rotation, not a list to be worked through."""

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret, as the specification bounds them."""
_ID = re.compile(r"[\x21-\x7e]{1,256}")
_SECONDS = re.compile("[0-9]{1,12}")


class NotAuthentic(Exception):
    """What is wrong with a signature; it says nothing of the secret or the body."""


def secrets_in(said: str, *, named: str) -> tuple[bytes, ...]:
    """The keys of `whsec_…` secrets with spaces between them. Raises KeyFileError. named: the environment variable."""
    return tuple(_secret(one, named) for one in said.split())


def _secret(one: str, named: str) -> bytes:
    key = _decoded(one.removeprefix(_PREFIX)) if one.startswith(_PREFIX) else None
    if key is None or not _SHORTEST <= len(key) <= _LONGEST:
        raise KeyFileError(
            f"{named} holds what is no secret of Standard Webhooks; expected {_PREFIX} and {_SHORTEST} to {_LONGEST} bytes in "
            "base64, several with spaces between them"
        )
    return key


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a message claims to be."""
    return any(name in headers for name in HEADERS)


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], *, now: float) -> str:
    """The id of the message, which comes again with every repetition. Raises NotAuthentic.

    now: seconds since 1970.
    """
    found = {name: headers.get(name, "") for name in HEADERS}
    if missing := [name for name, value in found.items() if not value]:
        raise NotAuthentic(f"header {missing[0]} is missing")
    if not keys:
        raise NotAuthentic("this service has no secret that signatures could be checked with")
    name, seconds, said = found.values()
    if not _ID.fullmatch(name):
        raise NotAuthentic("webhook-id is no id")
    if not _SECONDS.fullmatch(seconds):
        raise NotAuthentic("webhook-timestamp is no number of seconds since 1970")
    if abs(now - int(seconds)) > TOLERANCE_S:
        raise NotAuthentic(f"webhook-timestamp is more than {TOLERANCE_S} s from this machine's clock")
    signed = b".".join((name.encode(), seconds.encode(), body))
    wanted = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    given = said.split(" ")
    if len(given) > MOST:
        raise NotAuthentic(f"webhook-signature holds more than {MOST} signatures")
    fits = False
    for one in given:
        version, _, signature = one.partition(",")
        made = _decoded(signature) if version == "v1" else None
        for each in wanted:
            fits |= made is not None and hmac.compare_digest(made, each)
    if not fits:
        raise NotAuthentic("webhook-signature does not fit the body; the secrets differ, or something changed it on the way")
    return name


def sign(name: str, body: bytes, keys: Sequence[bytes], *, now: float) -> dict[str, str]:
    """The headers of a message, with a signature of each key. name: its id, the same with every try."""
    seconds = str(int(now))
    signed = b".".join((name.encode(), seconds.encode(), body))
    made = (f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)
    return dict(zip(HEADERS, (name, seconds, " ".join(made)), strict=True))


def _decoded(text: str) -> bytes | None:
    """Bytes of base64, which has one spelling for each."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None
