"""The certificate of erasure: what was done and measured, as an in-toto Statement that a third party can check offline.

It never says "compliant". What is not known is said in words ("not recorded", "not asked"), never left out and never made up;
what is out of reach and what the certificate does not prove are never empty. People appear as keyed tokens only.
docs/certificate.md explains every block; `sign`, `add_signature` and `verify` make and check the envelope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

from unlearning.certificate import schema
from unlearning.certificate.envelope import add_signature, dump, read, sign
from unlearning.certificate.facts import (
    AS,
    DOES_NOT_PROVE,
    OTHERWISE,
    Absence,
    Action,
    Backup,
    CertificateFacts,
    Extension,
    Finding,
    Frame,
    Healed,
    Hold,
    Issuer,
    LedgerLink,
    Lineage,
    NotFoundFacts,
    OfModel,
    Promotion,
    Recipient,
    Scope,
    SearchedTable,
    Suppression,
    Table,
    Unlearning,
)
from unlearning.certificate.schema import NO_OWN_MODEL, NOT_NEEDED, PREDICATE_TYPE, STATEMENT_TYPE, camel
from unlearning.certificate.verification import Recomputation, Verification, verify
from unlearning.domain.chain import Trained
from unlearning.domain.codec import LEFT_OUT, write
from unlearning.domain.entities import CheckResult, ErasureRequest, ShardImpact
from unlearning.domain.errors import WrongUse
from unlearning.domain.hashing import canonical
from unlearning.domain.traces import Residual
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
    "Lineage",
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

_MAKES = ("trained", "registered", "notified")
"""Operations that put something where nothing was."""

_CREDENTIALS = re.compile(r"//[^/]*@")
"""`user:password@` in an address."""

_TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")


def statement(facts: CertificateFacts | NotFoundFacts) -> dict[str, Any]:
    """The certificate, unsigned, as plain values. Raises WrongUse for facts that may not be certified, VerificationFailed for
    what its schema does not know.
    """
    _check_frame(facts.frame)
    if isinstance(facts, NotFoundFacts):
        if not facts.searched:
            raise WrongUse("a certificate of not found names no searched data version; pass the versions that were searched")
        subjects, predicate = [data_subject(table.data) for table in facts.searched], _not_found(facts)
    else:
        if not facts.findings and not facts.residuals:
            raise WrongUse("nothing says what is left; pass the findings of a search after the deletion, or list residuals")
        if (facts.unlearning is None) != (facts.promotion is None):
            raise WrongUse("a certificate states training and promotion together, or that neither was needed; only one came")
        served = [*([facts.promotion] if facts.promotion else []), *(one.promotion for one in facts.others)]
        how = [*([facts.unlearning] if facts.unlearning else []), *(one.unlearning for one in facts.others)]
        second = [one.healed for one in how if isinstance(one.healed, Healed)]
        models = [_subject(f"models:/{one.new}", one.model_digest) for one in served]
        models += [_subject(f"models:/{one.new}", one.model_digest) for one in second]
        subjects = [*models, *(data_subject(table.after) for table in facts.tables)]
        if not subjects:
            raise WrongUse("a certificate of erasure names what changed; neither a table nor a model version came")
        predicate = _erased(facts)
    made = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    schema.check(made, schema.certificate(), "certificate")
    return made


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
        "validation": _checks(facts.validation),
        "verification": stated(facts.findings or None, "not searched again yet"),
        "residuals": stated(facts.left),
        "promotion": _promotion(facts.promotion) if facts.promotion else otherwise,
        "recipients": stated(facts.recipients),
        "backups": stated(facts.backups),
        **({"models": [_of_model(one) for one in facts.others]} if facts.others else {}),
    }


def _of_model(one: OfModel) -> dict[str, Any]:
    """What is stated of a further model, as it is of the first."""
    touched = one.touched
    return {
        "impact": {
            "shards": stated(touched.shards),
            "shardsTotal": touched.shards_total,
            "slicesTotal": touched.slices_total,
        },
        "unlearning": _unlearning(one.unlearning),
        "validation": _checks(one.validation),
        "promotion": _promotion(one.promotion),
    }


def _checks(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    return [{**_check(check), "value": stated(check.value, "not measured")} for check in results]


def _check(check: CheckResult) -> dict[str, Any]:
    """As it is; of what no floor was measured for, none is stated."""
    return {name: value for name, value in asdict(check).items() if name != "floor" or value is not None}


def _not_found(facts: NotFoundFacts) -> dict[str, Any]:
    return {
        **_frame(facts.frame, decision="not_found", state="not_found"),
        **_fields(facts),
        "nearest": stated(facts.nearest, "not looked for"),
        "residuals": stated(facts.left),
    }


def _frame(frame: Frame, *, decision: str, state: str) -> dict[str, Any]:
    return {
        "schema": schema.VERSION,
        "certificateId": frame.certificate_id,
        "issuedAt": stated(frame.issued_at),
        "validUntil": stated(frame.valid_until, "not limited"),
        "issuer": stated(frame.issuer),
        "decision": decision,
        "state": state,
        "requests": [_request(request, frame) for request in frame.requests],
        "scope": stated(frame.scope),
        "suppression": stated(frame.suppression),
        "chain": stated(frame.ledger),
        "doesNotProve": stated(frame.does_not_prove),
    }


def _request(request: ErasureRequest, frame: Frame) -> dict[str, Any]:
    holds = [_hold(one) for one in frame.holds if one.request_id == request.request_id]
    extension = next((one for one in frame.extensions if one.request_id == request.request_id), None)
    return {
        "reference": request.request_id,
        "token": request.token,
        "regulation": request.regulation,
        "receivedAt": stated(request.received_at),
        "dueAt": stated(request.due_at, "no deadline"),
        "group": request.group,
        "holds": holds or "none",
        "extension": stated(extension, "none"),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {**_fields(hold), "scope": stated(hold.scope, "these data sets" if hold.data else "not limited")}


def _impact(facts: CertificateFacts) -> dict[str, Any]:
    impact = facts.impact
    return {
        "records": impact.records,
        "people": len(impact.tokens),
        "dataVersions": len(impact.data_versions),
        "modelVersions": [f"{version.name}/{version.version}" for version in impact.model_versions],
        "children": stated(facts.children, "not searched"),
        "shards": stated(impact.shards),
        "shardsTotal": impact.shards_total,
        "slicesTotal": impact.slices_total,
        "checkpointsStale": len(impact.checkpoints_stale),
        "planDigest": stated(facts.plan_digest),
        "approvedBy": stated(facts.approved_by, "nobody: the policy asked no person" if facts.below else "not recorded"),
        **({"belowThresholds": stated(facts.below)} if facts.below else {}),
    }


def _action(action: Action) -> dict[str, Any]:
    before = stated(action.digest_before, "nothing was there" if action.operation in _MAKES else "not recorded")
    return {**_fields(action), "digestBefore": before}


def _unlearning(done: Unlearning) -> dict[str, Any]:
    return {
        "method": done.trained.method,
        "guarantee": done.trained.guarantee,
        "baseCheckpoint": stated(done.base_checkpoint, "an untrained model"),
        "recipe": done.chain_after.recipe,
        "seed": done.chain_after.seed,
        "parentData": stated(done.parent_data_digest),
        "codeDigest": stated(done.code_digest),
        "environmentDigest": stated(done.environment_digest),
        "constituents": _constituents(done.trained),
        "dropped": stated(done.trained.dropped),
        # Without the placement: with it, the shard that a person was in would say what the declared column says of them.
        "chainBefore": stated(replace(done.chain_before, placement=None)),
        "chainAfter": stated(replace(done.chain_after, placement=None)),
        "replay": _replay(done),
        **({"madeElsewhere": stated(done.made_elsewhere)} if done.made_elsewhere else {}),
        **({"behind": stated(done.behind)} if done.behind else {}),
        **({"healed": _healed(done.healed)} if done.healed else {}),
        **({"unprovenInARow": done.unproven_in_a_row} if done.unproven_in_a_row > 1 else {}),
    }


def _constituents(trained: Trained) -> list[dict[str, Any]]:
    return [{"shard": part.shard, "key": part.key, "digest": part.digest} for part in trained.parts]


def _healed(healed: Healed | str) -> Any:
    if isinstance(healed, str):
        return healed
    return {
        "to": str(healed.new),
        "modelDigest": healed.model_digest,
        "servedDigest": stated(healed.served_digest, "not read back"),
        "constituents": _constituents(healed.trained),
        "dropped": stated(healed.trained.dropped),
        "validation": _checks(healed.validation),
    }


def _replay(done: Unlearning) -> Any:
    if done.replay_equal is None:
        return "not asked"
    differs = {"differs": stated(done.replay_differs)} if done.replay_differs else {}
    return {"equal": done.replay_equal, "digest": stated(done.replay_digest), **differs}


def _table(table: Table) -> dict[str, Any]:
    return {
        "before": {**_data(table.before), "root": stated(table.root_before, "not committed")},
        "after": {**_data(table.after), "root": stated(table.root_after, "not committed")},
        "absence": stated(table.absences),
    }


def _data(data: DataVersion) -> dict[str, Any]:
    return {
        "path": data.path,
        "digest": data.digest,
        "dvcObject": data.object,
        "gitRevision": stated(data.rev, "not committed"),
        "rows": data.rows,
        "people": data.people,
    }


def _promotion(promotion: Promotion) -> dict[str, Any]:
    return {
        "registry": _CREDENTIALS.sub("//", promotion.registry),
        "alias": promotion.alias,
        "from": str(promotion.old) if promotion.old else "none",
        "to": str(promotion.new),
        "modelDigest": promotion.model_digest,
        "servedDigest": stated(promotion.served_digest, "not read back"),
    }


def _subject(name: str, digest: str, **more: object) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}, **more}


def data_subject(data: DataVersion) -> dict[str, Any]:
    """A data version as a subject of a statement."""
    return _subject(data.path, data.digest, annotations={"dvcObject": data.object})


def stated(value: Any, otherwise: str = "not recorded") -> Any:
    """A fact as the certificate states it: by its fields and what their metadata says; the words for not having one."""
    match value:
        case None:
            return otherwise
        case datetime():
            return _moment(value)
        case tuple():
            return [stated(item) for item in value]
        case DataVersion():
            return _data(value)
        case Residual() | ShardImpact():  # stated as the project stores them
            return write(value)
    return _fields(value) if is_dataclass(value) else value


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(value):
        if LEFT_OUT.items() <= one.metadata.items() and getattr(value, one.name) == one.default:
            continue
        if (key := one.metadata.get(AS, camel(one.name))) is not None:
            item, words = getattr(value, one.name), one.metadata.get(OTHERWISE)
            found[key] = words if words and item == () else stated(item, words or "not recorded")
    return found


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise WrongUse(f"{at.isoformat()} has no time zone; a certificate states moments in UTC")
    return at.astimezone(UTC).isoformat()
