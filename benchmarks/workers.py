"""Two Dask workers against one: how much sooner a training from nothing, of a minute with one, is done.

    python -m benchmarks workers

Workers are processes of one thread on this machine, a job is a shard. Seconds of the wall, so the machine should have nothing
else to do. Training is what a command takes beyond the same command once more, which finds everything trained.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks import growth
from benchmarks.report import Section, say

ROWS, EPOCHS = 400_000, 140
AIM = 1.7


def section(rows: int = ROWS, epochs: int = EPOCHS) -> Section:
    """One and two workers, each on a copy of one project."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        ready = Path(folder) / "ready"
        growth.make(ready, rows)
        recipe = ready / "recipes/growth.py"
        recipe.write_text(recipe.read_text("utf-8").replace(f"epochs={growth.EPOCHS}", f"epochs={epochs}"), "utf-8")
        found = [_train(ready, Path(folder) / "copy", workers) for workers in (1, 2)]
    (one, whole, bytes_one), (two, both, bytes_two) = found
    if bytes_one != bytes_two:
        raise RuntimeError("two workers made another model than one")
    return Section(
        "Two workers against one",
        f"{rows:,} rows, {growth.SHARDS} shards of {growth.SLICES} slices, {epochs} epochs, `run.runner: dask`. "
        "Both make the same bytes.",
        ("seconds", "1 worker", "2 workers", "×", "aim"),
        [
            ("training", f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}", f"≥ {AIM}"),
            ("`unlearn train` as a whole", f"{whole:.1f}", f"{both:.1f}", f"{whole / both:.2f}", ""),
        ],
    )


def _train(ready: Path, folder: Path, workers: int) -> tuple[float, float, list[str]]:
    """Seconds of training and of all, and the digests of the shards."""
    from unlearning.project.workspace import open_workspace

    shutil.copytree(ready, folder, symlinks=True)
    yaml, file = YAML(), folder / "params.yaml"
    settings = yaml.load(file)
    settings["unlearning"].setdefault("run", {}).update(runner="dask", workers=workers)
    yaml.dump(settings, file)
    say(f"workers: {workers}")
    whole, nothing = _seconds(folder), _seconds(folder)
    [record] = open_workspace(folder).lineage.models()
    shutil.rmtree(folder)
    say(f"    {whole:.1f} s, {nothing:.1f} s with everything trained")
    return whole - nothing, whole, [part.digest for part in record.trained.parts]


def _seconds(folder: Path) -> float:
    began = time.perf_counter()
    growth.run(folder, growth.COMMANDS["train"])
    return time.perf_counter() - began
