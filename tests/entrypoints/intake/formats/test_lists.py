"""Lists of identifiers, with what the address says of them all."""

from __future__ import annotations

import pytest

from unlearning.domain.errors import IdentifierError
from unlearning.entrypoints.intake.formats import lists
from unlearning.entrypoints.intake.reading import Unacceptable


def test_a_list_has_one_delivery_and_what_the_address_says() -> None:
    said = {"column": "who", "regulation": "ccpa", "identity_verified": "true", "channel": "mail", "reference": "OPS-7"}
    found = lists.demand(b"who,n\nann-1,1\nbob-2,2\n", said, regulation="gdpr", known=(), delivery=None)
    assert (list(found.identifiers), found.regulation, found.verified) == (["ann-1", "bob-2"], "ccpa", True)
    again = lists.demand(b"who,n\nann-1,1\nbob-2,2\n", said, regulation="gdpr", known=(), delivery=None)
    assert found.delivery == again.delivery
    plain = lists.demand(b"ann-1\n", {}, regulation="gdpr", known=(), delivery="k")
    assert (plain.verified, plain.delivery) == (False, "k")


def test_what_is_no_list_or_no_parameter_is_refused() -> None:
    for said in ({"who": "ann-1"}, {"identity_verified": "yes"}, {"regulation": "lgpd"}):
        with pytest.raises(Unacceptable):
            lists.demand(b"ann-1\n", said, regulation="gdpr", known=(), delivery=None)
    for body in (b"", b"\xff\xfe\x00", b"customer_id\nann-1\n"):
        with pytest.raises(IdentifierError):
            lists.demand(body, {}, regulation="gdpr", known=(), delivery=None)
