"""Membership proofs: the statement that signs one, and what one is worth offline.

A proof alone only shows that it agrees with itself: whoever likes can make a tree and a proof in it. It is worth something when
its signer is pinned ("verified"), or its root is one that was given beside it or that a given certificate states ("bound").
Otherwise it is "consistent, by nobody". What neither a signature nor that root covers is a claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from unlearning.certificate import envelope, schema, verification
from unlearning.certificate.document import Document, parse
from unlearning.certificate.envelope import Envelope, Signers, Statement
from unlearning.domain import merkle
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.foreign import shown
from unlearning.domain.hashing import canonical

Judgement = Literal["verified", "bound", "consistent, by nobody", "contradictory", "invalid"]

_STATED_AS = {
    "path": "path",
    "digest": "digest",
    "object": "dvcObject",
    "rev": "gitRevision",
    "rows": "rows",
    "people": "people",
}
"""What a proof says of its data version → where a certificate says the same."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of checking one proof."""

    verdict: Judgement
    grade: str
    """Why, in words."""
    refused: bool
    """True when it does not show what was asked of it."""
    signers: tuple[str, ...] = ()
    claimed_keyids: tuple[str, ...] = ()
    kind: str | None = None
    """None, as what follows, when nothing was read."""
    token: str | None = None
    root: str | None = None
    bound: Mapping[str, Any] | None = None
    """What the signature, or the root, covers."""
    claims: Mapping[str, Any] | None = None
    """What the file says besides: nobody vouches for it."""
    not_recomputed: tuple[str, ...] = ()


def signed(proof: Mapping[str, Any], private_key_pem: bytes) -> bytes:
    """The proof as a file that one key has signed."""
    data = proof["data_version"]
    subject = {"name": data["path"], "digest": {"sha256": data["digest"]}, "annotations": {"dvcObject": data["object"]}}
    fixed = {"_type": schema.STATEMENT_TYPE, "subject": [subject], "predicateType": schema.PROOF_TYPE}
    return envelope.dump(envelope.sign(canonical({**fixed, "predicate": proof}), private_key_pem))


def verify(
    raw: bytes,
    *public_keys: bytes,
    data_root: str | None = None,
    certificate: Envelope | None = None,
    now: datetime | None = None,
) -> Verification:
    """What a file's proof is worth.

    public_keys: PEM; all must have signed the proof, or with a certificate, that. data_root: the root that it must be under, as
    the tag of a model version has it. certificate: one that states the root. Raises VerificationFailed when the file is no
    proof or the certificate does not verify, WrongUse for what cannot be asked, KeyFileError.
    """
    tables = _tables(certificate, public_keys, now)
    if data_root is not None and not verification.is_hash(data_root):
        raise WrongUse("the data root is not 64 hex digits; copy it from the tag `unlearning.data_root` of the model version")
    made, proof = envelope.read(raw) if _is_envelope(raw) else None, None
    found = envelope.signers(made, public_keys) if made else Signers((), (), ())
    if made and found.others and certificate is None:
        grade, nothing = verification.not_signed(found), ("everything: nothing was read",)
        return Verification("invalid", grade, True, found.signers, found.claimed, not_recomputed=nothing)
    proof, wrong = _signed_proof(envelope.statement_of(made)) if made else (_plain_proof(raw), "")
    by_key = bool(made and public_keys and not found.others)
    wrong = wrong or ("" if _sound(proof) else "the way from its leaves does not lead to its root, or shows something else")
    if found.forged and certificate is None:
        wrong = verification.in_their_names(found)[0].how
    asked = list(_asked(proof, by_key=by_key, keys=bool(public_keys), data_root=data_root, tables=tables))
    verdict, grade = _judged(wrong, asked, by_key=by_key)
    bound, claims = _told(proof, tables, by_key=by_key, rooted=verdict == "bound")
    return Verification(
        verdict=verdict,
        grade=grade,
        refused=verdict not in ("verified", "bound") and bool(asked or wrong),
        signers=found.signers if by_key else (),
        claimed_keyids=found.claimed,
        kind=proof["kind"],
        token=proof["token"],
        root=proof["root"],
        bound=bound,
        claims=claims,
        not_recomputed=_NEVER,
    )


_NEVER = (
    "that the root was computed from the real table: compute it again where the table and the index key are",
    "whose token it is: only who has the index key can tell",
)


def _is_envelope(raw: bytes) -> bool:
    """Whether the file is signed; raises VerificationFailed unless it is that or a plain proof."""
    file = parse(raw, "the file")
    if "payloadType" in file.said:
        return True
    if (kind := file.get("format")) != schema.PROOF_FORMAT:
        raise VerificationFailed(
            f"format is {shown(repr(kind))}; expected {schema.PROOF_FORMAT!r}: this is no membership proof"
        )
    return False


