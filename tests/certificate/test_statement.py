"""Certificates of one small erasure, and lies about it.

24 people with two records each in 4 shards of 3 slices; two people leave.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from unlearning.certificate.envelope import Envelope, public_key_id
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
    add_signature,
    dump,
    encode,
    read,
    sign,
    statement,
    verify,
)
from unlearning.domain import hashing, partition
from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.entities import CheckResult, ErasureRequest, Impact, ShapedVersion, ShardImpact, plain
from unlearning.domain.errors import KeyFileError, VerificationFailed, WrongUse
from unlearning.domain.merkle import Tree
from unlearning.domain.protocols import Records
from unlearning.domain.traces import Residual
from unlearning.domain.versions import DataVersion, ModelVersion

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden"
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
    return NotFoundFacts(frame("C-2026-0002", (request(9, stranger),)), (searched,))


CERTIFICATES: dict[str, Callable[[], CertificateFacts | NotFoundFacts]] = {
    "certificate": facts,
    "certificate_with_residuals": facts_with_residuals,
    "certificate_data_only": data_only,
    "certificate_not_found": not_found,
}


def envelope_of(made: CertificateFacts | NotFoundFacts) -> Envelope:
    return sign(encode(statement(made)), keys().private)


def file_of(envelope: Envelope) -> dict[str, Any]:
    """What another tool reads of an envelope."""
    return json.loads(dump(envelope))


def envelope_in(file: dict[str, Any]) -> Envelope:
    return read(json.dumps(file).encode())


def agreements(made: CertificateFacts | NotFoundFacts) -> dict[str, bool]:
    return {item.name: item.agrees for item in verify(envelope_of(made), keys().public).recomputed}


# --- the statement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_same_facts_give_the_bytes_that_were_reviewed(name: str) -> None:
    """The golden envelope is signed with a fixed key; a change here is a change for every reader."""
    made, file = dump(envelope_of(CERTIFICATES[name]())), GOLDEN / f"{name}.json"
    reviewed = json.loads((GOLDEN / f"{name}.statement.json").read_text("utf-8"))
    assert made == file.read_bytes()
    assert statement(CERTIFICATES[name]()) == reviewed


def test_a_moment_is_stated_in_utc_wherever_it_was_taken() -> None:
    whole, there = not_found(), timezone(timedelta(hours=2))
    moved = replace(whole, frame=replace(whole.frame, issued_at=whole.frame.issued_at.astimezone(there)))
    assert encode(statement(moved)) == encode(statement(whole))
    naive = replace(whole, frame=replace(whole.frame, issued_at=datetime(2026, 11, 2)))
    with pytest.raises(WrongUse, match="no time zone"):
        statement(naive)


def test_what_is_not_known_is_said() -> None:
    whole = facts_with_residuals()
    bare = replace(
        whole,
        children=None,
        approved_by=None,
        unlearning=replace(whole.unlearning, replay_equal=None, code_digest=None),
        promotion=replace(whole.promotion, served_digest=None),
        tables=(replace(whole.tables[0], root_after=None, absences=()),),
        frame=replace(whole.frame, suppression=None, valid_until=None),
    )
    predicate = statement(bare)["predicate"]
    assert predicate["unlearning"]["replay"] == "not asked"
    assert predicate["unlearning"]["codeDigest"] == "not recorded"
    assert predicate["tables"][0]["after"]["root"] == "not committed"
    assert predicate["impact"]["children"] == "not searched"
    assert predicate["verification"] == "not searched again yet"
    assert predicate["suppression"] == "not recorded"
    assert predicate["promotion"]["servedDigest"] == "not read back"
    assert b"null" not in encode(predicate["unlearning"])
    done = verify(envelope_of(bare), keys().public)
    assert done.verdict == "verified"
    assert {
        "that nothing is left: it was not searched again yet",
        "absence from data/train.parquet: no root was committed to",
    } <= set(done.not_recomputed)


def test_completed_is_said_only_when_every_place_in_reach_was_searched_and_clean() -> None:
    whole = facts()
    assert statement(whole)["predicate"]["state"] == "completed"
    assert statement(facts_with_residuals())["predicate"]["state"] == "completed_with_residuals"
    for outcome in ("residual", "unverified"):
        found = replace(whole, findings=(replace(whole.findings[0], outcome=outcome, count=1), whole.findings[1]))
        assert statement(found)["predicate"]["state"] == "completed_with_residuals"
    beyond = replace(whole, findings=(*whole.findings, replace(whole.findings[0], place="clones", outcome="out_of_reach")))
    assert statement(beyond)["predicate"]["state"] == "completed"
    with pytest.raises(WrongUse, match="what is left"):
        statement(replace(whole, findings=(), residuals=()))


def test_no_password_of_an_address_goes_into_a_certificate() -> None:
    whole = facts()
    address = "postgresql://mlflow:p@ss@db.example:5432/registry"
    made = statement(replace(whole, promotion=replace(whole.promotion, registry=address)))
    assert made["predicate"]["promotion"]["registry"] == "postgresql://db.example:5432/registry"


def test_an_outcome_is_plain_enough_for_json() -> None:
    outcome = json.loads(json.dumps(plain(verify(SIGNED, keys().public))))
    assert outcome["verdict"] == "verified"
    assert outcome["recomputed"][0] == {
        "name": "limits",
        "agrees": True,
        "how": "says what is out of reach and what it does not prove",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: replace(f, scope=replace(f.scope, out_of_reach=())), "outOfReach is empty"),
        (lambda f: replace(f, scope=replace(f.scope, out_of_reach=(LEFT,))), "within reach"),
        (lambda f: replace(f, does_not_prove=()), "doesNotProve is empty"),
        (lambda f: replace(f, does_not_prove=("  ",)), "doesNotProve is empty"),
        (lambda f: replace(f, requests=()), "at least one request"),
        (lambda f: replace(f, requests=(replace(f.requests[0], token="4711"),)), "no keyed token"),
    ],
)
def test_facts_that_may_not_be_certified_are_refused(change: Callable[[Frame], Frame], message: str) -> None:
    for made in (facts(), not_found()):
        with pytest.raises(WrongUse, match=message) as raised:
            statement(replace(made, frame=change(made.frame)))
        assert "4711" not in str(raised.value)


def test_not_found_names_what_was_searched_and_nothing_else() -> None:
    made = statement(not_found())
    assert [subject["name"] for subject in made["subject"]] == ["data/train.parquet"]
    assert made["predicate"]["decision"] == "not_found"
    assert "unlearning" not in made["predicate"]
    assert agreements(not_found())["absence from data/train.parquet"]
    assert "a search found no record" in verify(envelope_of(not_found()), keys().public).grade
    with pytest.raises(WrongUse, match="searched"):
        statement(replace(not_found(), searched=()))


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_verifies_with_its_key_and_is_integrity_only_without(name: str) -> None:
    envelope = envelope_of(CERTIFICATES[name]())
    pinned, alone = verify(envelope, keys().public), verify(envelope)
    assert (pinned.signature, pinned.verdict) == ("valid", "verified")
    assert (alone.signature, alone.verdict) == ("unchecked", "integrity only")
    assert pinned.keyid == public_key_id(keys().public) == envelope.signatures[0].keyid
    assert pinned.recomputed == alone.recomputed
    assert not pinned.refused
    assert not alone.refused


def test_another_key_makes_the_certificate_invalid_and_nothing_in_it_is_shown() -> None:
    outcome = verify(envelope_of(facts()), keys(2).public)
    assert (outcome.signature, outcome.verdict, outcome.refused) == ("invalid", "invalid", True)
    assert outcome.subjects == ()
    assert outcome.predicate == {}


def test_several_people_sign_and_each_signature_verifies_alone() -> None:
    both = add_signature(envelope_of(facts()), keys(2).private, keyid="dpo")
    assert both.signatures[0] == envelope_of(facts()).signatures[0]
    assert [verify(both, keys(seed).public).verdict for seed in (1, 2, 3)] == ["verified", "verified", "invalid"]
    assert verify(both).claimed_keyids == (public_key_id(keys().public), "dpo")
    with pytest.raises(WrongUse, match="already"):
        add_signature(both, keys(1).private)


def test_a_key_id_is_a_hint_and_no_evidence() -> None:
    lying = sign(encode(statement(facts())), keys(2).private, keyid=public_key_id(keys(1).public))
    assert verify(lying, keys(1).public).verdict == "invalid"
    assert verify(lying, keys(2).public).verdict == "verified"


SIGNED = envelope_of(not_found())


@given(st.data())
def test_any_changed_character_of_payload_or_signature_is_noticed(data: st.DataObject) -> None:
    envelope = file_of(SIGNED)
    holder, field = data.draw(st.sampled_from([(envelope, "payload"), (envelope["signatures"][0], "sig")]))
    at = data.draw(st.integers(0, len(holder[field]) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != holder[field][at]))
    holder[field] = holder[field][:at] + other + holder[field][at + 1 :]
    assert verdict_of(envelope) in ("invalid", "refused")


def verdict_of(envelope: dict[str, Any]) -> str:
    try:
        return verify(envelope_in(envelope), keys().public).verdict
    except VerificationFailed:
        return "refused"


@given(st.integers(0, 7), st.data())
def test_any_flipped_bit_of_the_file_is_noticed_or_changes_nothing_that_is_signed(bit: int, data: st.DataObject) -> None:
    raw = bytearray(dump(SIGNED))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << bit
    try:
        outcome = verify(read(bytes(raw)), keys().public)
    except VerificationFailed:
        return
    unsigned = json.loads(bytes(raw))["payload"] == file_of(SIGNED)["payload"]
    assert outcome.verdict == "invalid" or unsigned


def test_only_ed25519_keys_are_used() -> None:
    curve = generate_private_key(SECP256R1())
    private = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for pem in (private, locked, b"no key", keys().public):
        with pytest.raises(KeyFileError, match="Ed25519"):
            sign(b"{}", pem)
    for pem in (public, b"no key", b"", keys().private):  # an empty file is no way to ask for less
        with pytest.raises(KeyFileError, match="Ed25519"):
            verify(SIGNED, pem)


# --- other tools ----------------------------------------------------------------------------------------------------


def their_key(seed: int = 1) -> SSlibKey:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return SSlibKey.from_crypto(key.public_key(), keyid=public_key_id(keys(seed).public))


def test_securesystemslib_verifies_our_envelopes() -> None:
    theirs = Theirs.from_dict(file_of(add_signature(envelope_of(facts()), keys(2).private)))
    accepted = theirs.verify([their_key(1), their_key(2)], 2)
    assert len(accepted) == 2
    assert json.loads(theirs.payload) == statement(facts())


@given(st.integers(0), st.integers(0, 7), st.booleans())
def test_securesystemslib_refuses_our_envelopes_with_a_flipped_bit(at: int, bit: int, in_payload: bool) -> None:
    envelope = file_of(SIGNED)
    holder, field = (envelope, "payload") if in_payload else (envelope["signatures"][0], "sig")
    raw = bytearray(base64.b64decode(holder[field]))
    raw[at % len(raw)] ^= 1 << bit
    holder[field] = base64.b64encode(raw).decode()
    assert verify(envelope_in(envelope), keys().public).verdict == "invalid"
    with pytest.raises(VerificationError):
        Theirs.from_dict(envelope).verify([their_key()], 1)


def test_we_verify_the_envelopes_of_securesystemslib() -> None:
    theirs = Theirs(encode(statement(facts())), "application/vnd.in-toto+json", {})
    theirs.sign(CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)))
    assert verify(envelope_in(theirs.to_dict()), keys().public).verdict == "verified"
    assert verify(envelope_in(theirs.to_dict()), keys(2).public).verdict == "invalid"


def test_openssl_alone_verifies_a_certificate_as_the_documentation_says(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text("utf-8")
    script = text.split("```bash\n")[1].split("```")[0]
    (tmp_path / "certificate.json").write_bytes(dump(SIGNED))
    (tmp_path / "issuer.pub").write_bytes(keys().public)
    run = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr
    (tmp_path / "issuer.pub").write_bytes(keys(2).public)
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, timeout=30, check=False).returncode != 0


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_absence_script_of_the_documentation_agrees(name: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text("utf-8")
    script = text.split("```python\n")[1].split("```")[0]

    def run(made: CertificateFacts | NotFoundFacts) -> list[str]:
        (tmp_path / "certificate.json").write_bytes(dump(envelope_of(made)))
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout.splitlines()

    made = CERTIFICATES[name]()
    lines = run(made)
    assert len(lines) == len(made.frame.requests)
    assert all("absent from data/train.parquet" in line for line in lines)
    if isinstance(made, CertificateFacts):
        other = replace(made, tables=(replace(made.tables[0], root_after="0" * 64),))
        assert all("NOT SHOWN" in line for line in run(other))


# --- what can be worked out again -----------------------------------------------------------------------------------


def test_everything_that_can_be_worked_out_again_agrees_in_an_honest_certificate() -> None:
    outcome = agreements(facts())
    assert set(outcome) == {
        "limits", "ledger link", "dates", "absence from data/train.parquet", "subjects", "state", "promotion", "served model",
        "chain of keys", "heads", "search after deletion",
    }  # fmt: skip
    assert all(outcome.values())


@given(st.sets(st.integers(0, PEOPLE - 1), min_size=1, max_size=PEOPLE - 1))
def test_the_real_chain_of_any_erasure_agrees(leaving: set[int]) -> None:
    staying = [person for person in range(PEOPLE) if person not in leaving]
    before, after = real_chain(list(range(PEOPLE))), real_chain(staying)
    assert agreements(with_chains(facts(), before, after, people=len(staying)))["chain of keys"]


def with_chains(whole: CertificateFacts, before: Chain, after: Chain, *, people: int) -> CertificateFacts:
    """The same certificate over other chains, with everything that follows from them."""
    return replace(
        whole,
        unlearning=replace(whole.unlearning, chain_before=before, chain_after=after),
        impact=replace(whole.impact, shards=difference(before, after)),
        tables=(replace(whole.tables[0], after=replace(whole.tables[0].after, rows=2 * people)),),
    )


def real_chain(people: list[int]) -> Chain:
    owners = [person for person in people for _ in range(2)]
    features = np.array([[person, row % 2] for row, person in enumerate(owners)], dtype=np.float32)
    records = Records(features, np.array([person % 2 for person in owners], dtype=np.int64))
    where = partition.places([bytes.fromhex(hashing.token(b"p" * 32, person, "integer")) for person in owners])
    made = partition.partition(records, where, shards=SHARDS, slices=SLICES)
    ordered = Records(records.features[made.order], records.labels[made.order])
    return partition.chain(hashing.digest("recipe"), 7, ordered, where[made.order], made.bounds)


Lie = Callable[[dict[str, Any]], None]


def _swap_keys(predicate: dict[str, Any]) -> None:
    """A checkpoint that the person shaped is kept in use."""
    impact = predicate["impact"]["shards"][0]
    before, after = (predicate["unlearning"][name]["shards"][impact["shard"]] for name in ("chainBefore", "chainAfter"))
    after["keys"][impact["first_slice"]] = before["keys"][impact["first_slice"]]


def _touch_another_shard(predicate: dict[str, Any]) -> None:
    touched = {impact["shard"] for impact in predicate["impact"]["shards"]}
    other = next(shard for shard in range(SHARDS) if shard not in touched)
    predicate["unlearning"]["chainAfter"]["shards"][other]["keys"][-1] = hashing.digest("something else")


def _put(path: str, value: Any) -> Lie:
    def lie(predicate: dict[str, Any]) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        holder: Any = predicate
        for step in way:
            holder = holder[step]
        holder[last] = value

    return lie


LIES: list[tuple[str, Lie]] = [
    ("chain of keys", _swap_keys),
    ("chain of keys", _touch_another_shard),
    ("chain of keys", _put("impact.shards", [])),
    ("chain of keys", _put("impact.shards.0.first_slice", 2)),
    ("chain of keys", _put("impact.shards.0.records", 1)),
    ("heads", _put("unlearning.constituents.1.key", "0" * 64)),
    ("heads", _put("unlearning.constituents", [])),
    ("heads", _put("unlearning.dropped", [0])),
    ("absence from data/train.parquet", _put("tables.0.after.root", "0" * 64)),
    ("absence from data/train.parquet", _put("tables.0.after.people", 23)),
    ("absence from data/train.parquet", _put("requests.0.token", TOKENS[5].hex())),
    ("state", _put("residuals", [{"place": "cache", "outcome": "residual"}])),
    ("state", _put("verification.0.outcome", "residual")),
    ("state", _put("verification", "not searched again yet")),
    ("promotion", _put("validation.0.verdict", "failed")),
    ("served model", _put("promotion.servedDigest", "0" * 64)),
    ("subjects", _put("promotion.to", "diagnosis/9")),
    ("subjects", _put("tables.0.after.digest", "0" * 64)),
    ("dates", _put("requests.0.receivedAt", "2026-11-03T12:00:00+00:00")),
    ("dates", _put("requests.0.dueAt", "2026-11-01T12:00:00+00:00")),
    ("dates", _put("validUntil", "2026-11-01T12:00:00+00:00")),
    ("dates", _put("actions.0.finishedAt", "2026-11-02T11:00:00+00:00")),
    ("dates", _put("verification.0.at", "2026-11-02T23:00:00+00:00")),
    ("search after deletion", _put("verification.0.at", "2026-11-02T13:01:00+00:00")),
    ("ledger link", _put("chain.position", -1)),
    ("ledger link", _put("chain.head", "00")),
    ("limits", _put("scope.outOfReach", [])),
    ("limits", _put("doesNotProve", [])),
]


@pytest.mark.parametrize(("name", "lie"), LIES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(LIES)])
def test_a_signed_lie_that_contradicts_the_rest_is_found(name: str, lie: Lie) -> None:
    document = json.loads(encode(statement(facts())))
    lie(document["predicate"])
    outcome = verify(sign(encode(document), keys().private), keys().public)
    assert outcome.signature == "valid"
    assert (outcome.verdict, outcome.refused) == ("contradictory", True)
    assert name in {item.name for item in outcome.recomputed if not item.agrees}


@pytest.mark.parametrize(("guarantee", "agrees"), [("exact", True), ("empirical", False)])
def test_a_failed_membership_attack_contradicts_only_the_promotion_of_a_method_without_proof(
    guarantee: str, agrees: bool
) -> None:
    document = json.loads(encode(statement(facts())))
    predicate = document["predicate"]
    predicate["unlearning"]["guarantee"] = guarantee
    predicate["validation"] = [{**predicate["validation"][0], "name": "membership", "verdict": "failed"}]
    outcome = verify(sign(encode(document), keys().private), keys().public)
    assert [item.agrees for item in outcome.recomputed if item.name == "promotion"] == [agrees]


def test_an_inclusion_proof_is_not_taken_for_absence() -> None:
    whole, tree = facts(), Tree(TOKENS)
    present = tuple(Absence(TOKENS[person].hex(), tree.prove(TOKENS[person])) for person in LEAVING)
    table_of_lies = replace(whole.tables[0], root_after=tree.root, absences=present)
    table_of_lies = replace(table_of_lies, after=replace(table_of_lies.after, people=PEOPLE))
    assert not agreements(replace(whole, tables=(table_of_lies,)))["absence from data/train.parquet"]


def test_an_erasure_that_states_no_table_shows_no_absence() -> None:
    outcome = verify(envelope_of(replace(facts(), tables=())), keys().public)
    assert "absence from the data: no table was stated" in outcome.not_recomputed


def grown(whole: CertificateFacts) -> CertificateFacts:
    return replace(whole, tables=(replace(whole.tables[0], after=replace(whole.tables[0].after, rows=99)),))


def edited(whole: CertificateFacts) -> CertificateFacts:
    return replace(whole, unlearning=replace(whole.unlearning, parent_data_digest=hashing.digest("as it was before an edit")))


def retuned(whole: CertificateFacts) -> CertificateFacts:
    chain = replace(whole.unlearning.chain_before, recipe=hashing.digest("another recipe"))
    return replace(whole, unlearning=replace(whole.unlearning, chain_before=chain))


@pytest.mark.parametrize("change", [grown, edited, retuned])
def test_when_more_than_the_people_changed_the_chain_is_said_to_be_not_recomputed(
    change: Callable[..., CertificateFacts],
) -> None:
    outcome = verify(envelope_of(change(facts())), keys().public)
    assert outcome.verdict == "verified"
    assert "chain of keys" not in {item.name for item in outcome.recomputed}
    assert any(reason.startswith("which keys changed") for reason in outcome.not_recomputed)


def test_absence_is_shown_in_a_tree_that_holds_only_half_of_each_token() -> None:
    staying = [token[:16] for person, token in enumerate(TOKENS) if person not in LEAVING]
    tree, whole = Tree(staying), facts()
    absences = tuple(Absence(TOKENS[person][:16].hex(), tree.prove(TOKENS[person][:16])) for person in LEAVING)
    halved = replace(whole, tables=(replace(whole.tables[0], root_after=tree.root, absences=absences),))
    assert agreements(halved)["absence from data/train.parquet"]
    one_short = replace(whole, tables=(replace(whole.tables[0], root_after=tree.root, absences=absences[:1]),))
    assert not agreements(one_short)["absence from data/train.parquet"]


def test_an_erasure_that_touched_no_model_says_so() -> None:
    made, outcome = statement(data_only()), verify(envelope_of(data_only()), keys().public)
    assert made["predicate"]["unlearning"] == made["predicate"]["promotion"]
    assert made["predicate"]["promotion"].startswith("not needed")
    assert [subject["name"] for subject in made["subject"]] == ["data/train.parquet"]
    assert "only data changed" in outcome.grade
    assert {item.name for item in outcome.recomputed} >= {"absence from data/train.parquet", "state", "search after deletion"}


def test_training_and_promotion_are_stated_together_or_not_at_all() -> None:
    with pytest.raises(WrongUse, match="only one came"):
        statement(replace(facts(), promotion=None))
    with pytest.raises(WrongUse, match="names what changed"):
        statement(replace(data_only(), tables=()))


@pytest.mark.parametrize(
    ("guarantee", "replayed", "words"),
    [
        ("exact", True, "replayed by the issuer with equal bytes"),
        ("exact", None, "open to replay, not replayed"),
        ("exact", False, "open to replay, not replayed"),
        ("certified (ε=1, δ=0.0001)", None, "certified (ε=1, δ=0.0001) under its published assumptions"),
        ("empirical", None, "a heuristic method"),
    ],
)
def test_the_grade_says_how_strong_the_evidence_is(guarantee: str, replayed: bool | None, words: str) -> None:
    done = facts().unlearning
    done = replace(done, trained=replace(done.trained, guarantee=guarantee), replay_equal=replayed)
    outcome = verify(envelope_of(replace(facts(), unlearning=done)), keys().public)
    assert words in outcome.grade


@pytest.mark.parametrize("name", CERTIFICATES)
def test_no_outcome_ever_claims_compliance(name: str) -> None:
    outcome = verify(envelope_of(CERTIFICATES[name]()), keys().public)
    said = " ".join([outcome.grade, outcome.verdict, *map(str, outcome.recomputed), *outcome.not_recomputed])
    assert "complian" not in said
    assert outcome.verdict not in ("pass", "passed", "ok")
    assert outcome.not_recomputed


# --- malformed files ------------------------------------------------------------------------------------------------


def signed_with(change: Lie) -> Envelope:
    document = json.loads(encode(statement(facts())))
    change(document)
    return sign(encode(document), keys().private)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is not JSON"),
        (b"\xff\xfe", "the file is not JSON"),
        (b"[]", "the file is a JSON list"),
        (b"{}", "payloadType is None"),
        (b'{"payloadType": "text/plain"}', "payloadType is 'text/plain'"),
        (b'{"payloadType": "application/vnd.in-toto+json"}', "payload is not canonical base64"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30"}', "payload is not base64"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30="}', "signatures is not a list"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{}]}', "signatures is not a list"),
        (b'{"payload": "e30=", "payload": "e31="}', "stands twice"),
        (b'{"payload": NaN}', "NaN is no JSON number"),
        (b'{"payload": 1e400}', "the file is not JSON"),
        (b'{"payload": ' + b"9" * 5000 + b"}", "the file is not JSON"),
        (b'{"payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the file is not JSON"),
        (b'{"payload": "\\ud800"}', "the file is not JSON"),
        (b"\xef\xbb\xbf{}", "the file is not JSON"),
        ("{}".encode("utf-16"), "the file is not JSON"),
    ],
)
def test_a_malformed_file_is_refused_by_name(raw: bytes, message: str) -> None:
    with pytest.raises(VerificationFailed, match=message):
        read(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put("_type", "https://in-toto.io/Statement/v0.1"), "_type is"),
        (_put("subject", []), "subject is not a list"),
        (_put("subject.0", {"name": "x", "digest": {"md5": "1"}}), "subject is not a list"),
        (_put("predicate", None), "no predicate"),
        (_put("predicateType", "https://slsa.dev/provenance/v1"), "predicateType is"),
        (_put("predicate.decision", "pardoned"), "decision is 'pardoned'"),
        (lambda document: document["predicate"].pop("chain"), "no field chain"),
        (lambda document: document["predicate"]["unlearning"].pop("chainAfter"), "no field unlearning.chainAfter"),
        (_put("predicate.issuedAt", "2026-13-01"), "malformed where dates"),
        (_put("predicate.requests", 7), "malformed where dates"),
        (lambda document: document["predicate"].update(unlearning="not needed", residuals="x"), "its evidence is graded"),
        (_put("predicate.tables.0.absence.0.proof", {}), "a proof is malformed"),
    ],
)
def test_a_signed_file_that_is_no_certificate_is_refused_by_name(change: Lie, message: str) -> None:
    with pytest.raises(VerificationFailed, match=message):
        verify(signed_with(change), keys().public)


@pytest.mark.parametrize("value", [b"9" * 5000, b"-1e400", b"NaN", b'"\\udfff"', b'1, "decision": "erased"'])
def test_a_signed_payload_that_two_readers_could_read_differently_is_refused(value: bytes) -> None:
    payload = encode(statement(facts())).replace(b'"predicate":{', b'"predicate":{"beside":' + value + b",", 1)
    with pytest.raises(VerificationFailed, match=r"not JSON|no JSON number|stands twice"):
        verify(sign(payload, keys().private), keys().public)


def test_an_envelope_without_signatures_is_invalid_under_a_key() -> None:
    assert verify(replace(SIGNED, signatures=()), keys().public).verdict == "invalid"


def test_what_else_a_file_says_is_written_again_so_that_a_change_of_it_is_seen() -> None:
    file = {**file_of(SIGNED), "note": "x"}
    file["signatures"][0]["cert"] = "y"
    assert file_of(envelope_in(file)) == file
    del file["signatures"][0]["keyid"]
    assert file_of(envelope_in(file)) == file
    assert verify(envelope_in(file), keys().public).claimed_keyids == ("",)
