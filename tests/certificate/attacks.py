"""Documents that somebody made to be believed: a few hundred, from one seed, each with what `verify` answers.

Forged, truncated, signed again by another key, contradicting under a valid signature, with swapped types, confused keys and
algorithms, words nobody knows, names that stand twice, dates in 2099, negative counts, Unicode tricks.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.certificate.examples import (
    CERTIFICATES,
    LEFT,
    SHARDS,
    TOKENS,
    Keys,
    Lie,
    envelope_of,
    facts,
    keys,
    membership_proof,
    not_found,
    put,
)
from unlearning.certificate import envelope, schema
from unlearning.certificate.membership import signed
from unlearning.certificate.statement import dump, encode, statement
from unlearning.domain import hashing
from unlearning.domain.codec import write

SEED = 11
REFUSED = ""
"""Verdict of a file that is refused before it is judged."""

ONE = ("--key", "1.pub")
UNKNOWN = (
    "clean",
    "Verified",
    "verified ",
    "verified\n",
    "vеrified",
    "verified\u200b",
    "",
    "null",
)  # the fourth has a Cyrillic е


@dataclass(frozen=True)
class Attack:
    """A file, how it is checked, and what must be said of it."""

    name: str
    content: bytes
    options: tuple[str, ...]
    verdict: str
    code: int


def attacks() -> list[Attack]:
    """All of them, the same each time."""
    draw = random.Random(SEED)
    made = [one for family in FAMILIES for one in family(draw)]
    return [
        Attack(f"{number:03} {one.name}", one.content, one.options, one.verdict, one.code) for number, one in enumerate(made)
    ]


def lay_out(folder: Path) -> None:
    """The keys, and the sound files that some attacks name."""
    for number in (1, 2, 3):
        (folder / f"{number}.pub").write_bytes(keys(number).public)
        (folder / f"{number}.pem").write_bytes(keys(number).private)
    (folder / "sound.json").write_bytes(SOUND)
    (folder / "searched.json").write_bytes(dump(envelope_of(not_found())))
    (folder / "by-two.json").write_bytes(dump(envelope.sign(PAYLOAD, keys(2).private)))


PAYLOAD = encode(statement(facts()))
SOUND = dump(envelope_of(facts()))
FILE: dict[str, Any] = json.loads(SOUND)
NAME_OF_ONE = envelope.public_key_id(keys(1).public)


# --- the file was changed -------------------------------------------------------------------------------------------


def flipped(draw: random.Random) -> Iterator[Attack]:
    """One bit anywhere. A change that a reader cannot see, or of the name that a key is given, changes nothing that counts."""
    for name in ("certificate", "certificate_not_found"):
        sound = dump(envelope_of(CERTIFICATES[name]()))
        for _ in range(30):
            raw = bytearray(sound)
            raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(7)
            yield _judged_by_meaning(f"bit flipped in {name}", bytes(raw), sound)


def _judged_by_meaning(name: str, raw: bytes, sound: bytes) -> Attack:
    was = json.loads(sound)
    try:
        now = json.loads(raw)
    except ValueError:
        return Attack(name, raw, ONE, REFUSED, 1)
    for file in (was, now):
        for one in file.get("signatures", []):
            one.pop("keyid", None)
    if now == was:
        return Attack(name, raw, ONE, "verified", 0)
    held = now.keys() == was.keys() and now["payloadType"] == was["payloadType"] and now["signatures"][0].keys() == {"sig"}
    canonical = held and all(_is_base64(text) for text in (now["payload"], now["signatures"][0]["sig"]))
    return Attack(name, raw, ONE, "invalid" if canonical else REFUSED, 1)


def _is_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


def cut(draw: random.Random) -> Iterator[Attack]:
    for _ in range(20):
        yield Attack("cut off", SOUND[: draw.randrange(len(SOUND) - 2)], ONE, REFUSED, 1)
    for tail in (b"{}", b"\x00", SOUND, b"]"):
        yield Attack("something behind", SOUND + tail, ONE, REFUSED, 1)


def reread(_: random.Random) -> Iterator[Attack]:
    """What two readers of JSON could read differently."""
    text = SOUND.decode()
    yield Attack("payload twice", text.replace('"payloadType"', '"payload": "e30=",\n "payloadType"').encode(), ONE, REFUSED, 1)
    escaped = text.replace('"payloadType"', '"p\\u0061yload": "e30=",\n "payloadType"')
    yield Attack("payload twice, once escaped", escaped.encode(), ONE, REFUSED, 1)
    yield Attack("signatures twice", text.replace('"payload"', '"signatures": [], "payload"', 1).encode(), ONE, REFUSED, 1)
    yield Attack("byte order mark", b"\xef\xbb\xbf" + SOUND, ONE, REFUSED, 1)
    yield Attack("UTF-16", text.encode("utf-16"), ONE, REFUSED, 1)
    yield Attack("not UTF-8", SOUND.replace(b'"payload"', b'"\xffpayload"', 1), ONE, REFUSED, 1)
    for name, value in HOSTILE.items():
        yield Attack(f"{name} beside", b'{"note": ' + value + b"," + SOUND[1:], ONE, REFUSED, 1)
        inside = PAYLOAD.replace(b'"predicate":{', b'"predicate":{"note":' + value + b",", 1)
        yield Attack(f"{name} signed", _signed(inside), ONE, REFUSED, 1)
    again = PAYLOAD.replace(b'"decision":"erased"', b'"decision":"not_found","decision":"erased"')
    yield Attack("a decision twice, signed", _signed(again), ONE, REFUSED, 1)


HOSTILE: Mapping[str, bytes] = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "1e400": b"1e400",
    "4400 digits": b"9" * 4400,
    "5000 lists": b"[" * 5000 + b"]" * 5000,
    "5000 objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "half a pair": b'"\\ud800"',
    "two halves the wrong way": b'"\\udc00\\ud83d"',
    "a million letters": b'"' + b"a" * 1_000_000 + b'"',
}


# --- who signed -----------------------------------------------------------------------------------------------------


def _signed(payload: bytes, key: Keys | None = None, *, keyid: str | None = None) -> bytes:
    return dump(envelope.sign(payload, (key or keys(1)).private, keyid=keyid))


def _with(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The sound envelope with something else in it."""
    file = json.loads(SOUND)
    change(file)
    return json.dumps(file).encode()


