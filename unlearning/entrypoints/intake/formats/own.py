"""This project's own JSON: `{"subjects": ["4711"], "regulation": "gdpr", "requested_at": "…", "identity_verified": true}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unlearning.domain.callbacks import Callback, News, Wanted
from unlearning.domain.clocks import moment
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.entrypoints.intake.reading import Unacceptable, fields, flag, identifier, items, text
from unlearning.erasure.steps.receive import Asked, require_channel

MOST = 1_000
"""Subjects of one demand; whoever has more sends a CSV."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["subjects"],
    "additionalProperties": False,
    "properties": {
        "subjects": {"type": "array", "minItems": 1, "maxItems": MOST, "items": {"type": ["string", "integer"]}},
        "identity_verified": {"type": "boolean", "description": "that whoever asked is the person; else the request waits"},
        "regulation": {"enum": ["gdpr", "ccpa", "none"]},
        "requested_at": {"type": "string", "description": "when it reached the house: a date, or a moment with its time zone"},
        "reference": {"type": "string", "description": "a ticket; it names no person"},
        "channel": {"type": "string", "description": "letter, mail, phone, …"},
        "scope": {"type": "object", "description": 'only {"models": "*"}: an erasure is from every model'},
        "callback_url": {
            "type": "string",
            "description": "told of each state, signed; by https, no identity in it",
        },
    },
}


def demand(
    value: Any, *, regulation: Regulation, delivery: str | None, channel: str | None = None, what: str = "the body"
) -> Asked:
    """What the JSON value asks for. regulation, channel: where it names none. Raises Unacceptable, WrongUse."""
    found = fields(value, what, SCHEMA["properties"])
    if found.get("scope", {"models": "*"}) != {"models": "*"}:
        raise Unacceptable(400, 'scope is not {"models": "*"}: an erasure is from every model and table')
    url = text(found, "callback_url")
    people = [identifier(one, f"subject {number}") for number, one in enumerate(items(found, "subjects", most=MOST), 1)]
    when, way = text(found, "requested_at"), text(found, "channel")
    return Asked(
        people,
        regulation=regulation_of(found, regulation),
        received_at=None if when is None else moment(when, of="requested_at"),
        reference=text(found, "reference"),
        channel=channel if way is None else require_channel(way),
        verified=flag(found, "identity_verified"),
        callbacks=() if url is None else (Wanted("own", url),),
        delivery=delivery,
    )


def news(callback: Callback, found: Sequence[ErasureRequest]) -> News:
    """A CloudEvent of the state of the one request that it is about."""
    [request] = found
    document = {
        "specversion": "1.0",
        "id": callback.delivery(request.state),
        "source": "unlearning",
        "type": f"unlearning.request.{request.state}",
        "subject": request.request_id,
        "datacontenttype": "application/json",
        "data": {
            "request_id": request.request_id,
            "state": request.state,
            "reference": request.reference,
            "due_at": request.due_at and request.due_at.isoformat(),
        },
    }
    return News(request.state, document, "application/cloudevents+json")


def regulation_of(found: Mapping[str, Any], otherwise: Regulation) -> Regulation:
    """The regulation that is named, in any case. Raises Unacceptable."""
    said = text(found, "regulation")
    match said.lower() if said else None:
        case None:
            return otherwise
        case "gdpr":
            return "gdpr"
        case "ccpa":
            return "ccpa"
        case "none":
            return "none"
    raise Unacceptable(400, "regulation is none that is known here; expected gdpr, ccpa or none")
