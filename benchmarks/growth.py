"""How cost grows with the rows of a table: each command a process of its own, its CPU seconds and peak memory.

    python -m benchmarks.growth FOLDER ROWS           makes such a project alone, with one training
    python -m benchmarks.growth FOLDER ROWS parts     with tables that are folders of parts of 100,000 rows

Made-up data: 20 numbers, a label and a person whose five rows lie anywhere in the table, or in one part of it; 20 shards of 2
slices, 2 epochs, embedded services.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.erasing import UNLEARN
from benchmarks.overhead import QUIET, ROOT
from benchmarks.report import Panel, Section, say

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = (10_000, 100_000, 1_000_000)
ROWS_A_PART, ROWS_IN_PARTS = 100_000, (100_000, 1_000_000, 10_000_000)
ROWS_A_PERSON, FEATURES = 5, 20
SHARDS, SLICES, EPOCHS = 20, 2, 2
MEMORY_AIM, SHARE_AIM, MORE_AIM, PARTS_AIM = 700, 0.5, 6, 12
COMMANDS: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "follow": ("follow",),
    "request": ("request", "--file", "-"),
    "impact": ("impact",),
    "sweep --whole": ("sweep", "--whole"),
    "erase": ("erase",),
    "sweep": ("sweep",),
}
MEASURED = """
import json, os, sys
out = int(sys.argv[1])
os.set_inheritable(out, False)
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
os.write(out, json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]).encode())
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a command and measures it. Linux counts what a process held before it became another one, so a small one starts it."""
RECIPE = f'''"""Made for the benchmarks."""

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize

FEATURES = [f"x{{number}}" for number in range({FEATURES})]

recipe = TorchRecipe(
    network=lambda features, labels: nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, labels)),
    features=FEATURES,
    target="label",
    person="person",
    labels=("no", "yes"),
    optimizer=lambda parameters: optim.SGD(parameters, lr=0.5),
    epochs={EPOCHS},
    batch_size=256,
    preprocessing=standardize,
)
'''


@dataclass(frozen=True)
class Cost:
    """Of one process and all that it started and waited for."""

    cpu: float
    """Seconds."""
    memory: float
    """MB that the largest of the processes held at most."""


def everything(sizes: Sequence[int] = ROWS, *, parts: bool = False) -> Mapping[int, Mapping[str, Cost]]:
    """Rows → command → its cost."""
    found = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
            found[rows] = measure(Path(scratch) / "project", rows, parts=parts)
    return found


def measure(folder: Path, rows: int, *, parts: bool = False) -> Mapping[str, Cost]:
    """Command → what it cost in a project of so many rows."""
    say(f"a project of {rows:,} rows{' in parts' * parts}")
    make(folder, rows, parts=parts)
    asked, found = person(folder), dict[str, Cost]()
    for name, words in COMMANDS.items():
        found[name] = run(folder, words, asked=asked if name == "request" else "")
        say(f"    {name:<13} {found[name].cpu:6.1f} CPU s  {found[name].memory:6.0f} MB")
    return found


def make(folder: Path, rows: int, *, parts: bool = False) -> None:
    """A project that is ready to be trained. parts: each of its tables is a folder of them."""
    from unlearning.entrypoints.scaffold import scaffold
    from unlearning.project.training import stages
    from unlearning.project.workspace import open_workspace
    from unlearning.stores import keys
    from unlearning.stores.dvc import repository as dvc_repository

    repository = dvc_repository.create(folder, remote=".dvc-remote")
    scaffold.init(folder, model="growth")
    keys.create(folder / ".unlearning/keys")
    with (folder / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write("/.dvc-remote/\n")
    params = folder / "params.yaml"
    text = params.read_text("utf-8")
    recipe = next((folder / "recipes").glob("*.py"))
    changes = {
        f"recipes/{recipe.name}": "recipes/growth.py",
        "shards: 8": f"shards: {SHARDS}",
        "slices: 4": f"slices: {SLICES}",
        "identifier: text": "identifier: integer",
        "utility_tolerance: 0.05": "utility_tolerance: 1",
        "agreement_minimum: 0.85": "agreement_minimum: 0",
        "membership_margin: 0.1": "membership_margin: 0.5",
        "commit: false": "commit: true",
    }
    for before, after in changes.items():
        text = text.replace(before, after)
    params.write_text(text, "utf-8")
    pipeline = folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text("utf-8").replace(recipe.name, "growth.py"), "utf-8")
    recipe.unlink()
    (folder / "recipes/growth.py").write_text(RECIPE, "utf-8")
    source = folder / "data/records.parquet"
    if parts:
        source = source.with_suffix("")
        for file in (params, pipeline):
            file.write_text(re.sub(r"(data/(records|train|holdout))\.parquet", r"\1", file.read_text("utf-8")), "utf-8")
    _write(source, rows, parts=parts)
    repository.add([str(source.relative_to(folder))])
    workspace = open_workspace(folder)
    stages.prepare(workspace)
    repository.adopt(["prepare"])
    repository.push(workspace.own.data.tables)
    repository.git.commit("Add the records", ["."])


def _write(source: Path, rows: int, *, parts: bool) -> None:
    from pyarrow import parquet

    if not parts:
        source.parent.mkdir(exist_ok=True)
        parquet.write_table(_table(rows, 0), source, row_group_size=ROWS_A_PART)
        return
    source.mkdir(parents=True)
    for number, first in enumerate(range(0, rows, ROWS_A_PART)):
        parquet.write_table(_table(min(ROWS_A_PART, rows - first), number), source / f"part-{number:04d}.parquet")


def _table(rows: int, part: int) -> pa.Table:
    """Of people who are in no other part."""
    import numpy as np
    import pyarrow as pa

    generator = np.random.default_rng(part)
    people = 100_000 + part * (ROWS_A_PART // ROWS_A_PERSON) + generator.permutation(rows) // ROWS_A_PERSON
    numbers = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    label = np.where(numbers[:, :3].sum(axis=1) + generator.normal(size=rows) > 0, "yes", "no")
    columns = {f"x{at}": numbers[:, at] for at in range(FEATURES)}
    return pa.table({"person": people, **columns, "label": label})


def person(folder: Path) -> str:
    """Somebody of the training table; the data is made up."""
    from pyarrow import parquet

    train = folder / "data/train"
    file = min(train.glob("*.parquet")) if train.is_dir() else train.with_suffix(".parquet")
    return str(parquet.read_table(file, columns=["person"])["person"][0].as_py())


def run(folder: Path, words: Sequence[str], *, asked: str = "") -> Cost:
    """One command as a process; raises RuntimeError when it fails otherwise than by what is left."""
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT)}
    command = [*UNLEARN, *words, "--root", str(folder), "--json"]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as wrong, tempfile.TemporaryFile() as used:
        process = subprocess.run(
            [sys.executable, "-S", "-c", MEASURED, str(used.fileno()), *command],
            cwd=ROOT, env=environment, input=asked.encode(), stdout=said, stderr=wrong, pass_fds=[used.fileno()], check=False,
        )  # fmt: skip
        used.seek(0)
        cpu, memory = json.loads(used.read())
        said.seek(0)
        answer = said.read()
        if process.returncode not in (0, 1) or (process.returncode == 1 and b'"error"' in answer[:200]):
            wrong.seek(0)
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {wrong.read()[-2000:].decode()}")
        if words[0] == "erase" and not json.loads(answer):
            raise RuntimeError("nothing was erased")
    return Cost(cpu, memory)


def section(found: Mapping[int, Mapping[str, Cost]]) -> Section:
    """The table of one run."""
    largest = max(found)
    erase, train = (found[largest][name] for name in ("erase", "train"))
    return Section(
        "Growth with the rows of a table",
        f"{FEATURES} numbers, a label and a person of {ROWS_A_PERSON} rows; {SHARDS} shards of {SLICES} slices, {EPOCHS} "
        "epochs; every command a process of its own on the embedded default, in this order, one person erased after the whole "
        "look that `unlearn watch` makes twice a month: CPU seconds and peak memory. "
        f"{_more(found, MORE_AIM)}, {erase.cpu / train.cpu:.2f} × a training from nothing (aim: at most {SHARE_AIM}), and "
        f"{erase.memory:.0f} MB (aim: at most {MEMORY_AIM}).",
        *_rows(found),
        panels=panels(found, "rows of one table"),
    )


def section_of_parts(found: Mapping[int, Mapping[str, Cost]]) -> Section:
    """The same where tables are folders of parts, and one part holds the person."""
    return Section(
        "Growth with the parts of a table",
        f"The same project, its three tables folders of parts of {ROWS_A_PART:,} rows; the person is in one part each "
        "of two of them. "
        f"{_more(found, PARTS_AIM)}, and {found[max(found)]['erase'].memory:.0f} MB (aim: at most {MEMORY_AIM}).",
        *_rows(found),
        panels=panels(found, f"rows, in parts of {ROWS_A_PART:,}"),
    )


def _more(found: Mapping[int, Mapping[str, Cost]], aim: float) -> str:
    smallest, largest = min(found), max(found)
    more = found[largest]["erase"].cpu - found[smallest]["erase"].cpu
    return f"At {largest:,} rows an erasure costs {more:.1f} CPU s more than at {smallest:,} (aim: at most {aim})"


def _rows(found: Mapping[int, Mapping[str, Cost]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    smallest, largest = min(found), max(found)
    head = ("command", *(f"{rows:,} rows" for rows in found), f"{largest:,} against {smallest:,}")
    return head, [
        (
            f"`unlearn {name}`",
            *(f"{costs[name].cpu:.1f} s, {costs[name].memory:.0f} MB" for costs in found.values()),
            f"{found[largest][name].cpu / found[smallest][name].cpu:.1f} ×",
        )
        for name in COMMANDS
    ]


def panels(found: Mapping[int, Mapping[str, Cost]], against: str) -> Sequence[Panel]:
    """CPU seconds and memory of each command, against what grew."""
    return [
        Panel(against, "CPU s", {name: {size: costs[name].cpu for size, costs in found.items()} for name in COMMANDS}),
        Panel(against, "peak MB", {name: {size: costs[name].memory for size, costs in found.items()} for name in COMMANDS}),
    ]


if __name__ == "__main__":
    where, size, *folders = sys.argv[1:]
    make(Path(where), int(size), parts=bool(folders))
    say(f"train: {run(Path(where), COMMANDS['train'])}")
