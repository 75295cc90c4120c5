"""Our own JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from unlearning.entrypoints.intake.formats import own


def test_every_field_is_read_and_what_is_not_said_has_its_default() -> None:
    said = {
        "subjects": ["ann-1", 4711],
        "identity_verified": True,
        "regulation": "CCPA",
        "requested_at": "2026-02-01",
        "reference": "OPS-7",
        "channel": "mail",
        "scope": {"models": "*"},
        "callback_url": "https://example.com",
    }
    whole = own.demand(said, regulation="gdpr", delivery="k")
    assert (list(whole.identifiers), whole.verified, whole.regulation) == (["ann-1", "4711"], True, "ccpa")
    assert whole.received_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert (whole.reference, whole.channel, whole.delivery) == ("OPS-7", "mail", "k")
    least = own.demand({"subjects": ["ann-1"]}, regulation="gdpr", delivery=None)
    assert (least.verified, least.regulation, least.received_at, least.channel) == (False, "gdpr", None, None)
    assert "ann-1" not in repr(least)
