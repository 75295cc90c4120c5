"""The JSON Schemas of certificates and membership proofs, made from the facts and the words that the code itself has.

Issuing and verifying ask the same schema, and `docs/schemas/` publishes it: what is not here is known nowhere.
A new field of `facts.py` is in the schema by itself, by its type and its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from unlearning.certificate import facts
from unlearning.certificate.facts import AS, FORM, LATER, OTHERWISE
from unlearning.certificate.shapes import Misfit, Shape, misfits
from unlearning.domain import merkle
from unlearning.domain.codec import LEFT_OUT
from unlearning.domain.entities import Regulation, ShardImpact, Verdict
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.hashing import KINDS
from unlearning.domain.spellings import DIFFERENCES
from unlearning.domain.traces import OPEN, Residual
from unlearning.domain.versions import DataVersion

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RETENTION_TYPE = "https://pypi.org/project/mlflow-unlearning/retention-record/v1"
PREDICATE_TYPE = "https://pypi.org/project/mlflow-unlearning/erasure-certificate/v1"
PROOF_TYPE = "https://pypi.org/project/mlflow-unlearning/membership-proof/v1"
PROOF_FORMAT = "unlearning/membership-proof/1"
VERSION = "1.0"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

NOT_NEEDED = "not needed: none of the people shaped the model that serves"
"""Where a certificate would state a training or a promotion."""
NO_OWN_MODEL = "not stated: this project trains no model of its own; what became of adopted models is among the actions"
"""The same, where every model is adopted."""


# --- words and numbers ----------------------------------------------------------------------------------------------

TEXT: Shape = {"type": "string"}
NAME: Shape = {"type": "string", "minLength": 1}
NUMBER: Shape = {"type": "number"}
NOTHING: Shape = {"type": "null"}
TRUTH: Shape = {"type": "boolean"}
_NAMED: Mapping[str, Shape] = {
    # Up to what every reader of JSON reads exactly.
    "count": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1, "title": "a whole number from 0"},
    "seed": {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1, "title": "a seed of 64 bits"},
    "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$", "title": "64 hex digits"},
    "token": {"type": "string", "pattern": "^([0-9a-f]{32}|[0-9a-f]{64})$", "title": "the 32 or 64 hex digits of a token"},
    "commit": {"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$", "title": "a Git commit"},
    "moment": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
        "title": "a moment as RFC 3339 writes it",
    },
    "guarantee": {
        "type": "string",
        "pattern": r"^(exact|empirical|certified \(ε=[0-9.e+-]+, δ=[0-9.e+-]+\))$",
        "title": "exact, empirical or certified (ε=…, δ=…)",
    },
    "identifier": {
        "type": "string",
        "pattern": f"^({'|'.join(KINDS)})(/({'|'.join(KINDS)}))*$",
        "title": f"{', '.join(KINDS)}, or several with / between them",
    },
}
COUNT, SEED, HASH, TOKEN, COMMIT, MOMENT, GUARANTEE, KIND = ({"$ref": f"#/$defs/{name}"} for name in _NAMED)
_FORMS: Mapping[str, Shape] = {"hash": HASH, "token": TOKEN}
_PLAIN: Mapping[Any, Shape] = {str: TEXT, int: COUNT, float: NUMBER, bool: TRUTH, datetime: MOMENT, NoneType: NOTHING}


def _words(*allowed: str) -> Shape:
    return {"enum": list(allowed)}


def _either(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


def _list(of: Shape, least: int = 0) -> Shape:
    return {"type": "array", "items": of, **({"minItems": least} if least else {})}


def _object(properties: Mapping[str, Shape], *, optional: frozenset[str] = frozenset()) -> Shape:
    """An object with these fields and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _map(of: Shape) -> Shape:
    return {"type": "object", "additionalProperties": of}


# --- facts, by their types ------------------------------------------------------------------------------------------


