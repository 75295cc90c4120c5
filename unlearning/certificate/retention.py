"""The record of a retirement: which rows left by which rule of age, what serves since, and what is left; signed.

It is about rows and names nobody, not even by token. `unlearn verify --retention` checks one; docs/certificate.md explains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from unlearning.certificate import schema, verification
from unlearning.certificate.document import Document, each
from unlearning.certificate.envelope import Envelope, Statement, sign, signers, statement_of
from unlearning.certificate.facts import DOES_NOT_PROVE, Issuer, LedgerLink, RetiredTable
from unlearning.certificate.statement import data_subject, stated
from unlearning.certificate.verification import Recomputation, Verification
from unlearning.domain import lifecycle
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.foreign import shown
from unlearning.domain.hashing import canonical
from unlearning.domain.traces import Residual, count_left
from unlearning.domain.versions import ModelVersion

NOT_PROVED = (
    *DOES_NOT_PROVE,
    "That the dates in the tables are true: a row is as old as its table says.",
)
"""What no such record shows."""


@dataclass(frozen=True, slots=True)
class RetirementFacts:
    """What a retirement did."""

    retirement_id: str
    issuer: Issuer
    planned_at: datetime
    issued_at: datetime
    tables: tuple[RetiredTable, ...]
    serving: tuple[ModelVersion, ...]
    """None of them learned from these rows, as far as the lineage tells."""
    removed: Mapping[str, int]
    """Place → how much was deleted there."""
    residuals: tuple[Residual, ...]
    out_of_reach: tuple[Residual, ...]
    """Never empty: a rule of age is asked of the tables that it names alone."""
    ledger: LedgerLink


def signed(facts: RetirementFacts, private_key_pem: bytes) -> Envelope:
    """The record, signed. Raises WrongUse for facts that may not be, VerificationFailed for what its schema does not know."""
    if not facts.tables or not facts.out_of_reach:
        raise WrongUse("a record of a retirement names the tables that lost rows, and what nobody could reach; one is missing")
    predicate = {
        "schema": schema.VERSION,
        "recordId": facts.retirement_id,
        "plannedAt": stated(facts.planned_at),
        "issuedAt": stated(facts.issued_at),
        "issuer": stated(facts.issuer),
        "state": lifecycle.end(len(facts.residuals)),
        "tables": stated(facts.tables),
        "serving": [str(one) for one in facts.serving],
        "removed": [{"place": place, "count": count} for place, count in sorted(facts.removed.items())],
        "residuals": stated(facts.residuals),
        "outOfReach": stated(facts.out_of_reach),
        "chain": stated(facts.ledger),
        "doesNotProve": stated(NOT_PROVED),
    }
    subjects = [data_subject(one.after) for one in facts.tables]
    fixed = {"_type": schema.STATEMENT_TYPE, "subject": subjects, "predicateType": schema.RETENTION_TYPE}
    made = {**fixed, "predicate": predicate}
    schema.check(made, schema.retention_statement(), "record")
    return sign(canonical(made), private_key_pem)


def verify(envelope: Envelope, *public_keys: bytes, now: datetime | None = None) -> Verification:
    """What such a record is worth; as `verification.verify` of a certificate.

    Raises VerificationFailed that names what is wrong when the file is no record, KeyFileError for an unusable key.
    """
    found = signers(envelope, public_keys)
    if found.others:
        return verification.invalid(found)
    statement = statement_of(envelope)
    predicate, signed = _predicate(statement), bool(public_keys)
    clock = verification.not_in_the_future(predicate, now)
    told, not_told = ([clock], ()) if isinstance(clock, Recomputation) else ([], (clock,))
    recomputed = [*_recompute(statement, predicate), *told, *verification.in_their_names(found)]
    agrees = all(one.agrees for one in recomputed)
    return Verification(
        signature="valid" if signed else "unchecked",
        signers=found.signers,
        claimed_keyids=found.claimed,
        grade=_grade(predicate, signed=signed),
        verdict="contradictory" if not agrees else "verified" if signed else "integrity only",
        subjects=tuple(f"{subject.name} sha256:{subject.digest}" for subject in statement.subjects),
        predicate=predicate.said,
        recomputed=tuple(recomputed),
        not_recomputed=(*_NEVER, *not_told),
    )


_NEVER = (
    "that these rows and no others were that old: `unlearn retire --dry-run` where the data lies says what is now",
    "that the ledger holds the events it names: `unlearn audit` at the issuer",
    "that the files behind the subjects have the stated digests: fetch and hash them",
    "that what serves never saw the rows: its own lineage says which data version it was trained on",
)


def _predicate(statement: Statement) -> Document:
    if (kind := statement.predicate_type) != schema.RETENTION_TYPE:
        other = "; a certificate is checked without `--retention`" if kind == schema.PREDICATE_TYPE else ""
        said = f"predicateType is {shown(repr(kind))}; expected {schema.RETENTION_TYPE!r}"
        raise VerificationFailed(f"{said}: this is no record of a retirement{other}")
    schema.check(statement.said, schema.retention_statement(), "record")
    return statement.predicate


def _grade(predicate: Document, *, signed: bool) -> str:
    who = "a record signed by the pinned key" if signed else "a record whose signature was not checked"
    tables = each(predicate["tables"])
    rows = sum(one["rule"]["rows"] for one in tables)
    still = f"; {count_left(count)}" if (count := len(predicate["residuals"])) else ""
    return f"{who}: {rows} rows of {len(tables)} tables left by a rule of age{still}"


def _recompute(statement: Statement, predicate: Document) -> Iterator[Recomputation]:
    tables = each(predicate["tables"])
    yield _all("counts", "rows before, less the rows that left, are the rows after", _uncounted(tables))
    yield _all("rules", "each table kept what its rule keeps, by the day it was planned", _unruled(predicate, tables))
    same = [(one.name, one.digest) for one in statement.subjects] == [
        (one["after"]["path"], one["after"]["digest"]) for one in tables
    ]
    yield Recomputation("subjects", same, "they are the tables without the rows" if same else "they are other tables")
    state = lifecycle.end(len(predicate["residuals"]))
    follows = state == predicate["state"]
    yield Recomputation("state", follows, f"what is left makes it {state}")
    frank = bool(predicate["outOfReach"]) and bool(predicate["doesNotProve"])
    yield Recomputation("limits", frank, "says what is out of reach and what it does not prove" if frank else "says no limits")
    yield _dates(predicate)


def _all(name: str, how: str, wrong: Iterator[str]) -> Recomputation:
    found = list(wrong)
    return Recomputation(name, not found, f"not so of {', '.join(found)}" if found else how)


def _uncounted(tables: Sequence[Document]) -> Iterator[str]:
    for one in tables:
        before, after, rule = one["before"], one["after"], one["rule"]
        whole = before["path"] == after["path"] and before["digest"] != after["digest"]
        if not whole or not 0 < rule["rows"] <= before["rows"] or before["rows"] - rule["rows"] != after["rows"]:
            yield str(before["path"])


def _unruled(predicate: Document, tables: Sequence[Document]) -> Iterator[str]:
    planned = datetime.fromisoformat(predicate["plannedAt"])
    for one in tables:
        rule, before = one["rule"], datetime.fromisoformat(one["rule"]["before"])
        midnight = planned.astimezone(before.tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)
        if before != midnight - timedelta(days=rule["afterDays"]):
            yield str(one["before"]["path"])


def _dates(predicate: Document) -> Recomputation:
    planned, issued = (datetime.fromisoformat(predicate[name]) for name in ("plannedAt", "issuedAt"))
    return Recomputation("dates", planned <= issued, "planned before it was issued" if planned <= issued else "out of order")


def lines(predicate: Mapping[str, Any]) -> Iterator[str]:
    """What it is, of which tables and when, in the words of the file."""
    yield f"record {predicate['recordId']}, issued {predicate['issuedAt']}, state {predicate['state']}"
    yield f"issuer {predicate['issuer']['name']} ({predicate['issuer']['role']})"
    for one in predicate["tables"]:
        rule = one["rule"]
        what = f"{rule['rows']} rows of before {rule['before'][:10]} by {rule['column']}"
        yield f"{one['before']['path']}: {what}, kept for {rule['afterDays']} days"
