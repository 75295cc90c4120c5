"""The command that proves who is in a data version, in any Git and DVC repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from unlearning.domain.errors import WrongUse
from unlearning.domain.versions import data_name
from unlearning.entrypoints.cli.shared import answer, one_person, person, project


@click.command()
@project
@one_person
@click.option("--data", required=True, metavar="PATH[@REV]", help="A DVC-tracked table, as it is here or at a Git revision.")
@click.option("--subject-column", help="The column that says whose record it is; default: the recipe's.")
@click.option("--key", type=click.Path(path_type=Path), help="With --json: sign the proof with this private key, Ed25519, PEM.")
def prove(
    root: Path,
    as_json: bool,
    subject: str | None,
    source: str | None,
    column: str | None,
    data: str,
    subject_column: str | None,
    key: Path | None,
) -> None:
    """Prove that a person is, or is not, in a data version; `unlearn verify --proof` checks the proof offline.

    Without --key nobody vouches for the proof: it is checked against the root in a model version's tags or in a certificate.
    Works in any Git and DVC repository. Without an index key (environment or key folder) a one-off key is made and thrown
    away: the proof still verifies, but its root cannot be compared with that of another proof.

    \b
    Example:  unlearn prove --subject ann-1 --data data/train.parquet@v1.0 --json
    """
    from unlearning.certificate import membership
    from unlearning.domain.spellings import said
    from unlearning.lineage import membership_proof
    from unlearning.stores import keys

    if key and not as_json:
        raise WrongUse("--key signs the document that --json prints; say --json too, and keep what it prints")
    signing = keys.read_private(key) if key else None
    identifier = person(subject, source, column)
    made = membership_proof.prove(membership_proof.prover(root.resolve()), identifier, data, column=subject_column)
    near = [said(made["nearest"])] if "nearest" in made else []
    answer(as_json, json.loads(membership.signed(made, signing)) if signing else made, [*_lines(made), *near])


COMMANDS = (prove,)


def _lines(made: dict[str, Any]) -> list[str]:
    version, key = made["data_version"], made["key"]
    at = f" at {version['rev'][:12]}" if version["rev"] else ""
    thrown_away = ", made for this proof and thrown away" if key["origin"] == "one-off" else ""
    verb = "is" if made["kind"] == "inclusion" else "is not"
    return [
        f"{made['kind']}: tok_{made['token'][:12]} {verb} in {data_name(version['path'], version['object'])}{at}",
        f"  root {made['root']} over {version['people']} people",
        f"  key  {key['id']} ({key['origin']}{thrown_away})",
    ]