def signed_by_others(_: random.Random) -> Iterator[Attack]:
    for made in CERTIFICATES.values():
        payload = encode(statement(made()))
        yield Attack("signed by another key", _signed(payload, keys(2)), ONE, "invalid", 1)
        yield Attack("in the operator's name", _signed(payload, keys(2), keyid=NAME_OF_ONE), ONE, "invalid", 1)
        yield Attack("under both keys, signed by one", _signed(payload), (*ONE, "--key", "2.pub"), "invalid", 1)
        yield Attack("nobody's", _signed(payload, keys(2)), (), "integrity only", 0)
        named = _signed(payload, keys(2), keyid=NAME_OF_ONE)
        yield Attack("named as another's", named, ("--key", "2.pub"), "verified", 0)
    yield Attack("no signature", _with(lambda file: file.update(signatures=[])), ONE, "invalid", 1)
    yield Attack("no signature and no key", _with(lambda file: file.update(signatures=[])), (), "integrity only", 0)
    yield Attack("signatures are none", _with(lambda file: file.update(signatures=None)), ONE, REFUSED, 1)
    yield Attack(
        "the same signature twice", _with(lambda file: file.update(signatures=file["signatures"] * 2)), ONE, REFUSED, 1
    )
    for name in NAMES:
        file = _with(lambda file, name=name: file["signatures"].append(_made_up(name)))
        # In the name of a key that is checked against, what it did not sign contradicts; of anybody else it is a claim.
        verdict = ("contradictory", 1) if name == NAME_OF_ONE else ("verified", 0)
        yield Attack("a made-up countersignature", file, ONE, *verdict)
        yield Attack(
            "only a made-up signature",
            _with(lambda file, name=name: file.update(signatures=[_made_up(name)])),
            ONE,
            "invalid",
            1,
        )
    unknown = _with(lambda file: file["signatures"][0].update(cert="-----BEGIN CERTIFICATE-----"))
    yield Attack("a certificate beside the signature", unknown, ONE, REFUSED, 1)


