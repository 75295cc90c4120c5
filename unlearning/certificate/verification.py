"""What a certificate is worth: its signatures, and everything in it that can be worked out again without network, data or keys.

A verdict is "verified" (signed by every pinned key, and nothing in it contradicts itself), "integrity only" (no key was given),
"expired" (its own `validUntil` has passed), "contradictory" (something in it does not add up) or "invalid" (a pinned
key did not sign these bytes). None of them says that a law is satisfied. A document with words or fields that the schema does
not know is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from unlearning.certificate import schema
from unlearning.certificate.document import Document, each, expecting
from unlearning.certificate.envelope import Envelope, Signers, Statement, signers, statement_of
from unlearning.certificate.schema import PREDICATE_TYPE
from unlearning.domain import merkle
from unlearning.domain.entities import MEMBERSHIP
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.foreign import shown
from unlearning.domain.lifecycle import end
from unlearning.domain.traces import OPEN, left, say_left
from unlearning.domain.versions import data_name

Signature = Literal["valid", "invalid", "unchecked"]
Judgement = Literal["verified", "integrity only", "expired", "contradictory", "invalid"]

SKEW = timedelta(minutes=10)
"""How far a clock may go wrong: what is dated later than that from now has not happened."""


@dataclass(frozen=True, slots=True)
class Recomputation:
    """One thing that was worked out again."""

    name: str
    agrees: bool
    how: str

    def __str__(self) -> str:
        return f"{self.name}: {self.how}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of checking one certificate."""

    signature: Signature
    signers: tuple[str, ...]
    """SHA-256 of each pinned key that signed."""
    claimed_keyids: tuple[str, ...]
    """What the signatures that no pinned key made call their keys: hints, not evidence."""
    grade: str
    """The strength of the evidence, in words."""
    verdict: Judgement
    subjects: tuple[str, ...] = ()
    predicate: Mapping[str, Any] = field(default_factory=dict)
    """Empty when the signature is invalid: nothing in the file can be relied on then."""
    recomputed: tuple[Recomputation, ...] = ()
    not_recomputed: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """True when nobody should rely on the certificate."""
        return self.verdict in ("invalid", "contradictory", "expired")


def verify(envelope: Envelope, *public_keys: bytes, now: datetime | None = None) -> Verification:
    """What the certificate is worth; without a pinned key, whether it is at least consistent with itself.

    public_keys: PEM; every one of them must have signed. now: without it nothing is said about dates that have not come yet.
    Raises VerificationFailed that names what is wrong when the file is no certificate, KeyFileError for an unusable key.
    """
    found = signers(envelope, public_keys)
    if found.others:
        return invalid(found)
    statement = statement_of(envelope)
    predicate = _predicate(statement)
    recomputed, open_questions = _recompute(statement, predicate, now)
    recomputed += in_their_names(found)
    with expecting("its evidence is graded"):
        signed = bool(public_keys)
        grade, never = _grade(predicate, signed=signed), tuple(_never(predicate))
    return Verification(
        signature="valid" if signed else "unchecked",
        signers=found.signers,
        claimed_keyids=found.claimed,
        grade=grade,
        verdict=_verdict(recomputed, predicate, now, signed=signed),
        subjects=tuple(f"{subject.name} sha256:{subject.digest}" for subject in statement.subjects),
        predicate=predicate.said,
        recomputed=tuple(recomputed),
        not_recomputed=(*open_questions, *never),
    )


def invalid(found: Signers) -> Verification:
    """The outcome where a pinned key did not sign: nothing of the file is read."""
    nothing = ("everything: nothing was read",)
    return Verification("invalid", found.signers, found.claimed, not_signed(found), "invalid", not_recomputed=nothing)


def not_signed(found: Signers) -> str:
    """The grade of what a pinned key did not sign."""
    which = "" if len(found.signers) + len(found.others) == 1 else f" {', '.join(found.others)}"
    return f"none: the given key{which} did not sign these bytes; the file was changed, or another key signed it"


