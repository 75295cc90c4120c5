"""Erase people one after the other in one process, and say what each erasure took; `overhead.py` runs this on its own.

    python -m benchmarks.erasing PROJECT < identifiers, one a line

The first erasure is that of a fresh process: what it imports counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.sampling import sampled

if TYPE_CHECKING:
    from unlearning.erasure.report import ErasureReport

UNLEARN = (sys.executable, "-c", "from unlearning.entrypoints.cli import main; main()")
"""The command, whether or not the package is installed."""


def main() -> None:
    root = Path(sys.argv[1])
    print(json.dumps([_erase(root, identifier) for identifier in sys.stdin.read().split()]))


def _erase(root: Path, identifier: str) -> dict[str, Any]:
    subprocess.run([*UNLEARN, "request", "--root", str(root), "--file", "-"], input=identifier.encode(), check=True, stdout=2)
    wall, cpu = time.perf_counter(), time.process_time()
    with sampled() as seconds:
        report = _flow(root)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "training": report.models[0].training_seconds,
        "steps": dict(report.seconds),
        "where": [[kind, what, spent] for (kind, what), spent in seconds.items()],
    }


def _flow(root: Path) -> ErasureReport:
    """What `unlearn erase` does."""
    from unlearning.entrypoints.cli import shared

    workspace = shared.open_project(root)
    shared.prefect_at_home(workspace)
    from unlearning.entrypoints.flows import erase

    return erase.run(workspace, [])[0]


if __name__ == "__main__":
    from unlearning.entrypoints.cli.shared import spare_the_collector

    spare_the_collector()
    main()
