"""Commands about what is left of people: look for it, delete it, reverse its coming back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearning.domain.versions import data_name
from unlearning.entrypoints.cli.shared import answer, identifier_file, open_project, people, prefect_at_home, project

if TYPE_CHECKING:
    from unlearning.erasure.watch import Sighting


@click.command()
@project
@click.option(
    "--subject", "subjects", multiple=True, help="An identifier, also searched for byte by byte; `-` reads standard input."
)
@identifier_file
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: everyone erased.")
@click.option("--whole", is_flag=True, help="Also read everything by other code; later certificates build on it.")
def sweep(
    root: Path,
    as_json: bool,
    subjects: Sequence[str],
    requests: Sequence[str],
    source: str | None,
    column: str | None,
    whole: bool,
) -> None:
    """Search every place within reach for people who were erased; exits 1 when something is left or could not be seen.

    \b
    Example:  unlearn sweep --json | jq .places
    """
    from dataclasses import replace

    from unlearning.domain.clocks import utc_now
    from unlearning.domain.codec import write
    from unlearning.domain.traces import left, say_left
    from unlearning.erasure import second_look
    from unlearning.erasure.left import models
    from unlearning.project.people import asked
    from unlearning.project.tables import person_columns
    from unlearning.traces import sweep as sweeping
    from unlearning.traces.out_of_reach import NOT_OPENED

    workspace = open_project(root)
    named = asked(workspace, people(subjects, source, column, known=lambda: person_columns(workspace)))
    tokens = sweeping.people(workspace, requests, named)
    done = sweeping.sweep(workspace, tokens, identifiers=named)
    found = left(done.left, models(workspace, tokens))
    again = second_look.look_for_everybody(workspace, tokens, now=utc_now()) if whole else None
    done = done if whole else replace(done, out_of_reach=(*done.out_of_reach, NOT_OPENED))
    found = left(found, again.against(found)) if again else found
    document = {**write(done), "whole_look": again and again.how, "residuals": write(found), "clean": not found}
    answer(as_json, document, [*sweeping.lines(done), *([f"whole look  {again.how}"] if again else []), say_left(found)])
    if found:
        raise click.exceptions.Exit(1)


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: everyone erased.")
@click.option("--dry-run", is_flag=True, help="Show what would go; change nothing.")
@click.option("--derived", is_flag=True, help="Also delete what stages made from their data and nobody can read.")
def purge(root: Path, as_json: bool, requests: Sequence[str], dry_run: bool, derived: bool) -> None:
    """Delete what is left of people who were erased: finish open purges, and delete what came back since.

    Exits 1 when something within reach is left or unverified after it.

    \b
    Example:  unlearn purge --dry-run
    """
    from unlearning.domain.traces import say_left
    from unlearning.erasure import purge_again

    workspace = open_project(root)
    run = purge_again.preview if dry_run else purge_again.purge
    done = run(workspace, requests, derived=derived)
    lines = [f"{'would go' if dry_run else 'deleted':<8}  {one.count:>5}  {one.place}" for one in (*done.would_go, *done.went)]
    lines += [f"left             {one.place}: {one.why}; {one.remedy}" for one in done.residuals]
    answer(as_json, done, [*lines, say_left(done.residuals)])
    if done.residuals:
        raise click.exceptions.Exit(1)


@click.command()
@project
@click.option("--verify", "check", is_flag=True, help="Also look at every twin; exits 1 when one is missing or changed.")
def twins(root: Path, as_json: bool, check: bool) -> None:
    """List which data object stands in for which erased one; the map's signature is always checked.

    \b
    Example:  unlearn twins --verify
    """
    from unlearning.domain.codec import write
    from unlearning.traces import old_revisions

    workspace = open_project(root)
    listed = old_revisions.listing(workspace)
    findings = old_revisions.verify(workspace) if check else []
    lines = [f"{data_name(twin.path, twin.old)} → {data_name(twin.path, twin.new)}" for twin in listed.twins]
    lines += [f"{name[:12]} made of erased data, no twin: `dvc repro` makes it again" for name in listed.stale]
    said = f"{listed.commits} commits have a twin; signature of the map: {listed.signature}"
    answer(as_json, {**write(listed), "findings": findings}, [*lines, said, *findings])
    if findings:
        raise click.exceptions.Exit(1)


@click.command()
@project
@click.argument("rev")
@click.option("--into", type=click.Path(path_type=Path), help="A new folder, as a linked work tree; this one stays as it is.")
def checkout(root: Path, as_json: bool, rev: str, into: Path | None) -> None:
    """Bring back an old revision, with twins in place of what was erased: DVC files and data.

    Without --into it happens here, and is refused while something is uncommitted; `unlearn checkout main` goes back.

    \b
    Example:  unlearn checkout v1.2 --into ../v1.2
    """
    from unlearning.traces import old_revisions

    done = old_revisions.checkout(open_project(root), rev, into=into)
    rev = done.rev[:12]
    what = f"the twin {done.commit[:12]} of {rev}" if done.twin else f"{rev}, which needs no twin"
    missing = [f"missing, run `dvc repro`: {path}" for path in done.missing]
    stale = [f"made of erased people, run `dvc repro {stage}`" for stage in done.stale]
    answer(as_json, done, [f"{done.folder} is at {what}", *missing, *stale])


@click.command()
@project
def watch(root: Path, as_json: bool) -> None:
    """Look once for what came back after an erasure, and reverse it; exits 1 when anything was found or could not be checked.

    Aliases that point at a version which an erased person shaped, such versions registered late, erased people in a table,
    erased objects in a cache or remote, holds that are over, deadlines that have passed, a ledger that was tampered with.
    What was reversed exits 1 as well: it came from somewhere, and comes again until somebody looks.

    \b
    Example:  unlearn watch --json | jq .found
    """
    workspace = open_project(root)
    prefect_at_home(workspace)
    from unlearning.entrypoints.flows import watch as flow

    report = flow.run(workspace)
    looked = f"{report.reversed} reversed of {len(report.found)} found" if report.found else "nothing came back"
    answer(as_json, report, [f"looked at {', '.join(report.checked)}: {looked}", *map(_sighting, report.found)])
    if not report.clean:
        raise click.exceptions.Exit(1)


def _sighting(found: Sighting) -> str:
    step = f" → {found.next_step}" if found.next_step else ""
    return f"{found.outcome:<9} {found.what}: {found.why}{step}"


COMMANDS = (sweep, purge, twins, checkout, watch)
