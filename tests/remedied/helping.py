"""A remedy, run as it was printed: the state is the test's, the command line is taken out of the message that it prints."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

from tests import ran, remedies, warm
from tests.entrypoints.cli.commands import unlearn
from unlearning.domain.errors import UnlearningError

Ask = Callable[[], str]

# As a message writes what the reader has to fill in: words in capitals, alone or beside a sign.
_OPEN = re.compile(r"(?<![\w-])[A-Z]{2,}(?![\w-])")


def asking(root: Path, *words: str, stdin: str = "") -> Ask:
    """What a command of ours prints, whatever it ends with."""
    return lambda: unlearn(root, *words, stdin=stdin).said


def failing(call: Callable[[], object]) -> Ask:
    """What an error of ours says; nothing once there is none."""

    def ask() -> str:
        try:
            call()
        except UnlearningError as error:
            return str(error)
        return ""

    return ask


def printed(said: str, *commands: str) -> list[str]:
    """The command lines with these verbs (tool and verb), in the order in which a message names them."""
    # Progress and tables wrap on a terminal; a command in backticks may stand on two lines.
    found = [one for one in remedies.COMMAND.findall(" ".join(said.split())) if remedies.verb(one) in commands]
    missing = sorted(set(commands) - {remedies.verb(one) for one in found})
    assert not missing, f"it does not name {missing}: {said}"
    return list(dict.fromkeys(found))


def helps(
    ask: Ask,
    root: Path,
    *commands: str,
    fill: dict[str, str] | None = None,
    add: str = "",
    after: Callable[[], object] = lambda: None,
    codes: Sequence[int] = (0,),
    before: Callable[[], object] = lambda: None,
) -> str:
    """Ask, run what was said, and ask again: the commands are not said any more. Returns what is said then.

    fill: a word in capitals, or `…` → what the reader puts there. add: options that the words around it name.
    before, after: what the words around it say to do by hand. codes: how the commands may end.
    """
    said = ask()
    before()
    for line in printed(said, *commands):
        run(root, filled(line, fill or {}) + add, codes=codes)
    after()
    now = ask()
    left = [one for one in remedies.COMMAND.findall(now) if remedies.verb(one) in commands]
    assert not left, f"after {printed(said, *commands)} it still says {left}: {now}"
    return now


def filled(line: str, fill: dict[str, str]) -> str:
    """A printed line with its placeholders filled in; none may be left."""
    for name, value in fill.items():
        line = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", lambda _, value=value: value, line)
    left = set(_OPEN.findall(line)) - {"HEAD", *_OPEN.findall(" ".join(fill.values()))}
    assert not left, f"nobody fills in {left}: {line}"
    return line


def run(root: Path, line: str, *, codes: Sequence[int] = (0,)) -> str:
    """Run one line: our own commands and MLflow's, which takes long to import, in this process, others as processes."""
    tool, *words = shlex.split(line)
    if tool == "unlearn":
        answer = unlearn(root, *words)
        assert answer.code in codes, answer.said
        return answer.said
    if tool == "mlflow":
        return _mlflow(root, words, codes)
    command = [warm.python(), "-m", tool, *words] if tool in ("dvc", "prefect") else [tool, *words]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode in codes, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def _mlflow(root: Path, words: Sequence[str], codes: Sequence[int]) -> str:
    from mlflow.cli import cli

    ran.note(shlex.join(["mlflow", *words]))
    code: object = 0
    with contextlib.chdir(root), contextlib.redirect_stdout(StringIO()) as said:
        try:
            cli.main([*words], prog_name="mlflow")
        except SystemExit as end:
            code = end.code or 0
    assert code in codes, f"{words}: {said.getvalue()}"
    return said.getvalue()


def git(root: Path, *words: str) -> str:
    """Git, as the user of a test runs it."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def move_remote(root: Path, url: str) -> None:
    """The project's one remote is elsewhere, as after `dvc remote modify`, without a process for one line."""
    config = root / ".dvc/config"
    config.write_text(re.sub(r"(?m)^(\s*url = ).*$", lambda found: f"{found[1]}{url}", config.read_text()))


def dvc(root: Path, *words: str) -> str:
    """DVC, as the user of a test runs it."""
    done = subprocess.run([warm.python(), "-m", "dvc", *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()
