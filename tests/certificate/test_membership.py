"""A membership proof is worth what its signer or its root is worth, and alone it is by nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.certificate.examples import NOON, Lie, data_only, envelope_of, facts, keys, membership_proof, not_found, put
from unlearning.certificate import envelope, schema
from unlearning.certificate.envelope import public_key_id
from unlearning.certificate.membership import Verification, signed, verify
from unlearning.certificate.statement import dump
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.hashing import canonical

ROOT = membership_proof()["root"]
VERSION = {"path", "digest", "object", "rev", "rows", "people"}


def plain(changed: dict[str, Any] | None = None) -> bytes:
    return json.dumps(changed or membership_proof()).encode()


def outcome(found: Verification) -> tuple[str, bool]:
    return found.verdict, found.refused


@pytest.mark.parametrize("name", ["before", "after"])
def test_alone_a_proof_is_by_nobody_and_all_it_says_of_the_table_is_a_claim(name: str) -> None:
    made = membership_proof(name=name)
    found = verify(plain(made))
    assert outcome(found) == ("consistent, by nobody", False)
    assert found.kind == {"before": "inclusion", "after": "absence"}[name]
    assert found.bound == {}
    assert found.claims.keys() == VERSION | {"column", "identifier", "index key"}


def test_a_key_says_nothing_of_a_proof_that_nobody_signed() -> None:
    assert outcome(verify(plain(), keys().public)) == ("consistent, by nobody", True)
    assert outcome(verify(plain(), keys().public, data_root=ROOT)) == ("consistent, by nobody", True)


def test_signed_by_the_pinned_key_everything_it_says_is_bound() -> None:
    file = signed(membership_proof(), keys().private)
    found = verify(file, keys().public)
    assert outcome(found) == ("verified", False)
    assert found.signers == (public_key_id(keys().public),)
    assert found.claims == {}
    assert found.bound["path"] == "data/train.parquet"
    assert outcome(verify(file)) == ("consistent, by nobody", False)
    assert verify(file).claimed_keyids == found.signers


def test_another_key_makes_a_signed_proof_invalid_and_nothing_of_it_is_shown() -> None:
    found = verify(signed(membership_proof(), keys(2).private), keys().public)
    assert outcome(found) == ("invalid", True)
    assert (found.kind, found.root, found.bound, found.claims) == (None, None, None, None)


def test_under_a_root_that_was_given_the_person_is_bound_and_the_table_is_a_claim() -> None:
    found = verify(plain(), data_root=ROOT)
    assert outcome(found) == ("bound", False)
    assert found.bound == {}
    assert found.claims.keys() >= VERSION
    other = verify(plain(), data_root="0" * 64)
    assert outcome(other) == ("consistent, by nobody", True)
    assert outcome(verify(signed(membership_proof(), keys().private), keys().public, data_root="0" * 64))[1]
    with pytest.raises(WrongUse, match="64 hex digits"):
        verify(plain(), data_root="../tags")


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_certificate_binds_what_it_states_of_the_table_under_that_root(name: str) -> None:
    made = membership_proof(name=name)
    found = verify(plain(made), keys().public, certificate=envelope_of(facts()))
    assert outcome(found) == ("bound", False)
    assert found.bound.keys() == VERSION
    assert found.claims.keys() == {"column", "identifier", "index key"}
    moved = {**made, "data_version": {**made["data_version"], "path": "data/other.parquet", "rows": 99}}
    less = verify(plain(moved), keys().public, certificate=envelope_of(facts()))
    assert outcome(less) == ("bound", False)
    assert less.claims.keys() >= {"path", "rows"}


def test_a_not_found_answer_binds_the_tables_that_it_searched() -> None:
    assert outcome(verify(plain(), keys().public, certificate=envelope_of(not_found()))) == ("bound", False)


def test_a_certificate_that_does_not_verify_or_states_another_root_binds_nothing() -> None:
    after = plain(membership_proof(name="after"))
    assert outcome(verify(after, keys().public, certificate=envelope_of(not_found()))) == ("consistent, by nobody", True)
    with pytest.raises(VerificationFailed, match="the given certificate is invalid"):
        verify(plain(), keys(2).public, certificate=envelope_of(facts()))
    with pytest.raises(VerificationFailed, match="the given certificate is contradictory"):
        verify(plain(), keys().public, certificate=envelope_of(facts()), now=NOON.replace(year=2020))
    with pytest.raises(WrongUse, match="only under its signer's key"):
        verify(plain(), certificate=envelope_of(facts()))


LIES = [
    put("kind", "absence"),
    put("token", "00" * 32),
    put("root", "00" * 32),
    put("data_version.people", 23),
    put("proof.kind", "absence"),
    put("proof.size", 23),
    put("proof.leaves.0.index", 4),
    put("proof.leaves.0.path.0", "00" * 32),
    put("proof.leaves", []),
]


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_a_proof_that_does_not_lead_to_its_root_is_invalid_and_contradictory_when_signed(lie: Lie) -> None:
    made = membership_proof()
    lie(made)
    assert outcome(verify(plain(made))) == ("invalid", True)
    assert outcome(verify(plain(made), data_root=made["root"])) == ("invalid", True)
    assert outcome(verify(signed(made, keys().private), keys().public)) == ("contradictory", True)


def test_a_signed_subject_of_another_table_contradicts() -> None:
    statement = json.loads(envelope.read(signed(membership_proof(), keys().private)).payload)
    statement["subject"][0]["name"] = "data/other.parquet"
    forged = dump(envelope.sign(canonical(statement), keys().private))
    assert outcome(verify(forged, keys().public)) == ("contradictory", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("kind", "presence"), "kind is"),
        (put("token", "xyz"), "token is"),
        (put("note", "approved"), "note is a field that nobody knows"),
        (put("data_version.people", -1), "people is -1"),
        (put("data_version.rev", "HEAD"), "rev is"),
        (put("key.origin", "heaven"), "origin is"),
        (put("identifier", "text/shoe size"), "identifier is"),
        (lambda made: made.pop("data_version"), "data_version is missing"),
        (put("format", "unlearning/membership-proof/2"), "this is no membership proof"),
    ],
)
def test_a_proof_of_another_shape_is_refused_by_name(change: Lie, message: str) -> None:
    made = membership_proof()
    change(made)
    with pytest.raises(VerificationFailed, match=message):
        verify(plain(made))


def test_a_certificate_is_no_proof_and_says_how_it_is_checked() -> None:
    with pytest.raises(VerificationFailed, match="this is no membership proof; a certificate is checked without `--proof`"):
        verify(dump(envelope_of(data_only())), keys().public)
    swapped = {"_type": schema.STATEMENT_TYPE, "subject": [{"name": "x", "digest": {"sha256": "0" * 64}}]}
    swapped |= {"predicateType": schema.PREDICATE_TYPE, "predicate": membership_proof()}
    with pytest.raises(VerificationFailed, match="this is no membership proof"):
        verify(dump(envelope.sign(canonical(swapped), keys().private)), keys().public)
