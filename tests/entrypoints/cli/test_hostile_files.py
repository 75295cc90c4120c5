"""Files that nobody should hand over, in the place of each that a project reads: no traceback, no wait, nothing changed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import SOURCE, TRAIN, Project, snapshot

pytestmark = [pytest.mark.usefixtures("without_prefect"), pytest.mark.timeout(600)]

Make = Callable[[Path, bytes], object]
"""Makes the hostile file; given what lay there before."""


def written(content: bytes) -> Make:
    return lambda file, _before: file.write_bytes(content)


def bomb() -> bytes:
    """Every line names the one before nine times."""
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        named = b", ".join([b"*a%d" % (level - 1)] * 9)
        lines.append(b"a%d: &a%d [%s]" % (level, level, named))
    return b"\n".join(lines)


def noise(file: Path, before: bytes) -> None:
    """Thirty bytes are others."""
    chance, content = random.Random(len(before)), bytearray(before or b"nothing")
    for _ in range(30):
        content[chance.randrange(len(content))] = chance.randrange(256)
    file.write_bytes(bytes(content))


HOSTILE: dict[str, Make] = {
    "nested deeply": written(b"[" * 5000 + b"]" * 5000),
    "long number": written(b'{"unlearning": ' + b"9" * 4400 + b"}"),
    "folder": lambda file, _before: file.mkdir(),
    "pipe": lambda file, _before: os.mkfifo(file),
    "noise": noise,
    "not UTF-8": written(b"a: m\xfcller\n\xff\xfe"),
    "NUL": written(b"\0" * 100),
    "loop of links": lambda file, _before: file.symlink_to(file.name),
    "cut in half": lambda file, before: file.write_bytes(before[: len(before) // 2]),
    "half a surrogate pair": written(b'{"unlearning": "\\ud800", "outs": ["\\ud800"], "stages": {"\\ud800": "\\ud800"}}'),
    "alias bomb": written(bomb()),
    "a list": written(b"[]"),
    "a date that is none": written(b"a: 2001-99-99"),
    "a key that is a list": written(b"? [a]\n: b\n"),
    "a tag": written(b"a: !!python/object/apply:os.system [ls]\nb: !!int x"),
    "other shapes": written(b"stages: {prepare: [1], 3: x}\nouts: [1, [2]]\nunlearning: {model: {}, stores: 1}"),
    "a dead link": lambda file, _before: file.symlink_to("nowhere-at-all"),
    "Parquet in name only": written(b"PAR1" + b"\xff" * 40 + b"PAR1"),
    "SQLite in name only": written(b"SQLite format 3\0" + b"\xff" * 200),
}

PLACES: dict[str, tuple[str, ...]] = {
    "params.yaml": ("status",),
    "dvc.yaml": ("impact", "--subject", "nobody"),
    "dvc.lock": ("impact", "--subject", "nobody"),
    f"{SOURCE}.dvc": ("impact", "--subject", "nobody"),
    ".dvc/config": ("doctor",),
    SOURCE: ("prepare",),
    TRAIN: ("train",),
    ".unlearning/stores.json": ("status",),
    ".unlearning/ledger.db": ("status",),
    ".unlearning/lineage.db": ("lineage",),
    ".unlearning/keys/index.key": ("request", "nobody"),
    ".unlearning/keys/signing.pem": ("request", "nobody"),
    ".unlearning/certificates/erasure-1.json": ("audit",),
    "unlearning-twins.json": ("twins",),
    "mlflow.db": ("lineage",),
}
"""What a project reads → a command that does."""


def state(project: Project) -> dict[str, str]:
    """Every file but databases, whose pages move when they are read, and what DVC leaves when it looks."""
    files = snapshot(project.root, without=("mlflow.db", "ledger.db", "lineage.db", ".pyc"))
    return {path: digest for path, digest in files.items() if not path.startswith(".dvc/tmp")}


def cases() -> Iterator[Any]:
    """Every file at every place; by default three of them at each place, by turns, so that each of them is somewhere."""
    kinds = list(HOSTILE)
    for at, place in enumerate(PLACES):
        often = {kinds[at % 5], kinds[(2 * at) % len(kinds)], kinds[(2 * at + 1) % len(kinds)]}
        for hostile in HOSTILE:
            yield pytest.param(hostile, place, id=f"{hostile}-{place}", marks=() if hostile in often else pytest.mark.slow)


def test_every_hostile_file_lies_at_some_place_by_default() -> None:
    assert {case.values[0] for case in cases() if not case.marks} == HOSTILE.keys()


@pytest.mark.parametrize(("hostile", "place"), list(cases()))
def test_a_hostile_file_ends_a_command_in_words_and_nothing_is_changed(hostile: str, place: str, project: Project) -> None:
    file = project.root / place
    before = file.read_bytes() if file.is_file() else b""
    file.unlink(missing_ok=True)
    file.parent.mkdir(exist_ok=True)
    HOSTILE[hostile](file, before)
    if file.is_file() and file.parent.name == "keys":
        file.chmod(0o600)
    there = state(project)

    answer = unlearn(project.root, *PLACES[place], "--json")  # what nobody foresaw is raised here

    assert answer.code in (0, 1, 2)
    assert "Traceback" not in answer.said
    if answer.code:
        assert answer.document
        assert state(project) == there
