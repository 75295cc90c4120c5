"""Every example, as its README tells it: made-up records, a first version, a request, an erasure that ends in a certificate.

The first of them is the session of the main README too, which `tests/test_docs.py` types in every run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.small_project import Project
from unlearning.certificate import statement
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.demo import demo
from unlearning.entrypoints.demo.examples import EXAMPLES as SHOWN
from unlearning.entrypoints.demo.examples import POSTS
from unlearning.erasure.steps.receive import receive
from unlearning.project.holdings import Holdings
from unlearning.project.training import stages
from unlearning.stores import keys
from unlearning.stores.tables import redaction, tables

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = ("data/records.parquet", "data/train.parquet", "data/holdout.parquet")


@dataclass(frozen=True)
class Example:
    """What is particular to one example."""

    name: str
    person: str
    days: range
    """How many days after receipt a request may be due."""
    models: tuple[tuple[str, str], ...]
    """Each model, and the method that makes it again."""
    tables: tuple[str, ...] = TABLES


HEALTHCARE = Example("healthcare", "patient", range(28, 32), (("readmission", "sisa"), ("readmission-score", "sisa")))
SOCIAL = Example("social", "account", range(28, 32), (("abuse-filter", "sisa"),), (POSTS, *TABLES))
ECOMMERCE = Example("ecommerce", "customer", range(45, 46), (("recommendations", "subtract"),))


def create(example: Example, folder: Path) -> Project:
    """The commands of the example's README, without the command line; of posts by the encoder that needs no package."""
    shown = SHOWN[example.name]
    demo.make_project(folder, replace(shown, settings={**shown.settings, "encoder: minilm ": "encoder: hashing"}))
    return Project(folder)


def train(project: Project) -> list[stages.TrainingReport]:
    """`dvc repro`, without a process for each stage."""
    workspace, made = project.workspace, list[stages.TrainingReport]()
    for view in workspace.each:
        stages.check(view)
        work = stages.load(view)
        trained = stages.fit(work)
        made.append(stages.register(work, trained, stages.judge(work, trained)))
        stages.evaluate(view)
    workspace.data.adopt(demo._stages(workspace, "check", "train", "evaluate"))
    workspace.data.git.commit("Version 1", ["."])
    return made


def people(project: Project, path: str, column: str) -> list[str]:
    return [str(value) for value in tables.people(tables.read(project.root / path), column).values]


@pytest.mark.slow
@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("example", [HEALTHCARE, SOCIAL, ECOMMERCE], ids=lambda example: example.name)
def test_an_example_trains_forgets_somebody_and_certifies_it(example: Example, tmp_path: Path) -> None:
    project = create(example, tmp_path / example.name)
    assert set(example.tables) == set(Holdings.of(project.workspace).tables)
    assert [(one.version, one.alias) for one in train(project)] == [(1, "champion")] * len(example.models)

    shown = SHOWN[example.name]
    before = shown.look(project.workspace)
    leaving = people(project, TABLES[1], example.person)[0]
    [request] = receive(project.workspace, [leaving], regulation=project.workspace.settings.policy.regulation, now=utc_now())
    assert request.due_at is not None
    assert (request.due_at - request.received_at).days in example.days

    [report] = project.erase(replay=True)
    for model, made in zip(report["models"], example.models, strict=True):
        assert (model["name"], model["method"]) == made
        assert (model["from_version"], model["to_version"], model["replay_equal"]) == (1, 2, True)
        assert model["shards_retrained"] == 1
    assert not project.workspace.data.status()
    for path in example.tables:
        assert leaving not in people(project, path, example.person)

    section = shown.compare(before, shown.look(project.workspace))
    assert section is not None
    assert len(section.rows) >= 3

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
    if SHOWN[example.name].stages:  # what the recipe reads is made of them
        return
    for view in project.workspace.each:
        view.recipe.encode(first)


def test_the_encoder_is_the_one_that_was_chosen_and_takes_one_post_at_a_time(tmp_path: Path) -> None:
    project = prepared(SOCIAL, tmp_path / "project").root
    params = (project / "params.yaml").read_text()
    assert "encoder: minilm " in params
    (project / "params.yaml").write_text(params.replace("encoder: minilm ", "encoder: hashing"))
    subprocess.run([sys.executable, "-B", "records.py", "all.parquet"], cwd=project, check=True)
    third = np.arange(len(tables.read(project / "all.parquet"))) % 3 == 1
    redaction.extract(project / "all.parquet", project / "some.parquet", third, named="posts.parquet")
    for name in ("all", "some"):
        command = [sys.executable, "-B", "embed.py", f"{name}.parquet", f"{name}-made.parquet"]
        subprocess.run(command, cwd=project, check=True)
    whole, part = (tables.read(project / f"{name}-made.parquet") for name in ("all", "some"))
    assert part.equals(whole.filter(pa.array(third)))
    (encoded,) = (one.recipe.encode(part) for one in Project(project).workspace.each)
    assert encoded.records.features.shape == (len(part), 384)


def test_the_example_that_needs_a_package_says_which_command_brings_it(tmp_path: Path) -> None:
    needing = replace(SHOWN["social"], needs={"no_such_module_here": "minilm"})
    with pytest.raises(WrongUse, match=r"needs no_such_module_here, which is not installed; run `pip install 'mlflow-unlear"):
        needing.check_installed()
    SHOWN["healthcare"].check_installed()
