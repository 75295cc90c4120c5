"""`unlearn` as a test types it: in this process, where it is the same code path."""

from __future__ import annotations

import contextlib
import json
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
