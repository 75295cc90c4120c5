"""README's "In your own repository", typed as it is printed, in a repository with stages and parameters of its own.

Our commands run in this process, without Prefect, and so does the stage that trains; the session of the README, which
`tests/test_docs.py` types, has a process and a server for each.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.cli import commands as commands_here
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


STAGE = """
from contextlib import nullcontext
from sys import argv
from unlearning.entrypoints.cli import main

if argv[1] == "train":
    from tests.entrypoints.cli.conftest import plain_flows
else:
    plain_flows = nullcontext
with plain_flows():
    main(prog_name="unlearn")
"""
"""What `dvc repro` runs as `unlearn`."""


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
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/unlearn").write_text(f"#!{sys.executable}\n{STAGE}")
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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("tools", "without_prefect")
def test_the_section_works_as_it_is_printed(own: Path) -> None:
    leaver, said = "40004", ""
    (own.parent / "leavers.txt").write_text(f"{leaver}\n")
    commands = list(printed())
    assert [command.split()[:2] for command in commands][::5] == [["unlearn", "init"], ["unlearn", "verify"]]
    for command in commands:
        tool, *words = shlex.split(command)
        if tool == "unlearn":
            [certificate] = own.glob(".unlearning/certificates/*.json") if words[0] == "verify" else [""]
            answer = commands_here.unlearn(own, *(str(certificate) if "…" in word else word for word in words))
            code, now = answer.code, answer.said
        else:
            ran = subprocess.run(command, cwd=own, shell=True, check=False, capture_output=True, text=True)
            code, now = ran.returncode, ran.stdout + ran.stderr
        said += now
        # What their own stages made of the table is theirs to make again, and is listed: exit 1.
        assert code == (1 if command == "unlearn erase" else 0), said
    assert (own / "dvc.yaml").read_text().startswith(PIPELINE)
    assert (own / "params.yaml").read_text().startswith(PARAMS)
    for path in (TABLE, "exports/train.csv", "exports/holdout.csv"):
        assert leaver not in (own / path).read_text()
        assert len(tables.people(tables.read(own / path, person="customer_id"), "customer_id").values) > 5
    assert "verified: a record signed by the pinned key" in said
    assert leaver not in said