def in_their_names(found: Signers) -> list[Recomputation]:
    """A contradiction where a signature names a pinned key that did not make it."""
    how = f"one is not made by the key that it names: {', '.join(found.forged)}"
    return [Recomputation("signatures", agrees=False, how=how)] if found.forged else []


def _verdict(recomputed: Sequence[Recomputation], predicate: Document, now: datetime | None, *, signed: bool) -> Judgement:
    if not all(item.agrees for item in recomputed):
        return "contradictory"
    until = _moment(predicate.at("validUntil"))
    if now and until and until < now:
        return "expired"
    return "verified" if signed else "integrity only"


def _grade(predicate: Document, *, signed: bool) -> str:
    who = "a record signed by the pinned key" if signed else "a record whose signature was not checked"
    if predicate["decision"] == "not_found":
        unread = left_in(predicate) if predicate.get("residuals") else ()  # certificates of earlier versions list none
        return f"{who}: a search found no record" + (f"; {say_left(unread)}" if unread else "")
    if not _trained(predicate):
        return f"{who}: {_grade_elsewhere(predicate)}"
    return f"{who}: {'; '.join(dict.fromkeys(map(_evidence, _models(predicate))))}"


def _evidence(of: Document) -> str:
    """What the training of one model stands on."""
    guarantee, replay = str(of.at("unlearning.guarantee")), of.at("unlearning.replay")
    if guarantee == "exact":
        how = "open to replay, not replayed"
        if isinstance(replay, dict):
            how = "replayed by the issuer with equal bytes" if replay["equal"] else _ELSEWHERE
        return f"an exact method, {how}{_late(of)}"
    if guarantee == "empirical":
        row = of.at("unlearning").get("unprovenInARow")
        adds_up = f"; the {row} versions in a row without a proof add up, and nothing measures what they left together"
        return f"a heuristic method, judged by measurements and not by proof{adds_up if row else ''}"
    return f"a method {guarantee} under its published assumptions"


_ELSEWHERE = "trained again by the issuer in another environment, where bytes do not compare"


def _late(of: Document) -> str:
    """What an instant answer is, and whether another version took over."""
    done = of.at("unlearning")
    late = done.get("behind", [])
    if not late:
        return ""
    gone = sum(not one["slices"] for one in late)
    healed = done.get("healed")
    since = f"healed since as {healed['to']}" if isinstance(healed, dict) else str(healed)
    return f"; {len(late) - gone} of its constituents are older than the data and {gone} left the vote, {since}"


def _grade_elsewhere(predicate: Document) -> str:
    """The evidence about models that the issuer does not train itself."""
    if made := made_again(predicate):
        return f"{', '.join(made)} made again by DVC stages on the redacted data, whose determinism was not verified"
    if any(item["level"] == "model" for item in predicate.at("residuals")):
        return "only data changed; models that they shaped are listed as left"
    return "only data changed, no model had to"


def made_again(predicate: Document) -> list[str]:
    """Versions of adopted models that took the place of others; every promotion among the actions of a data-only erasure."""
    return [one["target"] for one in predicate["actions"] if one["operation"] == "promoted"] if not _trained(predicate) else []


def _never(predicate: Document) -> Iterator[str]:
    """What no offline check of this file can show."""
    yield "that the search looked everywhere it says: repeat it with `unlearn sweep` where the data lies"
    yield "that the ledger holds the event the certificate names: `unlearn audit` at the issuer"
    yield "that the files behind the subjects have the stated digests: fetch and hash them"
    if _trained(predicate):
        yield "that training ran as stated on the stated data: replay it from the data versions, recipe and seed"
        yield "the measured values of the checks: measure again with the data"
    elif predicate["decision"] == "erased" and made_again(predicate):
        yield "that the stages read only what they declare: run them on the stated tables, where nothing else is at hand"


