"""CloudEvents 1.0.2 over HTTP: structured, batch and binary; the only home of the package `cloudevents`, which checks them.

JSON is read by our own reader, which is stricter than the package's. Identity stands in `data`, never in an attribute: routers
log those, so an event that names its person there is refused. An event is known by its source and id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.v1.event import CloudEvent

from unlearning.domain.clocks import moment
from unlearning.domain.entities import Regulation
from unlearning.domain.hashing import canonical
from unlearning.entrypoints.intake.formats import own
from unlearning.entrypoints.intake.reading import Unacceptable, fields, json_of
from unlearning.erasure.steps.receive import Asked

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
MOST = 1_000
CHANNEL = "event"

_REQUIRED = ("specversion", "id", "source", "type")
_ASKS = re.compile(r"(^|[._/-])(erasure|erase|deletion|delete|forget)([._/-]|$)", re.IGNORECASE)
_TOLD = re.compile(
    r"(^|[._/-])(accepted|suppressed|planned|completed|done|failed|residual|overdue|cancelled|canceled|rejected)$",
    re.IGNORECASE,
)
"""Ends of types that tell of an erasure instead of asking for one, as our own do."""


def demands(media: str, headers: Mapping[str, str], body: bytes, *, regulation: Regulation) -> list[Asked]:
    """What an HTTP message asks for: one event, or as many as a batch holds, which may be none. Raises Unacceptable, WrongUse.

    media: of the content, without parameters.
    """
    if media == BATCH:
        value = json_of(body)
        if not isinstance(value, list) or len(value) > MOST:
            raise Unacceptable(400, f"the batch is no JSON list of at most {MOST} events")
        return [_structured(one, regulation, f"event {number} of the batch: ") for number, one in enumerate(value, 1)]
    if media == ONE:
        return [_structured(json_of(body), regulation)]
    if "ce-specversion" not in headers:
        raise Unacceptable(415, f"expected {ONE}, {BATCH}, or JSON with ce-* headers")
    if media != "application/json":
        raise Unacceptable(415, "the content of an event in binary mode is no application/json")
    attributes = {name[3:]: _decoded(value) for name, value in headers.items() if name.startswith("ce-")}
    return [_demand({**attributes, "datacontenttype": media}, json_of(body), regulation)]


def _structured(value: Any, regulation: Regulation, where: str = "") -> Asked:
    found = fields(value, f"{where}the event")
    if "data_base64" in found:
        raise Unacceptable(400, f"{where}data_base64 came; expected JSON in data")
    if not isinstance(data := found.get("data"), dict):
        raise Unacceptable(400, f"{where}data is no JSON object")
    return _demand({name: one for name, one in found.items() if name != "data"}, data, regulation, where)


def _demand(attributes: dict[str, Any], data: Any, regulation: Regulation, where: str = "") -> Asked:
    if wrong := [name for name, one in attributes.items() if not isinstance(one, (str, int, bool))]:
        raise Unacceptable(400, f"{where}{len(wrong)} attributes are no text, number or truth value")
    happened = attributes.pop("time", None)
    when = None if happened is None else moment(str(happened), of=f"{where}time")
    event = _checked({**attributes, **({} if when is None else {"time": when})}, data, where)
    if not _ASKS.search(event.get_type()) or _TOLD.search(event.get_type()):
        raise Unacceptable(400, f"{where}type asks for no erasure; expected one such as unlearning.erasure.requested")
    delivery = canonical([event.get_source(), event.get_id()]).decode()
    asked = own.demand(data, regulation=regulation, delivery=delivery, channel=CHANNEL, what=f"{where}data")
    said = [str(one) for one in attributes.values()]
    if any(len(person) > 2 and person in one for person in asked.identifiers for one in said):
        raise Unacceptable(400, f"{where}an attribute holds an identifier of data, and routers log attributes; leave it out")
    return asked if asked.received_at is not None or when is None else _received(asked, when)


def _received(asked: Asked, when: Any) -> Asked:
    from dataclasses import replace

    return replace(asked, received_at=when)


def _checked(attributes: dict[str, Any], data: Any, where: str) -> CloudEvent:
    if missing := [
        name for name in _REQUIRED if name not in attributes
    ]:  # the package makes up an id, and then no event repeats
        raise Unacceptable(400, f"{where}attribute {missing[0]} is missing")
    try:
        event = CloudEvent(attributes, data)
    except (CloudEventValidationError, TypeError, ValueError):
        raise Unacceptable(400, f"{where}the attributes are not those of CloudEvents 1.0") from None
    if any(not 0 < len(one) <= 1_024 for one in (event.get_source(), event.get_id(), event.get_type())):
        raise Unacceptable(400, f"{where}id, source and type are no texts of 1 to 1024 characters")
    return event


def _decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise Unacceptable(400, "a ce-* header is not percent-encoded UTF-8") from None
