"""Commands about an erasure: what it would touch, and the erasure itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.cli.shared import answer, identifier_file, open_project, people, prefect_at_home, project, warn

if TYPE_CHECKING:
    from unlearning.domain.entities import Impact
    from unlearning.domain.events import Outdated
    from unlearning.erasure.report import ErasureReport
    from unlearning.project.workspace import Workspace


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: every open request.")
@click.option("--subject", "subjects", multiple=True, help="An identifier, without a request; `-` reads standard input.")
@identifier_file
def impact(
    root: Path, as_json: bool, requests: Sequence[str], subjects: Sequence[str], source: str | None, column: str | None
) -> None:
    """Show what an erasure would touch and cost; changes nothing.

    \b
    Example:  unlearn impact --subject patient-4711
    """
    from unlearning.domain import hashing
    from unlearning.domain.codec import write
    from unlearning.domain.spellings import said
    from unlearning.erasure import plans, report, search
    from unlearning.erasure.steps import assess, receive
    from unlearning.lineage.named import NamedData
    from unlearning.project.holdings import Holdings
    from unlearning.project.requests import chosen
    from unlearning.project.tables import person_columns

    workspace = open_project(root)
    given = people(subjects, source, column, known=lambda: person_columns(workspace))
    asking = chosen(workspace, requests) if requests or not given else []
    tokens = {token.hex() for token in hashing.keyed(workspace.keys.index, receive.known_as(workspace, given))}
    tokens |= {one.token for one in asking}
    found = assess.assess(workspace, sorted(tokens), search.search(workspace, tokens))
    missed = assess.missed(workspace, found.not_found, given, asking)
    holdings = Holdings.of(workspace)
    if not holdings.tables and not found.tokens:  # nobody was looked for anywhere, which is no answer
        holdings.require_tables()
    body = write(found)
    shards = body.pop("shards")
    body |= {
        "data_versions": [NamedData.of(one) for one in found.data_versions],
        "shards_touched": len(found.shards),
        "shards": shards,
        "slices": {str(shard["shard"]): shard["first_slice"] for shard in shards},
        "checkpoints_stale": len(found.checkpoints_stale),
        "nearest": {one.token: one.nearest for one in missed},
    }
    took = report.estimated(workspace, found)
    body |= {"estimate": write(took), "plan": plans.common(workspace, asking)}
    lines = [*_impact_lines(found), *([f"  {report.say_estimate(took)}"] if found.tokens else [])]
    lines += [f"  plan {body['plan']}"] if body["plan"] else []
    answer(as_json, body, [*lines, *(f"  not found  {one.where}: {said(one.nearest)}" for one in missed)])


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: every open request.")
def plan(root: Path, as_json: bool, requests: Sequence[str]) -> None:
    """Price the open erasures by every installed method, now and at the latest safe start; changes nothing.

    The digest names what would be done: `unlearn erase --plan DIGEST` does that and nothing else, and is refused once a table,
    a version, a request or a method moved. Records are counted as often as they are shown; seconds are CPU time, by former
    trainings of the same model, and null where none was measured.

    \b
    Example:  unlearn plan --json
    """
    from unlearning.erasure import planner, report

    workspace = open_project(root)
    found = planner.look(workspace, requests)
    answer(as_json, found, report.say_planning(found))


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: every open request.")
@click.option("--plan", "shown", metavar="DIGEST", help="Only this plan of `unlearn plan`; refused when anything moved since.")
@click.option("--now", "at_once", is_flag=True, help="Also requests that `policy.batch` lets wait for others.")
@click.option("--replay", is_flag=True, help="Also train the touched shards from scratch and compare the bytes.")
@click.option("--quick", is_flag=True, help="Leave out the second look before the certificate, which then says so.")
@click.option("--dry-run", is_flag=True, help="The same as `unlearn impact`.")
@click.option("-v", "--verbose", "every", is_flag=True, help="List every check, also those that passed.")
@click.pass_context
def erase(
    ctx: click.Context,
    root: Path,
    as_json: bool,
    requests: Sequence[str],
    shown: str | None,
    at_once: bool,
    replay: bool,
    quick: bool,
    dry_run: bool,
    every: bool,
) -> None:
    """Carry out open requests: redact, unlearn, validate, promote, purge, certify. A killed run goes on where it stopped.

    With `policy.batch` new requests wait for each other, until there are enough, the oldest is old enough, or one must begin to
    be done in time; it says for what they wait. Requests that are named do not wait.

    Exits 1 when something within reach is left or unverified: the request ends `completed_with_residuals`. Ctrl-C exits 130
    and says after which step; the next `unlearn erase` goes on there.

    \b
    Example:  unlearn erase --replay --json
    """
    if shown and (requests or at_once or dry_run):
        raise WrongUse("--plan says which requests are erased; expected it without --request, --now and --dry-run")
    if dry_run:
        ctx.invoke(impact, root=root, as_json=as_json, requests=requests, subjects=(), source=None, column=None)
        return
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.codec import write
    from unlearning.domain.planning import batch
    from unlearning.entrypoints import presentation
    from unlearning.erasure import batches, pace, planner

    workspace = open_project(root)
    warn(workspace)
    # Asked before Prefect starts, which takes seconds and keeps what was typed as a parameter.
    work = planner.exists(workspace, shown) if shown else batches.has_work(workspace, requests, at_once=at_once)
    how = {"replay": replay, "quick": quick, "at_once": at_once}
    reports = _carry_out(workspace, requests, shown, **how) if work else []
    waiting = pace.gathering(workspace, utc_now())
    if not reports:
        said = f"{batch.say(waiting)}; --now begins it at once" if waiting else "no open request; nothing to do"
        answer(as_json, {"models": [], "certificate": None, "residuals": [], "waiting": write(waiting)}, [said])
        return
    document = {**write(reports[-1]), "earlier": reports[:-1]} if len(reports) > 1 else reports[0]
    answer(as_json, document, [])
    if waiting:
        click.echo(f"{batch.say(waiting)}; --now begins it at once", err=True)
    for report in () if as_json else reports:
        presentation.show(report, every=every or bool(ctx.find_root().params.get("verbose")))
    if any(report.residuals for report in reports):
        raise click.exceptions.Exit(1)


@click.command()
@project
@click.option("--dry-run", is_flag=True, help="Show which rows would leave which tables; change nothing.")
def retire(root: Path, as_json: bool, dry_run: bool) -> None:
    """Take out rows, not people, that are older than `retention:` in params.yaml allows, and all that held them.

    Tables, the models trained on them, their old versions in DVC and MLflow, checkpoints. People with younger rows stay, and
    nobody is suppressed. A killed run goes on where it stopped. Exits 1 when something within reach is left or unverified.

    \b
    Example:  unlearn retire --dry-run
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.traces import say_left
    from unlearning.erasure import retire as retiring

    workspace = open_project(root)
    begun = retiring.unfinished(workspace)
    due = retiring.look(workspace, now=utc_now()) if begun is None else begun.plan.outdated
    if dry_run or not any(one.rows for one in due):
        done = retiring.Report(begun.name if begun else None, dry_run, due)
    else:
        warn(workspace)
        prefect_at_home(workspace)
        from unlearning.entrypoints.flows import retire as flow

        done = flow.run(workspace)
    lines = [_outdated(one) for one in done.outdated] or ["no rule: `retention:` in params.yaml says how long rows are kept"]
    lines += [f"  serves  {one}" for one in done.models]
    lines += [f"  deleted {number} in {place}" for place, number in done.removed.items()]
    lines += [say_left(done.residuals)] if done.retirement_id and not dry_run else []
    answer(as_json, done, lines)
    if done.residuals:
        raise click.exceptions.Exit(1)


