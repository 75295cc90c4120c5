"""Commands about requests: record them, follow them, decide about them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearning.domain.environ import PREFECT_API_URL
from unlearning.entrypoints.cli.shared import answer, identifier_file, open_project, people, project

if TYPE_CHECKING:
    from unlearning.certificate.facts import Hold
    from unlearning.domain.entities import ErasureRequest
    from unlearning.erasure.decisions import Shown
    from unlearning.project.workspace import Workspace

REASON = "In words, for ledger and certificate; it names no person."


@click.command()
@project
@click.argument("identifiers", nargs=-1)
@identifier_file
@click.option("--returned", is_flag=True, help="Everyone who was erased and is in a table now, and has no open request.")
@click.option("--regulation", type=click.Choice(["gdpr", "ccpa", "none"]), help="Sets the deadline; default from params.yaml.")
@click.option("--received-at", metavar="DATE", help="When it reached the house, from which the deadline counts; default: now.")
@click.option("--reference", metavar="TICKET", help="What the house calls it elsewhere; it names no person.")
@click.option("--channel", metavar="NAME", help="The way it came: letter, mail, phone.")
@click.option("--unverified", is_flag=True, help="Nobody made sure yet who asked: it waits for somebody to confirm it.")
def request(
    root: Path,
    as_json: bool,
    identifiers: Sequence[str],
    source: str | None,
    column: str | None,
    returned: bool,
    regulation: str | None,
    unverified: bool,
    **came: str | None,
) -> None:
    """Record erasure requests; the people are left out of every training from now on.

    A deadline counts from --received-at, not from typing; one that has passed already is said at once.

    What may mean another person than it says is refused, by its line: nothing is recorded then. Of whom no record is in the
    tables as they are now, and who asked before, is said by line on standard error.

    \b
    Example:  echo patient-4711 | unlearn request --file -
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.errors import WrongUse
    from unlearning.erasure.steps import receive
    from unlearning.erasure.steps.receive import Asked
    from unlearning.project.tables import person_columns, present

    if not identifiers and source is None and not returned:
        raise WrongUse("no identifier came; name people as arguments, or pass --file FILE, or --file - for standard input")
    workspace = open_project(root)
    given = people(identifiers, source, column, known=lambda: person_columns(workspace))
    chosen: Any = regulation or workspace.settings.policy.regulation
    here = present(workspace)
    asked = Asked(given, regulation=chosen, verified=not unverified, **_came(came))
    made = receive.receive_all(workspace, [asked], now=utc_now(), here=here) if given else []
    made += receive.reopen_returned(workspace, regulation=chosen, now=utc_now()) if returned else []
    _announce(made)
    _show(workspace, made, as_json=as_json)
    for line in receive.remarks(workspace, given, made, here, now=utc_now()):
        click.echo(line, err=True)


