"""Which shards of a certificate are to be replayed: drawn, so that the issuer cannot choose them and everybody can draw again.

The seed is made of the certificate's digest, which stands when it is signed, and of what the issuer did not have then: a public
beacon's later value (SHA-256), or a key that the auditor holds (HMAC-SHA256). Every constituent is ranked by a hash of the seed
and its name, and the lowest are drawn.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from unlearning.certificate.envelope import Envelope
from unlearning.domain.errors import WrongUse
from unlearning.domain.foreign import shown
from unlearning.domain.hashing import canonical, digest, key_id

LEAST_BYTES = 16
"""Of a beacon's value and of a key: less can be guessed, or tried until the draw suits."""
_HASH = re.compile(r"[0-9a-f]{64}")
_WORD = "unlearning/draw/1"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One constituent."""

    model: str
    """`models:/name/8`."""
    shard: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn, and all that it takes to draw it again."""

    certificate: str
    """SHA-256 of the signed statement."""
    source: str
    """`beacon`, or `key` with its public name."""
    value: str | None
    """The beacon's value; None of a key, which is its holder's."""
    seed: str
    """SHA-256 of word, certificate and value; or HMAC-SHA256 of word and certificate under the key."""
    of: int
    """Constituents that could be drawn."""
    drawn: tuple[Drawn, ...]


def certificate_digest(envelope: Envelope) -> str:
    """SHA-256 of what is signed."""
    return sha256(envelope.payload).hexdigest()


def constituents(predicate: Mapping[str, Any]) -> dict[Drawn, str]:
    """Every constituent that a verified certificate states → SHA-256 of its bytes. Raises WrongUse for one that states none."""
    parts = [part for part in (predicate, *predicate.get("models", ())) if isinstance(part.get("unlearning"), Mapping)]
    found = {
        Drawn(f"models:/{part['promotion']['to']}", one["shard"]): one["digest"]
        for part in parts
        if isinstance(part.get("promotion"), Mapping)
        for one in part["unlearning"]["constituents"]
    }
    if not found:
        raise WrongUse("the certificate states no constituent of a model, so there is nothing to replay; name another one")
    return found


def by_beacon(certificate: str, value: str) -> Draw:
    """A draw without its shards yet. Raises WrongUse for a value that could be guessed."""
    if len(value.encode()) < LEAST_BYTES:
        raise WrongUse(
            f"--draw beacon: {len(value.encode())} bytes; expected the value of a public beacon, {LEAST_BYTES} or more"
        )
    return Draw(certificate, "beacon", value, digest([_WORD, certificate, value]), 0, ())


def by_key(certificate: str, key: bytes) -> Draw:
    """The same by a key that an auditor holds. Raises WrongUse for one that could be guessed."""
    if len(key) < LEAST_BYTES:
        raise WrongUse(f"--draw key: {len(key)} bytes; expected a key of {LEAST_BYTES} random bytes or more")
    seed = hmac.digest(key, canonical([_WORD, certificate]), "sha256").hex()
    return Draw(certificate, f"key {key_id(key)}", None, seed, 0, ())


def drawn(begun: Draw, among: Sequence[Drawn], count: int) -> Draw:
    """The draw with so many of these, at least one. Raises WrongUse for more than there are."""
    if not 1 <= count <= len(among):
        raise WrongUse(f"--shards {count}: the certificate states {len(among)} constituents; expected 1 to {len(among)}")
    ranked = sorted(among, key=lambda one: digest([_WORD, begun.seed, one.model, one.shard]))
    return replace(begun, of=len(among), drawn=tuple(sorted(ranked[:count], key=lambda one: (one.model, one.shard))))


def read(text: str, certificate: str, among: Sequence[Drawn]) -> Draw:
    """A draw that an auditor made before, drawn again here. Raises WrongUse where it is of another certificate, names what is
    not there, or is not what its seed draws."""
    try:
        said = json.loads(text)
        given = tuple(Drawn(str(one["model"]), int(one["shard"])) for one in said["drawn"])
        begun = Draw(str(said["certificate"]), str(said["source"]), said.get("value"), str(said["seed"]), 0, ())
    except (ValueError, KeyError, TypeError) as error:
        raise WrongUse(
            "--draw: the file is no draw; expected what `unlearn replay CERT --draw beacon:VALUE --dry-run --json` prints"
        ) from error
    if begun.certificate != certificate:
        raise WrongUse(f"--draw: it is of certificate {shown(begun.certificate, 64)}; expected one of {certificate}")
    if gone := [one for one in given if one not in among]:
        named = ", ".join(f"shard {one.shard} of {shown(one.model, 100)}" for one in gone)
        raise WrongUse(f"--draw names {named}, which the certificate does not state; draw among its {len(among)} constituents")
    if not _HASH.fullmatch(begun.seed) or not isinstance(begun.value, str | None):
        raise WrongUse("--draw: its seed is no SHA-256; expected 64 lower-case hex digits")
    if begun.value is not None and by_beacon(certificate, begun.value).seed != begun.seed:
        raise WrongUse("--draw: its seed is not made of the certificate and the beacon's value that it names; draw again")
    again = drawn(begun, among, len(given))
    if set(again.drawn) != set(given):
        raise WrongUse("--draw: its seed draws other shards than it names; draw again")
    return again
