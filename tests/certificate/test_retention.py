"""The record of a retirement: what is signed holds, and what does not add up is said whoever signed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from unlearning.certificate import command, envelope, retention, verification
from unlearning.certificate.facts import Issuer, LedgerLink, Retired, RetiredTable
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.traces import Residual
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.stores import keys

PLANNED = datetime(2026, 11, 29, 16, 30, tzinfo=UTC)
DAY = datetime(2025, 11, 29, tzinfo=UTC)
LEFT = Residual("remote", "physical", "residual", 1, "it is there still", "see whether this account may delete there")
BEYOND = Residual("copies", "logical", "out_of_reach", None, "nobody looks there", "look yourself")


def version(rows: int, digest: str) -> DataVersion:
    return DataVersion("data/visits.parquet", digest * 64, digest * 32, None, rows, 7)


FACTS = retention.RetirementFacts(
    retirement_id="retirement-0123456789ab",
    issuer=Issuer("clinic", "operator", "mlflow-unlearning", "0.1.0", "c" * 64),
    planned_at=PLANNED,
    issued_at=PLANNED + timedelta(minutes=5),
    tables=(RetiredTable(Retired("seen_at", 365, DAY, 20, 3), version(100, "a"), version(80, "b")),),
    serving=(ModelVersion("risk", 2),),
    removed={"checkpoint store": 8},
    residuals=(),
    out_of_reach=(BEYOND,),
    ledger=LedgerLink(19, "d" * 64, "d" * 64),
)
NOW = PLANNED + timedelta(days=1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("keys")
    keys.create(folder)
    return (folder / "signing.pem").read_bytes(), (folder / "signing.pub").read_bytes()


def test_a_record_verifies_under_its_key_and_says_what_left(pair: tuple[bytes, bytes]) -> None:
    found = retention.verify(retention.signed(FACTS, pair[0]), pair[1], now=NOW)
    assert (found.verdict, found.refused) == ("verified", False)
    assert "20 rows of 1 tables left" in found.grade
    assert found.subjects == (f"data/visits.parquet sha256:{'b' * 64}",)
    assert found.predicate["state"] == "completed"
    alone = retention.verify(retention.signed(FACTS, pair[0]), now=NOW)
    assert alone.verdict == "integrity only"


def test_what_is_left_makes_the_state_and_is_said(pair: tuple[bytes, bytes]) -> None:
    found = retention.verify(retention.signed(replace(FACTS, residuals=(LEFT,)), pair[0]), pair[1], now=NOW)
    assert (found.verdict, found.predicate["state"]) == ("verified", "completed_with_residuals")
    assert "1 place" in found.grade


def test_another_key_or_a_changed_byte_is_invalid_and_nothing_is_shown(pair: tuple[bytes, bytes], tmp_path: Path) -> None:
    keys.create(tmp_path)
    made = retention.signed(FACTS, pair[0])
    for found in (
        retention.verify(made, (tmp_path / "signing.pub").read_bytes(), now=NOW),
        retention.verify(replace(made, payload=made.payload.replace(b"20", b"21")), pair[1], now=NOW),
    ):
        assert (found.verdict, found.refused, found.predicate) == ("invalid", True, {})


def rule(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = said["predicate"]["tables"][0]["rule"]
    return found


LIES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "more rows": ("counts", lambda said: rule(said).update(rows=21)),
    "no rows": ("counts", lambda said: rule(said).update(rows=0)),
    "rows after": ("counts", lambda said: said["predicate"]["tables"][0]["after"].update(rows=99)),
    "another table": ("counts", lambda said: said["predicate"]["tables"][0]["before"].update(path="data/other.parquet")),
    "nothing changed": ("counts", lambda said: said["predicate"]["tables"][0]["before"].update(digest="b" * 64)),
    "longer kept": ("rules", lambda said: rule(said).update(afterDays=366)),
    "another day": ("rules", lambda said: rule(said).update(before="2025-11-28T00:00:00+00:00")),
    "another subject": ("subjects", lambda said: said["subject"][0]["digest"].update(sha256="e" * 64)),
    "a better state": ("state", lambda said: said["predicate"]["residuals"].append(LEFT_SAID)),
    "no limits": ("limits", lambda said: said["predicate"].update(outOfReach=[])),
    "issued before": ("dates", lambda said: said["predicate"].update(issuedAt="2026-11-29T16:29:59+00:00")),
    "not yet": ("clock", lambda said: said["predicate"].update(issuedAt="2099-01-01T00:00:00+00:00")),
}
LEFT_SAID = {**{name: getattr(LEFT, name) for name in ("place", "level", "outcome", "count", "why", "remedy")}, "names": []}


@pytest.mark.parametrize("lie", LIES)
def test_whoever_signs_a_lie_contradicts_himself(pair: tuple[bytes, bytes], lie: str) -> None:
    part, tell = LIES[lie]
    said = json.loads(retention.signed(FACTS, pair[0]).payload)
    tell(said)
    found = retention.verify(envelope.sign(json.dumps(said).encode(), pair[0]), pair[1], now=NOW)
    assert (found.verdict, found.refused) == ("contradictory", True)
    assert part in {one.name for one in found.recomputed if not one.agrees}


@pytest.mark.parametrize(
    "tell",
    [
        lambda said: said["predicate"].update(extra=1),
        lambda said: said["predicate"].update(state="splendid"),
        lambda said: said["predicate"].pop("residuals"),
        lambda said: rule(said).update(rows=-1),
        lambda said: said.update(predicateType="x"),
    ],
)
def test_words_and_fields_that_nobody_knows_are_refused(
    pair: tuple[bytes, bytes], tell: Callable[[dict[str, Any]], Any]
) -> None:
    said = json.loads(retention.signed(FACTS, pair[0]).payload)
    tell(said)
    with pytest.raises(VerificationFailed):
        retention.verify(envelope.sign(json.dumps(said).encode(), pair[0]), pair[1], now=NOW)


@pytest.mark.parametrize("without", [{"tables": ()}, {"out_of_reach": ()}])
def test_facts_that_say_no_table_or_no_limit_are_not_signed(pair: tuple[bytes, bytes], without: dict[str, Any]) -> None:
    with pytest.raises(WrongUse):
        retention.signed(replace(FACTS, **without), pair[0])


def test_the_command_chooses_what_is_verified_and_names_the_other_way(pair: tuple[bytes, bytes], tmp_path: Path) -> None:
    record, key = tmp_path / "record.json", tmp_path / "key.pub"
    made = retention.signed(FACTS, pair[0])
    record.write_bytes(envelope.dump(made))
    key.write_bytes(pair[1])
    told = command.answer(command.Asked(record, (key,), retention=True), NOW)
    assert told.code == 0
    assert any("20 rows of before 2025-11-29 by seen_at, kept for 365 days" in line for line in told.lines)
    with pytest.raises(VerificationFailed, match="--retention"):
        verification.verify(made, pair[1])
    with pytest.raises(VerificationFailed, match="predicateType"):
        command.answer(command.Asked(record, (key,), proof=True), NOW)
    certificate = Path(__file__).parents[1] / "golden/certificate.json"
    with pytest.raises(VerificationFailed, match="without `--retention`"):
        command.answer(command.Asked(certificate, retention=True), NOW)
    with pytest.raises(WrongUse, match="one of them"):
        command.answer(command.Asked(record, proof=True, retention=True), NOW)
