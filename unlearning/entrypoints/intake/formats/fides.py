"""Fides' policy webhook: a privacy request pauses there until its people are erased here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unlearning.domain.callbacks import RESUMED, Callback, News, Wanted
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.domain.lifecycle import ENDED
from unlearning.entrypoints.intake.formats.identities import Identity, chosen
from unlearning.entrypoints.intake.reading import Unacceptable, fields, identifier, required, text
from unlearning.erasure.steps.receive import Asked

CHANNEL = "fides"
_ID = re.compile("[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile("[A-Za-z0-9._~+/=-]{1,4096}")
_PROOF_ONLY = ("email_hmac", "ga_client_id", "ljt_readerID", "fides_user_device_id")
"""Identities of a browser or a device, which no table of people is keyed by."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["privacy_request_id", "identity"],
    "properties": {
        "privacy_request_id": {"type": "string"},
        "identity": {"type": "object"},
        "policy_action": {"enum": ["erasure"]},
        "direction": {"enum": ["one_way", "two_way"]},
    },
}


def demand(
    value: Any, *, kind: str, regulation: Regulation, headers: Mapping[str, str] | None = None, api: str | None = None
) -> tuple[Asked, bool]:
    """(the erasure that a webhook asks for, whether Fides waits for it). Raises Unacceptable.

    api: where Fides' own API is, to which the path in the header `reply-to` belongs; None: it cannot be resumed from here.
    """
    found = fields(value, "the body")
    if (text(found, "policy_action") or "erasure").lower() != "erasure":
        raise Unacceptable(400, "policy_action is another than erasure, the only one that is carried out here")
    name = request_id(required(found, "privacy_request_id"))
    raw, _ = chosen(_identities(found.get("identity")), kind)
    direction = text(found, "direction") or "one_way"
    if direction not in ("one_way", "two_way"):
        raise Unacceptable(400, "direction is neither one_way nor two_way")
    waits = direction == "two_way"
    resume = _resume(headers or {}, api) if waits else ()
    asked = Asked(raw, regulation=regulation, reference=name, channel=CHANNEL, callbacks=resume, delivery=f"{CHANNEL}/{name}")
    return asked, waits


def _resume(headers: Mapping[str, str], api: str | None) -> Sequence[Wanted]:
    """Where Fides waits, and what opens it there."""
    to, token = headers.get("reply-to"), headers.get("reply-to-token")
    if to is None or token is None:
        return ()
    if not _TOKEN.fullmatch(token):
        raise Unacceptable(400, "reply-to-token is no token")
    if not to.startswith("/"):
        raise Unacceptable(400, "reply-to is no path; expected one below callbacks.fides of params.yaml")
    return () if api is None else (Wanted("fides", api + to, token),)


def news(_callback: Callback, found: Sequence[ErasureRequest]) -> News | None:
    """That Fides may go on, once all requests that its own became have ended."""
    return News(RESUMED, {"derived_identities": {}}) if all(one.state in ENDED for one in found) else None


def _identities(value: Any) -> list[Identity]:
    """Those that are said; a custom one comes with its label."""
    said = [(name, one.get("value") if isinstance(one, dict) else one) for name, one in fields(value, "identity").items()]
    return [
        Identity(name, identifier(one, "a value of identity"))
        for name, one in said
        if one is not None and name not in _PROOF_ONLY
    ]


def request_id(name: str) -> str:
    """A `privacy_request_id`. Raises Unacceptable."""
    if not _ID.fullmatch(name):
        raise Unacceptable(400, "privacy_request_id is no id: expected up to 64 letters, digits, _ and -")
    return name
