"""A certificate about several models: each is recomputed like the only one, and none can be left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.certificate.examples import VALIDATION, envelope_of, facts, keys
from unlearning.certificate import statement
from unlearning.certificate.envelope import sign, statement_of
from unlearning.certificate.facts import CertificateFacts, OfModel
from unlearning.certificate.page.page import render
from unlearning.certificate.verification import verify
from unlearning.domain.entities import ModelImpact
from unlearning.domain.hashing import canonical, digest
from unlearning.domain.versions import ModelVersion


def two_models() -> CertificateFacts:
    """The complete erasure, and a second model that the same people shaped."""
    first = facts()
    assert first.unlearning
    assert first.promotion
    manifest = digest("manifest of risk/4")
    promoted = replace(
        first.promotion,
        alias="serving",
        old=ModelVersion("risk", 3),
        new=ModelVersion("risk", 4),
        model_digest=manifest,
        served_digest=manifest,
    )
    touched = ModelImpact("risk", first.impact.shards, first.impact.shards_total, first.impact.slices_total, "sisa")
    return replace(first, others=(OfModel(touched, first.unlearning, promoted, VALIDATION),))


def test_a_second_model_is_recomputed_like_the_first_and_stands_on_the_page() -> None:
    checked = verify(envelope_of(two_models()), keys().public)
    assert checked.verdict == "verified"
    names = {one.name for one in checked.recomputed}
    assert {f"{name} of risk/4" for name in ("promotion", "served model", "replay", "chain of keys", "heads")} <= names
    page = render(envelope_of(two_models()), keys().public)
    assert "were trained without them and serve in place of diagnosis/7, risk/3" in page
    assert "serving: risk/3 → risk/4" in page


def test_a_certificate_about_one_model_has_the_fields_that_it_had() -> None:
    assert "models" not in statement.statement(facts())["predicate"]


def test_the_weakest_evidence_of_the_models_is_said_too() -> None:
    made = two_models()
    [other] = made.others
    weak = replace(other.unlearning, trained=replace(other.unlearning.trained, guarantee="empirical"), replay_equal=None)
    checked = verify(envelope_of(replace(made, others=(replace(other, unlearning=weak),))), keys().public)
    assert "replayed by the issuer with equal bytes; a heuristic method" in checked.grade


def _key(models: list[Any]) -> None:
    models[0]["unlearning"]["chainAfter"]["shards"][0]["keys"][0] = "0" * 64


def _head(models: list[Any]) -> None:
    models[0]["unlearning"]["constituents"][0]["key"] = "0" * 64


def _digest(models: list[Any]) -> None:
    models[0]["promotion"]["modelDigest"] = "0" * 64


def _served(models: list[Any]) -> None:
    models[0]["promotion"]["servedDigest"] = "0" * 64


def _failed(models: list[Any]) -> None:
    models[0]["validation"][0]["verdict"] = "failed"


def _replayed(models: list[Any]) -> None:
    models[0]["unlearning"]["replay"]["equal"] = False


def _untouched(models: list[Any]) -> None:
    models[0]["impact"]["shards"].clear()


def _twice(models: list[Any]) -> None:
    models.append(models[0])


@pytest.mark.parametrize("lie", [_key, _head, _digest, _served, _failed, _replayed, _untouched, _twice])
def test_a_lie_about_the_second_model_is_a_contradiction(lie: Callable[[list[Any]], None]) -> None:
    document = json.loads(json.dumps(statement_of(envelope_of(two_models())).said))
    lie(document["predicate"]["models"])
    assert verify(sign(canonical(document), keys().private), keys().public).verdict == "contradictory"


def test_the_second_model_cannot_be_left_out_of_a_signed_statement() -> None:
    document = json.loads(json.dumps(statement_of(envelope_of(two_models())).said))
    del document["predicate"]["models"]
    checked = verify(sign(canonical(document), keys().private), keys().public)
    assert [one.name for one in checked.recomputed if not one.agrees] == ["subjects"]