NAMES = (
    NAME_OF_ONE,
    "the regulator",
    "x\nverified: a record signed by the pinned key",
    "\x1b[1A\x1b[2Kverified",
    "\u202egnitteg",
    "a\u2028verified: all of it",
    f"{NAME_OF_ONE}  (the given key)",
    "",
    "k" * 100_000,
    "\x9b2K",
)
"""What a signature may call its key."""


def _made_up(name: str) -> dict[str, str]:
    return {"keyid": name, "sig": base64.b64encode(b"x" * 64).decode()}


def confused(_: random.Random) -> Iterator[Attack]:
    """Keys, algorithms and types that are taken for one another."""
    key, kind = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), envelope.PAYLOAD_TYPE
    signatures = {
        "of the payload without its type": key.sign(PAYLOAD),
        "of the payload in base64": key.sign(FILE["payload"].encode()),
        "of another type": key.sign(b"DSSEv1 10 text/plain %d %b" % (len(PAYLOAD), PAYLOAD)),
        "of nothing": key.sign(b""),
        "by HMAC under the public key": hmac.digest(keys(1).public, PAYLOAD, "sha512"),
        "by HMAC under the public key, short": hmac.digest(keys(1).public, PAYLOAD, "sha256"),
        "of zeros": bytes(64),
        "of one byte": b"x",
        "with more behind": base64.b64decode(FILE["signatures"][0]["sig"]) + b"x",
        "the public key itself": keys(1).public,
    }
    for name, sig in signatures.items():
        forged = {"keyid": "1", "sig": base64.b64encode(sig).decode()}
        yield Attack(f"signature {name}", _with(lambda file, one=forged: file.update(signatures=[one])), ONE, "invalid", 1)
    for kind in ("application/json", "application/vnd.in-toto+json ", "", None, 7, "\x1b[2K" * 9999):
        yield Attack("payload type", _with(lambda file, kind=kind: file.update(payloadType=kind)), ONE, REFUSED, 1)
    for payload in (None, {}, json.loads(PAYLOAD), "", "e30", "e31=", FILE["payload"] + "\n", [FILE["payload"]]):
        yield Attack("payload", _with(lambda file, payload=payload: file.update(payload=payload)), ONE, REFUSED, 1)
    for name in ("1.pem", "sound.json", "nowhere.pub", "."):
        yield Attack(f"{name} as a key", SOUND, ("--key", name), REFUSED, 2)
    for extra in ("note", "signed_by", "verdict", "_type", "format"):
        yield Attack(f"{extra} beside", _with(lambda file, extra=extra: file.update({extra: "verified"})), ONE, REFUSED, 1)
    plain = json.loads(PAYLOAD)
    yield Attack("a statement without an envelope", PAYLOAD, ONE, REFUSED, 1)
    yield Attack("a predicate without an envelope", json.dumps(plain["predicate"]).encode(), ONE, REFUSED, 1)
    for raw in (b"", b"null", b"[]", b"7", b'"verified"', b"verified: yes\n", b"{}"):
        yield Attack("no certificate at all", raw, ONE, REFUSED, 1)
    for field, value in (("_type", "https://in-toto.io/Statement/v0.1"), ("predicateType", "https://slsa.dev/provenance/v1")):
        yield Attack(f"another {field}", _signed(encode({**plain, field: value})), ONE, REFUSED, 1)
        yield Attack(f"another {field}, by another", _signed(encode({**plain, field: value}), keys(2)), ONE, "invalid", 1)


