"""What can be worked out again in an honest certificate, and lies that contradict the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificate.attacks import LIES
from tests.certificate.examples import (
    CERTIFICATES,
    LEAVING,
    LEFT,
    NOON,
    PEOPLE,
    SHARDS,
    SIGNED,
    SLICES,
    TOKENS,
    Lie,
    agreements,
    difference,
    envelope_of,
    facts,
    keys,
    not_found,
    put,
)
from unlearning.certificate import schema
from unlearning.certificate.envelope import Envelope, Signature, public_key_id
from unlearning.certificate.facts import MadeElsewhere
from unlearning.certificate.page.page import render
from unlearning.certificate.shapes import misfits
from unlearning.certificate.statement import (
    Absence,
    CertificateFacts,
    NotFoundFacts,
    add_signature,
    dump,
    encode,
    sign,
    statement,
    verify,
)
from unlearning.certificate.verification import SKEW
from unlearning.domain import hashing, partition
from unlearning.domain.chain import Chain
from unlearning.domain.codec import write
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.merkle import Tree
from unlearning.domain.protocols import Records


def test_an_outcome_is_plain_enough_for_json() -> None:
    outcome = json.loads(json.dumps(write(verify(SIGNED, keys().public))))
    assert outcome["verdict"] == "verified"
    assert outcome["recomputed"][0] == {
        "name": "limits",
        "agrees": True,
        "how": "says what is out of reach and what it does not prove",
    }


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_verifies_with_its_key_and_is_integrity_only_without(name: str) -> None:
    envelope = envelope_of(CERTIFICATES[name]())
    pinned, alone = verify(envelope, keys().public), verify(envelope)
    assert (pinned.signature, pinned.verdict) == ("valid", "verified")
    assert (alone.signature, alone.verdict) == ("unchecked", "integrity only")
    assert pinned.signers == (public_key_id(keys().public),) == (envelope.signatures[0].keyid,)
    assert (pinned.claimed_keyids, alone.signers, alone.claimed_keyids) == ((), (), pinned.signers)
    assert pinned.recomputed == alone.recomputed
    assert not pinned.refused
    assert not alone.refused


def test_another_key_makes_the_certificate_invalid_and_nothing_in_it_is_shown() -> None:
    outcome = verify(envelope_of(facts()), keys(2).public)
    assert (outcome.signature, outcome.verdict, outcome.refused) == ("invalid", "invalid", True)
    assert outcome.subjects == ()
    assert outcome.predicate == {}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_absence_script_of_the_documentation_agrees(name: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text("utf-8")
    script = text.split("```python\n")[1].split("```")[0]

    def run(made: CertificateFacts | NotFoundFacts) -> list[str]:
        (tmp_path / "certificate.json").write_bytes(dump(envelope_of(made)))
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
        )
        return done.stdout.splitlines()

    made = CERTIFICATES[name]()
    lines = run(made)
    assert len(lines) == len(made.frame.requests)
    assert all("absent from data/train.parquet" in line for line in lines)
    if isinstance(made, CertificateFacts):
        other = replace(made, tables=(replace(made.tables[0], root_after="0" * 64),))
        assert all("NOT SHOWN" in line for line in run(other))


def test_everything_that_can_be_worked_out_again_agrees_in_an_honest_certificate() -> None:
    outcome = agreements(facts())
    assert set(outcome) == {
        "limits", "dates", "counts", "absence from data/train.parquet", "subjects", "state", "promotion", "served model",
        "replay", "chain of keys", "heads", "search after deletion",
    }  # fmt: skip
    assert all(outcome.values())


@given(st.sets(st.integers(0, PEOPLE - 1), min_size=1, max_size=PEOPLE - 1))
def test_the_real_chain_of_any_erasure_agrees(leaving: set[int]) -> None:
    staying = [person for person in range(PEOPLE) if person not in leaving]
    before, after = real_chain(list(range(PEOPLE))), real_chain(staying)
    assert agreements(with_chains(facts(), before, after, people=len(staying)))["chain of keys"]


def with_chains(whole: CertificateFacts, before: Chain, after: Chain, *, people: int) -> CertificateFacts:
    """The same certificate over other chains, with everything that follows from them."""
    return replace(
        whole,
        unlearning=replace(whole.unlearning, chain_before=before, chain_after=after),
        impact=replace(whole.impact, shards=difference(before, after)),
        tables=(replace(whole.tables[0], after=replace(whole.tables[0].after, rows=2 * people)),),
    )


def real_chain(people: list[int]) -> Chain:
    owners = [person for person in people for _ in range(2)]
    features = np.array([[person, row % 2] for row, person in enumerate(owners)], dtype=np.float32)
    records = Records(features, np.array([person % 2 for person in owners], dtype=np.int64))
    where = partition.places([bytes.fromhex(hashing.token(b"p" * 32, person, "integer")) for person in owners])
    made = partition.partition(records, where, shards=SHARDS, slices=SLICES)
    ordered = records[made.order]
    return partition.chain(hashing.digest("recipe"), 7, ordered, where[made.order], made.bounds)


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(LIES)])
def test_a_signed_lie_that_contradicts_the_rest_is_found(name: str, lie: Lie) -> None:
    document = json.loads(encode(statement(facts())))
    lie(document["predicate"])
    outcome = verify(sign(encode(document), keys().private), keys().public)
    assert outcome.signature == "valid"
    assert (outcome.verdict, outcome.refused) == ("contradictory", True)
    assert name in {item.name for item in outcome.recomputed if not item.agrees}


@pytest.mark.parametrize(("guarantee", "agrees"), [("exact", True), ("empirical", False)])
def test_a_failed_membership_attack_contradicts_only_the_promotion_of_a_method_without_proof(
    guarantee: str, agrees: bool
) -> None:
    document = json.loads(encode(statement(facts())))
    predicate = document["predicate"]
    predicate["unlearning"]["guarantee"] = guarantee
    predicate["validation"] = [{**predicate["validation"][0], "name": "membership", "verdict": "failed"}]
    outcome = verify(sign(encode(document), keys().private), keys().public)
    assert [item.agrees for item in outcome.recomputed if item.name == "promotion"] == [agrees]


def test_an_inclusion_proof_is_not_taken_for_absence() -> None:
    whole, tree = facts(), Tree(TOKENS)
    present = tuple(Absence(TOKENS[person].hex(), tree.prove(TOKENS[person])) for person in LEAVING)
    table_of_lies = replace(whole.tables[0], root_after=tree.root, absences=present)
    table_of_lies = replace(table_of_lies, after=replace(table_of_lies.after, people=PEOPLE))
    assert not agreements(replace(whole, tables=(table_of_lies,)))["absence from data/train.parquet"]


def test_an_erasure_that_states_no_table_shows_no_absence() -> None:
    outcome = verify(envelope_of(replace(facts(), tables=())), keys().public)
    assert "absence from the data: no table was stated" in outcome.not_recomputed


def another(whole: CertificateFacts) -> CertificateFacts:
    return replace(whole, tables=(replace(whole.tables[0], before=replace(whole.tables[0].before, rows=99)),))


def edited(whole: CertificateFacts) -> CertificateFacts:
    return replace(whole, unlearning=replace(whole.unlearning, parent_data_digest=hashing.digest("as it was before an edit")))


def retuned(whole: CertificateFacts) -> CertificateFacts:
    chain = replace(whole.unlearning.chain_before, recipe=hashing.digest("another recipe"))
    return replace(whole, unlearning=replace(whole.unlearning, chain_before=chain))


@pytest.mark.parametrize("change", [another, edited, retuned])
def test_when_more_than_the_people_changed_the_chain_is_said_to_be_not_recomputed(
    change: Callable[..., CertificateFacts],
) -> None:
    outcome = verify(envelope_of(change(facts())), keys().public)
    assert outcome.verdict == "verified"
    assert "chain of keys" not in {item.name for item in outcome.recomputed}
    assert any(reason.startswith("which keys changed") for reason in outcome.not_recomputed)


def test_absence_is_shown_in_a_tree_that_holds_only_half_of_each_token() -> None:
    staying = [token[:16] for person, token in enumerate(TOKENS) if person not in LEAVING]
    tree, whole = Tree(staying), facts()
    absences = tuple(Absence(TOKENS[person][:16].hex(), tree.prove(TOKENS[person][:16])) for person in LEAVING)
    halved = replace(whole, tables=(replace(whole.tables[0], root_after=tree.root, absences=absences),))
    assert agreements(halved)["absence from data/train.parquet"]
    one_short = replace(whole, tables=(replace(whole.tables[0], root_after=tree.root, absences=absences[:1]),))
    assert not agreements(one_short)["absence from data/train.parquet"]


@pytest.mark.parametrize(
    ("guarantee", "replayed", "words"),
    [
        ("exact", True, "replayed by the issuer with equal bytes"),
        ("exact", None, "open to replay, not replayed"),
        ("certified (ε=1, δ=0.0001)", None, "certified (ε=1, δ=0.0001) under its published assumptions"),
        ("empirical", None, "a heuristic method"),
    ],
)
def test_the_grade_says_how_strong_the_evidence_is(guarantee: str, replayed: bool | None, words: str) -> None:
    done = facts().unlearning
    done = replace(done, trained=replace(done.trained, guarantee=guarantee), replay_equal=replayed)
    outcome = verify(envelope_of(replace(facts(), unlearning=done)), keys().public)
    assert words in outcome.grade


@pytest.mark.parametrize(("row", "said"), [(0, False), (1, False), (2, True)])
def test_heuristic_erasures_in_a_row_say_that_they_add_up(row: int, said: bool) -> None:
    done = facts().unlearning
    done = replace(done, trained=replace(done.trained, guarantee="empirical"), replay_equal=None, unproven_in_a_row=row)
    envelope = envelope_of(replace(facts(), unlearning=done))
    outcome = verify(envelope, keys().public)
    assert ("the 2 versions in a row without a proof add up" in outcome.grade) == said
    assert ("unprovenInARow" in json.loads(envelope.payload)["predicate"]["unlearning"]) == said


THEN = "torch 2.12.0 then, 2.13.0 now"


@pytest.mark.parametrize("equal", [True, False])
def test_a_replay_in_another_environment_is_said_and_contradicts_nothing(equal: bool) -> None:
    elsewhere = (MadeElsewhere((0, 2), (THEN, "not recorded")),)
    done = replace(facts().unlearning, replay_equal=equal, replay_differs=(THEN,), made_elsewhere=elsewhere)
    envelope = envelope_of(replace(facts(), unlearning=done))
    outcome, page = verify(envelope, keys().public), render(envelope, keys().public, now=NOON)
    assert not list(misfits(json.loads(envelope.payload), schema.certificate()))
    assert (outcome.verdict, "in another environment" in outcome.grade) == ("verified", not equal)
    assert ("replay" in {item.name for item in outcome.recomputed}) is equal
    assert any("replay it where it was made" in reason for reason in outcome.not_recomputed) is not equal
    assert f"{'equal' if equal else 'other'} bytes, in another environment ({THEN})" in page
    assert f"shard 0, 2: {THEN}; not recorded" in page
    plain = replace(done, replay_differs=(), made_elsewhere=())
    assert verify(envelope_of(replace(facts(), unlearning=plain)), keys().public).refused is not equal


@pytest.mark.parametrize("name", CERTIFICATES)
def test_no_outcome_ever_claims_compliance(name: str) -> None:
    outcome = verify(envelope_of(CERTIFICATES[name]()), keys().public)
    said = " ".join([outcome.grade, outcome.verdict, *map(str, outcome.recomputed), *outcome.not_recomputed])
    assert "complian" not in said
    assert outcome.verdict not in ("pass", "passed", "ok")
    assert outcome.not_recomputed


def signed_with(change: Lie) -> Envelope:
    document = json.loads(encode(statement(facts())))
    change(document)
    return sign(encode(document), keys().private)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("_type", "https://in-toto.io/Statement/v0.1"), "_type is"),
        (put("subject", []), "subject is not a list"),
        (put("subject.0", {"name": "x", "digest": {"md5": "1"}}), "subject is not a list"),
        (put("predicate", None), "no predicate"),
        (put("predicateType", "https://slsa.dev/provenance/v1"), "predicateType is"),
        (put("predicate.decision", "pardoned"), "decision is 'pardoned'"),
        (lambda document: document["predicate"].pop("chain"), "predicate.chain is missing"),
        (lambda document: document["predicate"]["unlearning"].pop("chainAfter"), "predicate.unlearning.chainAfter is missing"),
        (put("predicate.issuedAt", "yesterday"), 'issuedAt is "yesterday"; expected a moment as RFC 3339'),
        (put("predicate.issuedAt", "2026-13-01T00:00:00Z"), "issuedAt is"),
        (put("predicate.issuedAt", "2026-11-02T14:00:00"), "issuedAt is"),
        (put("predicate.requests.0.dueAt", "soon"), "dueAt is .* expected a moment as RFC 3339 writes it or 'no deadline'"),
        (put("predicate.requests", 7), "requests is 7; expected array"),
        (put("predicate.unlearning", "not needed"), "unlearning is"),
        (put("predicate.residuals", "x"), "residuals is"),
        (put("predicate.tables.0.absence.0.proof", {}), "proof.kind is missing"),
        (put("predicate.verification.0.outcome", "clean"), "outcome is \"clean\"; expected 'verified' or"),
        (put("predicate.validation.0.verdict", "green"), "verdict is"),
        (put("predicate.actions.0.operation", "shredded"), "operation is"),
        (put("predicate.verification.0.level", "spiritual"), "level is"),
        (put("predicate.state", "compliant"), "state is"),
        (put("predicate.requests.0.regulation", "lex mercatoria"), "regulation is"),
        (put("predicate.residuals", [{**write(LEFT), "outcome": "out_of_reach"}]), "outcome is"),
        (put("predicate.unlearning.guarantee", "exact enough"), "guarantee is"),
        (put("predicate.impact.records", -4), "records is -4; expected a whole number from 0"),
        (put("predicate.impact.records", 2**53), "records is"),
        (put("predicate.chain.position", -1), "position is -1"),
        (put("predicate.chain.head", "00"), "head is"),
        (put("predicate.compliant", True), "predicate.compliant is a field that nobody knows"),
        (put("predicate.unlearning.certified", True), "certified is a field that nobody knows"),
        (put("note", "see the seal"), "note is a field that nobody knows"),
        (put("predicate.schema", "2.0"), "schema is"),
    ],
)
def test_a_signed_file_that_is_no_certificate_is_refused_by_name(change: Lie, message: str) -> None:
    with pytest.raises(VerificationFailed, match=message):
        verify(signed_with(change), keys().public)


@pytest.mark.parametrize("value", [b"9" * 5000, b"-1e400", b"NaN", b'"\\udfff"', b'1, "decision": "erased"'])
def test_a_signed_payload_that_two_readers_could_read_differently_is_refused(value: bytes) -> None:
    payload = encode(statement(facts())).replace(b'"predicate":{', b'"predicate":{"beside":' + value + b",", 1)
    with pytest.raises(VerificationFailed, match=r"not JSON|no JSON number|stands twice|larger than any"):
        verify(sign(payload, keys().private), keys().public)


def test_what_is_dated_later_than_now_has_not_happened() -> None:
    late = replace(not_found(), frame=replace(not_found().frame, issued_at=NOON.replace(year=2099)))
    now = NOON + timedelta(days=1)
    assert verify(envelope_of(late), keys().public, now=now).verdict == "contradictory"
    assert verify(SIGNED, keys().public, now=now).verdict == "verified"
    assert verify(SIGNED, keys().public, now=NOON + timedelta(hours=2) - SKEW).verdict == "verified"
    assert verify(SIGNED, keys().public, now=NOON + timedelta(hours=2) - 2 * SKEW).verdict == "contradictory"
    assert any("no clock was looked at" in open_ for open_ in verify(SIGNED, keys().public).not_recomputed)


def test_a_certificate_is_worth_nothing_after_its_own_end() -> None:
    limited = replace(not_found(), frame=replace(not_found().frame, valid_until=NOON + timedelta(days=9)))
    verdicts = [verify(envelope_of(limited), keys().public, now=NOON + timedelta(days=days)) for days in (8, 10)]
    assert [(one.verdict, one.refused) for one in verdicts] == [("verified", False), ("expired", True)]


def test_every_given_key_must_have_signed() -> None:
    both = add_signature(SIGNED, keys(2).private)
    assert verify(both, keys(1).public, keys(2).public).verdict == "verified"
    found = verify(SIGNED, keys(1).public, keys(2).public)
    assert (found.verdict, found.signers) == ("invalid", (public_key_id(keys(1).public),))
    assert public_key_id(keys(2).public) in found.grade


def test_a_signature_in_the_name_of_a_given_key_that_it_did_not_make_contradicts() -> None:
    made_up = Signature(keys(1).private[:64], public_key_id(keys(1).public))
    forged = replace(SIGNED, signatures=(*SIGNED.signatures, made_up))
    found = verify(forged, keys(1).public)
    assert found.verdict == "contradictory"
    assert [one.name for one in found.recomputed if not one.agrees] == ["signatures"]