@click.command()
@project
@click.argument("request_id", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="So many at most.")
def status(root: Path, as_json: bool, request_id: str | None, limit: int) -> None:
    """List requests with state, deadline, legal holds and extension, the most urgent first.

    Exits 1 when one is overdue or must have begun by now: its deadline, less what erasures took here and the margin of
    `policy.start_margin_days`, has come.

    \b
    Example:  unlearn status request-0123456789abcdef
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.erasure import pace
    from unlearning.project.requests import chosen

    workspace, now = open_project(root), utc_now()
    standing = workspace.ledger.standing
    number, found = (1, chosen(workspace, [request_id])) if request_id else standing.page(most=limit)
    shown = _show(workspace, found, as_json=as_json, one=bool(request_id))
    if more := number - len(found):
        click.echo(f"{more:,} more, less urgent; --limit {number} lists all", err=True)
    late = any(one.overdue or one.must_start for one in shown)
    if late or (more and (standing.count_due(now) or pace.count_overdue(workspace, now))):
        raise click.exceptions.Exit(1)


@click.command()
@project
@click.argument("request_id")
@click.option("--by", required=True, help="Who made sure, in words, for the ledger.")
def confirm(root: Path, as_json: bool, request_id: str, by: str) -> None:
    """Record that whoever asked is the person: an unverified request goes on, and they are left out from now on.

    \b
    Example:  unlearn confirm request-0123456789abcdef --by "the front desk"
    """
    from unlearning.erasure.steps import receive

    _decide(receive.confirm, root, request_id, as_json=as_json, by=by)


@click.command()
@project
@click.argument("request_id")
@click.option("--reason", required=True, help=REASON)
@click.option("--data", multiple=True, metavar="PATH", help="A data set to be kept; all else goes. Repeat for several.")
@click.option("--scope", help="What has to be kept, in words, for the record; without --data the whole purge waits.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its last day, UTC; default: until released.")
def hold(
    root: Path,
    as_json: bool,
    request_id: str,
    reason: str,
    data: Sequence[str],
    scope: str | None,
    until: datetime | None,
) -> None:
    """Put a legal hold on a request: its erasure stops before the purge, and nothing that the law wants kept is deleted.

    The person stays out of every training, and the new version serves. With --data the erasure goes on to its end, and only the
    old versions of these data sets stay. `unlearn watch` ends a hold after its last day.

    \b
    Example:  unlearn hold request-0123456789abcdef --reason "tax law"
    """
    from unlearning.erasure import decisions

    last = until.date() if until else None
    _decide(decisions.hold, root, request_id, as_json=as_json, reason=reason, until=last, scope=scope, data=data)


@click.command()
@project
@click.argument("request_id")
@click.option("--reason", default="released", show_default=True, help=REASON)
def release(root: Path, as_json: bool, request_id: str, reason: str) -> None:
    """End the legal hold of a request; the next `unlearn erase` goes on where it stopped.

    What a hold with --data kept of a finished erasure goes with the next `unlearn purge`, which renews the certificate.

    \b
    Example:  unlearn release request-0123456789abcdef --reason settled
    """
    from unlearning.erasure import decisions

    _decide(decisions.release, root, request_id, as_json=as_json, reason=reason)


@click.command()
@project
@click.argument("request_id")
@click.option("--reason", required=True, help=REASON)
def exempt(root: Path, as_json: bool, request_id: str, reason: str) -> None:
    """Refuse a request because the law exempts the data, until redaction begins; the person is trained on again.

    \b
    Example:  unlearn exempt request-0123456789abcdef --reason "Art. 17(3)(b)"
    """
    from unlearning.erasure import decisions

    _decide(decisions.exempt, root, request_id, as_json=as_json, reason=reason)


@click.command()
@project
@click.argument("request_id")
@click.option("--reason", default="withdrawn", show_default=True, help=REASON)
def cancel(root: Path, as_json: bool, request_id: str, reason: str) -> None:
    """Withdraw a request, until redaction begins; the person is trained on again.

    \b
    Example:  unlearn cancel request-0123456789abcdef --reason "sent by mistake"
    """
    from unlearning.erasure import decisions

    _decide(decisions.cancel, root, request_id, as_json=as_json, reason=reason)


@click.command()
@project
@click.argument("request_id")
@click.option("--reason", required=True, help=REASON)
def extend(root: Path, as_json: bool, request_id: str, reason: str) -> None:
    """Give a request the longer deadline of its law, once: two further months (gdpr), 45 further days (ccpa).

    \b
    Example:  unlearn extend request-0123456789abcdef --reason "many at once"
    """
    from unlearning.erasure import decisions

    _decide(decisions.extend, root, request_id, as_json=as_json, reason=reason)


@click.command()
@project
@click.argument("request_id")
@click.option("--by", required=True, help="Who approves, in words, for ledger and certificate.")
@click.option("--plan", metavar="DIGEST", help="The plan that was looked at; another one is refused. Default: the present one.")
def approve(root: Path, as_json: bool, request_id: str, by: str, plan: str | None) -> None:
    """Let a planned erasure begin, where `policy.approval` asks for it; the next `unlearn erase` goes on with it.

    The digest of its plan is recorded, and stated in the certificate; a plan that is made anew is approved anew.

    \b
    Example:  unlearn approve request-0123456789abcdef --by "the officer"
    """
    from unlearning.erasure import decisions

    _decide(decisions.approve, root, request_id, as_json=as_json, by=by, plan=plan)


@click.command()
@project
@click.argument("request_id")
@click.option("--recipient", required=True, help="Who was told, in words: a processor, a partner, another team.")
def told(root: Path, as_json: bool, request_id: str, recipient: str) -> None:
    """Record that a recipient of the person's data was told to erase it; the certificate states who was told before it.

    `recipients:` in params.yaml names who is to be told of every erasure; `unlearn status` lists who was not told yet.

    \b
    Example:  unlearn told request-0123456789abcdef --recipient Acme
    """
    from unlearning.erasure import decisions

    _decide(decisions.tell, root, request_id, as_json=as_json, recipient=recipient)


@click.command()
@project
@click.argument("request_id")
@click.option("--recipient", required=True, help="Who acknowledged it, by the name under which they were told.")
def acknowledge(root: Path, as_json: bool, request_id: str, recipient: str) -> None:
    """Record that a recipient who was told has erased the person's data too; until then `unlearn status` lists them.

    \b
    Example:  unlearn acknowledge request-0123456789abcdef --recipient Acme
    """
    from unlearning.erasure import decisions

    _decide(decisions.acknowledge, root, request_id, as_json=as_json, recipient=recipient)


@click.command("answer")
@project
@click.argument("request_id")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a page that prints well.")
@click.option("--pdf", type=click.Path(path_type=Path), metavar="FILE", help="Write it as PDF; needs the extra `pdf`.")
def answer_command(root: Path, as_json: bool, request_id: str, html: Path | None, pdf: Path | None) -> None:
    """Say what the person of a request is to be told: what held them, what was done, what stays and why, where to complain.

    About this one person, in plain words, as far as it was seen; whatever the request has become. It names nobody: you write
    the name on your own letter. `answers:` in params.yaml says where to complain, and may name a template of your own.

    \b
    Example:  unlearn answer request-0123456789abcdef --html answer.html
    """
    from unlearning.domain.answers import day
    from unlearning.domain.clocks import utc_now
    from unlearning.erasure.answer import answer as answered

    workspace = open_project(root)
    found = answered(workspace, request_id, now=utc_now())
    if html or pdf:
        from unlearning.erasure import answer_page

        page = answer_page.html(workspace, found)
        printed = answer_page.pdf(page) if pdf else b""
        for file, content in ((html, page.encode()), (pdf, printed)):
            if file:
                file.write_bytes(content)
    lines = [found.title, *found.summary, *found.deadline, "", found.held]
    lines += [f"  {name}" for name in (*found.tables, *found.models, *found.perhaps)]
    lines += ["", *(f"  {day(one.at)}  {one.what}" for one in found.done)]
    lines += ["", *(f"  stays  {one.what}: {one.why}" for one in found.stays), "", *found.complaints]
    answer(as_json, found, lines)


@click.command()
@project
@click.argument("identifiers", nargs=-1)
@identifier_file
@click.option("--request", "requests", multiple=True, help="A request id, as `unlearn watch` names it; repeat for several.")
@click.option("--reason", required=True, help=REASON)
@click.option("--dry-run", is_flag=True, help="Show who would be let in; record nothing.")
def readmit(
    root: Path,
    as_json: bool,
    identifiers: Sequence[str],
    source: str | None,
    column: str | None,
    requests: Sequence[str],
    reason: str,
    dry_run: bool,
) -> None:
    """Let people in again whose erasure has ended, because they agreed anew: loads and trainings take them from now on.

    What is of before stays erased: its objects, model versions and checkpoints are searched for as ever. A new request of
    theirs erases them whole.

    \b
    Example:  unlearn readmit --request request-0123456789abcdef --reason consent
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.errors import WrongUse
    from unlearning.erasure import decisions
    from unlearning.project.tables import person_columns

    if not identifiers and source is None and not requests:
        raise WrongUse("nobody was named; name people as arguments, with --file FILE, or by --request ID")
    workspace = open_project(root)
    given = people(identifiers, source, column, known=lambda: person_columns(workspace))
    done = decisions.readmit(workspace, given, requests, reason=reason, now=utc_now(), dry_run=dry_run)
    said = f"{done.people} people {'would be' if dry_run else 'are'} let in again; {done.already} were before"
    answer(as_json, done, [said, *(f"  {one}" for one in done.requests)])