# --- what was signed ------------------------------------------------------------------------------------------------


def signed_lies(_: random.Random) -> Iterator[Attack]:
    for name, lie in LIES:
        yield Attack(f"a lie about {name}", _signed(_lied(lie)), ONE, "contradictory", 1)
        yield Attack(f"a lie about {name}, by nobody", _signed(_lied(lie), keys(3)), (), "contradictory", 1)
    late = put("issuedAt", "2099-01-01T00:00:00+00:00")
    yield Attack("issued in 2099", _signed(_lied(late)), ONE, "contradictory", 1)
    yield Attack("expired", _signed(_lied(put("validUntil", "2026-11-02T15:00:00+00:00"))), ONE, "expired", 1)


def _swap_keys(predicate: dict[str, Any]) -> None:
    """A checkpoint that the person shaped is kept in use."""
    impact = predicate["impact"]["shards"][0]
    before, after = (predicate["unlearning"][name]["shards"][impact["shard"]] for name in ("chainBefore", "chainAfter"))
    after["keys"][impact["first_slice"]] = before["keys"][impact["first_slice"]]


def _touch_another_shard(predicate: dict[str, Any]) -> None:
    touched = {impact["shard"] for impact in predicate["impact"]["shards"]}
    other = next(shard for shard in range(SHARDS) if shard not in touched)
    predicate["unlearning"]["chainAfter"]["shards"][other]["keys"][-1] = hashing.digest("something else")


def _state_a_table_twice(predicate: dict[str, Any]) -> None:
    predicate["tables"].append(predicate["tables"][0])


EXTENSION = {"extendedAt": "2026-11-02T13:00:00+00:00", "dueAt": "2027-01-02T12:00:00+00:00", "reason": "complex"}
HOLD = {
    "heldAt": "2026-11-02T12:30:00+00:00", "reason": "a lawsuit", "scope": "not limited", "dataSets": "all",
    "until": "until released", "releasedAt": "2026-11-02T12:40:00+00:00", "releasedBecause": "settled",
}  # fmt: skip