def _stated(kind: Any) -> Shape:
    """How `statement.py` states such a fact: under its name in camel case, or words where there is none."""
    hints, found, later = get_type_hints(kind), dict[str, Shape](), set[str]()
    for one in fields(kind):
        key = one.metadata.get(AS, camel(one.name))
        if key is None:
            continue
        form, words = one.metadata.get(FORM), one.metadata.get(OTHERWISE)
        shape = _of(hints[one.name], str(words or "not recorded"), _FORMS.get(str(form)))
        found[key] = _either({**shape, "minItems": 1}, _words(words)) if words and shape.get("type") == "array" else shape
        if LATER.items() <= one.metadata.items():
            later.add(key)
    return _object(found, optional=frozenset(later))


def _stored(kind: Any) -> Shape:
    """How the codec writes such a value: under its own names, and null where there is nothing."""
    hints = get_type_hints(kind)
    left_out = frozenset(one.name for one in fields(kind) if LEFT_OUT.items() <= one.metadata.items())
    return _object({one.name: _of(hints[one.name], None) for one in fields(kind)}, optional=left_out)


def _of(hint: Any, otherwise: str | None, form: Shape | None = None) -> Shape:
    """The shape of a type. otherwise: the words for None."""
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        return _words(*inner)
    if get_origin(hint) is tuple:
        return _list(_of(inner[0], otherwise))
    if NoneType in inner:
        there = [_of(one, otherwise, form) for one in inner if one is not NoneType]
        return _either(*there, NOTHING if otherwise is None else _words(otherwise))
    if is_dataclass(hint):
        return _stored(hint) if hint in (Residual, ShardImpact) else _PARTS[hint]() if hint in _PARTS else _stated(hint)
    return form or _PLAIN[hint]


