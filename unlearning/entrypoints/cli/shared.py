"""What every command shares: the group that turns errors into exit codes, the common options, how answers are printed."""

from __future__ import annotations

import atexit
import gc
import json
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unlearning.domain.errors import UnlearningError, needing_room

if TYPE_CHECKING:
    from unlearning.domain.spellings import Given
    from unlearning.project.workspace import Workspace
    from unlearning.traces.proposals import Proposal

F = TypeVar("F", bound=Callable[..., Any])

KEYS = ".unlearning/keys"
"""Where `unlearn init` puts the keys; `stores.keys` in params.yaml may name another folder."""


class Commands(click.Group):
    """Turns errors into messages and exit codes, and with --json into a document too: the one edge where that happens."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether JSON is asked for: an error may come before the command's own options are read."""
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an UnlearningError ends with its exit code, anything else is a bug and shows as one."""
        try:
            with needing_room():
                return super().invoke(ctx)
        except UnlearningError as error:
            _document(ctx, type(error).__name__, str(error))
            click.echo(f"unlearn: {error}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            shown = _without_values(error)
            _document(ctx, "WrongUse", shown.format_message())
            raise shown from None


def _document(ctx: click.Context, kind: str, message: str) -> None:
    if ctx.obj:
        click.echo(json.dumps({"error": kind, "message": message}, ensure_ascii=False))


def _without_values(error: click.UsageError) -> click.UsageError:
    """The same error, which must not repeat an argument that nobody expected: it may name a person."""
    if not error.message.startswith("Got unexpected extra argument"):
        return error
    said = "Got more arguments than the command takes; people are named with --subject, or to `unlearn request`."
    return click.UsageError(said, error.ctx)


def spare_the_collector() -> None:
    """Let Python look for garbage seldom, and not at all at the end: a command imports a million objects and is soon over."""
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
"""The option that every command has."""


def project(command: F) -> F:
    """The options that every command about a project has."""
    root = click.option("--root", type=click.Path(path_type=Path), default=".", show_default=True, help="The project folder.")
    return root(json_option(command))


def open_project(root: Path) -> Workspace:
    """The project in a folder."""
    from unlearning.project.workspace import open_workspace

    return open_workspace(root)


def warn(workspace: Workspace) -> None:
    """Say on standard error what `unlearn doctor` would have mended. Raises Refused while Git tracks a table of people."""
    from unlearning.project import doctor

    for line in doctor.warn(workspace):
        click.echo(f"unlearn doctor: {line}", err=True)


def prefect_at_home(workspace: Workspace) -> None:
    """Start Prefect's embedded server in the project, unless a server or a home is named."""
    from unlearning.entrypoints.flows import embedded

    embedded.start(workspace.path(".unlearning/prefect"))


def identifier_file(command: F) -> F:
    """The options that every command about several people has."""
    column = click.option(
        "--column", metavar="NAME", help="The column of the file that names a person; its first line is a heading."
    )
    source = click.option(
        "--file",
        "source",
        help="Identifiers, one a line or in a CSV; `-` reads standard input and keeps them out of the shell history.",
    )
    return source(column(command))


def people(
    named: Sequence[str], source: str | None = None, column: str | None = None, *, known: Callable[[], Collection[str]] = tuple
) -> list[Given]:
    """The identifiers that arguments and a file give, with those of standard input in place of `-`. Raises IdentifierError.

    known: person columns of the project, by which a heading is recognised.
    """
    from unlearning.domain.errors import WrongUse
    from unlearning.domain.spellings import Given
    from unlearning.project import identifiers

    if column and source is None:
        raise WrongUse("--column names a column of a file, and no --file came; pass both")
    found = []
    for number, name in enumerate(named, 1):
        found += standard_input(None, known) if name == "-" else [Given(name, f"identifier {number} of the command line")]
    if source is not None:
        from_file = (
            standard_input(column, known) if source == "-" else identifiers.read(Path(source), column=column, known=known())
        )
        found += from_file
    return found


def standard_input(column: str | None, known: Callable[[], Collection[str]]) -> list[Given]:
    """The identifiers that came on standard input; they stay out of the shell history. Raises IdentifierError."""
    from unlearning.project import identifiers

    return identifiers.parse(sys.stdin.buffer.read(), "standard input", column=column, known=known())


def person(named: str) -> str:
    """The one identifier that an option names. Raises IdentifierError."""
    from unlearning.domain.errors import IdentifierError

    found = people([named])
    if len(found) != 1:
        raise IdentifierError(f"standard input holds {len(found)} identifiers; expected one")
    return found[0]


def content(path: Path) -> bytes:
    """A file of the command line; raises NotFound."""
    from unlearning.domain.errors import NotFound

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error


def answer(as_json: bool, document: Any, lines: Sequence[str]) -> None:
    """Standard output: the document, of plain values or dataclasses, or the lines for people."""
    if as_json:
        from unlearning.domain.codec import write

        click.echo(json.dumps(write(document), indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)


def decide(todo: Sequence[Proposal]) -> list[str]:
    """What people are asked to decide."""
    return [f"to decide ({len(todo)})", *(f"  {one.line}" for one in todo)] if todo else []