LIES: list[tuple[str, Lie]] = [
    ("chain of keys", _swap_keys),
    ("chain of keys", _touch_another_shard),
    ("chain of keys", put("impact.shards", [])),
    ("chain of keys", put("impact.shards.0.first_slice", 2)),
    ("chain of keys", put("impact.shards.0.records", 1)),
    ("heads", put("unlearning.constituents.1.key", "0" * 64)),
    ("heads", put("unlearning.constituents", [])),
    ("heads", put("unlearning.dropped", [0])),
    ("absence from data/train.parquet", put("tables.0.after.root", "0" * 64)),
    ("absence from data/train.parquet", put("tables.0.after.people", 23)),
    ("absence from data/train.parquet", put("requests.0.token", TOKENS[5].hex())),
    ("state", put("residuals", [write(LEFT)])),
    ("state", put("verification.0.outcome", "residual")),
    ("state", put("verification", "not searched again yet")),
    ("promotion", put("validation.0.verdict", "failed")),
    ("served model", put("promotion.servedDigest", "0" * 64)),
    ("subjects", put("promotion.to", "diagnosis/9")),
    ("subjects", put("tables.0.after.digest", "0" * 64)),
    ("dates", put("requests.0.receivedAt", "2026-11-03T12:00:00+00:00")),
    ("dates", put("requests.0.dueAt", "2026-11-01T12:00:00+00:00")),
    ("dates", put("validUntil", "2026-11-01T12:00:00+00:00")),
    ("dates", put("actions.0.finishedAt", "2026-11-02T11:00:00+00:00")),
    ("dates", put("verification.0.at", "2026-11-02T23:00:00+00:00")),
    ("search after deletion", put("verification.0.at", "2026-11-02T13:01:00+00:00")),
    ("dates", put("actions.0.finishedAt", "2026-11-02T11:59:59+00:00")),
    ("dates", put("suppression.since", "2026-11-02T13:55:00+00:00")),
    ("counts", put("suppression.size", 1)),
    ("counts", put("tables.0.after.rows", 99)),
    ("counts", put("tables.0.after.rows", 48)),
    ("counts", put("tables.0.before.rows", 24)),
    ("counts", put("tables.0.before.people", 200)),
    ("counts", put("tables.0.before.people", 20)),
    ("counts", put("tables.0.before.path", "data/other.parquet")),
    ("counts", put("tables.0.before.digest", facts().tables[0].after.digest)),
    ("counts", put("actions", [])),
    ("counts", put("actions.0.target", "data/other.parquet")),
    ("counts", put("promotion.from", "diagnosis/8")),
    ("counts", put("unlearning.recipe", "0" * 64)),
    ("counts", put("unlearning.seed", 8)),
    ("counts", _state_a_table_twice),
    ("dates", put("actions.1.finishedAt", "2026-11-01T13:00:00Z")),
    ("dates", put("verification.1.at", "2026-11-01T13:00:00-01:00")),
    ("dates", put("suppression.since", "2026-11-03T12:00:00+00:00")),
    ("dates", put("recipients.0.notifiedAt", "2026-11-03T12:00:00+00:00")),
    ("dates", put("requests.1.extension", EXTENSION | {"extendedAt": "2026-11-01T12:00:00+00:00"})),
    ("dates", put("requests.1.extension", EXTENSION | {"extendedAt": "2026-11-04T12:00:00+00:00"})),
    ("dates", put("requests.0.holds", [HOLD | {"heldAt": "2026-11-01T12:00:00+00:00"}])),
    ("dates", put("requests.0.holds", [HOLD | {"releasedAt": "2026-11-02T12:00:01+00:00"}])),
    ("dates", put("requests.0.holds", [HOLD | {"releasedAt": "2026-11-05T12:00:01+00:00"}])),
    ("counts", put("verification.0.count", 7)),
    ("counts", put("scope.lineage", {"indexed": 9, "known": 8})),
    ("counts", put("tables.0.after.rows", 3)),
    ("counts", put("impact.people", 3)),
    ("counts", put("impact.people", 0)),
    ("dates", put("actions.0.startedAt", "1999-11-02T12:00:00+00:00")),
    ("dates", put("requests.0.holds", [HOLD | {"until": "2026-11-01T00:00:00Z"}])),
    ("dates", put("requests.1.extension", EXTENSION | {"dueAt": "2026-11-02T12:30:00Z"})),
    ("counts", put("impact.shardsTotal", 1)),
    ("counts", put("requests.1.reference", "R-2026-0001")),
    ("counts", put("unlearning.chainAfter.shards.0.shard", 1)),
    ("counts", put("unlearning.chainAfter.shards.0.rows", [])),
    ("replay", put("unlearning.replay.equal", False)),
    ("limits", put("scope.outOfReach", [])),
    ("limits", put("doesNotProve", [])),
]


def _lied(lie: Lie) -> bytes:
    document = json.loads(PAYLOAD)
    lie(document["predicate"])
    return encode(document)


def words_nobody_knows(draw: random.Random) -> Iterator[Attack]:
    for path in WORDS:
        for word in (*draw.sample(UNKNOWN, 3), None, ["verified"], True):
            yield Attack(f"{path} in other words", _signed(_lied(put(path, word))), ONE, REFUSED, 1)
    for path in MOMENTS:
        for word in (
            "soon",
            "2026-11-02",
            "2026-13-01T00:00:00Z",
            "2026-11-02T12:00:00",
            "٢٠٢٦-11-02T12:00:00Z",
            1793620800,
            None,
        ):
            yield Attack(f"{path} is no moment", _signed(_lied(put(path, word))), ONE, REFUSED, 1)
    for path in NUMBERS:
        for value in (-1, 1.5, True, "4", None, 10**30):
            yield Attack(f"{path} is no count", _signed(_lied(put(path, value))), ONE, REFUSED, 1)


