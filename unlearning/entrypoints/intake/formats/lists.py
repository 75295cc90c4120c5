"""A CSV or a list of lines: a column of identifiers, as `unlearn request --file` reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from unlearning.domain.clocks import moment
from unlearning.domain.entities import Regulation
from unlearning.entrypoints.intake.formats.own import regulation_of
from unlearning.entrypoints.intake.reading import Unacceptable, text
from unlearning.erasure.steps.receive import Asked, require_channel
from unlearning.project import identifiers

MEDIA = ("text/csv", "text/plain")
SAID = ("column", "regulation", "requested_at", "reference", "channel", "identity_verified")
"""What the address says of all rows."""


def demand(
    body: bytes, said: Mapping[str, str], *, regulation: Regulation, known: Collection[str], delivery: str | None
) -> Asked:
    """Everybody whom the list names. known: person columns of the project. Raises Unacceptable, WrongUse."""
    if strange := len(said.keys() - set(SAID)):
        raise Unacceptable(400, f"{strange} unknown parameters; expected only {', '.join(SAID)}")
    sure = said.get("identity_verified", "false")
    if sure not in ("true", "false"):
        raise Unacceptable(400, "identity_verified is neither true nor false")
    when, way = text(said, "requested_at"), text(said, "channel")
    return Asked(
        identifiers.parse(body, "the body", column=text(said, "column"), known=known),
        regulation=regulation_of(said, regulation),
        received_at=None if when is None else moment(when, of="requested_at"),
        reference=text(said, "reference"),
        channel=None if way is None else require_channel(way),
        verified=sure == "true",
        delivery=delivery or f"list/{hashlib.sha256(body).hexdigest()}",
    )