def refuse_proof(raw: bytes) -> None:
    """Raises VerificationFailed when the file is a plain proof, which is not checked as a certificate is."""
    if parse(raw, "the file").get("format") == schema.PROOF_FORMAT:
        raise VerificationFailed("this is a membership proof and no certificate; check it with `--proof`")


def _plain_proof(raw: bytes) -> Document:
    proof = parse(raw, "the file")
    schema.check(proof.said, schema.proof(), "proof")
    return proof


def _signed_proof(statement: Statement) -> tuple[Document, str]:
    """The proof in a statement, and what of it does not add up."""
    if (kind := statement.predicate_type) != schema.PROOF_TYPE:
        other = "; a certificate is checked without `--proof`" if kind == schema.PREDICATE_TYPE else ""
        said = f"predicateType is {shown(repr(kind))}; expected {schema.PROOF_TYPE!r}"
        raise VerificationFailed(f"{said}: this is no membership proof{other}")
    schema.check(statement.said, schema.proof_statement(), "proof")
    data = statement.predicate["data_version"]
    same = [(one.name, one.digest) for one in statement.subjects] == [(data["path"], data["digest"])]
    return statement.predicate, "" if same else "its subject is another table than its proof is about"


def _sound(document: Document) -> bool:
    proof, size = merkle.from_plain(document["proof"]), document["data_version"]["people"]
    token = bytes.fromhex(document["token"])
    return proof.kind == document["kind"] and merkle.verify(proof, document["root"], token, size=size)


def _tables(certificate: Envelope | None, keys: Sequence[bytes], now: datetime | None) -> list[Mapping[str, Any]] | None:
    """The tables that a certificate states with their roots; None without one."""
    if certificate is None:
        return None
    if not keys:
        raise WrongUse("a certificate binds a proof only under its signer's key; give that with `--key` too")
    found = verification.verify(certificate, *keys, now=now)
    if found.verdict != "verified":
        raise VerificationFailed(f"the given certificate is {found.verdict}, so it binds nothing: {found.grade}")
    searched = [{**one["data"], "root": one["root"]} for one in found.predicate.get("searched", [])]
    return [*searched, *(one[when] for one in found.predicate.get("tables", []) for when in ("before", "after"))]


def _asked(
    proof: Document, *, by_key: bool, keys: bool, data_root: str | None, tables: list[Mapping[str, Any]] | None
) -> Iterator[tuple[bool, str]]:
    """What the proof was to be bound to: whether it is, and the words for that or for its not being so."""
    if by_key:
        yield True, "signed by the pinned key"
    elif keys and tables is None:
        yield False, "nobody signed it, so the given key says nothing of it"
    if data_root is not None:
        same = proof["root"] == data_root
        yield same, "under the root that was given" if same else "it is under another root than the given one"
    if tables is not None:
        stated = any(one["root"] == proof["root"] for one in tables)
        yield (
            stated,
            "under a root that the given certificate states" if stated else "the given certificate states another root",
        )


def _judged(wrong: str, asked: Sequence[tuple[bool, str]], *, by_key: bool) -> tuple[Judgement, str]:
    if wrong:
        return ("contradictory" if by_key else "invalid"), wrong
    if missing := [words for held, words in asked if not held]:
        return "consistent, by nobody", "; ".join(missing)
    if not asked:
        return "consistent, by nobody", "it agrees with itself, and anybody could have made it; give a key or a root"
    return ("verified" if by_key else "bound"), " and ".join(words for _, words in asked)


def _told(
    proof: Document, tables: list[Mapping[str, Any]] | None, *, by_key: bool, rooted: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is bound, and what is claimed. A root covers who is in the tree, and of a table what its certificate says too."""
    more = {"column": proof["subject_column"], "identifier": proof["identifier"], "index key": proof["key"]["id"]}
    if (nearest := proof.get("nearest")) is not None:
        more["nearest spelling"] = nearest
    said = {**proof["data_version"], **more}
    if by_key:
        return said, {}
    stated = [_agreed(proof["data_version"], one) for one in tables or () if rooted and one["root"] == proof["root"]]
    bound = {name: said[name] for name in max(stated, key=len, default=())}
    return bound, {name: value for name, value in said.items() if name not in bound}


def _agreed(version: Mapping[str, Any], stated: Mapping[str, Any]) -> list[str]:
    return [name for name, other in _STATED_AS.items() if version[name] == stated[other]]