COMMANDS = (
    request,
    status,
    answer_command,
    confirm,
    approve,
    hold,
    release,
    exempt,
    cancel,
    extend,
    told,
    acknowledge,
    readmit,
)


def _came(said: Mapping[str, str | None]) -> dict[str, Any]:
    """How a request came, as options say it."""
    from unlearning.domain.clocks import moment
    from unlearning.erasure.steps.receive import require_channel

    received, channel = said["received_at"], said["channel"]
    return {
        "received_at": None if received is None else moment(received, of="--received-at"),
        "reference": said["reference"],
        "channel": None if channel is None else require_channel(channel),
    }


def _decide(decision: Any, root: Path, request_id: str, *, as_json: bool, **said: Any) -> None:
    from unlearning.domain.clocks import utc_now

    workspace = open_project(root)
    _show(workspace, [decision(workspace, request_id, now=utc_now(), **said)], as_json=as_json, one=True)


def _announce(made: Sequence[ErasureRequest]) -> None:
    """Start the erasure on the Prefect server that the environment names, if it names one."""
    if PREFECT_API_URL in os.environ:
        from unlearning.entrypoints.flows.events import announce

        announce([one.request_id for one in made], os.environ)


def _show(workspace: Workspace, requests: Iterable[ErasureRequest], *, as_json: bool, one: bool = False) -> list[Shown]:
    """Requests as every command answers them; one: a single document instead of a list."""
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.codec import write
    from unlearning.erasure import decisions

    shown = decisions.shown(workspace, list(requests), now=utc_now())
    documents = write(shown)
    answer(as_json, documents[0] if one else documents, [_line(each) for each in shown] or ["no request yet"])
    return shown


