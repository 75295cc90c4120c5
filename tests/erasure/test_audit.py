"""The ledger is tamper-evident: what is edited, removed, reordered or cut off is found, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.small_project import Project
from tests.stores.conftest import database_url, postgres_server, postgres_url  # noqa: F401
from unlearning.certificate import envelope
from unlearning.certificate import statement as certificate
from unlearning.domain.errors import KeyFileError, NotFound, VerificationFailed, WrongUse
from unlearning.domain.events import Unknown
from unlearning.domain.hashing import canonical, digest
from unlearning.domain.merkle import ordered_root
from unlearning.entrypoints.cli import main as unlearn
from unlearning.erasure import audit, countersign
from unlearning.erasure.audit import Note
from unlearning.stores.sql import database
from unlearning.stores.sql.ledger import GENESIS, SqlLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = 6


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:  # noqa: F811
    engine = database.connect(database_url, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> SqlLedger:
    made = SqlLedger(engine)
    for number in range(1, EVENTS + 1):
        made.append(f"subject-{number % 2}", Unknown("Counted", {"number": number}), at=NOON)
    return made


def change(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def noted(ledger: SqlLedger) -> Note:
    position, head = ledger.head()
    return Note("the tag of outcome/2", head, position)


TAMPERED = {
    "edited": (["UPDATE ledger_event SET body = '{\"number\":7}' WHERE seq = 3"], "event 3 .* was edited"),
    "backdated": (["UPDATE ledger_event SET at = '2025-01-01T00:00:00+00:00' WHERE seq = 2"], "event 2 .* was edited"),
    "removed": (["DELETE FROM ledger_event WHERE seq = 4"], "events 4 to 4 are missing"),
    "removed at the beginning": (["DELETE FROM ledger_event WHERE seq = 1"], "events 1 to 1 are missing"),
    "reordered": (
        [
            "UPDATE ledger_event SET seq = 100 WHERE seq = 2",
            "UPDATE ledger_event SET seq = 2 WHERE seq = 3",
            "UPDATE ledger_event SET seq = 3 WHERE seq = 100",
        ],
        "does not follow event",
    ),
    "no event any more": (["UPDATE ledger_event SET body = 'x' WHERE seq = 5"], "event 5 .* was edited"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_ledger_that_was_tampered_with_is_found_out(ledger: SqlLedger, engine: sa.Engine, how: str) -> None:
    statements, finding = TAMPERED[how]
    assert audit.check(ledger, [noted(ledger)]) == []

    change(engine, *statements)

    found = audit.check(ledger, [])
    assert any(re.search(finding, one) for one in found), found


def test_a_cut_at_the_end_is_seen_by_whoever_noted_the_head(ledger: SqlLedger, engine: sa.Engine) -> None:
    kept, only_hash = noted(ledger), Note("certificate c.json", ledger.head()[1])
    change(engine, f"DELETE FROM ledger_event WHERE seq >= {EVENTS - 1}")

    assert audit.check(ledger, []) == []
    [cut] = audit.check(ledger, [kept])
    assert cut == f"the ledger ends at event {EVENTS - 2}, but the tag of outcome/2 notes event {EVENTS}: it was cut off"
    [lost] = audit.check(ledger, [only_hash])
    assert "certificate c.json" in lost


def test_a_chain_written_anew_is_seen_by_whoever_noted_a_head(ledger: SqlLedger, engine: sa.Engine) -> None:
    kept = noted(ledger)
    previous, statements = GENESIS, []
    for seq in range(1, EVENTS + 1):
        body = {"number": 70 if seq == 3 else seq}
        sealed = digest([seq, NOON.isoformat(), "Counted", f"subject-{seq % 2}", body, previous])
        statements.append(
            f"UPDATE ledger_event SET body = '{canonical(body).decode()}', previous = '{previous}', hash = '{sealed}' "
            f"WHERE seq = {seq}"
        )
        previous = sealed
    change(engine, *statements)

    assert audit.check(ledger, []) == []
    [finding] = audit.check(ledger, [kept])
    assert f"event {EVENTS} is not the one that the tag of outcome/2 notes" in finding


def test_a_note_from_before_still_holds_when_the_ledger_has_grown(ledger: SqlLedger) -> None:
    kept = noted(ledger)
    ledger.append("later", Unknown("Counted", {}), at=NOON)
    assert audit.check(ledger, [kept, Note("a tag", kept.head)]) == []


def test_the_root_stands_for_every_event_in_its_order(ledger: SqlLedger, engine: sa.Engine) -> None:
    hashes = [bytes.fromhex(value) for _, value in ledger.hashes()]
    before = audit.root(ledger)
    assert before == ordered_root(hashes) != ordered_root(hashes[::-1])
    change(engine, "DELETE FROM ledger_event WHERE seq = 6")
    assert audit.root(ledger) == ordered_root(hashes[:-1]) != before


def test_the_root_of_two_leaves_is_what_rfc_6962_says() -> None:
    from hashlib import sha256

    leaves = [sha256(b"\x00" + one).digest() for one in (b"a" * 32, b"b" * 32)]
    assert ordered_root([b"a" * 32, b"b" * 32]) == sha256(b"\x01" + leaves[0] + leaves[1]).hexdigest()
    assert ordered_root([]) == sha256().hexdigest()


@pytest.mark.parametrize("text", ["", "7", "7:abc", f"x:{'a' * 64}", f"7:{'g' * 64}"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="POSITION:HASH"):
        audit.parse(text)


# --- a whole project ------------------------------------------------------------------------------------------------


@pytest.fixture
def erased(erased_project: Project) -> Project:
    """A project in which one person was erased."""
    return erased_project


def tamper(project: Project, statement: str) -> None:
    with closing(sqlite3.connect(project.root / ".unlearning/ledger.db")) as connection, connection:
        connection.execute(statement)


def certificates(project: Project) -> list[Path]:
    return sorted((project.root / ".unlearning/certificates").glob("*.json"))


def test_an_untouched_ledger_agrees_with_its_tags_and_certificates(erased: Project) -> None:
    report = audit.audit(erased.workspace)
    assert report.findings == ()
    assert report.intact is True
    assert report.events == len(erased.events())
    assert any("unlearning.ledger_head of outcome/2" in where for where in report.notes)
    assert any(where.startswith("certificate erasure-") for where in report.notes)


def test_events_cut_off_after_a_certificate_are_missed_by_its_version(erased: Project) -> None:
    issued = next(event for event in erased.events() if event.kind == "Purged")
    tamper(erased, f"DELETE FROM ledger_event WHERE seq >= {issued.seq}")

    findings = audit.audit(erased.workspace).findings

    assert any("outcome/2" in finding for finding in findings)
    assert any("it was cut off" in finding and "certificate" in finding for finding in findings)


def test_what_came_after_the_last_certificate_is_kept_by_a_note(erased: Project) -> None:
    erased.request("somebody else")
    audit.note(erased.workspace)
    assert audit.audit(erased.workspace).intact is True
    tamper(erased, f"DELETE FROM ledger_event WHERE seq > {len(erased.events()) - 2}")

    assert any(audit.NOTED in finding for finding in audit.audit(erased.workspace).findings)


def test_a_changed_projection_is_named_by_unlearn_audit_and_commands_refuse_until_it_is_rebuilt(erased: Project) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(unlearn, [*arguments, "--root", str(erased.root)])

    [request] = erased.workspace.ledger.state().requests.values()
    tamper(erased, "UPDATE ledger_group SET state = 'suppressed'")
    told = run("audit")
    assert (told.exit_code, f"ledger_group of {request.request_id} has another state" in told.output) == (1, True)
    refused = run("status", request.request_id)
    assert (refused.exit_code, "unlearn audit --rebuild" in refused.output) == (1, True)
    assert run("audit", "--rebuild").exit_code == 0
    assert (run("audit").exit_code, f"  {request.state}" in run("status").output) == (0, True)

    tamper(erased, "UPDATE ledger_event SET at = '2025-01-01T00:00:00+00:00' WHERE seq = 2")
    again = run("audit", "--rebuild")
    assert (again.exit_code, "the projection was left as it is" in again.output) == (1, True)


def test_a_head_that_somebody_kept_is_compared(erased: Project) -> None:
    position, head = erased.workspace.ledger.head()
    assert audit.audit(erased.workspace, [audit.parse(f"{position}:{head}")]).intact is True
    other = audit.parse(f"{position}:{'0' * 64}")
    assert "the head you gave" in audit.audit(erased.workspace, [other]).findings[0]


def test_a_certificate_that_was_changed_or_removed_is_named(erased: Project) -> None:
    [file] = certificates(erased)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content))
    # An envelope is written in one way: another spelling of the same signed bytes is no change of the certificate.
    assert audit.audit(erased.workspace).findings == ()
    content["signatures"][0]["sig"] = content["signatures"][0]["sig"][::-1].lstrip("=") + "=="
    file.write_text(json.dumps(content))
    assert any(file.name in finding for finding in audit.audit(erased.workspace).findings)
    file.unlink()
    assert any("is gone" in finding for finding in audit.audit(erased.workspace).findings)


# --- several signatures ---------------------------------------------------------------------------------------------


PUBLIC = ".unlearning/keys/signing.pub"


def officer(folder: Path) -> tuple[Path, bytes]:
    private = Ed25519PrivateKey.from_private_bytes(b"o" * 32).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "officer.pem").touch(mode=0o600)
    (folder / "officer.pem").write_bytes(private)
    return folder / "officer.pem", envelope.public_key(private)


def test_an_officer_signs_too_and_both_keys_verify(erased: Project, tmp_path: Path) -> None:
    [file], (key, public) = certificates(erased), officer(tmp_path)

    ids = countersign.countersign(file, key, operator=erased.root / PUBLIC).signers

    operator = erased.workspace.keys.public
    signed = certificate.read(file.read_bytes())
    assert ids == (envelope.public_key_id(operator), envelope.public_key_id(public))
    for one, other in ((operator, ids[1]), (public, ids[0])):
        found = certificate.verify(signed, one)
        assert (found.verdict, found.claimed_keyids) == ("verified", (other,))
    assert audit.audit(erased.workspace).findings == ()
    assert ids[1] in file.with_suffix(".html").read_text()


def test_a_key_that_others_can_read_signs_nothing(erased: Project, tmp_path: Path) -> None:
    [file], (key, _) = certificates(erased), officer(tmp_path)
    before = file.read_bytes()
    key.chmod(0o644)
    with pytest.raises(KeyFileError, match="can be read by others"):
        countersign.countersign(file, key, operator=erased.root / PUBLIC)
    with pytest.raises(NotFound, match="does not exist"):
        countersign.countersign(file, tmp_path / "nowhere.pem", operator=erased.root / PUBLIC)
    assert file.read_bytes() == before


def test_nobody_signs_twice_or_signs_what_contradicts_itself(erased: Project, tmp_path: Path) -> None:
    [file], (key, _) = certificates(erased), officer(tmp_path)
    countersign.countersign(file, key, operator=erased.root / PUBLIC)
    with pytest.raises(WrongUse, match="already holds"):
        countersign.countersign(file, key, operator=erased.root / PUBLIC)
    statement = json.loads(certificate.read(file.read_bytes()).payload)
    statement["predicate"]["requests"][0]["dueAt"] = "2001-01-01T00:00:00+00:00"
    file.write_bytes(certificate.dump(certificate.sign(certificate.encode(statement), erased.workspace.keys.signing)))
    with pytest.raises(VerificationFailed, match="is contradictory under the operator's key"):
        countersign.countersign(file, key, operator=erased.root / PUBLIC)
