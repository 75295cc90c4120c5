"""OpenDSR 2.0: requests of a controller to us as its processor. The only home of its names.

The specification's own example leaves out the required `regulation`; a missing one is taken. `encoded_request`, which holds the
identity, is never kept or sent back. A controller makes sure itself who asks: what comes this way is verified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unlearning.domain.callbacks import Callback, News, Wanted
from unlearning.domain.clocks import moment
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.domain.lifecycle import BEFORE_REDACTION, ENDED
from unlearning.entrypoints.intake.formats.identities import FORMATS, Identity, chosen
from unlearning.entrypoints.intake.formats.own import regulation_of
from unlearning.entrypoints.intake.reading import Unacceptable, fields, items, required, text
from unlearning.erasure.steps.receive import Asked

CHANNEL, VERSION = "opendsr", "2.0"
_ID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST, _MOST_CALLBACKS = 32, 4

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["subject_request_id", "subject_request_type", "subject_identities"],
    "properties": {
        "subject_request_id": {"type": "string", "format": "uuid"},
        "subject_request_type": {"enum": ["erasure"]},
        "submitted_time": {"type": "string"},
        "regulation": {"type": "string"},
        "subject_identities": {"type": "array", "minItems": 1, "maxItems": _MOST, "items": {"type": "object"}},
        "status_callback_urls": {"type": "array", "maxItems": _MOST_CALLBACKS, "items": {"type": "string"}},
    },
}


def discovery(kind: str) -> dict[str, Any]:
    """What can be asked of us. kind: `subject.identifier` of the project."""
    identity = kind if kind in ("email", "phone") else "controller_customer_id"
    return {
        "api_version": VERSION,
        "supported_identities": [{"identity_type": identity, "identity_format": form} for form in FORMATS],
        "supported_subject_request_types": ["erasure"],
    }


def demand(value: Any, *, kind: str, regulation: Regulation, controller: str | None = None) -> Asked:
    """The erasure that a body asks for. controller: who sends it. Raises Unacceptable, WrongUse."""
    found = fields(value, "the body")
    if required(found, "subject_request_type").lower() != "erasure":
        raise Unacceptable(400, "subject_request_type is another than erasure, the only one that is supported")
    name = request_id(required(found, "subject_request_id"))
    identities = []
    for one in items(found, "subject_identities", most=_MOST):
        inside = fields(one, "one of subject_identities")
        form = (text(inside, "identity_format") or "raw").lower()
        identities.append(Identity(required(inside, "identity_type").lower(), required(inside, "identity_value"), form))
    raw, hashed = chosen(identities, kind)
    when = text(found, "submitted_time")
    return Asked(
        raw,
        hashed,
        regulation=regulation_of(found, regulation),
        received_at=None if when is None else moment(when, of="submitted_time"),
        reference=name,
        channel=CHANNEL,
        callbacks=[Wanted("opendsr", url, controller=controller) for url in _callbacks(found)],
        delivery=f"{CHANNEL}/{name}",
    )


def _callbacks(found: Mapping[str, Any]) -> list[str]:
    """Each once."""
    if not found.get("status_callback_urls"):
        return []
    urls = items(found, "status_callback_urls", most=_MOST_CALLBACKS)
    if not all(isinstance(one, str) for one in urls):
        raise Unacceptable(400, "status_callback_urls holds what is no text")
    return list(dict.fromkeys(urls))


def news(callback: Callback, found: Sequence[ErasureRequest]) -> News:
    """The status of all requests that one of a controller became."""
    state = status(found)
    due = min((one.due_at for one in found if one.due_at), default=None)
    document = {
        "controller_id": callback.asked.controller,
        "expected_completion_time": due and due.isoformat(),
        "status_callback_url": callback.asked.url,
        "subject_request_id": found[0].reference,
        "request_status": state,
        "api_version": VERSION,
    }
    return News(state, document)


def request_id(name: str) -> str:
    """A `subject_request_id`, in lower case. Raises Unacceptable."""
    if not _ID.fullmatch(name):
        raise Unacceptable(400, "subject_request_id is no UUID")
    return name.lower()


def status(found: Sequence[ErasureRequest]) -> str:
    """What the specification calls the state of a request, of whom several of ours may be about."""
    states = {one.state for one in found}
    if states <= {"cancelled", "exempt"}:
        return "cancelled"
    if states <= ENDED:
        return "completed"
    return "pending" if states <= BEFORE_REDACTION | {"duplicate", "on_hold"} else "in_progress"
