"""The slow tests in parts, and a page that says when each part last ran whole."""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/campaigns.md"
PARTS = 10
SIDE_BY_SIDE = ("--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
"""As the Makefile says it."""
HEAD = f"""# Campaigns

Slow tests are not part of `make test`. `make campaign PART=3/{PARTS}` runs the third of {PARTS} parts; `make campaign` runs all
slow tests at once. Which part a test is in follows from the hash of its name. A run of a whole part writes its row here;
one that was cut short, or chose among the tests, writes nothing. "Changed" is a commit with other changes beside it.

| part | ended | commit | result |
|---|---|---|---|
"""
NEVER = ("never", "–", "–")
Row = tuple[str, str, str]


def parsed(text: str) -> tuple[int, int]:
    """`3/10` → 3 of 10; refused when there is no such part."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected K/N with 1 <= K <= N, such as 3/{PARTS}")
    return int(found[1]), int(found[2])


def holds(part: tuple[int, int], name: str) -> bool:
    """Whether a test is in this part."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % part[1] == part[0] - 1


def whole(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether pytest was asked for a part and nothing else, as by `make campaign`: any other word may leave tests out."""
    return [*arguments[:-1]] == [*SIDE_BY_SIDE, "-m", "slow", "--part"] and not environ.get("PYTEST_ADDOPTS")


def rows(text: str) -> dict[int, Row]:
    """Part → what the page says of it."""
    found = re.findall(rf"^\| (\d+)/{PARTS} \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return {int(number): (ended, commit, result) for number, ended, commit, result in found}


def page(said: Mapping[int, Row]) -> str:
    """The page; a part of which nothing is said never ran."""
    lines = (f"| {number}/{PARTS} | {' | '.join(said.get(number, NEVER))} |" for number in range(1, PARTS + 1))
    return HEAD + "\n".join(lines) + "\n"


def result(counts: Mapping[str, int]) -> str:
    """How many tests ended how, what did not pass first."""
    order = ("failed", "error", "skipped", "xfailed", "passed")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts.get(name)) or "no tests"


def record(part: tuple[int, int], counts: Mapping[str, int], ended: datetime) -> None:
    """Write the row of a part that ran whole."""
    if part[1] != PARTS:
        return
    said = rows(PAGE.read_text()) if PAGE.exists() else {}
    PAGE.write_text(page({**said, part[0]: (f"{ended:%Y-%m-%d %H:%M} UTC", commit(), result(counts))}))


def commit() -> str:
    """The commit that is checked out, and whether anything but documentation is changed beside it: that, measurements write."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", ":!docs")
    return f"{name}, changed" if changed else name


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=PAGE.parents[1], capture_output=True, text=True, check=True).stdout.strip()