def _outdated(one: Outdated) -> str:
    undated = f", {one.undated} without a date stay" if one.undated else ""
    return f"{one.path}: {one.rows} of {one.of} rows are of before {one.before:%Y-%m-%d} ({one.column}){undated}"


COMMANDS = (impact, plan, erase, retire)


def _carry_out(workspace: Workspace, requests: Sequence[str], shown: str | None, **how: bool) -> list[ErasureReport]:
    from unlearning.erasure import report

    try:
        prefect_at_home(workspace)
        from unlearning.entrypoints.flows import erase as flow

        return flow.run(workspace, list(requests), plan=shown, **how)
    except KeyboardInterrupt:
        where = report.stopped(open_project(workspace.root))
        click.echo(f"unlearn: stopped {where}. The requests stay open: `unlearn erase` goes on from there", err=True)
        raise click.exceptions.Exit(130) from None


def _impact_lines(found: Impact) -> list[str]:
    from unlearning.erasure.report import counted

    return [
        f"{counted(found.records, 'record')} of {counted(len(found.tokens), 'person')}; "
        f"{counted(len(found.not_found), 'person')} not found",
        *(f"  data    {one.name}" for one in found.data_versions),
        *(f"  model   {one.model}  {' '.join('@' + alias for alias in one.aliases)}" for one in found.model_versions),
        *(_own_lines(found) if found.method else ()),
    ]


def _own_lines(found: Impact) -> list[str]:
    """What it would mean for the model that the project trains itself."""
    from unlearning.entrypoints.presentation import shards

    others = [f"  shards  {shards(one.shards, one.shards_total)} of {one.model}, method {one.method}" for one in found.others]
    return [
        f"  shards  {shards(found.shards, found.shards_total)}",
        *others,
        f"  stale checkpoints: {len(found.checkpoints_stale)}",
        f"  method {found.method}, about {found.estimated_seconds:.1f} s of training",
    ]
