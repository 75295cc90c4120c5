"""`unlearn` as a test types it: in this process, where it is the same code path, or as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from unlearning.domain.errors import Unforeseen
from unlearning.entrypoints.cli import main
from unlearning.stores import foreign_code


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Everything that a person could read."""
        return self.out + self.err


def unlearn(root: Path, *words: str, stdin: str | bytes = "", unforeseen_too: bool = False) -> Answer:
    """A command in a folder; an exception that nobody turned into a message is the test's, unless it asks for the answer."""
    with contextlib.chdir(root):
        result = CliRunner().invoke(main, words, input=stdin, prog_name="unlearn")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == Unforeseen.exit_code and not unforeseen_too:
        kept = root / foreign_code.FILE
        raise AssertionError(kept.read_text() if kept.exists() else result.stderr)
    return Answer(result.exit_code, result.stdout, result.stderr)


def unlearn_apart(root: Path, *words: str, stdin: str = "") -> Answer:
    """The same as a process of its own, with a Prefect home of its own, as a user has it."""
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    script = "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=root, input=stdin, capture_output=True, text=True, check=False, env=kept
    )
    return Answer(done.returncode, done.stdout, done.stderr)
