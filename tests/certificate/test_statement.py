"""What a certificate states, and the facts that may not be certified."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.certificate.examples import (
    CERTIFICATES,
    LEFT,
    NOON,
    agreements,
    data_only,
    envelope_of,
    facts,
    facts_with_residuals,
    keys,
    not_found,
)
from unlearning.certificate.facts import Below
from unlearning.certificate.page import page
from unlearning.certificate.statement import (
    Frame,
    dump,
    encode,
    statement,
    verify,
)
from unlearning.domain.chain import Placement, Room
from unlearning.domain.errors import WrongUse

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_same_facts_give_the_bytes_that_were_reviewed(name: str) -> None:
    """The golden envelope is signed with a fixed key; a change here is a change for every reader."""
    made, file = dump(envelope_of(CERTIFICATES[name]())), GOLDEN / f"{name}.json"
    reviewed = json.loads((GOLDEN / f"{name}.statement.json").read_text("utf-8"))
    assert made == file.read_bytes()
    assert statement(CERTIFICATES[name]()) == reviewed


def test_a_moment_is_stated_in_utc_wherever_it_was_taken() -> None:
    whole, there = not_found(), timezone(timedelta(hours=2))
    moved = replace(whole, frame=replace(whole.frame, issued_at=whole.frame.issued_at.astimezone(there)))
    assert encode(statement(moved)) == encode(statement(whole))
    naive = replace(whole, frame=replace(whole.frame, issued_at=datetime(2026, 11, 2)))
    with pytest.raises(WrongUse, match="no time zone"):
        statement(naive)


def test_the_rooms_of_a_placement_are_not_said() -> None:
    """They would tell what the declared column says of the person: whether the shard is one of likely leavers."""
    whole, rooms = facts(), Placement((Room(0, 1, 0, 1), Room(1, 1, 0, 1)), "0" * 64)
    done = whole.unlearning
    assert done is not None
    before, after = (replace(one, placement=rooms) for one in (done.chain_before, done.chain_after))
    placed = replace(whole, unlearning=replace(done, chain_before=before, chain_after=after))
    assert encode(statement(placed)) == encode(statement(whole))


def test_what_is_not_known_is_said() -> None:
    whole = facts_with_residuals()
    bare = replace(
        whole,
        children=None,
        approved_by=None,
        unlearning=replace(whole.unlearning, replay_equal=None, code_digest=None),
        promotion=replace(whole.promotion, served_digest=None),
        tables=(replace(whole.tables[0], root_after=None, absences=()),),
        frame=replace(whole.frame, suppression=None, valid_until=None),
    )
    predicate = statement(bare)["predicate"]
    assert predicate["unlearning"]["replay"] == "not asked"
    assert predicate["unlearning"]["codeDigest"] == "not recorded"
    assert predicate["tables"][0]["after"]["root"] == "not committed"
    assert predicate["impact"]["children"] == "not searched"
    assert predicate["verification"] == "not searched again yet"
    assert predicate["suppression"] == "not recorded"
    assert predicate["promotion"]["servedDigest"] == "not read back"
    assert b"null" not in encode(predicate["unlearning"])
    done = verify(envelope_of(bare), keys().public)
    assert done.verdict == "verified"
    assert {
        "that nothing is left: it was not searched again yet",
        "absence from data/train.parquet: no root was committed to",
    } <= set(done.not_recomputed)


@pytest.mark.parametrize(
    ("found", "records", "verdict"), [(1.5, 0, "verified"), (2.5, 0, "contradictory"), (1.5, 1, "contradictory")]
)
def test_what_the_policy_let_begin_says_so_with_its_thresholds(found: float, records: int, verdict: str) -> None:
    whole = facts()
    stated = whole.impact.records + records
    below = (Below("minutes", found, 2), Below("records", stated, stated))
    made = replace(whole, approved_by=None, below=below)
    impact = statement(made)["predicate"]["impact"]
    assert impact["approvedBy"] == "nobody: the policy asked no person"
    assert impact["belowThresholds"][0] == {"name": "minutes", "found": found, "atMost": 2}
    assert verify(envelope_of(made), keys().public).verdict == verdict
    assert "Of minutes" in page.render(envelope_of(made), keys().public, now=NOON)


def test_completed_is_said_only_when_every_place_in_reach_was_searched_and_clean() -> None:
    whole = facts()
    assert statement(whole)["predicate"]["state"] == "completed"
    assert statement(facts_with_residuals())["predicate"]["state"] == "completed_with_residuals"
    for outcome in ("residual", "unverified"):
        found = replace(whole, findings=(replace(whole.findings[0], outcome=outcome, count=1), whole.findings[1]))
        assert statement(found)["predicate"]["state"] == "completed_with_residuals"
    beyond = replace(whole, findings=(*whole.findings, replace(whole.findings[0], place="clones", outcome="out_of_reach")))
    assert statement(beyond)["predicate"]["state"] == "completed"
    with pytest.raises(WrongUse, match="what is left"):
        statement(replace(whole, findings=(), residuals=()))


def test_no_password_of_an_address_goes_into_a_certificate() -> None:
    whole = facts()
    address = "postgresql://mlflow:p@ss@db.example:5432/registry"
    made = statement(replace(whole, promotion=replace(whole.promotion, registry=address)))
    assert made["predicate"]["promotion"]["registry"] == "postgresql://db.example:5432/registry"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: replace(f, scope=replace(f.scope, out_of_reach=())), "outOfReach is empty"),
        (lambda f: replace(f, scope=replace(f.scope, out_of_reach=(LEFT,))), "within reach"),
        (lambda f: replace(f, does_not_prove=()), "doesNotProve is empty"),
        (lambda f: replace(f, does_not_prove=("  ",)), "doesNotProve is empty"),
        (lambda f: replace(f, requests=()), "at least one request"),
        (lambda f: replace(f, requests=(replace(f.requests[0], token="4711"),)), "no keyed token"),
    ],
)
def test_facts_that_may_not_be_certified_are_refused(change: Callable[[Frame], Frame], message: str) -> None:
    for made in (facts(), not_found()):
        with pytest.raises(WrongUse, match=message) as raised:
            statement(replace(made, frame=change(made.frame)))
        assert "4711" not in str(raised.value)


def test_not_found_says_how_near_the_nearest_spelling_was_and_what_its_search_could_not_read() -> None:
    said = statement(not_found())["predicate"]
    assert said["nearest"] == ["case"]
    assert [one["outcome"] for one in said["verification"]] == ["verified", "unverified"]
    [left] = said["residuals"]
    assert (left["place"], left["outcome"], left["count"]) == ("DVC cache: files nobody could read", "unverified", 2)
    assert "1 place is left or unverified" in verify(envelope_of(not_found()), keys().public).grade
    for nearest, says in ((None, "not looked for"), ((), [])):
        assert statement(replace(not_found(), nearest=nearest))["predicate"]["nearest"] == says
    unsearched = statement(replace(not_found(), findings=()))["predicate"]
    assert (unsearched["verification"], unsearched["residuals"]) == ("not searched", [])


def test_not_found_names_what_was_searched_and_nothing_else() -> None:
    made = statement(not_found())
    assert [subject["name"] for subject in made["subject"]] == ["data/train.parquet"]
    assert made["predicate"]["decision"] == "not_found"
    assert "unlearning" not in made["predicate"]
    assert agreements(not_found())["absence from data/train.parquet"]
    assert "a search found no record" in verify(envelope_of(not_found()), keys().public).grade
    with pytest.raises(WrongUse, match="searched"):
        statement(replace(not_found(), searched=()))


def test_an_erasure_that_touched_no_model_says_so() -> None:
    made, outcome = statement(data_only()), verify(envelope_of(data_only()), keys().public)
    assert made["predicate"]["unlearning"] == made["predicate"]["promotion"]
    assert made["predicate"]["promotion"].startswith("not needed")
    assert [subject["name"] for subject in made["subject"]] == ["data/train.parquet"]
    assert "only data changed" in outcome.grade
    assert {item.name for item in outcome.recomputed} >= {"absence from data/train.parquet", "state", "search after deletion"}


def test_training_and_promotion_are_stated_together_or_not_at_all() -> None:
    with pytest.raises(WrongUse, match="only one came"):
        statement(replace(facts(), promotion=None))
    with pytest.raises(WrongUse, match="names what changed"):
        statement(replace(data_only(), tables=()))
