"""Commands that check what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from unlearning.certificate import command
from unlearning.domain.foreign import shown
from unlearning.entrypoints.cli.shared import answer, json_option, open_project, project


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, type=click.Path(path_type=Path), help=command.KEY)
@click.option("--proof", is_flag=True, help=command.PROOF)
@click.option("--retention", is_flag=True, help=command.RETENTION)
@click.option("--data-root", metavar="HASH", help=command.DATA_ROOT)
@click.option("--certificate", type=click.Path(path_type=Path), help=command.CERTIFICATE)
@json_option
def verify(
    file: Path,
    keys: Sequence[Path],
    proof: bool,
    retention: bool,
    data_root: str | None,
    certificate: Path | None,
    as_json: bool,
) -> None:
    """Check a certificate, a proof (--proof), or a record of `unlearn retire` (--retention) offline; exits 1 unless it holds.

    \b
    Example:  unlearn verify erasure-….json --key .unlearning/keys/signing.pub
    """
    asked = command.Asked(file, tuple(keys), proof, data_root, certificate, retention)
    told = command.answer(asked, datetime.now(UTC))
    command.say(told, as_json=as_json)
    raise click.exceptions.Exit(told.code)


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), help="Your private key: Ed25519, PEM, mode 0600.")
@click.option("--operator", required=True, type=click.Path(path_type=Path), help="The operator's public key.")
@json_option
def countersign(certificate: Path, key: Path, operator: Path, as_json: bool) -> None:
    """Add a second signature to a certificate and its page, such as the data protection officer's.

    What does not verify under the operator's key is not signed. Get that key from the operator on another way.

    \b
    Example:  unlearn countersign erasure-….json --key my.pem --operator their.pub
    """
    from unlearning.erasure import countersign as signing

    found = signing.countersign(certificate, key, operator=operator)
    document = {
        "certificate": str(certificate),
        "page": str(certificate.with_suffix(".html")),
        "signed_by": list(found.signers),
        "claimed_keyids": list(found.claimed_keyids),
    }
    claims = (f"  claims to be signed by {shown(name, 80)} (not checked)" for name in found.claimed_keyids)
    answer(as_json, document, [f"{certificate} is signed by", *(f"  {name}" for name in found.signers), *claims])


@click.command()
@project
@click.option("--head", "heads", multiple=True, metavar="POSITION:HASH", help="A head that you noted; repeat for several.")
@click.option("--rebuild", is_flag=True, help="Make anew from the events what commands ask, where the events are intact.")
def audit(root: Path, as_json: bool, heads: Sequence[str], rebuild: bool) -> None:
    """Check that the ledger is what it was; exits 1 when an event was edited, removed or cut off.

    Compares the chain of hashes with the heads noted in model versions' tags, in certificates, and by you. Keep the head that
    it prints somewhere else. What commands ask, the states that follow from the events, is compared with the events too: where
    it differs, they refuse until --rebuild.

    \b
    Example:  unlearn audit --head 41:5c0d…
    """
    from unlearning.domain.codec import write
    from unlearning.erasure import audit as auditing

    report = auditing.audit(open_project(root), [auditing.parse(head) for head in heads], rebuild=rebuild)
    answer(as_json, write(report), auditing.lines(report))
    if not report.intact:
        raise click.exceptions.Exit(1)


COMMANDS = (verify, countersign, audit)
