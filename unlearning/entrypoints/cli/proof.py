"""The command that proves who is in a data version, in any Git and DVC repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from unlearning.domain.versions import data_name
from unlearning.entrypoints.cli.shared import answer, person, project


@click.command()
@project
@click.option("--subject", required=True, help="The person's identifier; `-` reads it from standard input.")
@click.option("--data", required=True, metavar="PATH[@REV]", help="A DVC-tracked table, as it is here or at a Git revision.")
@click.option("--subject-column", "column", help="The column that says whose record it is; default: the recipe's.")
def prove(root: Path, as_json: bool, subject: str, data: str, column: str | None) -> None:
    """Prove that a person is, or is not, in a data version; `unlearn verify` checks the proof offline.

    Works in any Git and DVC repository. Without an index key (environment or key folder) a one-off key is made and thrown
    away: the proof still verifies, but its root cannot be compared with that of another proof.

    \b
    Example:  unlearn prove --subject patient-4711 --data data/train.parquet@v1.0 --json > proof.json
    """
    from unlearning.domain.spellings import said
    from unlearning.lineage import membership_proof

    identifier = person(subject)
    prover = membership_proof.prover(root.resolve())
    made = membership_proof.prove(prover, identifier, data, column=column)
    absent = made["kind"] == "absence"
    near = [said(membership_proof.nearest(prover, identifier, data, column=column))] if absent else []
    answer(as_json, made, [*_lines(made), *near])


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
