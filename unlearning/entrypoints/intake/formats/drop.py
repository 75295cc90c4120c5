"""California's DROP: a CSV `ID,Hash` in, of people by the SHA-256 of their normalised identifier; a CSV `ID,status` out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from unlearning.domain.entities import ErasureRequest
from unlearning.entrypoints.intake.formats.identities import of_base64
from unlearning.entrypoints.intake.reading import Unacceptable
from unlearning.erasure.steps.receive import Asked

CHANNEL = "drop"
HEADING = ["ID", "Hash"]
MOST = 20_000
_ID = re.compile("[A-Za-z0-9_-]{1,64}")

EXEMPTED, DELETED, NOT_FOUND = 2, 3, 5
_STATUS = {
    "exempt": EXEMPTED,
    "completed": DELETED,
    "completed_with_residuals": DELETED,
    "not_found": NOT_FOUND,
}
"""State → the platform's number; whoever is still open, or withdrew, has none yet."""


def demands(body: bytes) -> list[Asked]:
    """One for each row. Raises Unacceptable, naming the line."""
    try:
        text = body.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Unacceptable(400, "the body is no CSV in UTF-8") from None
    if not rows or [cell.strip() for cell in rows[0]] != HEADING:
        raise Unacceptable(400, f"the first line is not {','.join(HEADING)}")
    lines = [(number, row) for number, row in enumerate(rows[1:], 2) if row]
    if not 0 < len(lines) <= MOST:
        raise Unacceptable(400, f"{len(lines)} rows came; expected 1 to {MOST}")
    if wrong := [str(number) for number, row in lines if len(row) != len(HEADING) or not _ID.fullmatch(row[0].strip())]:
        raise Unacceptable(400, f"line {', '.join(wrong[:5])}: expected an ID of letters and digits, and a hash")
    names = [row[0].strip() for _, row in lines]
    if len(set(names)) < len(names):
        raise Unacceptable(400, "an ID stands in several lines; expected each once")
    return [_demand(row[0].strip(), of_base64(row[1].strip())) for _, row in lines]


def _demand(name: str, inner: bytes) -> Asked:
    return Asked(hashed=[inner], regulation="ccpa", reference=name, channel=CHANNEL, delivery=f"{CHANNEL}/{name}")


def answer(found: Iterable[ErasureRequest]) -> str:
    """The rows of everybody whose request has ended; the last word of an ID that came twice counts."""
    said = {one.reference: _STATUS[one.state] for one in found if one.reference and one.state in _STATUS}
    return "".join(["ID,status\r\n", *(f"{name},{number}\r\n" for name, number in said.items())])
