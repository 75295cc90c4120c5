"""What a command may import: a light one answers at once, and a heavy one imports what it uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from docs.generate import commands_of
from tests.small_project import TRAIN, Project, copy
from unlearning.entrypoints.cli import main

ROOT = Path(__file__).resolve().parents[3]

HEAVY = (
    *("torch", "mlflow", "dvc", "prefect", "great_expectations", "pandas", "scipy", "pyarrow", "sqlalchemy", "numpy", "jinja2"),
    *("sklearn", "matplotlib", "transformers", "altair", "boto3", "dask", "fastapi", "uvicorn", "alembic"),
)
NOTHING = frozenset[str]()
LEDGER = frozenset({"sqlalchemy", "numpy"})
TABLES = frozenset({"numpy", "pyarrow", "pandas"})  # pyarrow's readers of folders import pandas
DATA = TABLES | {"dvc"}
REGISTRY = LEDGER | TABLES | {"mlflow", "alembic", "scipy", "fastapi"}  # with an SQLite registry, MLflow's own store
ANYTHING = frozenset(HEAVY)

MAY: Mapping[str, frozenset[str]] = {
    "--help": NOTHING,
    "verify": NOTHING,
    "status": LEDGER,
    "request": LEDGER,  # who is in the tables is remembered by their content
    # A reason may name nobody who is in a table.
    **dict.fromkeys(
        ("acknowledge", "approve", "cancel", "confirm", "exempt", "extend", "hold", "readmit", "release", "told"), LEDGER | DATA
    ),
    **dict.fromkeys(("token", "token create", "token list", "token revoke", "db", "db upgrade"), LEDGER),
    "twins": frozenset({"numpy", "dvc"}),
    "prove": DATA,
    "audit": REGISTRY,
    "answer": LEDGER | DATA,
    "lineage": REGISTRY | DATA,
    **dict.fromkeys(("impact", "plan"), REGISTRY | DATA | {"torch"}),  # the learner says how many epochs a stage has
    # What trains, judges, searches, starts a service, or makes something in which one of these works, is not typed here.
    **dict.fromkeys(
        (
            "check",
            "evaluate",
            "prepare",
            "train",
            "erase",
            "retire",
            "judge",
            "replay",
            "follow",
            "watch",
            "init",
            "demo",
            "doctor",
        ),
        ANYTHING,
    ),
    **dict.fromkeys(("tune", "adopt", "checkout", "countersign", "deploy", "lineage add-edge", "listen", "purge"), ANYTHING),
    **dict.fromkeys(("deliver", "serve", "serve-flows", "sweep"), ANYTHING),
}
"""Command → what it may import."""

REQUEST, SOMEBODY = "the request", "somebody"
WHY = ("--reason", "because")
TYPED: Mapping[str, Sequence[str]] = {
    "--help": (),
    "verify": (str(ROOT / "tests/golden/certificate.json"),),
    "status": (),
    "request": (SOMEBODY,),
    "extend": (REQUEST, *WHY),
    "twins": (),
    "prove": ("--subject", SOMEBODY, "--data", "data/train.parquet"),
    "audit": (),
    "impact": (),
    "lineage": (),
    "answer": (REQUEST,),
}
"""A command line of each; of those that decide about a request, one stands for all, and `impact` for what plans."""


_ONE_AFTER_THE_OTHER = """
import json, os, sys
from unlearning.entrypoints.cli import main

lines, root, heavy = json.loads(sys.argv[1]), sys.argv[2], set(json.loads(sys.argv[3]))
found = {}
for name, words in lines.items():
    reader, writer = os.pipe()
    if not (child := os.fork()):  # a fresh process, but for the start of Python
        os.chdir(root)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        code = 0
        try:
            main([name, *words], prog_name="unlearn")
        except SystemExit as end:
            code = end.code
        tops = sorted(heavy & {each.partition(".")[0] for each in sys.modules})
        os.write(writer, json.dumps([code, tops]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        found[name] = json.loads(said.read() or b'["crashed", []]')
    os.waitpid(child, 0)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[int, list[str]]]:
    """Command → its exit code, and what of the heavy packages it imported, each in a process of its own."""
    project = copy(template, tmp_path_factory.mktemp("cold") / "project")
    first, second, *_ = project.people(TRAIN)
    (request,) = project.request(first)
    given = {REQUEST: request.request_id, SOMEBODY: second}
    lines = json.dumps({name: [given.get(word, word) for word in words] for name, words in TYPED.items()})
    done = subprocess.run(
        [sys.executable, "-c", _ONE_AFTER_THE_OTHER, lines, str(project.root), json.dumps(HEAVY)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return {name: (code, tops) for name, (code, tops) in json.loads(done.stdout).items()}


def test_every_command_says_what_it_may_import() -> None:
    assert set(MAY) - {"--help"} == {words for words, _ in commands_of(main)}


@pytest.mark.parametrize("command", TYPED)
def test_a_command_imports_only_what_it_may(command: str, imported: Mapping[str, tuple[int, list[str]]]) -> None:
    code, tops = imported[command]
    assert code in (0, None)
    assert set(tops) <= MAY[command]