def _predicate(statement: Statement) -> Document:
    if (kind := statement.predicate_type) != PREDICATE_TYPE:
        proof = "; a membership proof is checked with `--proof`" if kind == schema.PROOF_TYPE else ""
        record = "; a record of a retirement is checked with `--retention`" if kind == schema.RETENTION_TYPE else ""
        said = f"predicateType is {shown(repr(kind))}; expected {PREDICATE_TYPE!r}"
        raise VerificationFailed(f"{said}: this is no certificate of erasure{proof}{record}")
    decision = statement.predicate.get("decision")
    if decision not in ("erased", "not_found"):
        raise VerificationFailed(f"the certificate's decision is {shown(repr(decision))}; expected 'erased' or 'not_found'")
    schema.check(statement.said, schema.certificate(), "certificate")
    return statement.predicate


Finding = Recomputation | str
"""Something worked out again, or the reason why it could not be."""


def _recompute(statement: Statement, predicate: Document, now: datetime | None) -> tuple[list[Recomputation], list[str]]:
    checks = [_frank, _dates, _counts, _absences, _subjects]
    if predicate["decision"] == "erased":
        checks += [_state, _searched_after]
    found: list[Finding] = []
    for check in checks:
        with expecting(f"{check.__name__.removeprefix('_')} is checked"):
            found.extend(check(statement, predicate))
    for number, of in enumerate(_models(predicate)):
        for check in (_promoted, _replayed, _chains, _heads):
            with expecting(f"{check.__name__.removeprefix('_')} is checked"):
                found.extend(_about(item, of if number else None) for item in check(statement, of))
    found.append(not_in_the_future(predicate, now))
    return [item for item in found if isinstance(item, Recomputation)], [item for item in found if isinstance(item, str)]


def _models(predicate: Document) -> list[Document]:
    """The certificate as it speaks of each model of the issuer's own that was made again, the first one first."""
    if not _trained(predicate):
        return []
    impact, others = predicate.at("impact"), predicate.get("models", [])
    return [predicate, *(Document({**predicate.said, **one, "impact": {**impact, **one["impact"]}}) for one in others)]


def _about(item: Finding, of: Document | None) -> Finding:
    """The same, saying which model it is about where that is not the first one."""
    if of is None:
        return item
    model = of.at("promotion")["to"]
    return f"{model}: {item}" if isinstance(item, str) else replace(item, name=f"{item.name} of {model}")


def _frank(_: Statement, predicate: Document) -> Iterator[Finding]:
    names = [path for path in ("scope.outOfReach", "doesNotProve") if not predicate.at(path)]
    how = f"{' and '.join(names)} empty" if names else "says what is out of reach and what it does not prove"
    yield Recomputation("limits", not names, how)


def not_in_the_future(predicate: Document, now: datetime | None) -> Finding:
    """Whether its `issuedAt` has come, or that no clock was looked at."""
    if now is None:
        return "that it was not issued in the future: no clock was looked at"
    issued = _moment(predicate.at("issuedAt"))
    past = issued is not None and issued <= now + SKEW
    how = "it was issued before now" if past else f"issued at {predicate.at('issuedAt')}, which has not come yet"
    return Recomputation("clock", past, how)


def _dates(_: Statement, predicate: Document) -> Iterator[Finding]:
    pairs = [(name, _moment(early), _moment(late)) for name, early, late in _ordered(predicate)]
    wrong = [name for name, early, late in pairs if early and late and early > late]
    how = f"out of order: {', '.join(wrong)}" if wrong else "requests, actions, findings and issue follow one another"
    yield Recomputation("dates", not wrong, how)