def camel(name: str) -> str:
    """A field's name as a certificate writes it."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


# --- the certificate ------------------------------------------------------------------------------------------------


def _data(**more: Shape) -> Shape:
    known = {"path": NAME, "digest": HASH, "dvcObject": NAME, "gitRevision": _either(COMMIT, _words("not committed"))}
    return _object({**known, "rows": COUNT, "people": COUNT, **more})


def _proof() -> Shape:
    leaf = _object({"index": COUNT, "token": TOKEN, "path": _list(HASH)})
    return _object({"kind": _words(*get_args(merkle.Kind)), "size": COUNT, "leaves": _list(leaf)})


_PARTS: Mapping[Any, Any] = {DataVersion: _data, merkle.Proof: _proof}
"""Types that are stated in a way of their own."""


def _request() -> Shape:
    known: dict[str, Shape] = {
        "reference": NAME,
        "token": TOKEN,
        "regulation": _words(*get_args(Regulation)),
        "receivedAt": MOMENT,
        "dueAt": _either(MOMENT, _words("no deadline")),
        "group": NAME,
        "holds": _either(_list(_stated(facts.Hold), 1), _words("none")),
        "extension": _either(_stated(facts.Extension), _words("none")),
    }
    return _object(known, optional=frozenset({"holds", "extension"}))


def _frame(decision: str, states: tuple[str, ...], more: Mapping[str, Shape], optional: frozenset[str]) -> Shape:
    scope = _stated(facts.Scope)
    beyond = _out_of(scope["properties"]["outOfReach"]["items"], "out_of_reach")
    known: dict[str, Shape] = {
        "schema": _words(VERSION),
        "certificateId": NAME,
        "issuedAt": MOMENT,
        "validUntil": _either(MOMENT, _words("not limited")),
        "issuer": _stated(facts.Issuer),
        "decision": _words(decision),
        "state": _words(*states),
        "requests": _list(_request(), 1),
        "scope": {**scope, "properties": {**scope["properties"], "outOfReach": _list(beyond)}},
        "suppression": _either(_stated(facts.Suppression), _words("not recorded")),
        "chain": _stated(facts.LedgerLink),
        "doesNotProve": _list(NAME),
    }
    return _object({**known, **more}, optional=optional)


def _out_of(residual: Shape, *outcomes: str) -> Shape:
    return {**residual, "properties": {**residual["properties"], "outcome": _words(*outcomes)}}


def _not_found() -> Shape:
    own = _stated(facts.NotFoundFacts)
    optional = frozenset(own["properties"]) - frozenset(own["required"])
    searched = {**own["properties"], "searched": {**own["properties"]["searched"], "minItems": 1}}
    left = {"residuals": _list(_out_of(_stored(Residual), *OPEN))}
    return _frame("not_found", ("not_found",), {**searched, **left}, optional | left.keys())


def _erased() -> Shape:
    otherwise, committed = _words(NOT_NEEDED, NO_OWN_MODEL), _either(HASH, _words("not committed"))
    table = {"before": _data(root=committed), "after": _data(root=committed), "absence": _list(_stated(facts.Absence))}
    more: dict[str, Shape] = {
        "impact": _impact(),
        "actions": _list(_action()),
        "tables": _list(_object(table)),
        "unlearning": _either(_unlearning(), otherwise),
        "validation": _list(_check()),
        "verification": _either(_list(_stated(facts.Finding), 1), _words("not searched again yet")),
        "residuals": _list(_out_of(_stored(Residual), *OPEN)),
        "promotion": _either(_promotion(), otherwise),
        "recipients": _list(_stated(facts.Recipient)),
        "backups": _list(_stated(facts.Backup)),
        "models": _list(_of_model(), 1),
    }
    return _frame("erased", ("completed", "completed_with_residuals"), more, frozenset({"recipients", "backups", "models"}))


def _of_model() -> Shape:
    touched = _object({"shards": _list(_stored(ShardImpact)), "shardsTotal": COUNT, "slicesTotal": COUNT})
    return _object({"impact": touched, "unlearning": _unlearning(), "validation": _list(_check()), "promotion": _promotion()})


def _impact() -> Shape:
    return _object(
        {
            "records": COUNT,
            "people": COUNT,
            "dataVersions": COUNT,
            "modelVersions": _list(NAME),
            "children": _either(COUNT, _words("not searched")),
            "shards": _list(_stored(ShardImpact)),
            "shardsTotal": COUNT,
            "slicesTotal": COUNT,
            "checkpointsStale": COUNT,
            "planDigest": _either(HASH, _words("not recorded")),
            "approvedBy": TEXT,
            "belowThresholds": _list(_stated(facts.Below)),
        },
        optional=frozenset({"belowThresholds"}),
    )


def _action() -> Shape:
    action = _stated(facts.Action)
    before = _either(HASH, _words("nothing was there", "not recorded"))
    return {**action, "properties": {**action["properties"], "digestBefore": before}}


def _check() -> Shape:
    details = _map(_either(TEXT, NUMBER, TRUTH, NOTHING))
    value = _either(NUMBER, _words("not measured"))
    return _object(
        {
            "name": NAME,
            "value": value,
            "threshold": TEXT,
            "verdict": _words(*get_args(Verdict)),
            "how": TEXT,
            "details": details,
            "floor": NUMBER,
        },
        optional=frozenset({"floor"}),
    )


def _unlearning() -> Shape:
    shard = _object({"shard": COUNT, "keys": _list(HASH, 1), "rows": _list(COUNT)})
    known = {"recipe": HASH, "seed": SEED, "shards": _list(shard), "membersOfPerson": COUNT}
    chain = _object(known, optional=frozenset({"membersOfPerson"}))
    recorded = _either(HASH, _words("not recorded"))
    differs = _list(TEXT, 1)
    replay = _object({"equal": TRUTH, "digest": recorded, "differs": differs}, optional=frozenset({"differs"}))
    return _object(
        {
            "method": NAME,
            "guarantee": GUARANTEE,
            "baseCheckpoint": _either(HASH, _words("an untrained model")),
            "recipe": HASH,
            "seed": SEED,
            "parentData": recorded,
            "codeDigest": recorded,
            "environmentDigest": recorded,
            "constituents": _list(_constituent()),
            "dropped": _list(COUNT),
            "chainBefore": chain,
            "chainAfter": chain,
            "replay": _either(replay, _words("not asked")),
            "madeElsewhere": _list(_object({"shards": _list(COUNT, 1), "differs": differs}), 1),
            "behind": _list(_stated(facts.Behind), 1),
            "healed": _either(_healed(), TEXT),
            "unprovenInARow": COUNT,
        },
        optional=frozenset({"madeElsewhere", "behind", "healed", "unprovenInARow"}),
    )


def _constituent() -> Shape:
    return _object({"shard": COUNT, "key": HASH, "digest": HASH})


def _healed() -> Shape:
    return _object(
        {
            "to": NAME,
            "modelDigest": HASH,
            "servedDigest": _either(HASH, _words("not read back")),
            "constituents": _list(_constituent()),
            "dropped": _list(COUNT),
            "validation": _list(_check()),
        }
    )


def _promotion() -> Shape:
    names = dict.fromkeys(("registry", "alias", "from", "to"), NAME)
    return _object({**names, "modelDigest": HASH, "servedDigest": _either(HASH, _words("not read back"))})


def _statement(predicate_type: str, predicate: Shape) -> Shape:
    subject = _object(
        {"name": NAME, "digest": _object({"sha256": HASH}), "annotations": _object({"dvcObject": NAME})},
        optional=frozenset({"annotations"}),
    )
    fixed = {"_type": _words(STATEMENT_TYPE), "subject": _list(subject, 1), "predicateType": _words(predicate_type)}
    return _object({**fixed, "predicate": predicate})


# --- what is published and asked ------------------------------------------------------------------------------------


@cache
def certificate() -> Shape:
    """The signed statement of a certificate."""
    parts = {"erased": _erased(), "not_found": _not_found()}
    either = _either(*({"$ref": f"#/$defs/{name}"} for name in parts))
    return _published("erasure-certificate-v1", _statement(PREDICATE_TYPE, either), parts)


@cache
def proof() -> Shape:
    """A membership proof as `unlearn prove` writes it; signed, it is the predicate of a statement."""
    return _published("membership-proof-v1", _membership())


@cache
def proof_statement() -> Shape:
    """The signed statement of a membership proof."""
    return {**_statement(PROOF_TYPE, _membership()), "$defs": dict(_NAMED)}


def _membership() -> Shape:
    version = {"path": NAME, "digest": HASH, "object": NAME, "rev": _either(COMMIT, NOTHING), "rows": COUNT, "people": COUNT}
    return _object(
        {
            "format": _words(PROOF_FORMAT),
            "kind": _words(*get_args(merkle.Kind)),
            "token": TOKEN,
            "root": HASH,
            "proof": _proof(),
            "data_version": _object(version),
            "subject_column": NAME,
            "identifier": KIND,
            "key": _object({"id": NAME, "origin": _words("environment", "file", "one-off")}),
            "nearest": _list(_words(*DIFFERENCES)),
        },
        optional=frozenset({"nearest"}),
    )


@cache
def retention_statement() -> Shape:
    """The signed statement of a record of a retirement."""
    known: dict[str, Shape] = {
        "schema": _words(VERSION),
        "recordId": NAME,
        "plannedAt": MOMENT,
        "issuedAt": MOMENT,
        "issuer": _stated(facts.Issuer),
        "state": _words("completed", "completed_with_residuals"),
        "tables": _list(_stated(facts.RetiredTable), 1),
        "serving": _list(NAME),
        "removed": _list(_object({"place": NAME, "count": COUNT})),
        "residuals": _list(_out_of(_stored(Residual), *OPEN)),
        "outOfReach": _list(_out_of(_stored(Residual), "out_of_reach")),
        "chain": _stated(facts.LedgerLink),
        "doesNotProve": _list(NAME),
    }
    return _published("retention-record-v1", _statement(RETENTION_TYPE, _object(known)))


PUBLISHED = {
    "erasure-certificate-v1": certificate,
    "membership-proof-v1": proof,
    "retention-record-v1": retention_statement,
}
"""Name of a file in `docs/schemas` → the schema."""


def _published(name: str, shape: Shape, parts: Mapping[str, Shape] | None = None) -> Shape:
    named = {"$schema": DIALECT, "$id": f"https://pypi.org/project/mlflow-unlearning/schemas/{name}.json"}
    return {**named, **shape, "$defs": {**_NAMED, **(parts or {})}}


def check(value: Any, shape: Shape, what: str) -> None:
    """Raises VerificationFailed that names the first place where a document is of another shape."""
    found: list[Misfit] = list(misfits(value, shape))
    if found:
        more = f" (and {len(found) - 1} places more)" if len(found) > 1 else ""
        raise VerificationFailed(f"the {what} is malformed: {found[0]}{more}; ask whoever made it for one of this version")
