"""Commands that check what was done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from unlearning.cli.shared import answer, content


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="The public key to check against; without it: integrity only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def verify(certificate: Path, key: Path | None, as_json: bool) -> None:
    """Check a certificate, or a proof of `unlearn prove`, offline; exits 1 unless it verifies.

    \b
    Example:  unlearn verify .unlearning/certificates/erasure-….json --key .unlearning/keys/signing.pub
    """
    from unlearning import certificate as certificates
    from unlearning.entities import plain

    if (document := _proof(content(certificate))) is not None:
        _verify_proof(document, as_json=as_json)
        return
    envelope = certificates.read(content(certificate))
    found = certificates.verify(envelope, content(key) if key else None)
    body = plain(found)
    recomputed = [f"  {'agrees   ' if one.agrees else 'DISAGREES'}  {one}" for one in found.recomputed]
    lines = [
        f"{found.verdict}: {found.grade}",
        *(f"  signed by  {name}{'  (the given key)' if name == found.keyid else ''}" for name in found.claimed_keyids),
        *(f"  subject    {subject}" for subject in found.subjects),
        *recomputed,
        *(f"  not redone {what}" for what in found.not_recomputed),
    ]
    answer(as_json, body, lines)
    if found.refused:
        raise click.exceptions.Exit(1)


def _proof(payload: bytes) -> dict[str, Any] | None:
    """The document of `unlearn prove`, or None for anything else."""
    from unlearning import proving

    try:
        document = json.loads(payload)
    except ValueError:
        return None
    return document if proving.is_proof(document) else None


def _verify_proof(document: dict[str, Any], *, as_json: bool) -> None:
    from unlearning import proving

    sound = proving.verify(document)
    body = {"verdict": "verified" if sound else "invalid", "kind": document["kind"], "root": document["root"]}
    where = f"tok_{document['token'][:12]} under root {document['root'][:12]}…"
    answer(as_json, body, [f"{body['verdict']}: {document['kind']} of {where}"])
    if not sound:
        raise click.exceptions.Exit(1)


COMMANDS = (verify,)