def _ordered(predicate: Document) -> Iterator[tuple[str, str, str]]:
    """(what, a moment, one that is not before it)."""
    issued, requests = predicate.at("issuedAt"), each(predicate.at("requests"))
    first = min((request["receivedAt"] for request in requests), key=datetime.fromisoformat)
    # When a step began is worked out from how long it took.
    about_first = (datetime.fromisoformat(first) - SKEW).isoformat()
    yield "issued and valid until", issued, predicate.at("validUntil")
    if isinstance(suppression := predicate.at("suppression"), dict):
        yield "suppressed and issued", suppression["since"], issued
    for request in requests:
        name, received = f"request {request['reference']}", request["receivedAt"]
        yield f"{name} received and issued", received, issued
        yield f"{name} received and due", received, request["dueAt"]
        yield from _decided(name, request, issued)
    for action in predicate.get("actions", []):
        if isinstance(suppression, dict):
            yield f"suppressed and {action['target']} finished", suppression["since"], action["finishedAt"]
        yield f"{action['target']} started and finished", action["startedAt"], action["finishedAt"]
        yield f"first request received and {action['target']} started", about_first, action["startedAt"]
        yield f"first request received and {action['target']} finished", first, action["finishedAt"]
        yield f"{action['target']} finished and issued", action["finishedAt"], issued
    for finding in _findings(predicate):
        yield f"first request received and {finding['place']} searched", first, finding["at"]
        yield f"{finding['place']} searched and issued", finding["at"], issued
    for told in predicate.get("recipients", []):
        yield f"{told['name']} told and issued", told["notifiedAt"], issued


def _decided(name: str, request: Document, issued: str) -> Iterator[tuple[str, str, str]]:
    holds, extension = request.get("holds", "none"), request.get("extension", "none")
    for hold in [] if isinstance(holds, str) else holds:
        yield f"{name} received and held", request["receivedAt"], hold["heldAt"]
        yield f"{name} held and released", hold["heldAt"], hold["releasedAt"]
        yield f"{name} held and held until", hold["heldAt"], hold["until"]
        yield f"{name} held and issued", hold["heldAt"], issued
        yield f"{name} released and issued", hold["releasedAt"], issued
    if not isinstance(extension, str):
        yield f"{name} received and extended", request["receivedAt"], extension["extendedAt"]
        yield f"{name} extended and due", extension["extendedAt"], extension["dueAt"]
        yield f"{name} extended and issued", extension["extendedAt"], issued


def _counts(_: Statement, predicate: Document) -> Iterator[Finding]:
    wrong = list(_miscounted(predicate))
    how = f"these do not agree: {', '.join(wrong)}" if wrong else "what is stated in several places is the same number in each"
    yield Recomputation("counts", not wrong, how)


def _miscounted(predicate: Document) -> Iterator[str]:
    requests, lineage = each(predicate.at("requests")), predicate.at("scope.lineage")
    if max(Counter(request["reference"] for request in requests).values()) > 1:
        yield "a request stands twice"
    if isinstance(lineage["known"], int) and isinstance(lineage["indexed"], int) and lineage["indexed"] > lineage["known"]:
        yield "more data versions are indexed than known"
    for data, _ in _committed(predicate):
        if data["people"] > data["rows"]:
            yield f"more people than rows in {data['path']}"
    for finding in _findings(predicate):
        if finding["outcome"] == "verified" and isinstance(finding["count"], int) and finding["count"]:
            yield f"{finding['place']} is verified and holds {finding['count']} traces"
    if predicate["decision"] == "erased":
        yield from _miscounted_impact(predicate, len({request["token"] for request in requests}))


def _miscounted_impact(predicate: Document, people: int) -> Iterator[str]:
    impact = predicate.at("impact")
    if impact["people"] != people:
        yield f"{impact['people']} people were erased at the request of {people}"
    for one in impact.get("belowThresholds", []):
        found = impact["records"] if one["name"] == "records" else one["found"]
        if not one["found"] == found <= one["atMost"]:
            yield f"the policy let it begin with {found} {one['name']}, at most {one['atMost']}"
    yield from _misredacted(predicate)
    listed = predicate.at("suppression")
    if isinstance(listed, dict) and isinstance(listed["size"], int) and listed["size"] < people:
        yield f"{listed['size']} people are suppressed, of {people}"
    models = _models(predicate)
    for touched in (one.at("impact") for one in models or [predicate]):
        shards = [item["shard"] for item in touched["shards"]]
        if len(set(shards)) < len(shards) or len(shards) > touched["shardsTotal"]:
            yield f"{len(shards)} shards of {touched['shardsTotal']} were touched"
    replaced = [one.at("promotion")["to"] for one in models]
    if len(set(replaced)) < len(replaced):
        yield "a model stands twice"
    for model in models:
        promotion, done = model.at("promotion"), model.at("unlearning")
        if promotion["from"] == promotion["to"]:
            yield f"{promotion['to']} took its own place"
        if [done["chainAfter"][name] for name in ("recipe", "seed")] != [done["recipe"], done["seed"]]:
            yield "the chain is of another recipe or seed than the training"
        for name in ("chainBefore", "chainAfter"):
            shards = model.at(f"unlearning.{name}.shards")
            numbered = {item["shard"] for item in shards} == set(range(len(shards)))
            if not numbered or any(len(item["keys"]) != len(item["rows"]) + 1 for item in shards):
                yield f"{name} has other shards and slices than it lists"


