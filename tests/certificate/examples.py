"""Certificates of one small erasure: 24 people with two records each in 4 shards of 3 slices; two people leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from unlearning.certificate.envelope import Envelope
from unlearning.certificate.schema import PROOF_FORMAT
from unlearning.certificate.statement import (
    Absence,
    Action,
    Backup,
    CertificateFacts,
    Finding,
    Frame,
    Issuer,
    LedgerLink,
    Lineage,
    NotFoundFacts,
    Promotion,
    Recipient,
    Scope,
    SearchedTable,
    Suppression,
    Table,
    Unlearning,
    encode,
    sign,
    statement,
    verify,
)
from unlearning.domain import hashing
from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.codec import write
from unlearning.domain.entities import CheckResult, ErasureRequest, Impact, ShapedVersion, ShardImpact
from unlearning.domain.merkle import Tree
from unlearning.domain.traces import Residual
from unlearning.domain.versions import DataVersion, ModelVersion

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SHARDS, SLICES, PEOPLE, LEAVING = 4, 3, 24, (3, 17)
INDEX_KEY = b"i" * 32
TOKENS = [bytes.fromhex(hashing.token(INDEX_KEY, number, "integer")) for number in range(PEOPLE)]


@dataclass(frozen=True)
class Keys:
    """A key pair from a fixed seed: Ed25519 signatures are deterministic, so envelopes are too."""

    private: bytes
    public: bytes


def keys(seed: int = 1) -> Keys:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Keys(
        private=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        public=key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def chain_over(people: list[int]) -> Chain:
    """Person p lives in shard p mod 4 and slice p mod 3, with two records; each key names all people up to its slice."""
    return Chain(hashing.digest("recipe"), 7, tuple(shard_chain(shard, people) for shard in range(SHARDS)))


def shard_chain(shard: int, people: list[int]) -> ShardChain:
    cells = [[person for person in people if person % SHARDS == shard and person % SLICES == piece] for piece in range(SLICES)]
    made = [hashing.digest(["start", shard])]
    for cell in cells:
        made.append(hashing.digest([made[-1], cell]))
    return ShardChain(shard, tuple(made), tuple(2 * len(cell) for cell in cells))


def difference(before: Chain, after: Chain) -> tuple[ShardImpact, ...]:
    """What changed, read off the two chains."""
    impacts = []
    for old, new in zip(before.shards, after.shards, strict=True):
        changed = [index for index, (was, now) in enumerate(zip(old.keys, new.keys, strict=True)) if was != now]
        if changed:
            records = sum(old.rows) - sum(new.rows)
            impacts.append(ShardImpact(old.shard, changed[0], SLICES - changed[0] + 1, records))
    return tuple(impacts)


def data_version(name: str, people: int) -> DataVersion:
    object_hash = hashing.digest([name, "object"])[:32]
    return DataVersion("data/train.parquet", hashing.digest(name), object_hash, "4f" * 20, 2 * people, people)


def request(number: int, token: bytes) -> ErasureRequest:
    name = f"R-2026-{number:04}"
    return ErasureRequest(name, token.hex(), "certifying", "gdpr", NOON, NOON + timedelta(days=30), name)


OUT_OF_REACH = (
    Residual(
        "clones and caches of other people",
        "physical",
        "out_of_reach",
        None,
        "nobody can list them; a push from a stale clone would bring objects back",
        "ask their owners; `unlearn watch` looks for erased objects on the remotes",
    ),
    Residual(
        "backups of the object store",
        "physical",
        "out_of_reach",
        None,
        "kept 35 days by the storage team",
        "they expire on 7 December; a restore replays the suppression list",
    ),
)


def frame(certificate_id: str, requests: tuple[ErasureRequest, ...]) -> Frame:
    return Frame(
        certificate_id=certificate_id,
        issued_at=NOON + timedelta(hours=2),
        issuer=Issuer("Example Hospital, ML platform", "operator", "mlflow-unlearning", "0.1.0", hashing.digest("code")),
        requests=requests,
        scope=Scope(
            systems=("MLflow registry", "DVC cache and remote `origin`", "checkpoint store"),
            out_of_reach=OUT_OF_REACH,
            lineage=Lineage(indexed=7, known=8),
            gaps=("model version diagnosis/2 has no known data version",),
        ),
        ledger=LedgerLink(41, hashing.digest("event 40"), hashing.digest("event 41")),
        suppression=Suppression(NOON, hashing.digest("suppressed"), 2),
    )


def table() -> Table:
    before, after = Tree(TOKENS), Tree(token for person, token in enumerate(TOKENS) if person not in LEAVING)
    return Table(
        before=data_version("before", PEOPLE),
        after=data_version("after", PEOPLE - len(LEAVING)),
        root_before=before.root,
        root_after=after.root,
        absences=tuple(Absence(TOKENS[person].hex(), after.prove(TOKENS[person])) for person in LEAVING),
    )


def unlearning() -> Unlearning:
    before = chain_over(list(range(PEOPLE)))
    after = chain_over([person for person in range(PEOPLE) if person not in LEAVING])
    parts = tuple(
        Part(shard.shard, shard.head, hashing.digest(shard.head), 0, 0, 0.0) for shard in after.shards if not shard.empty
    )
    return Unlearning(
        trained=Trained("sisa", "exact", parts, tuple(shard.shard for shard in after.shards if shard.empty)),
        chain_before=before,
        chain_after=after,
        parent_data_digest=data_version("before", PEOPLE).digest,
        code_digest=hashing.digest("code"),
        environment_digest=hashing.digest("environment"),
        replay_equal=True,
        replay_digest=hashing.digest("replay"),
    )


def impact(done: Unlearning, redacted: Table) -> Impact:
    return Impact(
        records=2 * len(LEAVING),
        tokens=tuple(TOKENS[person].hex() for person in LEAVING),
        not_found=(),
        data_versions=(redacted.before,),
        model_versions=(ShapedVersion("diagnosis", 7, ("champion",), redacted.before.digest),),
        shards=difference(done.chain_before, done.chain_after),
        shards_total=SHARDS,
        slices_total=SLICES,
        checkpoints_stale=("a", "b"),
        estimated_seconds=1.5,
        method="sisa",
    )


VALIDATION = (
    CheckResult("utility", 0.91, "≥ 0.88", "passed", "accuracy on a holdout that shares no person with training"),
    CheckResult(
        "membership", 0.53, "within 0.50 ± 0.12", "passed", "AUC of the loss-threshold attack", {"standard_error": 0.06}
    ),
    CheckResult("drift", None, "≤ 0.25", "underpowered", "too few rows to tell", {"rows": 44}),
)


def facts() -> CertificateFacts:
    """A complete erasure: nothing is left in reach."""
    done, redacted = unlearning(), table()
    manifest = hashing.digest("manifest of diagnosis/8")
    later = NOON + timedelta(hours=1)
    return CertificateFacts(
        frame=frame("C-2026-0001", tuple(request(number, TOKENS[person]) for number, person in enumerate(LEAVING, 1))),
        impact=impact(done, redacted),
        tables=(redacted,),
        unlearning=done,
        promotion=Promotion(
            "sqlite:///mlflow.db", "champion", ModelVersion("diagnosis", 7), ModelVersion("diagnosis", 8), manifest, manifest
        ),
        validation=VALIDATION,
        actions=(
            Action(
                "data/train.parquet", "redacted", NOON, NOON + timedelta(minutes=1), "4 records removed", redacted.before.digest
            ),
            Action("models:/diagnosis/7", "deleted", later, later + timedelta(minutes=2), "version, run and files deleted"),
        ),
        findings=(
            Finding("MLflow registry", "logical", "verified", "every version's lineage", later + timedelta(minutes=5), 0),
            Finding("DVC cache", "physical", "verified", "every object read", later + timedelta(minutes=5), 0),
        ),
        plan_digest=hashing.digest("plan"),
        approved_by="data protection officer",
        children=0,
        recipients=(Recipient("research partner", later),),
        backups=(Backup("object store, daily", NOON + timedelta(days=35)),),
    )


LEFT = Residual(
    "MLflow run artifacts", "physical", "residual", 2, "the store is read-only for us", "mlflow gc by an administrator"
)


def facts_with_residuals() -> CertificateFacts:
    """The same erasure before anything was deleted."""
    whole = facts()
    return replace(whole, findings=(), residuals=(LEFT,), actions=whole.actions[:1])


def data_only() -> CertificateFacts:
    """Two people who are in the data, but shaped no model that serves."""
    whole = facts()
    untouched = replace(whole.impact, shards=(), model_versions=(), checkpoints_stale=())
    return replace(whole, impact=untouched, unlearning=None, promotion=None, validation=(), actions=whole.actions[:1])


def not_found() -> NotFoundFacts:
    """The answer to somebody nobody knows."""
    stranger, tree = bytes.fromhex(hashing.token(INDEX_KEY, 99, "integer")), Tree(TOKENS)
    searched = SearchedTable(data_version("before", PEOPLE), tree.root, (Absence(stranger.hex(), tree.prove(stranger)),))
    later, unread = NOON + timedelta(hours=1), "DVC cache: files nobody could read"
    findings = (
        Finding("MLflow registry", "logical", "verified", "every version's lineage", later, 0),
        Finding(unread, "physical", "unverified", "no reader for a form", later, 2, remedy="write a reader for it"),
    )
    return NotFoundFacts(frame("C-2026-0002", (request(9, stranger),)), (searched,), nearest=("case",), findings=findings)


CERTIFICATES: dict[str, Callable[[], CertificateFacts | NotFoundFacts]] = {
    "certificate": facts,
    "certificate_with_residuals": facts_with_residuals,
    "certificate_data_only": data_only,
    "certificate_not_found": not_found,
}


def envelope_of(made: CertificateFacts | NotFoundFacts) -> Envelope:
    return sign(encode(statement(made)), keys().private)


def agreements(made: CertificateFacts | NotFoundFacts) -> dict[str, bool]:
    return {item.name: item.agrees for item in verify(envelope_of(made), keys().public).recomputed}


SIGNED = envelope_of(not_found())


def membership_proof(person: int = LEAVING[0], *, name: str = "before") -> dict[str, Any]:
    """That somebody was in the table before, or is not in it after, as `unlearn prove` writes it."""
    people = [number for number in range(PEOPLE) if name == "before" or number not in LEAVING]
    tree, version = Tree(TOKENS[number] for number in people), data_version(name, len(people))
    proof = tree.prove(TOKENS[person])
    return {
        "format": PROOF_FORMAT,
        "kind": proof.kind,
        "token": TOKENS[person].hex(),
        "root": tree.root,
        "proof": proof.plain(),
        "data_version": write(version),
        "subject_column": "patient",
        "identifier": "integer",
        "key": {"id": hashing.key_id(INDEX_KEY), "origin": "file"},
    }


Lie = Callable[[dict[str, Any]], None]


def put(path: str, value: Any) -> Lie:
    def lie(predicate: dict[str, Any]) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        holder: Any = predicate
        for step in way:
            holder = holder[step]
        holder[last] = value

    return lie
