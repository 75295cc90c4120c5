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
@click.option("--time", "seconds", type=float, metavar="SECONDS", help="After so long no further part is begun.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help="Judge use for each of its values too.")
@click.option("--keep-shadows", "keep", is_flag=True, help="Leave shadow models in the checkpoint store for the next time.")
@click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="Write what an outside audit needs, nameless.")
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
    export: Path | None,
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
    from unlearning.erasure import audit_pack, judgement_page
    from unlearning.erasure import judge as judging
    from unlearning.lineage.sources import parsed
    from unlearning.stores import foreign_code

    workspace = open_project(root)
    warn(workspace)
    named = parsed(version)
    if export:
        audit_pack.require_empty(export)  # before minutes of training
    asked = judging.Asked(people_like, method, shadows, seconds, tuple(groups), keep)
    found = foreign_code.apart(lambda: judging.of_version(workspace, named, asked, now=utc_now()), workspace.root)
    made = found.judgement
    place = judgement_page.attach(workspace.of(named.name), named, made)
    files = audit_pack.export(found, export) if export else None
    lines = [f"{named} judged: {made.measured_on}", *map(_line, made.checks), f"report: {place} among the files of its run"]
    lines += [f"audit pack: {len(files)} files in {export}"] if files else []
    answer(as_json, {**write(made), "report": place, **({"exported": files} if files else {})}, lines)
    if made.failed:
        raise click.exceptions.Exit(1)


def _line(check: CheckResult) -> str:
    value = "not measured" if check.value is None else f"{check.value:.3f}"
    floor = "" if check.floor is None else f", floor {check.floor:.3f}"
    why = f" ({check.how})" if check.verdict == "underpowered" else ""
    return f"  {check.name}: {check.verdict} {value}{floor}, {check.threshold}{why}"


@click.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@project
@click.option("--draw", "said", required=True, metavar="beacon:VALUE|key:FILE|FILE", help="Who or what draws the shards.")
@click.option("--shards", type=int, metavar="K", help="How many; default 3, or all where there are fewer.")
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path), help="Must have signed it; default: the project's."
)
@click.option("--dry-run", is_flag=True, help="Only draw: needs no project where --key is given, and trains nothing.")
def replay(
    certificate: Path, root: Path, as_json: bool, said: str, shards: int | None, keys: Sequence[Path], dry_run: bool
) -> None:
    """Train shards of a certificate again that somebody else draws, and compare with the bytes that it states.

    The draw is made of the certificate's digest and of what its issuer did not have: a public beacon's later value, or a key
    that an auditor holds. It is printed, so that everybody can draw again. A FILE is such a draw, made before. Exits 1 when
    other bytes came of it.

    \b
    Example:  unlearn replay erasure-….json --draw beacon:b1a2c3… --shards 3
    """
    from datetime import UTC, datetime

    from unlearning.domain.codec import write
    from unlearning.erasure import drawn_replay
    from unlearning.stores import foreign_code

    workspace = None if dry_run and keys else open_project(root)
    public = [drawn_replay.content(key) for key in keys] or list(workspace.trusted_keys if workspace else ())
    stated = drawn_replay.stated(certificate, public, now=datetime.now(UTC))
    made = drawn_replay.draw(stated, said, shards)
    lines = [f"drawn by {made.source} from {made.of} constituents, seed {made.seed}"]
    if dry_run or workspace is None:
        answer(as_json, made, [*lines, *(f"  shard {one.shard} of {one.model}" for one in made.drawn)])
        return
    found = foreign_code.apart(lambda: drawn_replay.run(workspace, stated, made), workspace.root)
    lines += [f"  {'same bytes ' if one.equal else 'OTHER BYTES'} shard {one.shard} of {one.model}" for one in found.compared]
    lines += [f"  other now than where they were made: {one}" for one in found.otherwise]
    compared = [{**write(one), "equal": one.equal} for one in found.compared]
    answer(as_json, {**write(found), "compared": compared}, [*lines, found.verdict])
    if found.verdict != "passed":
        raise click.exceptions.Exit(1)


COMMANDS = (judge, replay)