def _misredacted(predicate: Document) -> Iterator[str]:
    """What no redaction does to a table: rows leave, and nothing else happens."""
    tables = each(predicate.at("tables"))
    redacted = {one["target"] for one in predicate["actions"] if one["operation"] == "redacted"}
    if max(Counter(table.at("after.path") for table in tables).values(), default=0) > 1:
        yield "a table stands twice"
    for table in tables:
        path, (before, after) = table.at("after.path"), (table.at("before"), table.at("after"))
        rows, gone = before["rows"] - after["rows"], before["people"] - after["people"]
        if before["path"] != path:
            yield f"{path} was another table before"
        if not 0 <= gone <= rows:
            yield f"{rows} rows and {gone} people left {path}"
        if rows and (before["digest"] == after["digest"] or path not in redacted):
            yield f"{rows} rows left {path}, which is not redacted"


def _absences(_: Statement, predicate: Document) -> Iterator[Finding]:
    people = list(dict.fromkeys(request["token"] for request in predicate.at("requests")))
    committed = list(_committed(predicate))
    if not committed:
        yield "absence from the data: no table was stated"
    for data, proofs in committed:
        if not is_hash(data["root"]):
            yield f"absence from {data['path']}: no root was committed to"
            continue
        given = {item["token"]: merkle.from_plain(item["proof"]) for item in proofs}
        if not given:
            yield f"absence from {data['path']}: no proof was asked for"
            continue
        shown = [token for token in people if any(_absent(given[held], data, held) for held in _held(token, given))]
        name = data_name(data["path"], data["dvcObject"])
        how = f"{len(shown)} of {len(people)} tokens shown absent from {name} under root {data['root'][:12]}…"
        yield Recomputation(f"absence from {data['path']}", len(shown) == len(people), how)


def _held(token: str, given: Mapping[str, merkle.Proof]) -> list[str]:
    """The token as the tree holds it: whole, or cut to 16 bytes; that nobody has its beginning says more, not less."""
    return [held for held in (token, token[: 2 * min(merkle.WIDTHS)]) if held in given]


def _committed(predicate: Document) -> Iterator[tuple[Document, list[Any]]]:
    """Every data version that must not hold the people, with the proofs that come with it."""
    if predicate["decision"] == "not_found":
        for item in predicate.at("searched"):
            yield Document({**item["data"], "root": item["root"]}), item["absence"]
    else:
        for table in predicate.at("tables"):
            yield Document(table["after"]), table["absence"]


def _absent(proof: merkle.Proof, data: Document, token: str) -> bool:
    return proof.kind == "absence" and merkle.verify(proof, data["root"], bytes.fromhex(token), size=data["people"])


def _subjects(statement: Statement, predicate: Document) -> Iterator[Finding]:
    stated = {(data["path"], data["digest"]) for data, _ in _committed(predicate)}
    for promotion in (one.at("promotion") for one in _models(predicate)):
        stated.add((f"models:/{promotion['to']}", promotion["modelDigest"]))
    for done in (one.at("unlearning") for one in _models(predicate)):
        if isinstance(healed := done.get("healed"), dict):
            stated.add((f"models:/{healed['to']}", healed["modelDigest"]))
    named = {(subject.name, subject.digest) for subject in statement.subjects}
    how = (
        "the same names and digests as in the predicate" if named == stated else "other names or digests than in the predicate"
    )
    yield Recomputation("subjects", named == stated, how)


