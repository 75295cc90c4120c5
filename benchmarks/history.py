"""Erasing one person from the history of a partitioned data set: what is written, deleted and waited for, against `dvc gc`.

    python -m benchmarks.history --versions 100 --partitions 200 --rows 200000     (1 GB a version)

A version is a DVC-tracked folder of Parquet files, one for a group of people. Each version rewrites two of them. The person is
in every version's folder, or only in the youngest ten: then a longer history holds no more of them. Git, DVC, cache and remote
are real; partitions are made once and are linked into the cache, as DVC's own `cache.type hardlink` does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import Section, say
from unlearning.domain import hashing
from unlearning.entrypoints.scaffold.scaffold import init
from unlearning.lineage import follow
from unlearning.project.workspace import Workspace, open_workspace
from unlearning.stores import keys
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.tables import redaction, tables
from unlearning.traces import deletion

FOLDER = "data/visits"
CHANGED = 2
"""Partitions that each version rewrites."""
VISITS = 100
"""Rows of a person."""
LAST = 10
"""Versions that a person who came late is in."""
AIM = 1.1
COLUMNS = (
    *("versions", "MB of all objects", "the person is in", "objects of theirs", "MB of those", "MB of twins", "×"),
    *("MB written in all", "deleted"),
    *("erasing, s", "dvc gc, s", "dvc gc deletes"),
)


@dataclass(frozen=True)
class Size:
    """How large a history is."""

    versions: int
    partitions: int
    rows: int
    """In a partition; 25 bytes each, which no codec makes smaller."""


SMALL = Size(versions=40, partitions=100, rows=4_000)


@dataclass(frozen=True)
class Made:
    """One history, and who is to be erased from it."""

    workspace: Workspace
    early: str
    """In every version."""
    late: str
    """In the last ten versions only."""


@dataclass(frozen=True)
class Measured:
    """One erasure; bytes and objects of cache and remote together."""

    size: Size
    total: int
    who: str
    holding: int
    holding_bytes: int
    twins: int
    """Bytes of what stands in for them."""
    other: int
    """Bytes that the purge handed to the system in all: twins and their drafts, and our own databases, vacuumed."""
    deleted: int
    seconds: float
    collected: tuple[float, int] | None = None
    """`dvc gc` that keeps the newest version alone: seconds, objects it deletes."""

    @property
    def ratio(self) -> float:
        return self.twins / self.holding_bytes

    @property
    def row(self) -> tuple[str, ...]:
        gc = (f"{self.collected[0]:.1f}", f"{self.collected[1]:,}") if self.collected else ("", "")
        sizes = (f"{self.holding:,}", _mb(self.holding_bytes), _mb(self.twins), f"{self.ratio:.2f}", _mb(self.other))
        return (str(self.size.versions), _mb(self.total), self.who, *sizes, f"{self.deleted:,}", f"{self.seconds:.1f}", *gc)


def section(size: Size = SMALL) -> Section:
    """Two histories, one twice as long as the other; two people each."""
    half = Size(size.versions // 2, size.partitions, size.rows)
    rows = [measured.row for one in (half, size) for measured in measure(one)]
    text = (
        f"{size.partitions} partitions of {size.rows:,} rows, in a cache and a remote on this disk; each version rewrites "
        f"{CHANGED}. Objects are counted in both. Aim: twins of at most {AIM} × the bytes of the objects that hold the person. "
        "`dvc gc` cannot take out a person: it forgets by keeping the newest version alone, in cache and remote, measured on "
        "the same history after the erasures."
    )
    return Section("Erasing from the history of a partitioned data set", text, COLUMNS, rows)


def measure(size: Size) -> list[Measured]:
    """Both people's erasures from one history, and what `dvc gc` takes on it."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        made = create(Path(scratch) / "project", size)
        say(f"history of {size.versions} versions: indexing")
        follow.follow(made.workspace, everything=True)
        late = _erase(made.workspace, size, made.late, f"{LAST} versions")
        early = _erase(made.workspace, size, made.early, "every version")
        collected = _collect(made.workspace.root)
    return [late, Measured(**{**early.__dict__, "collected": collected})]


# --- a history ------------------------------------------------------------------------------------------------------


