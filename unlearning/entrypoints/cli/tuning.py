"""The command that tries a method's hyperparameters on people who did not ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.cli.shared import answer, open_project, project

if TYPE_CHECKING:
    from unlearning.project.training.tuning import Tried, Tuning


@click.command()
@click.argument("method")
@click.option("--model", help="Which of the models that the project trains, where it trains several.")
@click.option("--try", "tries", multiple=True, metavar="NAME=V,V,…", help="Values of one hyperparameter; repeat for others.")
@click.option("--share", type=click.FloatRange(0, 0.5, min_open=True), default=0.05, show_default=True, help="Of the people.")
@click.option("--without-gold", is_flag=True, help="Train nothing to compare with: score by the attack and utility.")
@project
def tune(
    root: Path, as_json: bool, method: str, model: str | None, tries: Sequence[str], share: float, without_gold: bool
) -> None:
    """Try the hyperparameters of a method on people who did not ask, and show how near each comes to a training without them.

    The people are drawn by their secret tokens from the training table. Nothing is changed or kept: write what you choose
    into policy.params.

    \\b
    Example:  unlearn tune scrub --try learning_rate=0.0001,0.001 --json | jq '.tried[0].params'
    """
    from unlearning.project.training import tuning
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    views = workspace.among([model] if model else [])
    if len(views) != 1:
        raise WrongUse(f"this project trains {len(views)} models; name one with --model")
    wanted = dict(map(values_of, tries))
    found = foreign_code.apart(
        lambda: tuning.tune(views[0], method, tries=wanted, share=share, gold=not without_gold), workspace.root
    )
    answer(as_json, found, lines(found))


def values_of(said: str) -> tuple[str, list[float]]:
    """`alpha=0.1,0.5` as a name and numbers; raises WrongUse."""
    name, _, values = said.partition("=")
    try:
        return name.strip(), [float(one) for one in values.split(",")]
    except ValueError as error:
        raise WrongUse(f"--try {said!r}: expected NAME=NUMBER,NUMBER") from error


def lines(found: Tuning) -> list[str]:
    """The table, for people."""
    floor = "" if found.floor is None else f", floor {found.floor:.4f}"
    head = (
        f"{found.method} on {found.model}: {found.people} people ({found.records} records) taken for leaving,"
        f" by {found.scored_by} in {found.metric}{floor}; before: {found.utility_before:.4f}"
    )
    return [head, *map(_line, found.tried)]


def _line(one: Tried) -> str:
    params = ", ".join(f"{name}: {value:g}" for name, value in one.params.items())
    if one.score is None:
        return f"  failed  {{{params}}}: {one.failed}"
    floors = "" if one.over_floor is None else f" ({one.over_floor:.1f} × floor)"
    share = "" if one.of_retraining is None else f", {one.of_retraining:.0%} of a retraining"
    measured = f"AUC {one.membership:.3f}  utility {one.utility:.4f}  {one.cpu_seconds:.1f} s{share}"
    return f"  {one.score:.4f}{floors}  {measured}  {{{params}}}"


COMMANDS = (tune,)
