"""Commands that judge what was made: a model version beside retrainings, a certificate by replays that somebody else draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearning.entrypoints.cli.shared import answer, open_project, project, warn

if TYPE_CHECKING:
    from unlearning.domain.entities import CheckResult


@click.command()
@click.argument("version", metavar="MODEL/VERSION")
@project
@click.option("--people-like", type=int, metavar="N", help="Judge on so many people who did not ask, forgotten for it.")
@click.option("--method", help="With --people-like: what forgets them; default: the first of policy.methods.")
@click.option("--shadows", default=16, show_default=True, help="Models for the attacks; 16 buy nine tenths of their power.")
@click.option("--time", "seconds", type=float, metavar="SECONDS", help="After so long no further shadow model is begun.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help="Judge use for each of its values too.")
@click.option("--keep-shadows", "keep", is_flag=True, help="Leave shadow models in the checkpoint store for the next time.")
def judge(
    root: Path,
    as_json: bool,
    version: str,
    people_like: int | None,
    method: str | None,
    shadows: int,
    seconds: float | None,
    groups: Sequence[str],
    keep: bool,
) -> None:
    """Judge a model version by attacks, use and bytes, beside models trained again without the people; exits 1 if one fails.

    Each check has a floor, the same check for a retraining that never saw the people, and says `underpowered` where nobody
    could tell. Of a finished erasure the rows are gone: --people-like takes people who did not ask, and the report says so.
    It is attached to the version's run. Trains several models.

    \b
    Example:  unlearn judge churn/8 --people-like 100
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.codec import write
    from unlearning.erasure import judge as judging
    from unlearning.erasure import judgement_page
    from unlearning.lineage.sources import parsed
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    warn(workspace)
    named = parsed(version)
    asked = judging.Asked(people_like, method, shadows, seconds, tuple(groups), keep)
    found = foreign_code.apart(lambda: judging.of_version(workspace, named, asked, now=utc_now()), workspace.root)
    made = found.judgement
    place = judgement_page.attach(workspace.of(named.name), named, made)
    lines = [f"{named} judged: {made.measured_on}", *map(_line, made.checks), f"report: {place} among the files of its run"]
    answer(as_json, {**write(made), "report": place}, lines)
    if made.failed:
        raise click.exceptions.Exit(1)


def _line(check: CheckResult) -> str:
    value = "not measured" if check.value is None else f"{check.value:.3f}"
    floor = "" if check.floor is None else f", floor {check.floor:.3f}"
    why = f" ({check.how})" if check.verdict == "underpowered" else ""
    return f"  {check.name}: {check.verdict} {value}{floor}, {check.threshold}{why}"


COMMANDS = (judge,)
"""In the order in which `--help` lists them."""