def _state(_: Statement, predicate: Document) -> Iterator[Finding]:
    listed, state = left_in(predicate), predicate.at("state")
    due = end(len(listed) or not _findings(predicate))
    yield Recomputation("state", state == due, f"says {state}, where {due} is due: {say_left(listed)}")


class Left(NamedTuple):
    """A place that a certificate does not show to be clean."""

    place: str
    outcome: str


def left_in(predicate: Document) -> tuple[Left, ...]:
    """What a certificate says is left or unverified, each place once; whatever stands among its residuals is."""
    listed = [
        Left(str(one["place"]), one["outcome"] if one["outcome"] in OPEN else OPEN[0])
        for one in each(predicate.at("residuals"))
    ]
    return left(listed, (Left(str(one["place"]), one["outcome"]) for one in _findings(predicate)))


def _promoted(_: Statement, predicate: Document) -> Iterator[Finding]:
    exact = predicate.at("unlearning.guarantee") == "exact"
    failed = [
        check["name"]
        for check in predicate.at("validation")
        # What proves an exact method is its chain of keys, not an attack: `checks/verdict.py` says why.
        if check["verdict"] == "failed" and not (exact and check["name"] == MEMBERSHIP)
    ]
    promotion = predicate.at("promotion")
    how = (
        f"promoted although these failed: {', '.join(failed)}"
        if failed
        else "no check that forbids it failed before the alias moved"
    )
    yield Recomputation("promotion", not failed, how)
    if is_hash(promotion["servedDigest"]):
        same = promotion["servedDigest"] == promotion["modelDigest"]
        yield Recomputation("served model", same, f"what serves is {'' if same else 'not '}the certified model")
    else:
        yield "that the alias serves the certified model: it was not read back"


def _replayed(_: Statement, predicate: Document) -> Iterator[Finding]:
    guarantee, replay = predicate.at("unlearning.guarantee"), predicate.at("unlearning.replay")
    if guarantee != "exact" or not isinstance(replay, dict):
        return
    if not replay["equal"] and "differs" in replay:
        yield f"that training again gives the same bytes: {_ELSEWHERE} ; replay it where it was made"
    else:
        how = "gave the same bytes" if replay["equal"] else "gave other bytes, which no exact method does"
        yield Recomputation("replay", replay["equal"], f"training again {how}, says the issuer")


def _chains(_: Statement, predicate: Document) -> Iterator[Finding]:
    before, after = predicate.at("unlearning.chainBefore"), predicate.at("unlearning.chainAfter")
    if before["recipe"] != after["recipe"] or before["seed"] != after["seed"] or not _only_redacted(predicate):
        yield "which keys changed: recipe, seed or other records changed as well, so every key may differ"
        return
    touched = {item["shard"]: item for item in each(predicate.at("impact.shards"))}
    wrong = [
        old["shard"]
        for old, new in zip(each(before["shards"]), each(after["shards"]), strict=True)
        if not _changed_as_stated(old, new, touched.get(old["shard"]))
    ]
    how = (
        f"not as stated in shards {wrong}"
        if wrong
        else f"keys and rows changed from the touched slice on in {len(touched)} of "
    )
    yield Recomputation("chain of keys", not wrong, how + ("" if wrong else f"{len(after['shards'])} shards, and nowhere else"))


def _only_redacted(predicate: Document) -> bool:
    """Whether the training data before and after are one redacted table, row for row: then nothing else can have changed."""
    done = predicate.at("unlearning")
    rows = [_records(done[name]) for name in ("chainBefore", "chainAfter")]
    parent = done["parentData"]
    return any(
        [table["before"]["rows"], table["after"]["rows"]] == rows
        and (not is_hash(parent) or table["before"]["digest"] == parent)
        for table in predicate.at("tables")
    )


def _records(chain: Document) -> float:
    """Of a chain, each counted once, however many shards its person is in."""
    members: int = max(1, chain.get("membersOfPerson", 1))
    return sum(sum(shard["rows"]) for shard in chain["shards"]) / members


