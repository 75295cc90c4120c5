"""Every example, as its README tells it: made-up records, a first version, a request, an erasure that ends in a certificate."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.small_project import STAGES, Project
from unlearning.certificate import statement
from unlearning.domain.clocks import utc_now
from unlearning.entrypoints.scaffold import scaffold
from unlearning.erasure.steps.receive import receive
from unlearning.project.training import stages
from unlearning.stores import keys
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.tables import tables

# DVC's own use of pygtrie; DvcData silences it, the scaffold's tests call DVC directly.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = ("data/records.parquet", "data/train.parquet", "data/holdout.parquet")


@dataclass(frozen=True)
class Example:
    """What is particular to one example."""

    name: str
    person: str
    days: range
    """How many days after receipt a request may be due."""
    methods: tuple[str, ...]
    """The methods that run, in order, until one passes."""


HEALTHCARE = Example("healthcare", "patient", range(28, 32), ("sisa",))
SOCIAL = Example("social", "account", range(28, 32), ("negative_gradient", "retrain"))
ECOMMERCE = Example("ecommerce", "customer", range(45, 46), ("subtract",))


def create(example: Example, folder: Path) -> Project:
    """The commands of the example's README, without the command line."""
    repository = dvc_repository.create(folder, remote=".dvc-remote")
    shutil.copytree(
        EXAMPLES / example.name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md", "__pycache__")
    )
    subprocess.run([sys.executable, "-B", "records.py", TABLES[0]], cwd=folder, check=True)
    scaffold.init(folder, model="ignored: params.yaml names the model")
    keys.create(folder / ".unlearning/keys")
    repository.add([TABLES[0]])
    workspace = Project(folder).workspace
    stages.prepare(workspace)
    repository.adopt(["prepare"])
    repository.push(TABLES)
    repository.git.commit("Add the records", ["."])
    return Project(folder)


def train(project: Project) -> dict[str, Any]:
    """`dvc repro`, without a process for each stage."""
    workspace = project.workspace
    stages.check(workspace)
    work = stages.load(workspace)
    trained = stages.fit(work)
    made = stages.register(work, trained, stages.judge(work, trained))
    stages.evaluate(workspace)
    workspace.data.adopt(STAGES)
    workspace.data.git.commit("Version 1", ["."])
    return made


def people(project: Project, path: str, column: str) -> list[str]:
    return [str(value) for value in tables.people(tables.read(project.root / path), column).values]


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    "example",
    [HEALTHCARE, *(pytest.param(one, marks=pytest.mark.slow) for one in (SOCIAL, ECOMMERCE))],
    ids=lambda example: example.name,
)
def test_an_example_trains_forgets_somebody_and_certifies_it(example: Example, tmp_path: Path) -> None:
    project = create(example, tmp_path / example.name)
    made = train(project)
    assert made.version == 1
    assert made.alias == "champion", made.checks

    leaving = people(project, TABLES[1], example.person)[0]
    [request] = receive(project.workspace, [leaving], regulation=project.workspace.settings.policy.regulation, now=utc_now())
    assert request.due_at is not None
    assert (request.due_at - request.received_at).days in example.days

    [report] = project.erase(replay=True)
    [model] = report["models"]
    assert (model["from_version"], model["to_version"], model["replay_equal"]) == (1, 2, True)
    assert [e.body["method"] for e in project.events() if e.kind == "CandidateTrained"] == list(example.methods)
    assert model["method"] == example.methods[-1]
    assert model["shards_retrained"] == 1
    for path in TABLES:
        assert leaving not in people(project, path, example.person)

    envelope = statement.read((project.root / report["certificate"]).read_bytes())
    assert statement.verify(envelope, project.workspace.keys.public).verdict == "verified"
    assert leaving not in (project.root / report["certificate"]).read_text()


def prepared(example: Example, folder: Path) -> Project:
    """The example's files in a bare folder: enough to receive requests."""
    shutil.copytree(EXAMPLES / example.name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    keys.create(folder / ".unlearning/keys")
    return Project(folder)


@pytest.mark.parametrize(
    ("example", "spellings"),
    [
        (HEALTHCARE, ["100042", " 100042 ", "0100042"]),
        (SOCIAL, ["@3afa9236", " @3afa9236 "]),
        (ECOMMERCE, ["customer7@example.com", "Customer7@EXAMPLE.com "]),
    ],
    ids=lambda value: value.name if isinstance(value, Example) else "",
)
def test_spellings_of_one_person_make_one_request(example: Example, spellings: list[str], tmp_path: Path) -> None:
    workspace = prepared(example, tmp_path / "project").workspace
    assert len(receive(workspace, spellings, regulation="none", now=utc_now())) == 1


@pytest.mark.parametrize("example", [HEALTHCARE, SOCIAL, ECOMMERCE], ids=lambda example: example.name)
def test_the_made_up_records_are_the_same_every_time(example: Example, tmp_path: Path) -> None:
    project = prepared(example, tmp_path / "project")
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-B", "records.py", f"{name}.parquet"], cwd=project.root, check=True)
    first, second = (tables.read(project.root / f"{name}.parquet") for name in ("first", "second"))
    assert first.equals(second)
    assert len(tables.people(first, example.person).values) < len(first)
    project.workspace.recipe.encode(first)
