"""The certificate of erasure: what was done and measured, as an in-toto Statement that a third party can check offline.

It never says "compliant". What is not known is said in words ("not recorded", "not asked"), never left out and never made up;
what is out of reach and what the certificate does not prove are never empty. People appear as keyed tokens only.
docs/certificate.md explains every block; `sign`, `add_signature` and `verify` make and check the envelope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from unlearning.certificate.envelope import STATEMENT_TYPE, add_signature, dump, read, sign
from unlearning.certificate.facts import (
    DOES_NOT_PROVE,
    Absence,
    Action,
    Backup,
    CertificateFacts,
    Extension,
    Finding,
    Frame,
    Hold,
    Issuer,
    LedgerLink,
    NotFoundFacts,
    Promotion,
    Recipient,
    Scope,
    SearchedTable,
    Suppression,
    Table,
    Unlearning,
)
from unlearning.certificate.verification import PREDICATE_TYPE, Recomputation, Verification, verify
from unlearning.domain.chain import Chain
from unlearning.domain.entities import CheckResult, ErasureRequest, plain
from unlearning.domain.errors import WrongUse
from unlearning.domain.hashing import canonical
from unlearning.domain.versions import DataVersion

__all__ = [
    "DOES_NOT_PROVE",
    "PREDICATE_TYPE",
    "Absence",
    "Action",
    "Backup",
    "CertificateFacts",
    "Extension",
    "Finding",
    "Frame",
    "Hold",
    "Issuer",
    "LedgerLink",
    "NotFoundFacts",
    "Promotion",
    "Recipient",
    "Recomputation",
    "Scope",
    "SearchedTable",
    "Suppression",
    "Table",
    "Unlearning",
    "Verification",
    "add_signature",
    "dump",
    "encode",
    "read",
    "sign",
    "statement",
    "verify",
]

SCHEMA = "1.0"

NOT_NEEDED = "not needed: none of the people shaped the model that serves"
"""Where a certificate would state a training or a promotion."""

NO_OWN_MODEL = "not stated: this project trains no model of its own; what became of adopted models is among the actions"
"""The same, where every model is adopted."""

_MAKES = ("trained", "registered", "notified")
"""Operations that put something where nothing was."""

_CREDENTIALS = re.compile(r"//[^/]*@")
"""`user:password@` in an address."""

_TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")


def statement(facts: CertificateFacts | NotFoundFacts) -> dict[str, Any]:
    """The certificate, unsigned, as plain values. Raises WrongUse for facts that may not be certified."""
    _check_frame(facts.frame)
    if isinstance(facts, NotFoundFacts):
        if not facts.searched:
            raise WrongUse("a certificate of not found names no searched data version; pass the versions that were searched")
        subjects, predicate = [_data_subject(table.data) for table in facts.searched], _not_found(facts)
    else:
        if not facts.findings and not facts.residuals:
            raise WrongUse("nothing says what is left; pass the findings of a search after the deletion, or list residuals")
        if (facts.unlearning is None) != (facts.promotion is None):
            raise WrongUse("a certificate states training and promotion together, or that neither was needed; only one came")
        models = [_model_subject(facts.promotion)] if facts.promotion else []
        subjects = [*models, *(_data_subject(table.after) for table in facts.tables)]
        if not subjects:
            raise WrongUse("a certificate of erasure names what changed; neither a table nor a model version came")
        predicate = _erased(facts)
    return {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}


def encode(document: Mapping[str, Any]) -> bytes:
    """The statement as the bytes to sign; the same bytes for the same facts."""
    return canonical(document)


def _check_frame(frame: Frame) -> None:
    if not frame.scope.out_of_reach or any(item.outcome != "out_of_reach" for item in frame.scope.out_of_reach):
        raise WrongUse("outOfReach is empty or holds something within reach; name what nobody could reach, such as backups")
    if not frame.does_not_prove or not all(text.strip() for text in frame.does_not_prove):
        raise WrongUse("doesNotProve is empty; say what the certificate does not show, such as DOES_NOT_PROVE")
    if not frame.requests:
        raise WrongUse("a certificate answers at least one request; none came")
    if not all(_TOKEN.fullmatch(request.token) for request in frame.requests):
        raise WrongUse("a request carries no keyed token (32 or 64 hex digits); raw identifiers never go into a certificate")


def _erased(facts: CertificateFacts) -> dict[str, Any]:
    otherwise = NOT_NEEDED if facts.trains_own else NO_OWN_MODEL
    return {
        **_frame(facts.frame, decision="erased", state=facts.state),
        "impact": _impact(facts),
        "actions": [_action(action) for action in facts.actions],
        "tables": [_table(table) for table in facts.tables],
        "unlearning": _unlearning(facts.unlearning) if facts.unlearning else otherwise,
        "validation": [_validated(check) for check in facts.validation],
        "verification": _said([_finding(finding) for finding in facts.findings], "not searched again yet"),
        "residuals": [plain(residual) for residual in facts.residuals],
        "promotion": _promotion(facts.promotion) if facts.promotion else otherwise,
        "recipients": [{"name": one.name, "notifiedAt": _moment(one.notified_at)} for one in facts.recipients],
        "backups": [{"name": one.name, "expiresAt": _said(_moment(one.expires_at))} for one in facts.backups],
    }


def _not_found(facts: NotFoundFacts) -> dict[str, Any]:
    searched = [
        {"data": _data(table.data), "root": _said(table.root, "not committed"), "absence": _absences(table.absences)}
        for table in facts.searched
    ]
    return {**_frame(facts.frame, decision="not_found", state="not_found"), "searched": searched}


def _frame(frame: Frame, *, decision: str, state: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "certificateId": frame.certificate_id,
        "issuedAt": _moment(frame.issued_at),
        "validUntil": _said(_moment(frame.valid_until), "not limited"),
        "issuer": _issuer(frame.issuer),
        "decision": decision,
        "state": state,
        "requests": [_request(request, frame) for request in frame.requests],
        "scope": _scope(frame.scope),
        "suppression": _suppression(frame.suppression),
        "chain": {"position": frame.ledger.position, "previous": frame.ledger.previous, "head": frame.ledger.head},
        "doesNotProve": list(frame.does_not_prove),
    }


def _issuer(issuer: Issuer) -> dict[str, Any]:
    return {
        "name": issuer.name,
        "role": issuer.role,
        "tool": issuer.tool,
        "version": issuer.version,
        "codeDigest": _said(issuer.code_digest),
    }


def _request(request: ErasureRequest, frame: Frame) -> dict[str, Any]:
    return {
        "reference": request.request_id,
        "token": request.token,
        "regulation": request.regulation,
        "receivedAt": _moment(request.received_at),
        "dueAt": _said(_moment(request.due_at), "no deadline"),
        "group": request.group,
        "holds": _said([_hold(one) for one in frame.holds if one.request_id == request.request_id], "none"),
        "extension": next((_extension(one) for one in frame.extensions if one.request_id == request.request_id), "none"),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {
        "heldAt": _moment(hold.held_at),
        "reason": hold.reason,
        "scope": _said(hold.scope, "these data sets" if hold.data else "not limited"),
        "dataSets": _said(list(hold.data), "all"),
        "until": _said(_moment(hold.until), "until released"),
        "releasedAt": _said(_moment(hold.released_at), "not released"),
        "releasedBecause": _said(hold.released_because, "not released"),
    }


def _extension(extension: Extension) -> dict[str, Any]:
    return {"extendedAt": _moment(extension.extended_at), "dueAt": _moment(extension.due_at), "reason": extension.reason}


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "systems": list(scope.systems),
        "lineage": {"indexed": _said(scope.versions_indexed), "known": _said(scope.versions_known)},
        "gaps": list(scope.gaps),
        "outOfReach": [plain(item) for item in scope.out_of_reach],
    }


def _suppression(suppression: Suppression | None) -> Any:
    if suppression is None:
        return "not recorded"
    commitment, size = _said(suppression.commitment, "not committed"), _said(suppression.size)
    return {"since": _moment(suppression.since), "commitment": commitment, "size": size}


def _impact(facts: CertificateFacts) -> dict[str, Any]:
    impact = facts.impact
    return {
        "records": impact.records,
        "people": len(impact.tokens),
        "dataVersions": len(impact.data_versions),
        "modelVersions": [f"{version.name}/{version.version}" for version in impact.model_versions],
        "children": _said(facts.children, "not searched"),
        "shards": [plain(shard) for shard in impact.shards],
        "shardsTotal": impact.shards_total,
        "slicesTotal": impact.slices_total,
        "checkpointsStale": len(impact.checkpoints_stale),
        "planDigest": _said(facts.plan_digest),
        "approvedBy": _said(facts.approved_by),
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "target": action.target,
        "operation": action.operation,
        "digestBefore": _said(action.digest_before, "nothing was there" if action.operation in _MAKES else "not recorded"),
        "startedAt": _moment(action.started_at),
        "finishedAt": _moment(action.finished_at),
        "result": action.result,
    }


def _unlearning(done: Unlearning) -> dict[str, Any]:
    return {
        "method": done.trained.method,
        "guarantee": done.trained.guarantee,
        "baseCheckpoint": _said(done.base_checkpoint, "an untrained model"),
        "recipe": done.chain_after.recipe,
        "seed": done.chain_after.seed,
        "parentData": _said(done.parent_data_digest),
        "codeDigest": _said(done.code_digest),
        "environmentDigest": _said(done.environment_digest),
        "constituents": [{"shard": part.shard, "key": part.key, "digest": part.digest} for part in done.trained.parts],
        "dropped": list(done.trained.dropped),
        "chainBefore": _chain(done.chain_before),
        "chainAfter": _chain(done.chain_after),
        "replay": _replay(done),
    }


def _chain(chain: Chain) -> dict[str, Any]:
    return {"recipe": chain.recipe, "seed": chain.seed, "shards": [plain(shard) for shard in chain.shards]}


def _table(table: Table) -> dict[str, Any]:
    return {
        "before": {**_data(table.before), "root": _said(table.root_before, "not committed")},
        "after": {**_data(table.after), "root": _said(table.root_after, "not committed")},
        "absence": _absences(table.absences),
    }


def _data(data: DataVersion) -> dict[str, Any]:
    return {
        "path": data.path,
        "digest": data.digest,
        "dvcObject": data.object,
        "gitRevision": _said(data.rev, "not committed"),
        "rows": data.rows,
        "people": data.people,
    }


def _absences(absences: Iterable[Absence]) -> list[dict[str, Any]]:
    return [{"token": absence.token, "proof": absence.proof.plain()} for absence in absences]


def _replay(done: Unlearning) -> Any:
    if done.replay_equal is None:
        return "not asked"
    return {"equal": done.replay_equal, "digest": _said(done.replay_digest)}


def _validated(check: CheckResult) -> dict[str, Any]:
    return {
        "name": check.name,
        "value": _said(check.value, "not measured"),
        "threshold": check.threshold,
        "verdict": check.verdict,
        "how": check.how,
        "details": plain(check.details),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "place": finding.place,
        "level": finding.level,
        "outcome": finding.outcome,
        "how": finding.how,
        "count": _said(finding.count, "not counted"),
        "at": _moment(finding.at),
    }


def _promotion(promotion: Promotion) -> dict[str, Any]:
    return {
        "registry": _CREDENTIALS.sub("//", promotion.registry),
        "alias": promotion.alias,
        "from": str(promotion.old) if promotion.old else "none",
        "to": str(promotion.new),
        "modelDigest": promotion.model_digest,
        "servedDigest": _said(promotion.served_digest, "not read back"),
    }


def _model_subject(promotion: Promotion) -> dict[str, Any]:
    return {"name": f"models:/{promotion.new}", "digest": {"sha256": promotion.model_digest}}


def _data_subject(data: DataVersion) -> dict[str, Any]:
    return {"name": data.path, "digest": {"sha256": data.digest}, "annotations": {"dvcObject": data.object}}


def _moment(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise WrongUse(f"{at.isoformat()} has no time zone; a certificate states moments in UTC")
    return at.astimezone(UTC).isoformat()


def _said(value: Any, otherwise: str = "not recorded") -> Any:
    """The value, or the words for not having one."""
    return otherwise if value is None or value == [] else value