def create(root: Path, size: Size) -> Made:
    """A project whose folder of partitions has this many versions, pushed and committed."""
    repository = dvc_repository.create(root, remote=".dvc-remote")
    init(root, model="visits")
    keys.create(root / ".unlearning/keys")
    with repository.opened() as repo, repo.config.edit() as config:
        config["cache"]["type"] = "hardlink,copy"
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/.dvc-remote/\n")
    random = np.random.default_rng(0)
    say(f"history of {size.versions} versions: writing it")
    for version in range(size.versions):
        every = (
            range(size.partitions) if not version else [(version * CHANGED + one) % size.partitions for one in range(CHANGED)]
        )
        late = [size.partitions] if version == size.versions - LAST else []
        for partition in (*every, *late):
            _write(root / FOLDER / f"part-{partition:04d}.parquet", partition, size.rows, random)
        repository.add([FOLDER])
        repository.git.commit(f"Version {version + 1}", ["."])
    _link_remote(root)
    return Made(open_workspace(root), early=_person(size.partitions // 2, 0), late=_person(size.partitions, 0))


def _person(partition: int, number: int) -> str:
    return f"patient-{partition:04d}-{number:06d}"


def _write(file: Path, partition: int, rows: int, random: np.random.Generator) -> None:
    """One partition anew."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    values = {name: random.random(rows) for name in ("dose", "age", "score")}
    redaction.write({"patient": [_person(partition, row // VISITS) for row in range(rows)], **values}, file)


def _link_remote(root: Path) -> None:
    """The remote as `dvc push` would leave it, without another copy of every byte."""
    for file in _objects(root / ".dvc/cache"):
        target = root / ".dvc-remote" / file.relative_to(root / ".dvc/cache")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)


# --- measuring ------------------------------------------------------------------------------------------------------


def _erase(workspace: Workspace, size: Size, person: str, who: str) -> Measured:
    """Redact the folder of now, as any load without the person does, then purge; the seconds are the purge's."""
    token = hashing.token(workspace.keys.index, person, workspace.settings.subject.identifier)
    before = _sizes(workspace.root)
    _redact_current(workspace, person)
    fresh = open_workspace(workspace.root)
    with _written() as written, _timed() as seconds:
        deletion.again(fresh, [token])
    after = _sizes(workspace.root)
    gone = {file: size for file, size in before.items() if file not in after}
    made = sum(size for file, size in after.items() if file not in before)  # the redacted version of now is the newest twin
    return Measured(
        size=size,
        total=sum(before.values()),
        who=who,
        holding=len(gone),
        holding_bytes=sum(gone.values()),
        twins=made,
        other=written(),
        deleted=len(gone),
        seconds=seconds(),
    )


def _redact_current(workspace: Workspace, person: str) -> None:
    for file in sorted((workspace.root / FOLDER).glob("*.parquet")):
        who = np.array(tables.read(file)["patient"].to_pylist())
        if (who == person).any():
            draft = workspace.root / f"draft{file.suffix}"
            redaction.redact(file, draft, who != person)
            draft.replace(file)  # never through the link into the cache
    workspace.data.add([FOLDER])
    workspace.data.push([FOLDER])
    workspace.data.git.commit("Without one person", ["."])


def _collect(root: Path) -> tuple[float, int]:
    """`dvc gc` of everything but the newest version, here and in the remote: seconds, objects deleted."""
    before = len(list(_objects(root / ".dvc/cache"))) + len(list(_objects(root / ".dvc-remote")))
    with _timed() as seconds:
        command = [sys.executable, "-m", "dvc", "gc", "--workspace", "--cloud", "--force", "--quiet"]
        subprocess.run(command, cwd=root, check=True, stdout=sys.stderr)
    after = len(list(_objects(root / ".dvc/cache"))) + len(list(_objects(root / ".dvc-remote")))
    return seconds(), before - after


def _objects(store: Path) -> Iterator[Path]:
    return (file for file in (store / "files/md5").rglob("*") if file.is_file())


def _sizes(root: Path) -> Mapping[Path, int]:
    """Every object of cache and remote."""
    return {file: file.stat().st_size for store in (".dvc/cache", ".dvc-remote") for file in _objects(root / store)}


@contextmanager
def _written() -> Iterator[Callable[[], int]]:
    """Bytes this process hands to the system within the block, to whichever file (Linux: `wchar` of /proc/self/io)."""
    before, after = _wchar(), 0

    def total() -> int:
        return after - before

    yield total
    after = _wchar()


def _wchar() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    """Seconds of the block."""
    began, ended = time.perf_counter(), 0.0

    def seconds() -> float:
        return ended - began

    yield seconds
    ended = time.perf_counter()


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=SMALL.versions)
    parser.add_argument("--partitions", type=int, default=SMALL.partitions)
    parser.add_argument("--rows", type=int, default=SMALL.rows, help="in a partition, 25 bytes each")
    given = parser.parse_args()
    print(section(Size(given.versions, given.partitions, given.rows)).markdown)


if __name__ == "__main__":
    main()