def _line(shown: Shown) -> str:
    from unlearning.domain import spellings
    from unlearning.domain.planning import batch
    from unlearning.domain.traces import say_left
    from unlearning.erasure import recipients

    one = shown.request
    due = f"due {one.due_at:%Y-%m-%d}" if one.due_at else "no deadline"
    said = [spellings.said(one.nearest)] if one.state == "not_found" else []
    said += [f"joined {one.group}"] if one.group != one.request_id else []
    said += ["extended"] if shown.extension else []
    said += ["OVERDUE"] if shown.overdue else []
    said += [f"MUST BEGIN (by {shown.must_start_by:%Y-%m-%d})"] if shown.must_start and not shown.overdue else []
    said += [f"{one.channel or 'reference'} {one.reference}"] if one.reference else []
    said += [f"readmitted {shown.readmitted.at:%Y-%m-%d}: {shown.readmitted.reason}"] if shown.readmitted else []
    said += [say_left(shown.residuals)] if shown.residuals else []
    said += [batch.say(shown.batch)] if shown.batch else []
    said += [f"plan {shown.plan[:12]}…"] if shown.plan else []
    said += [f"waits for {each.model}: {each.reason}" for each in shown.waits_for]
    said += [f"{each.to} was not told that it is {each.told}: {each.why}" for each in shown.callbacks if each.given_up]
    said += [f"{each.to} is told again from {each.again:%Y-%m-%d %H:%M}: {each.why}" for each in shown.callbacks if each.again]
    said += [recipients.say(each) for each in shown.recipients if each.acknowledged_at is None]
    said += [_held(each) for each in shown.holds if _in_force(each, one.state)]
    return "  ".join([f"{one.request_id}  tok_{one.token[:12]}  {one.state:<24} {due}", *said])


def _in_force(hold: Hold, state: str) -> bool:
    from unlearning.domain import lifecycle

    kept = hold.data and state not in lifecycle.LEFT
    return hold.released_at is None and bool(kept or state == "on_hold")


def _held(hold: Hold) -> str:
    what = f"{', '.join(hold.data)} " if hold.data else ""
    return f"{what}held until {_last_day(hold.until)}: {hold.reason}"


def _last_day(until: datetime | None) -> str:
    """A hold ends at midnight after its last day."""
    return f"{until - timedelta(days=1):%Y-%m-%d}" if until else "released"
