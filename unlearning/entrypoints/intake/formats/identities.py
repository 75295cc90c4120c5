"""A person whom a tool names by several identities, of whom this project knows one kind."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from unlearning.entrypoints.intake.reading import Unacceptable

FORMATS = ("raw", "sha256")
"""How an identity may come; from a SHA-1 or an MD5 nobody is found: tokens are made of the SHA-256."""

_OF = {"email": frozenset({"email"}), "phone": frozenset({"phone", "phone_number", "mobile", "mobile_number"})}
_HEX = re.compile("[0-9a-fA-F]{64}")


class Identity(NamedTuple):
    """One of them."""

    kind: str
    value: str
    form: str = "raw"


def chosen(found: Sequence[Identity], kind: str) -> tuple[list[str], list[bytes]]:
    """(identifiers, hashes) of the kind that this project knows people by. Raises Unacceptable where there is none.

    kind: `subject.identifier` of the project.
    """
    if strange := [one for one in found if one.form not in FORMATS]:
        raise Unacceptable(400, f"{len(strange)} identities come in another format than {' or '.join(FORMATS)}")
    elsewhere = frozenset[str]().union(*(names for one, names in _OF.items() if one != kind))
    fitting = [one for one in found if one.kind in _OF.get(kind, {one.kind}) and one.kind not in elsewhere]
    if not fitting and kind == "text" and len(found) == 1:
        fitting = list(found)
    if not fitting:
        raise Unacceptable(
            422,
            f"none of {len(found)} identities is of the kind that this project knows people by (subject.identifier: {kind})",
        )
    return (
        [one.value for one in fitting if one.form == "raw"],
        [bytes.fromhex(_hex(one.value)) for one in fitting if one.form == "sha256"],
    )


def _hex(value: str) -> str:
    if not _HEX.fullmatch(value):
        raise Unacceptable(400, "an identity of format sha256 is not 64 hex digits")
    return value


def of_base64(value: str) -> bytes:
    """A SHA-256 in base64. Raises Unacceptable."""
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != 32 or base64.b64encode(found).decode() != value:
        raise Unacceptable(400, "a hash is no SHA-256 in base64")
    return found
