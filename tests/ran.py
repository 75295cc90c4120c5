"""Which commands a test really runs, so that a row of `tests/remedies.py` cannot name a test that runs another, or none.

Noted are command lines that a test gives to the command line of this package or starts as a process; what the package itself
starts is not. `Project.erase`, which is `unlearn erase` without Prefect around it, notes itself.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

_PACKAGE = str(Path(__file__).parents[1] / "unlearning")
_OURS = re.compile(r"\S*python\S* (?:-P )?-c .*?prog_name='unlearn'\)'?")
_MODULE = re.compile(r"\S*python\S* -m ")
_LINES: list[str] = []


def note(line: str) -> None:
    """A test runs this command."""
    _LINES.append(line)


def missed(commands: Sequence[str]) -> list[str]:
    """Those of these commands (tool and verb) that no line runs since `noting` began."""
    said = "\n".join(_LINES)
    return [one for one in commands if not re.search(_pattern(one), said)]


def _pattern(command: str) -> str:
    tool, verb = command.split()
    return rf"(?<![\w-])(?:{tool}|{tool}-{verb})(?: -[cC] \S+| --no-prompt)*(?: {re.escape(verb)}|(?<=-{verb}))(?![\w-])"


@contextmanager
def noting() -> Iterator[None]:
    """Forget what ran before, and note what runs now."""
    _LINES.clear()
    yield


@contextmanager
def every_command() -> Iterator[None]:
    """While it is open, lines are noted as they are run."""
    invoke, start = CliRunner.invoke, subprocess.Popen.__init__

    def invoked(self: CliRunner, command: Any, arguments: Any = None, *more: Any, **named: Any) -> Any:
        note(" ".join(["unlearn", *map(str, arguments or ())]))
        return invoke(self, command, arguments, *more, **named)

    def started(self: Any, *given: Any, **named: Any) -> None:
        if not _by_the_package():
            arguments = given[0] if given else named["args"]
            text = arguments if isinstance(arguments, str) else " ".join(map(str, arguments))
            note(_MODULE.sub("", _OURS.sub("unlearn", text)))
        start(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CliRunner, "invoke", invoked)
        patch.setattr(subprocess.Popen, "__init__", started)
        yield


def _by_the_package() -> bool:
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False
