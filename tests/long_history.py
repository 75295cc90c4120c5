"""A trained project with a long past: many revisions, each with three stages behind its source, one of them a folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from ruamel.yaml import YAML

from tests import small_project
from tests.small_project import SOURCE, TABLES, Project, columns
from unlearning.entrypoints.scaffold import scaffold
from unlearning.project.training import stages
from unlearning.stores.tables import redaction, tables

CLEAN, PARTS, TOTALS = "data/clean.csv", "data/parts", "data/totals.json"
BUCKETS = 4

_SCRIPTS = {
    "clean": """
        import csv, sys
        import pyarrow.parquet as pq
        rows = pq.read_table("data/records.parquet").to_pylist()
        with open("data/clean.csv", "w", newline="") as out:
            writer = csv.DictWriter(out, ["patient", "age", "outcome"], extrasaction="ignore", lineterminator="\\n")
            writer.writeheader()
            writer.writerows(rows)
    """,
    "parts": """
        import csv, pathlib
        rows = list(csv.DictReader(open("data/clean.csv", newline="")))
        folder = pathlib.Path("data/parts")
        folder.mkdir(parents=True, exist_ok=True)
        for bucket in range(4):
            with (folder / f"part-{bucket}.csv").open("w", newline="") as out:
                writer = csv.DictWriter(out, ["patient", "age", "outcome"], lineterminator="\\n")
                writer.writeheader()
                writer.writerows(row for row in rows if int(row["patient"][2:6]) % 4 == bucket)
    """,
    "totals": """
        import csv, json, pathlib
        files = sorted(pathlib.Path("data/parts").glob("*.csv"))
        ages = [float(row["age"]) for file in files for row in csv.DictReader(file.open(newline=""))]
        pathlib.Path("data/totals.json").write_text(json.dumps({"rows": len(ages), "sum": round(sum(ages), 6)}))
    """,
}
_STAGES = {"clean": ([SOURCE], CLEAN), "parts": ([CLEAN], PARTS), "totals": ([PARTS], TOTALS)}


@dataclass(frozen=True)
class Past:
    """One revision as it was before anybody was erased."""

    rev: str
    source: pa.Table
    files: dict[str, bytes]
    """Path → content, of what the stages made."""


@dataclass(frozen=True)
class LongHistory:
    """A project and its revisions, oldest first."""

    project: Project
    past: Sequence[Past]


def create(folder: Path, revisions: int) -> LongHistory:
    """A project whose every revision added people and corrected rows; nothing is trained on it yet."""
    project = small_project.create(folder, train=False)
    _stages(project)
    return LongHistory(project, [_revise(project, number, revisions) for number in range(revisions)])


def train(history: LongHistory) -> None:
    """A version behind the alias, made from the last revision, by the stages that `unlearn init` writes."""
    yaml, file = YAML(), history.project.root / "dvc.yaml"
    document = yaml.load(file)
    ours = yaml.load((scaffold.TEMPLATES / "dvc.yaml").read_text().replace("recipes/diagnosis.py", "recipes/outcome.py"))
    document["stages"].update({name: ours["stages"][name] for name in ("check", "train", "evaluate")})
    with file.open("w") as stream:
        yaml.dump(document, stream)
    history.project.train()


def _stages(project: Project) -> None:
    """Ours in place of what trains: nothing was trained at the old revisions."""
    yaml, file = YAML(), project.root / "dvc.yaml"
    document = yaml.load(file)
    document["stages"] = {"prepare": document["stages"]["prepare"]}
    (project.root / "scripts").mkdir()
    for name, (deps, out) in _STAGES.items():
        script = f"scripts/{name}.py"
        lines = [line.removeprefix("        ") for line in _SCRIPTS[name].strip("\n").splitlines()]
        (project.root / script).write_text("\n".join(lines) + "\n")
        document["stages"][name] = {"cmd": f"python {script}", "deps": [*deps, script], "outs": [out]}
    with file.open("w") as stream:
        yaml.dump(document, stream)


def _revise(project: Project, number: int, revisions: int) -> Past:
    """More people than before, and one measurement of everybody corrected."""
    people = 20 + 20 * (number + 1) // revisions
    rows = columns(people)
    rows["dose"] = rows["dose"] + number
    redaction.write(rows, project.root / SOURCE)
    workspace = project.workspace
    workspace.data.record([SOURCE])
    stages.prepare(workspace)
    with contextlib.chdir(project.root), workspace.data.opened() as repo:
        repo.reproduce(["totals"], run_cache=False)
    workspace.data.adopt(["prepare"])
    workspace.data.push([*TABLES, CLEAN, PARTS, TOTALS])
    workspace.data.git.commit(f"Revision {number}", ["."])
    return Past(str(workspace.data.git.head), tables.read(project.root / SOURCE), made(project.root))


def made(root: Path) -> dict[str, bytes]:
    """What the stages made, file by file."""
    files = [root / CLEAN, root / TOTALS, *sorted((root / PARTS).iterdir())]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files if file.exists()}


def without(content: bytes, people: Sequence[str]) -> bytes:
    """The lines of a CSV file that name none of the people."""
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not any(one.encode() in line for one in people))


def totals(files: dict[str, bytes]) -> dict[str, float]:
    """What the last stage makes of these partitions, worked out by hand."""
    rows = [
        line.split(b",")
        for path, content in sorted(files.items())
        if path.startswith(PARTS)
        for line in content.splitlines()[1:]
    ]
    ages = [float(row[1]) for row in rows]
    return {"rows": len(ages), "sum": round(sum(ages), 6)}


def read_totals(root: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((root / TOTALS).read_text())
    return found