WORDS = (
    "decision", "state", "schema", "requests.0.regulation", "scope.outOfReach.0.outcome", "scope.outOfReach.0.level",
    "actions.0.operation", "verification.0.outcome", "verification.0.level", "validation.0.verdict", "unlearning.guarantee",
    "unlearning.replay", "unlearning", "promotion", "tables.0.after.root", "tables.0.absence.0.proof.kind",
)  # fmt: skip
MOMENTS = (
    "issuedAt", "validUntil", "requests.0.receivedAt", "requests.0.dueAt", "suppression.since", "actions.0.startedAt",
    "actions.1.finishedAt", "verification.0.at", "recipients.0.notifiedAt", "backups.0.expiresAt",
)  # fmt: skip
NO_MOMENTS = (
    "soon", "2026-11-02", "2026-13-01T00:00:00Z", "2026-11-02T12:00:00", "\u0662\u0660\u0662\u0666-11-02T12:00:00Z", 1793620800,
    None,
)  # fmt: skip
NUMBERS = (
    "impact.records", "impact.people", "impact.shardsTotal", "impact.shards.0.records", "tables.0.before.rows",
    "tables.0.after.people", "chain.position", "scope.lineage.known", "suppression.size", "verification.0.count",
    "unlearning.chainAfter.shards.0.rows.0", "tables.0.absence.0.proof.size", "unlearning.constituents.0.shard",
)  # fmt: skip


def other_shapes(draw: random.Random) -> Iterator[Attack]:
    """A field that is missing, one more than there are, and a value of another kind, anywhere."""
    whole = json.loads(PAYLOAD)
    ways = [way for way in places(whole) if way[:2] != ("predicate", "validation") or "details" not in way]
    for way in draw.sample(ways, 40):
        document = json.loads(PAYLOAD)
        holder, last = _at(document, way[:-1]), way[-1]
        holder[last] = {"verified": True}
        yield Attack(f"{'.'.join(map(str, way))} is an object of its own", _signed(encode(document)), ONE, REFUSED, 1)
    named = [way for way in ways if isinstance(_at(whole, way), dict)]
    for way in [(), *draw.sample(named, 20)]:
        document = json.loads(PAYLOAD)
        _at(document, way)["compliant"] = True
        yield Attack(f"{'.'.join(map(str, way))} says one thing more", _signed(encode(document)), ONE, REFUSED, 1)
    needed = [way for way in ways if isinstance(way[-1], str) and way[-1] not in OPTIONAL]
    for way in draw.sample(needed, 40):
        document = json.loads(PAYLOAD)
        del _at(document, way[:-1])[way[-1]]
        yield Attack(f"{'.'.join(map(str, way))} is missing", _signed(encode(document)), ONE, REFUSED, 1)


OPTIONAL = {"holds", "extension", "freeOfPeople", "names", "remedy", "recipients", "backups", "annotations"}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*at, key)
        yield from places(inner, (*at, key))


