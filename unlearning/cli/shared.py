"""What every command shares: the group that turns errors into exit codes, the common options, how answers are printed."""

from __future__ import annotations

import atexit
import gc
import json
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unlearning.errors import UnlearningError

if TYPE_CHECKING:
    from unlearning.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
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


def spare_the_collector() -> None:
    """Let Python look for garbage seldom, and not at all at the end: a command imports a million objects and is soon over."""
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)


def project(command: F) -> F:
    """The options that every command about a project has; with --json, an error is a JSON document too."""

    @click.option("--root", type=click.Path(path_type=Path), default=".", show_default=True, help="The project folder.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UnlearningError as error:
            if kwargs["as_json"]:
                click.echo(json.dumps({"error": type(error).__name__, "message": str(error)}, ensure_ascii=False))
            raise

    return run  # type: ignore[return-value]


def open_project(root: Path) -> Workspace:
    """The project in a folder."""
    from unlearning.workspace import open_workspace

    return open_workspace(root)


def prefect_at_home(workspace: Workspace) -> None:
    """Start Prefect's embedded server in the project, unless a server or a home is named."""
    from flows import embedded

    embedded.start(workspace.path(".unlearning/prefect"))


def content(path: Path) -> bytes:
    """A file of the command line; raises NotFound."""
    from unlearning.errors import NotFound

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}); name an existing file") from error


def answer(as_json: bool, document: Any, lines: Sequence[str]) -> None:
    """Standard output: the document, or the lines for people."""
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)
