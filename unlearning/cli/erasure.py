"""Commands about people: request, look, erase, follow the state."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from unlearning.cli.shared import answer, open_project, prefect_at_home, project


@click.command()
@project
@click.argument("identifiers", nargs=-1)
@click.option(
    "--file", "source", help="Identifiers, one a line; `-` reads standard input and keeps them out of the shell history."
)
@click.option("--regulation", type=click.Choice(["gdpr", "ccpa", "none"]), help="Sets the deadline; default from params.yaml.")
def request(root: Path, as_json: bool, identifiers: Sequence[str], source: str | None, regulation: str | None) -> None:
    """Record erasure requests; the people are left out of every training from now on.

    \b
    Example:  echo patient-4711 | unlearn request --file -
    """
    from unlearning import receiving
    from unlearning.erasure import utc_now
    from unlearning.errors import WrongUse

    given = [*identifiers, *_read(source)]
    if not given:
        raise WrongUse("no identifier came; name people as arguments, or pass --file FILE, or --file - for standard input")
    workspace = open_project(root)
    chosen: Any = regulation or workspace.settings.policy.regulation
    made = receiving.receive(workspace, given, regulation=chosen, now=utc_now())
    _announce(made)
    answer(as_json, [_request(one) for one in made], [_request_line(one) for one in made])


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: every open request.")
@click.option("--subject", "subjects", multiple=True, help="An identifier, without a request.")
def impact(root: Path, as_json: bool, requests: Sequence[str], subjects: Sequence[str]) -> None:
    """Show what an erasure would touch and cost; changes nothing.

    \b
    Example:  unlearn impact --subject patient-4711
    """
    from unlearning import assessment, hashing, receiving
    from unlearning.entities import plain

    workspace = open_project(root)
    kind = workspace.settings.subject.identifier
    tokens = {hashing.token(workspace.keys.index, one, kind) for one in subjects}
    if requests or not subjects:
        tokens |= {one.token for one in receiving.chosen(workspace, requests)}
    found = assessment.assess(workspace, sorted(tokens), assessment.search(workspace, tokens))
    body = plain(found)
    shards = body.pop("shards")
    body |= {
        "shards_touched": len(found.shards),
        "shards": shards,
        "slices": {str(shard["shard"]): shard["first_slice"] for shard in shards},
        "checkpoints_stale": len(found.checkpoints_stale),
    }
    answer(as_json, body, _impact_lines(body))


@click.command()
@project
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: every open request.")
@click.option("--replay", is_flag=True, help="Also train the touched shards from scratch and compare the bytes.")
@click.option("--dry-run", is_flag=True, help="The same as `unlearn impact`.")
@click.pass_context
def erase(ctx: click.Context, root: Path, as_json: bool, requests: Sequence[str], replay: bool, dry_run: bool) -> None:
    """Carry out open requests: redact, unlearn, validate, promote, purge, certify. A killed run goes on where it stopped.

    \b
    Example:  unlearn erase --replay --json
    """
    if dry_run:
        ctx.invoke(impact, root=root, as_json=as_json, requests=requests, subjects=())
        return
    workspace = open_project(root)
    prefect_at_home(workspace)
    from flows import erase as flow
    from unlearning import presentation

    reports = flow.run(workspace, list(requests), replay=replay)
    if not reports:
        answer(as_json, {"models": [], "certificate": None, "residuals": []}, ["no open request; nothing to do"])
        return
    document = {**reports[-1], "earlier": reports[:-1]} if len(reports) > 1 else reports[0]
    answer(as_json, document, [])
    for report in () if as_json else reports:
        presentation.show(report)


@click.command()
@project
@click.argument("request_id", required=False)
def status(root: Path, as_json: bool, request_id: str | None) -> None:
    """List requests with state and deadline, the most urgent first.

    \b
    Example:  unlearn status request-0123456789abcdef
    """
    from unlearning import lifecycle, receiving
    from unlearning.erasure import utc_now

    workspace = open_project(root)
    known = lifecycle.fold(workspace.ledger.events())
    chosen = receiving.chosen(workspace, [request_id]) if request_id else list(known.values())
    late = {one.request_id for one in lifecycle.overdue(known, utc_now())}
    listed = [{**_request(one), "overdue": one.request_id in late} for one in chosen]
    lines = [_request_line(one) + ("  OVERDUE" if one.request_id in late else "") for one in chosen]
    answer(as_json, listed[0] if request_id else listed, lines or ["no request yet"])


COMMANDS = (request, impact, erase, status)


def _announce(made: Sequence[Any]) -> None:
    """Start the erasure on the Prefect server that the environment names, if it names one."""
    if "PREFECT_API_URL" in os.environ:
        from flows.events import announce

        announce([one.request_id for one in made], os.environ)


def _read(source: str | None) -> list[str]:
    from unlearning import receiving

    if source is None:
        return []
    if source == "-":
        return receiving.parse_identifiers(sys.stdin.buffer.read(), "standard input")
    return receiving.read_identifiers(Path(source))


def _request(one: Any) -> dict[str, Any]:
    from unlearning.entities import plain

    body: dict[str, Any] = plain(one)
    return body


def _request_line(one: Any) -> str:
    due = f"due {one.due_at:%Y-%m-%d}" if one.due_at else "no deadline"
    return f"{one.request_id}  tok_{one.token[:12]}  {one.state:<24} {due}"


def _impact_lines(body: Mapping[str, Any]) -> list[str]:
    from unlearning import presentation

    return [
        f"{body['records']} records of {len(body['tokens'])} people; {len(body['not_found'])} people not found",
        *(f"  data    {v['path']}  {v['digest'][:12]}" for v in body["data_versions"]),
        *(f"  model   {v['name']}/{v['version']}  {' '.join('@' + a for a in v['aliases'])}" for v in body["model_versions"]),
        f"  shards  {presentation.shards(body['shards'], body['shards_total'])}",
        f"  stale checkpoints: {body['checkpoints_stale']}",
        f"  method {body['method']}, about {body['estimated_seconds']:.1f} s of training",
    ]
