"""`unlearn verify`: reads the files, asks what they are worth, and says it; also all that the auditor's verifier is.

It imports the rooms `domain` and `certificate` alone, so that `make verifier` can put them into one file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from unlearning.domain.codec import write
from unlearning.domain.errors import NotFound, UnlearningError, VerificationFailed, WrongUse
from unlearning.domain.foreign import shown

if TYPE_CHECKING:
    from unlearning.certificate import membership, verification

KEY = "A public key that must have signed it; repeat for several. Without one nothing says who wrote it."
PROOF = "The file is a membership proof of `unlearn prove`, and no certificate."
RETENTION = "The file is a record of `unlearn retire`, and no certificate."
DATA_ROOT = "With --proof: the root it must be under, as the tag `unlearning.data_root` of a model version has it."
CERTIFICATE = "With --proof: a certificate, signed by the keys, that states the root."

_LARGEST = 256 << 20
"""Bytes of a file that is read: far more than a certificate of ten thousand people."""
_LINE = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified, and under what."""

    file: Path
    keys: tuple[Path, ...] = ()
    proof: bool = False
    data_root: str | None = None
    certificate: Path | None = None
    retention: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The same for programs, for people, and for the shell."""

    document: Any
    lines: tuple[str, ...]
    code: int


def answer(asked: Asked, now: datetime) -> Answer:
    """What the file is worth. Raises NotFound, WrongUse, KeyFileError, VerificationFailed."""
    from unlearning.certificate import envelope, membership, retention, verification

    raw, keys = _content(asked.file), [_content(key) for key in asked.keys]
    if asked.proof and asked.retention:
        raise WrongUse("--proof and --retention are of different files; expected one of them")
    if not asked.proof:
        if asked.data_root is not None or asked.certificate is not None:
            raise WrongUse("a root and a certificate are what a proof is checked against; say `--proof` too")
        membership.refuse_proof(raw)
        if asked.retention:
            of_rows = retention.verify(envelope.read(raw), *keys, now=now)
            return _answer(of_rows, _verified_lines(of_rows, retention.lines))
        found = verification.verify(envelope.read(raw), *keys, now=now)
        return _answer(found, _verified_lines(found, _stated))
    stated = envelope.read(_content(asked.certificate)) if asked.certificate else None
    shows = membership.verify(raw, *keys, data_root=asked.data_root, certificate=stated, now=now)
    return _answer(shows, _proof_lines(shows))


def say(told: Answer, *, as_json: bool) -> None:
    """Print it; of what a stranger wrote nothing acts on a terminal, in JSON neither."""
    for line in [json.dumps(told.document, indent=2)] if as_json else told.lines:
        print(line)


def _answer(found: verification.Verification | membership.Verification, lines: Iterator[str]) -> Answer:
    return Answer(write(found), tuple(shown(line, _LINE) for line in lines), int(found.refused))


def _verified_lines(found: verification.Verification, say: Callable[[Mapping[str, Any]], Iterator[str]]) -> Iterator[str]:
    yield f"{found.verdict}: {found.grade}"
    yield from _signer_lines(found.signers, found.claimed_keyids)
    label = "stated     " if found.signature == "valid" else "claim      "
    yield from (f"  {label}{line}" for line in (say(found.predicate) if found.predicate else ()))
    yield from (f"  {label if label.startswith('claim') else 'subject    '}{subject}" for subject in found.subjects)
    yield from (f"  {'agrees   ' if one.agrees else 'DISAGREES'}  {one}" for one in found.recomputed)
    yield from (f"  not redone {what}" for what in found.not_recomputed)


def _stated(predicate: Mapping[str, Any]) -> Iterator[str]:
    """What it is, of whom and when, in the words of the file."""
    issuer = predicate["issuer"]
    yield f"certificate {predicate['certificateId']}"
    yield f"issued {predicate['issuedAt']}, valid until: {predicate['validUntil']}"
    yield f"decision {predicate['decision']}, state {predicate['state']}"
    yield f"issuer {issuer['name']} ({issuer['role']})"


def _proof_lines(found: membership.Verification) -> Iterator[str]:
    about = f"{found.kind} of tok_{found.token[:12]}: " if found.token else ""
    yield f"{found.verdict}: {about}{found.grade}"
    yield from _signer_lines(found.signers, found.claimed_keyids)
    if found.root:
        yield f"  root       {found.root}"
    for label, told in (("bound", found.bound), ("claim", found.claims)):
        yield from (
            f"  {label:<11}{name} {'not committed' if value is None else value}" for name, value in (told or {}).items()
        )
    yield from (f"  not redone {what}" for what in found.not_recomputed)


def _signer_lines(signers: Sequence[str], claimed: Sequence[str]) -> Iterator[str]:
    yield from (f"  signed by  {name}  (the given key)" for name in signers)
    yield from (f"  claims to be signed by {shown(name, 80) or 'a key without a name'} (not checked)" for name in claimed)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no name of a file"
        raise NotFound(f"{shown(path)} cannot be read ({why}); name an existing file") from None
    if len(content) > _LARGEST:
        raise VerificationFailed(f"{shown(path)} is larger than {_LARGEST >> 20} MiB; no certificate, proof or key is")
    return content


# --- the auditor's verifier -----------------------------------------------------------------------------------------


def main(words: Sequence[str] | None = None) -> int:
    """The command line of the verifier; its exit code: 0 holds, 1 does not, 2 wrong use."""
    given = _parser().parse_args(words)
    asked = Asked(given.file, tuple(given.key), given.proof, given.data_root, given.certificate, given.retention)
    try:
        told = answer(asked, datetime.now(UTC))
    except UnlearningError as error:
        if given.json:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        print(f"unlearning-verify: {error}", file=sys.stderr)
        return error.exit_code
    say(told, as_json=given.json)
    return told.code


def run() -> NoReturn:
    """What the file that `make verifier` builds runs."""
    try:
        from unlearning.certificate import envelope  # noqa: F401
    except ImportError:
        sys.exit("unlearning-verify needs the Python package cryptography: pip install cryptography")
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "unlearning-verify", description="Check a certificate of mlflow-unlearning, a proof, or a record, offline."
    )
    parser.add_argument("file", type=Path, help="The certificate; with --proof, the membership proof.")
    parser.add_argument("--key", type=Path, action="append", default=[], help=KEY)
    parser.add_argument("--proof", action="store_true", help=PROOF)
    parser.add_argument("--retention", action="store_true", help=RETENTION)
    parser.add_argument("--data-root", help=DATA_ROOT)
    parser.add_argument("--certificate", type=Path, help=CERTIFICATE)
    parser.add_argument("--json", action="store_true", help="One JSON document on standard output.")
    return parser
