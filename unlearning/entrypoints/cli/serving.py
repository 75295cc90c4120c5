"""Commands about the intake service: run it, and say who may use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearning.entrypoints.cli.shared import answer, open_project, project

if TYPE_CHECKING:
    from unlearning.project.access import Access


@click.command()
@project
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; put TLS in front of any other.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--proxy-header",
    metavar="NAME",
    help="A header that a reverse proxy on this machine sets for whoever it let in: they see the console without a key.",
)
@click.option("--no-flows", is_flag=True, help="Only answer: something else runs `unlearn erase`, `watch`, `follow`, `retire`.")
def serve(root: Path, as_json: bool, host: str, port: int, proxy_header: str | None, no_flows: bool) -> None:
    """Take requests in over HTTP, carry them out, and show where they stand: the whole service in one process.

    Own JSON, CSV, CloudEvents, OpenDSR, Fides and California's DROP come in; erasures begin as `policy.batch` says, and the
    other flows on their `schedules`. With PREFECT_API_URL set they run there instead, once `unlearn deploy` registered them.
    With UNLEARNING_WEBHOOK_SECRET it answers MLflow's webhooks too, as `unlearn listen`. The console, pages for people, is at
    /console; it can change nothing.

    Whoever asks needs a key of `unlearn token create`, or signs as Standard Webhooks say with a secret of
    UNLEARNING_INTAKE_SECRETS. Runs until it is told to end; docs/intake.md says what can be asked.

    \b
    Example:  unlearn serve --port 8080
    """
    from unlearning.entrypoints.intake import serving

    serving.serve(
        open_project(root),
        host=host,
        port=port,
        proxy_header=proxy_header,
        with_flows=not no_flows,
        tell=lambda said: answer(as_json, said, _what_runs(said)),
    )


def _what_runs(said: Mapping[str, Any]) -> list[str]:
    listed = ", ".join(f"{name} {f'({cron})' if cron else 'when asked'}" for name, cron in said["schedules"].items())
    flows = {
        "here": f"run here, one at a time: {listed}; erase also as soon as there is something to do",
        "off": "off; `unlearn erase`, `watch`, `follow` and `retire` run when somebody runs them",
    }.get(said["flows"], f"{said['flows']}, once `unlearn deploy` registered them")
    return [
        f"taking requests in at {said['address']}; {said['description']} describes how",
        f"console: {said['console']}",
        f"flows: {flows}",
        f"webhooks of the registry: {said['webhooks'] or 'off; UNLEARNING_WEBHOOK_SECRET or whoever looks is missing'}",
    ]


@click.command()
@project
def deliver(root: Path, as_json: bool) -> None:
    """Tell whoever asked to be told which state their requests are in: the callbacks that `unlearn serve` makes by itself.

    For those who run no service, every few minutes. Signed as Standard Webhooks say, with UNLEARNING_CALLBACK_SECRETS. Exits 1
    when a receiver was given up in this round.

    \b
    Example:  unlearn deliver
    """
    from unlearning.entrypoints.intake import delivering

    done = delivering.deliveries(open_project(root)).deliver()
    said = f"{done.told} told, {done.failed} to be tried again, {done.given_up} given up; {done.open} callbacks are open"
    answer(as_json, done, [said])
    if done.given_up:
        raise click.exceptions.Exit(1)


@click.group()
def token() -> None:
    """Give, list and take back the keys that open the intake service."""


@token.command()
@project
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["submit", "read", "approve"]),
    multiple=True,
    required=True,
    help="What it opens; repeat for several.",
)
def create(root: Path, as_json: bool, scopes: Sequence[Any]) -> None:
    """Make a key; it is shown once, and only its salted hash is kept.

    \b
    Example:  unlearn token create --scope submit --scope read --json
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.project import access

    made = access.grant(open_project(root), scopes, now=utc_now())
    answer(as_json, made, [made.token, f"{_line(made)}; it is shown this once"])


@token.command("list")
@project
def list_(root: Path, as_json: bool) -> None:
    """List the keys that were given, without what opens.

    \b
    Example:  unlearn token list
    """
    from unlearning.project import access

    found = access.every(open_project(root))
    answer(as_json, found, [_line(one) for one in found] or ["no key was given yet"])


@token.command()
@project
@click.argument("access_id")
def revoke(root: Path, as_json: bool, access_id: str) -> None:
    """Take a key back: it opens nothing from now on.

    \b
    Example:  unlearn token revoke access-0123456789abcdef
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.project import access

    done = access.revoke(open_project(root), access_id, now=utc_now())
    answer(as_json, done, [_line(done)])


COMMANDS = (serve, deliver, token)


def _line(one: Access) -> str:
    ended = f"  taken back {one.revoked_at:%Y-%m-%d}" if one.revoked_at else ""
    return f"{one.access_id}  {', '.join(one.scopes)}  since {one.granted_at:%Y-%m-%d}{ended}"
