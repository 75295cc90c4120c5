"""The command line: one JSON document on standard output with --json, progress and logs on standard error.

Exit codes: 0 done; 1 refused by validation or verification; 2 wrong use or bad input. Heavy imports happen inside commands.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unlearning import __version__
from unlearning.errors import UnlearningError

if TYPE_CHECKING:
    from unlearning.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
"""No tool underneath phones home or chats, unless the environment says otherwise."""


KEYS = ".unlearning/keys"
"""Where `unlearn init` puts the keys; `stores.keys` in params.yaml may name another folder."""


class Commands(click.Group):
    """Turns this package's errors into messages and exit codes: the one edge where that happens."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an UnlearningError ends with its exit code, anything else is a bug and shows as one."""
        try:
            return super().invoke(ctx)
        except UnlearningError as error:
            click.echo(f"unlearn: {error}", err=True)
            ctx.exit(error.exit_code)


def project(command: F) -> F:
    """The options that every command about a project has."""

    @click.option("--root", type=click.Path(path_type=Path), default=".", show_default=True, help="The project folder.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return run  # type: ignore[return-value]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="unlearn")
@click.option("-v", "--verbose", is_flag=True, help="Show the logs of the tools underneath.")
def main(verbose: bool) -> None:
    """Machine unlearning as an operation: from a deletion request to a clean model version and a signed record.

    \b
    Start in a Git and DVC repository:   unlearn init
    Or look at the whole job first:      unlearn demo
    """
    if not verbose:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    progress = logging.getLogger("unlearning.progress")
    progress.handlers[:] = [handler]
    progress.setLevel(logging.INFO)
    progress.propagate = False


@main.command()
@project
@click.option("--model", default="diagnosis", show_default=True, help="Name of the registered model.")
def init(root: Path, as_json: bool, model: str) -> None:
    """Write what is missing in a Git and DVC repository; nothing that is there is overwritten.

    \b
    Example:  git init && dvc init && unlearn init --model churn
    """
    from unlearning import scaffold
    from unlearning.stores import keys

    root = root.resolve()
    done = [*scaffold.init(root, model=model), *((str(file.relative_to(root)), "written") for file in keys.create(root / KEYS))]
    _answer(as_json, {"files": [{"path": path, "result": result} for path, result in done]}, [f"{r:<9} {p}" for p, r in done])


@main.command()
@project
def prepare(root: Path, as_json: bool) -> None:
    """Split the source table into training and holdout tables by person (the DVC stage `prepare`)."""
    from unlearning import stages

    rows = stages.prepare(_open(root))
    _answer(as_json, rows, [f"{rows['train']} training rows, {rows['holdout']} holdout rows, {rows['dropped']} dropped"])


@main.command()
@project
def check(root: Path, as_json: bool) -> None:
    """Check training and holdout tables with Great Expectations (the DVC stage `check`)."""
    from unlearning import stages

    report = stages.check(_open(root))
    _answer(as_json, report, [f"{path}: {len(checks)} checks passed" for path, checks in report.items()])


@main.command()
@project
def train(root: Path, as_json: bool) -> None:
    """Train what is missing and register the model version with its lineage.

    \b
    Example:  unlearn train --json | jq .version
    """
    workspace = _open(root)
    began = time.perf_counter()
    _prefect_at_home(workspace)
    from flows import train as flow

    report = {**flow.run(workspace), "seconds": round(time.perf_counter() - began, 3)}
    lines = [f"{report['model']}/{report['version']}  alias {report['alias'] or 'not moved'}"]
    lines += [f"  {check['name']}: {check['verdict']} {check['value']:.3f}, {check['threshold']}" for check in report["checks"]]
    _answer(as_json, report, lines)
    if report["alias"] is None:
        raise click.exceptions.Exit(1)


@main.command()
@project
def evaluate(root: Path, as_json: bool) -> None:
    """Measure the version behind the alias on the holdout (the DVC stage `evaluate`)."""
    from unlearning import stages

    report = stages.evaluate(_open(root))
    _answer(as_json, report, [f"{key}: {value}" for key, value in report.items()])


@main.command()
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
    workspace = _open(root)
    chosen: Any = regulation or workspace.settings.policy.regulation
    made = receiving.receive(workspace, given, regulation=chosen, now=utc_now())
    _answer(as_json, [_request(one) for one in made], [_request_line(one) for one in made])


@main.command()
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

    workspace = _open(root)
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
    _answer(as_json, body, _impact_lines(body))


@main.command()
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
    workspace = _open(root)
    _prefect_at_home(workspace)
    from flows import erase as flow
    from unlearning import summary

    reports = flow.run(workspace, list(requests), replay=replay)
    if not reports:
        _answer(as_json, {"models": [], "certificate": None, "residuals": []}, ["no open request; nothing to do"])
        return
    document = {**reports[-1], "earlier": reports[:-1]} if len(reports) > 1 else reports[0]
    _answer(as_json, document, [line for report in reports for line in _table(summary.rows(report))])


@main.command()
@project
@click.argument("request_id", required=False)
def status(root: Path, as_json: bool, request_id: str | None) -> None:
    """List requests with state and deadline, the most urgent first.

    \b
    Example:  unlearn status request-0123456789abcdef
    """
    from unlearning import lifecycle, receiving
    from unlearning.erasure import utc_now

    workspace = _open(root)
    known = lifecycle.fold(workspace.ledger.events())
    chosen = receiving.chosen(workspace, [request_id]) if request_id else list(known.values())
    late = {one.request_id for one in lifecycle.overdue(known, utc_now())}
    listed = [{**_request(one), "overdue": one.request_id in late} for one in chosen]
    lines = [_request_line(one) + ("  OVERDUE" if one.request_id in late else "") for one in chosen]
    _answer(as_json, listed[0] if request_id else listed, lines or ["no request yet"])


@main.command()
@project
@click.argument("model", required=False)
def lineage(root: Path, as_json: bool, model: str | None) -> None:
    """Show which data versions fed which model versions, for MODEL or MODEL/VERSION.

    \b
    Example:  unlearn lineage diagnosis/2
    """
    from unlearning import ancestry

    workspace = _open(root)
    found = ancestry.lineage(workspace, model or workspace.settings.model)
    _answer(as_json, found, ancestry.lines(found))


@main.command()
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="The public key to check against; without it: integrity only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def verify(certificate: Path, key: Path | None, as_json: bool) -> None:
    """Check a certificate offline; exits 1 unless it verifies.

    \b
    Example:  unlearn verify .unlearning/certificates/erasure-….json --key .unlearning/keys/signing.pub
    """
    from unlearning import certificate as certificates
    from unlearning.entities import plain

    envelope = certificates.read(_bytes(certificate))
    found = certificates.verify(envelope, _bytes(key) if key else None)
    body = plain(found)
    lines = [f"{found.verdict}: {found.grade}", *(f"  subject {subject['name']}" for subject in body["subjects"])]
    _answer(as_json, body, lines)
    if found.verdict == "invalid":
        raise click.exceptions.Exit(1)


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default="demo", show_default=True, help="A new or empty folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def demo(folder: Path, as_json: bool) -> None:
    """Run the whole job on real data in a new folder: train, three people withdraw, erase, compare with a full retraining."""
    from unlearning import demo as demonstration

    report = demonstration.run(folder.resolve())
    _answer(as_json, report, [])
    if not as_json:
        demonstration.show(report)


def _open(root: Path) -> Workspace:
    from unlearning.workspace import open_workspace

    return open_workspace(root)


def _prefect_at_home(workspace: Workspace) -> None:
    """Keep Prefect's embedded database in the project, unless a server or a home is named."""
    if "PREFECT_API_URL" not in os.environ:
        os.environ.setdefault("PREFECT_HOME", str(workspace.path(".unlearning/prefect")))


def _read(source: str | None) -> list[str]:
    from unlearning import receiving

    if source is None:
        return []
    if source == "-":
        return receiving.parse_identifiers(sys.stdin.buffer.read(), "standard input")
    return receiving.read_identifiers(Path(source))


def _bytes(path: Path) -> bytes:
    from unlearning.errors import NotFound

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error


def _request(one: Any) -> dict[str, Any]:
    from unlearning.entities import plain

    body: dict[str, Any] = plain(one)
    return body


def _request_line(one: Any) -> str:
    due = f"due {one.due_at:%Y-%m-%d}" if one.due_at else "no deadline"
    return f"{one.request_id}  tok_{one.token[:12]}  {one.state:<24} {due}"


def _impact_lines(body: Mapping[str, Any]) -> list[str]:
    from unlearning import summary

    return [
        f"{body['records']} records of {len(body['tokens'])} people; {len(body['not_found'])} people not found",
        *(f"  data    {v['path']}  {v['digest'][:12]}" for v in body["data_versions"]),
        *(f"  model   {v['name']}/{v['version']}  {' '.join('@' + a for a in v['aliases'])}" for v in body["model_versions"]),
        f"  shards  {summary.shards(body['shards'], body['shards_total'])}",
        f"  stale checkpoints: {body['checkpoints_stale']}",
        f"  method {body['method']}, about {body['estimated_seconds']:.1f} s of training",
    ]


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def _answer(as_json: bool, document: Any, lines: Sequence[str]) -> None:
    """Standard output: the document, or the lines for people."""
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)