def _changed_as_stated(old: Document, new: Document, impact: Document | None) -> bool:
    if old["shard"] != new["shard"] or len(old["keys"]) != len(new["keys"]):
        return False
    if impact is None:
        return bool(old["keys"] == new["keys"] and old["rows"] == new["rows"])
    first = impact["first_slice"]
    kept = bool(old["keys"][:first] == new["keys"][:first])
    changed = all(was != now for was, now in zip(old["keys"][first:], new["keys"][first:], strict=True))
    return kept and changed and sum(old["rows"]) - sum(new["rows"]) == impact["records"]


def _heads(_: Statement, predicate: Document) -> Iterator[Finding]:
    done = predicate.at("unlearning")
    if done["guarantee"] != "exact":
        yield "that the model's constituents are the chain's heads: the method leaves the chain"
        return
    late = {one["shard"]: one for one in done.get("behind", [])}
    same, number = _are_heads(done, done["chainAfter"], {shard: one["slices"] for shard, one in late.items()})
    same = same and all(0 <= one["slices"] < one["of"] for one in late.values())
    but = f", as far as it goes in {len(late)} that are behind" if late else ""
    yield Recomputation("heads", same, f"the {number} constituents are {'' if same else 'not '}the heads of the new chain{but}")
    if isinstance(healed := done.get("healed"), dict):
        same, number = _are_heads(healed, done["chainAfter"], {})
        same = same and healed["servedDigest"] in (healed["modelDigest"], "not read back")
        failed = [check["name"] for check in healed["validation"] if check["verdict"] == "failed"]
        how = f"the {number} constituents of {healed['to']} are {'' if same else 'not '}the heads of the new chain"
        yield Recomputation(
            "healed", same and not failed, f"{how}{f'; these failed: {chr(44).join(failed)}' if failed else ''}"
        )


def _are_heads(done: Any, chain: Any, late: Mapping[int, int]) -> tuple[bool, int]:
    """Whether constituents are the last states of a chain, or in some shards those after so many slices; and how many."""
    heads = {one["shard"]: one["keys"][late.get(one["shard"], -1)] for one in chain["shards"] if any(one["rows"])}
    gone = sorted(
        {one["shard"] for one in chain["shards"] if not any(one["rows"])} | {shard for shard, at in late.items() if not at}
    )
    voting = {shard: key for shard, key in heads.items() if shard not in gone}
    parts = {part["shard"]: part["key"] for part in done["constituents"]}
    return parts == voting and sorted(done["dropped"]) == gone, len(parts)


def _searched_after(_: Statement, predicate: Document) -> Iterator[Finding]:
    findings = _findings(predicate)
    if not findings:
        yield "that nothing is left: it was not searched again yet"
        return
    gone = [_moment(item["finishedAt"]) for item in predicate.at("actions") if item["operation"] in ("deleted", "rewritten")]
    last = max((moment for moment in gone if moment), default=None)
    early = [item["place"] for item in findings if last and (at := _moment(item["at"])) and at < last]
    how = (
        f"searched before the last deletion: {', '.join(early)}"
        if early
        else "every place was searched after the last deletion"
    )
    yield Recomputation("search after deletion", not early, how)


def _trained(predicate: Document) -> bool:
    """Whether the certificate states a training, and not words for none having been needed."""
    return predicate["decision"] == "erased" and isinstance(predicate.at("unlearning"), dict)


def _findings(predicate: Document) -> tuple[Document, ...]:
    found = predicate.get("verification", [])
    return each(found) if isinstance(found, list) else ()


def is_hash(value: Any) -> bool:
    """Whether a value is a SHA-256 in hex."""
    return isinstance(value, str) and len(value) == 64 and not value.strip("0123456789abcdef")


def _moment(text: str) -> datetime | None:
    """A moment, or None for the words that stand where there is none; the schema knows no others."""
    return datetime.fromisoformat(text) if text[:1].isdigit() else None
