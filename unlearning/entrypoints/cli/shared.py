"""What every command shares: the group that turns errors into exit codes, the common options, how answers are printed."""

from __future__ import annotations

import atexit
import gc
import json
import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from unlearning.domain.addresses import without_password
from unlearning.domain.errors import UnlearningError
from unlearning.domain.foreign import shown
from unlearning.entrypoints import last_resort

if TYPE_CHECKING:
    from unlearning.domain.spellings import Given
    from unlearning.project.workspace import Workspace
    from unlearning.traces.proposals import Proposal

F = TypeVar("F", bound=Callable[..., Any])

_PROJECT = "unlearning.project"
"""Under which a command's context knows the folder of its project."""
_LONGEST = 4_000
"""Characters of a line that is printed."""

KEYS = ".unlearning/keys"
"""Where `unlearn init` puts the keys; `stores.keys` in params.yaml may name another folder."""


class Commands(click.Group):
    """Turns errors into messages and exit codes, and with --json into a document too: the one edge where that happens.

    What is printed may quote names that others chose: nothing in it acts on the terminal, and nothing begins a line of its own.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether JSON is asked for, and of which project: an error may come before the options are read."""
        ctx.obj = _Asked("--json" in args, last_resort.root_of(args))
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every command with its whole first sentence, which click would cut."""
        named = [(name, command) for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit=200)) for name, command in named])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises ends as a message and an exit code, never as a traceback."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            known = _without_values(error)
            _document(ctx, "WrongUse", known.format_message())
            raise known from None
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # Click's own ways to end
        except Exception as error:
            _say(ctx, last_resort.ended(error, ctx.meta.get(_PROJECT) or ctx.obj.root.resolve()))


class _Asked(NamedTuple):
    """What a command line says before it is parsed."""

    as_json: bool
    root: Path


def _say(ctx: click.Context, error: UnlearningError) -> None:
    """End with an error: its kind and message for programs, its message for people, of which only the first line stands out."""
    _document(ctx, type(error).__name__, without_password(str(error)))
    first, *more = str(error).split("\n")
    lines = [f"unlearn: {first}", *(f"  {line.removeprefix('  ')}" for line in more)]
    click.echo(fitted("\n".join(map(printable, lines)), sys.stderr), err=True)
    ctx.exit(error.exit_code)


def _document(ctx: click.Context, kind: str, message: str) -> None:
    if ctx.obj.as_json:
        click.echo(_json({"error": kind, "message": message}))


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
    """The project in a folder; until the command ends, temporary files lie there too."""
    from unlearning.project.workspace import open_workspace
    from unlearning.stores import scratch

    workspace = open_workspace(root)
    if (ctx := click.get_current_context(silent=True)) is not None:
        ctx.meta[_PROJECT] = workspace.root
        ctx.with_resource(scratch.at_home(workspace.root))
    return workspace


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


def one_person(command: F) -> F:
    """The options that every command about one person has."""
    subject = click.option("--subject", help="Whom to ask about; `-` reads the identifier from standard input.")
    return subject(identifier_file(command))


def person(
    named: str | None,
    source: str | None = None,
    column: str | None = None,
    *,
    known: Callable[[], Collection[str]] = tuple,
) -> str:
    """The one identifier that an option or a file names. Raises IdentifierError, WrongUse."""
    from unlearning.domain.errors import IdentifierError, WrongUse

    if (named is None) == (source is None):
        raise WrongUse("name one person: with --subject, or in a file with --file")
    found = dict.fromkeys(people([] if named is None else [named], source, column, known=known))
    if len(found) != 1:
        place = "standard input" if "-" in (named, source) else str(source)
        raise IdentifierError(f"{place} holds {len(found)} identifiers; expected one")
    return next(iter(found))


def content(path: Path) -> bytes:
    """A file of the command line; raises NotFound."""
    from unlearning.domain.errors import NotFound

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error


def fitted(text: str, stream: IO[str]) -> str:
    """A text as a terminal shows it without a break within a word; anything else that reads it gets it as it is."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(piece for line in text.split("\n") for piece in _wrapped(line, width))


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    hanging = " " * (min(len(line) - len(line.lstrip()), width // 4) + 4)
    options: Any = {"break_long_words": False, "break_on_hyphens": False, "replace_whitespace": False}
    return textwrap.wrap(line, width, subsequent_indent=hanging, **options)


def answer(as_json: bool, document: Any, lines: Sequence[str]) -> None:
    """Standard output: the document, of plain values or dataclasses, or the lines for people."""
    if as_json:
        from unlearning.domain.codec import write

        click.echo(_json(write(document), indent=2))
    else:
        for line in lines:
            click.echo(fitted("\n".join(map(printable, line.split("\n"))), sys.stdout))


class Printable(logging.Formatter):
    """Messages of progress, as wide as the terminal, each a line in which nothing acts on it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return fitted(printable(super().format(record)), sys.stderr)


def printable(line: str) -> str:
    """A line for people, whoever wrote parts of it: nothing in it acts, and no address in it says a password."""
    return shown(without_password(line), _LONGEST)


def _json(document: Any, indent: int | None = None) -> str:
    """A document as text in which nothing acts on a terminal or breaks it: such characters are said as JSON says them."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return "".join(one if one == "\n" or one.isprintable() else json.dumps(one)[1:-1] for one in text)


def decide(todo: Sequence[Proposal]) -> list[str]:
    """What people are asked to decide."""
    return [f"to decide ({len(todo)})", *(f"  {one.line}" for one in todo)] if todo else []
