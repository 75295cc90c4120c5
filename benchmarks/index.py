"""The membership index: build rate, bytes a person and look-up times over a linear history.

    python benchmarks/index.py --people 10000000 --versions 20

Every version loses and gains `--churn` of the people. Prints a table, with --json one JSON document; `--check` exits with 1
when an aim is missed. Tokens are made before the clock starts: the index is measured, not the random numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.versions import DataVersion
from unlearning.stores.sql import database
from unlearning.stores.sql.lineage import SqlLineage

Tokens = NDArray[np.uint8]

TOKEN_BYTES = 32


@dataclass(frozen=True)
class Line:
    """One measure and its aim, from the design: higher is better when `at_least`."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.aim is None:
            return True
        return self.value >= self.aim if self.at_least else self.value <= self.aim


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        url = options.url or "sqlite:///index.db"
        lines = measure(
            url, Path(folder), options.people, options.versions, options.churn, options.seed, linear=not options.branches
        )
    if options.json:
        print(json.dumps([asdict(line) | {"met": line.met} for line in lines], indent=2))
    else:
        _print_table(lines)
    return int(options.check and not all(line.met for line in lines))


def measure(url: str, root: Path, people: int, versions: int, churn: float, seed: int, *, linear: bool) -> list[Line]:
    """Builds the index version by version, then asks it."""
    random = np.random.default_rng(seed)
    engine = database.connect(url, root)
    lineage = SqlLineage(engine)
    tokens = random.integers(0, 256, size=(people, TOKEN_BYTES), dtype=np.uint8)
    everyone, seconds, parent = people, [], None
    for number in range(versions):
        if number:
            tokens, newcomers = _churned(tokens, churn, random)
            everyone += newcomers
        data = DataVersion("data/train.parquet", f"{number:064x}", f"{number:032x}", None, len(tokens), len(tokens))
        start, cpu = time.perf_counter(), time.process_time()
        lineage.record_data(data, tokens, parent=parent)
        seconds.append((time.perf_counter() - start, time.process_time() - cpu))
        parent = data.digest if linear else None
        print(f"version {number + 1}/{versions}: {len(tokens):,} people, {seconds[-1][0]:.2f} s", file=sys.stderr)
    lines = _build_lines(seconds, len(tokens), versions)
    engine.dispose()
    engine = database.connect(url, root)
    local = engine.dialect.name == "sqlite"
    if local:
        used = Path(str(engine.url.database)).stat().st_size
        lines.append(Line("bytes a person", used / everyone, "B", 32))
    lines += _look_ups(SqlLineage(engine), tokens, random, versions, local=local)
    engine.dispose()
    return lines


def _churned(tokens: Tokens, churn: float, random: np.random.Generator) -> tuple[Tokens, int]:
    """The next version's people: some left, as many came."""
    leaving = int(len(tokens) * churn)
    gone = random.choice(len(tokens), size=leaving, replace=False)
    after = tokens.copy()
    after[gone] = random.integers(0, 256, size=(leaving, TOKEN_BYTES), dtype=np.uint8)
    return after, leaving


def _build_lines(seconds: list[tuple[float, float]], people: int, versions: int) -> list[Line]:
    wall, cpu = (sum(column) for column in zip(*seconds, strict=True))
    return [
        Line("first version", people / seconds[0][0], "people/s", 300_000, at_least=True),
        Line("all versions", people * versions / wall, "people/s", 300_000, at_least=True),
        Line("all versions, CPU", people * versions / cpu, "people/s", 300_000, at_least=True),
        Line("slowest version", max(one for one, _ in seconds), "s"),
    ]


def _look_ups(lineage: SqlLineage, tokens: Tokens, random: np.random.Generator, versions: int, *, local: bool) -> list[Line]:
    lines = []
    for batch, repeats, wish in ((1, 5_000, 0.05), (100, 200, None), (10_000, 50, 100.0)):
        aim = wish if local else None  # a server's round trip alone takes longer
        times = []
        for _ in range(repeats):
            asked = [tokens[row].tobytes() for row in random.integers(0, len(tokens), size=min(batch, len(tokens)))]
            start = time.perf_counter()
            found = lineage.versions_holding(asked)
            times.append((time.perf_counter() - start) * 1000)
            if not all(1 <= len(held) <= versions for held in found.values()):
                raise RuntimeError("a person who is in the newest version was not found")
        lines.append(Line(f"look-up of {batch:,}, p50", float(np.percentile(times, 50)), "ms", aim))
        lines.append(Line(f"look-up of {batch:,}, p99", float(np.percentile(times, 99)), "ms"))
    return lines


def _print_table(lines: list[Line]) -> None:
    print(f"{'':28}{'measured':>14}  {'unit':10}{'aim':>14}")
    for line in lines:
        aim = "" if line.aim is None else f"{'≥' if line.at_least else '≤'} {line.aim:,g}"
        print(f"{line.what:28}{line.value:>14,.3f}  {line.unit:10}{aim:>14}  {'' if line.met else 'missed'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--versions", type=int, default=5)
    parser.add_argument("--churn", type=float, default=0.01, help="share of people that each version loses and gains")
    parser.add_argument("--branches", action="store_true", help="no version names a parent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", help="of an empty database; a new SQLite file when left out")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit with 1 when an aim is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
