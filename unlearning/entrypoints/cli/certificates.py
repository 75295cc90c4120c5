"""Commands that check what was done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from unlearning.entrypoints.cli.shared import answer, content, json_option, open_project, project


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="The public key to check against; without it: integrity only.")
@json_option
def verify(certificate: Path, key: Path | None, as_json: bool) -> None:
    """Check a certificate, or a proof of `unlearn prove`, offline; exits 1 unless it verifies.

    \b
    Example:  unlearn verify .unlearning/certificates/erasure-….json --key .unlearning/keys/signing.pub
    """
    from unlearning.certificate import statement as certificates

    if (document := _proof(content(certificate))) is not None:
        _verify_proof(document, as_json=as_json)
        return
    envelope = certificates.read(content(certificate))
    found = certificates.verify(envelope, content(key) if key else None)
    recomputed = [f"  {'agrees   ' if one.agrees else 'DISAGREES'}  {one}" for one in found.recomputed]
    lines = [
        f"{found.verdict}: {found.grade}",
        *(f"  signed by  {name}{'  (the given key)' if name == found.keyid else ''}" for name in found.claimed_keyids),
        *(f"  subject    {subject}" for subject in found.subjects),
        *recomputed,
        *(f"  not redone {what}" for what in found.not_recomputed),
    ]
    answer(as_json, found, lines)
    if found.refused:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), help="Your private key: Ed25519, PEM, mode 0600.")
@json_option
def countersign(certificate: Path, key: Path, as_json: bool) -> None:
    """Add a second signature to a certificate and its page, such as the data protection officer's.

    \b
    Example:  unlearn countersign .unlearning/certificates/erasure-….json --key officer.pem
    """
    from unlearning.erasure import countersign as signing

    signed = signing.countersign(certificate, key)
    document = {"certificate": str(certificate), "page": str(certificate.with_suffix(".html")), "signed_by": list(signed)}
    answer(as_json, document, [f"{certificate} is signed by", *(f"  {name}" for name in signed)])


@click.command()
@project
@click.option("--head", "heads", multiple=True, metavar="POSITION:HASH", help="A head that you noted; repeat for several.")
def audit(root: Path, as_json: bool, heads: Sequence[str]) -> None:
    """Check that the ledger is what it was; exits 1 when an event was edited, removed or cut off.

    Compares the chain of hashes with the heads noted in model versions' tags, in certificates, and by you. Keep the head that
    it prints somewhere else.

    \b
    Example:  unlearn audit --head 41:5c0d…
    """
    from unlearning.domain.codec import write
    from unlearning.erasure import audit as auditing

    report = auditing.audit(open_project(root), [auditing.parse(head) for head in heads])
    answer(as_json, write(report), auditing.lines(report))
    if not report.intact:
        raise click.exceptions.Exit(1)


def _proof(payload: bytes) -> dict[str, Any] | None:
    """The document of `unlearn prove`, or None for anything else."""
    from unlearning.lineage import membership_proof

    try:
        document = json.loads(payload)
    except ValueError:
        return None
    return document if membership_proof.is_proof(document) else None


def _verify_proof(document: dict[str, Any], *, as_json: bool) -> None:
    from unlearning.lineage import membership_proof

    sound = membership_proof.verify(document)
    body = {"verdict": "verified" if sound else "invalid", "kind": document["kind"], "root": document["root"]}
    where = f"tok_{document['token'][:12]} under root {document['root'][:12]}…"
    answer(as_json, body, [f"{body['verdict']}: {document['kind']} of {where}"])
    if not sound:
        raise click.exceptions.Exit(1)


COMMANDS = (verify, countersign, audit)
