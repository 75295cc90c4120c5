"""The schemas come from the facts, know every certificate that is issued, and are the published ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.certificate.examples import CERTIFICATES, keys, membership_proof
from unlearning.certificate import facts, schema
from unlearning.certificate.envelope import read
from unlearning.certificate.facts import LATER
from unlearning.certificate.membership import signed
from unlearning.certificate.shapes import misfits
from unlearning.certificate.statement import statement
from unlearning.domain.errors import VerificationFailed

DOCS = Path(__file__).parents[2] / "docs/schemas"


@pytest.mark.parametrize("name", CERTIFICATES)
def test_every_certificate_that_is_issued_has_the_shape(name: str) -> None:
    assert not list(misfits(statement(CERTIFICATES[name]()), schema.certificate()))


def test_a_proof_has_the_shape_alone_and_signed() -> None:
    assert not list(misfits(membership_proof(), schema.proof()))
    payload = json.loads(read(signed(membership_proof(name="after"), keys().private)).payload)
    assert not list(misfits(payload, schema.proof_statement()))


@pytest.mark.parametrize("name", schema.PUBLISHED)
def test_the_published_schema_is_the_one_that_is_asked(name: str) -> None:
    assert json.loads((DOCS / f"{name}.json").read_text("utf-8")) == schema.PUBLISHED[name]()


def test_a_word_of_the_code_is_a_word_of_the_schema() -> None:
    finding = schema._stated(facts.Finding)["properties"]
    assert finding["outcome"] == {"enum": ["verified", "unverified", "residual", "out_of_reach"]}
    assert finding["level"] == {"enum": ["logical", "physical", "model"]}


@dataclass(frozen=True)
class Nearest:
    """A fact that somebody adds."""

    spelled_like: Literal["case", "none"]
    unread: tuple[str, ...] = field(default=(), metadata=LATER)


def test_a_new_fact_is_in_the_schema_by_its_type_alone() -> None:
    made: dict[str, Any] = dict(schema._stated(Nearest))
    assert made["properties"]["spelledLike"] == {"enum": ["case", "none"]}
    assert made["properties"]["unread"] == {"type": "array", "items": {"type": "string"}}
    assert made["required"] == ["spelledLike"]


def test_what_has_another_shape_is_refused_with_the_first_place_and_how_many_more() -> None:
    with pytest.raises(VerificationFailed, match=r"the proof is malformed: kind is missing \(and 1 places more\)"):
        schema.check({**{k: v for k, v in membership_proof().items() if k != "kind"}, "note": 1}, schema.proof(), "proof")
