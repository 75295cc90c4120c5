"""README's "In your own repository", typed as it is printed, in a repository with stages and parameters of its own."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.tables import tables

README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
TABLE = "exports/customers.csv"
PIPELINE = f"""\
# what we had before
stages:
  prepare:   # counts
    cmd: wc -l {TABLE} > counts.txt
    deps: [{TABLE}]
    outs:
      - counts.txt
  train:
    cmd: cp counts.txt model.txt
    deps: [counts.txt]
    params: [train.lr]
    outs: [model.txt]
"""
PARAMS = "train:      # ours\n  lr: 0.1\nprepare: {seed: 7}\n"


def printed() -> Iterator[str]:
    """The commands of the section, without what is said of them."""
    section = README.split("## In your own repository")[1].split("\n## ")[0]
    for line in re.findall(r"^    (\S.*)$", section, re.MULTILINE):
        yield re.split(r"\s{2,}#", line)[0].strip()


def customers(people: int) -> str:
    generator = random.Random(3)
    lines = ["customer_id,age,tenure,plan,churned"]
    for number in range(people):
        tenure = generator.randrange(60)
        for _ in range(1 + number % 2):
            plan = generator.choice(["basic", "plus"])
            lines.append(f"{40000 + number},{generator.randrange(18, 80)},{tenure},{plan},{'yes' if tenure < 30 else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of somebody's, with a remote, whose own pipeline has run and is committed."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))
    program = f'exec {sys.executable} -c "from unlearning.entrypoints.cli import main; main(prog_name=\'unlearn\')" "$@"\n'
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/unlearn").write_text(f"#!/bin/sh\n{program}")
    (tmp_path / "bin/unlearn").chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    root = tmp_path / "own"
    repository = dvc_repository.create(root, remote="../storage")
    (root / "exports").mkdir()
    (root / TABLE).write_text(customers(160))
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text(PARAMS)
    repository.add([TABLE])
    subprocess.run("dvc repro -q && git add . && git commit -qm Ours && dvc push -q", cwd=root, shell=True, check=True)
    return root


@pytest.mark.timeout(900)
def test_the_section_works_as_it_is_printed(own: Path) -> None:
    leaver, said = "40004", ""
    (own.parent / "leavers.txt").write_text(f"{leaver}\n")
    mine = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    commands = list(printed())
    assert [command.split()[:2] for command in commands][::5] == [["unlearn", "init"], ["unlearn", "verify"]]
    for command in commands:
        typed = command.replace("erasure-….json", "erasure-*.json")
        ran = subprocess.run(typed, cwd=own, shell=True, check=False, capture_output=True, text=True, env=mine)
        said += ran.stdout + ran.stderr
        # What their own stages made of the table is theirs to make again, and is listed: exit 1.
        assert ran.returncode == (1 if command == "unlearn erase" else 0), said
    assert (own / "dvc.yaml").read_text().startswith(PIPELINE)
    assert (own / "params.yaml").read_text().startswith(PARAMS)
    for path in (TABLE, "exports/train.csv", "exports/holdout.csv"):
        assert leaver not in (own / path).read_text()
        assert len(tables.people(tables.read(own / path, person="customer_id"), "customer_id").values) > 5
    assert "verified: a record signed by the pinned key" in said
    assert leaver not in said