def _at(document: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        document = document[key]
    return document


# --- proofs ---------------------------------------------------------------------------------------------------------

PROOF = ("--proof",)


def proofs(_: random.Random) -> Iterator[Attack]:
    made, root = membership_proof(), membership_proof()["root"]
    plain, ours, theirs = json.dumps(made).encode(), signed(made, keys(1).private), signed(made, keys(2).private)
    by_certificate = (*PROOF, *ONE, "--certificate", "sound.json")
    nobody = "consistent, by nobody"
    yield Attack("a proof for a certificate", plain, ONE, REFUSED, 1)
    yield Attack("a proof for a certificate, without a key", plain, (), REFUSED, 1)
    yield Attack("a signed proof for a certificate", ours, ONE, REFUSED, 1)
    yield Attack("a certificate for a proof", SOUND, (*PROOF, *ONE), REFUSED, 1)
    yield Attack("a proof with a key that nobody used", plain, (*PROOF, *ONE), nobody, 1)
    yield Attack("a proof with a key and its own root", plain, (*PROOF, *ONE, "--data-root", root), nobody, 1)
    yield Attack("a proof by nobody", plain, PROOF, nobody, 0)
    yield Attack("a signed proof without a key", ours, PROOF, nobody, 0)
    yield Attack("a signed proof", ours, (*PROOF, *ONE), "verified", 0)
    yield Attack("a proof that another signed", theirs, (*PROOF, *ONE), "invalid", 1)
    yield Attack("a proof under its root", plain, (*PROOF, "--data-root", root), "bound", 0)
    yield Attack("a proof under another root", plain, (*PROOF, "--data-root", "0" * 64), nobody, 1)
    yield Attack("a signed proof under another root", ours, (*PROOF, *ONE, "--data-root", "0" * 64), nobody, 1)
    yield Attack("a root that is none", plain, (*PROOF, "--data-root", root.upper()), REFUSED, 2)
    yield Attack("a root for a certificate", SOUND, (*ONE, "--data-root", root), REFUSED, 2)
    yield Attack("a proof under a certificate", plain, by_certificate, "bound", 0)
    yield Attack("a certificate without its key", plain, (*PROOF, "--certificate", "sound.json"), REFUSED, 2)
    yield Attack("another's certificate", plain, (*PROOF, *ONE, "--certificate", "by-two.json"), REFUSED, 1)
    after = json.dumps(membership_proof(name="after")).encode()
    yield Attack("another table", after, (*PROOF, *ONE, "--certificate", "searched.json"), nobody, 1)
    for path, value in PROOF_LIES:
        changed = membership_proof()
        put(path, value)(changed)
        raw, under = json.dumps(changed).encode(), changed["root"]
        yield Attack(f"a proof with another {path}", raw, PROOF, "invalid", 1)
        yield Attack(f"a proof with another {path} and root", raw, (*PROOF, "--data-root", under), "invalid", 1)
        yield Attack(
            f"a proof with another {path}, signed", signed(changed, keys(1).private), (*PROOF, *ONE), "contradictory", 1
        )
    for path in ("kind", "token", "root", "proof.size", "data_version.rows", "data_version.digest", "key.origin", "format"):
        for value in (None, "verified", -1, ["x"]):
            changed = membership_proof()
            put(path, value)(changed)
            yield Attack(
                f"a proof whose {path} is none", json.dumps(changed).encode(), (*PROOF, "--data-root", root), REFUSED, 1
            )
    yield from _swapped(made)


PROOF_LIES: tuple[tuple[str, Any], ...] = (
    ("kind", "absence"), ("token", "00" * 32), ("token", "00" * 16), ("root", "00" * 32), ("data_version.people", 23),
    ("proof.kind", "absence"), ("proof.size", 23), ("proof.leaves.0.index", 4), ("proof.leaves", []),
)  # fmt: skip


def _swapped(made: dict[str, Any]) -> Iterator[Attack]:
    """The predicate of one kind under the type of the other, and a subject that is not what the proof is about."""
    certificate, proof = json.loads(PAYLOAD), json.loads(envelope.read(signed(made, keys(1).private)).payload)
    for options in (ONE, (*PROOF, *ONE)):
        yield Attack(
            "a proof as a certificate's type",
            _signed(encode({**proof, "predicateType": schema.PREDICATE_TYPE})),
            options,
            REFUSED,
            1,
        )
        yield Attack(
            "a certificate as a proof's type",
            _signed(encode({**certificate, "predicateType": schema.PROOF_TYPE})),
            options,
            REFUSED,
            1,
        )
    proof["subject"][0]["digest"]["sha256"] = "0" * 64
    yield Attack("a proof about another subject", _signed(encode(proof)), (*PROOF, *ONE), "contradictory", 1)


FAMILIES: tuple[Callable[[random.Random], Iterator[Attack]], ...] = (
    flipped, cut, reread, signed_by_others, confused, signed_lies, words_nobody_knows, other_shapes, proofs,
)  # fmt: skip
