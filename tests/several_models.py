"""A small project with two models of its own on the same tables, both sums: who is ill, and what dose people get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.small_project import Project, _Passed, copy, create
from unlearning.entrypoints.scaffold import scaffold
from unlearning.project.training import stages

OUTCOME, DOSE = MODELS = ("outcome", "dose")
OUTCOME_RECIPE = """
from unlearning.learners.statistics import StatisticsRecipe

recipe = StatisticsRecipe(
    model="gaussian_nb",
    features=["age", "dose", "score"],
    target="outcome",
    person="patient",
    labels=("ill", "well"),
    ranges=(-1000.0, 1000.0),
)
"""
DOSE_RECIPE = """
from unlearning.learners.statistics import StatisticsRecipe

recipe = StatisticsRecipe(
    model="ridge",
    features=["age", "score", "outcome"],
    categories={"outcome": ("ill", "well")},
    target="dose",
    person="patient",
    ranges={"age": (0, 120), "score": (-10, 10), "dose": (-20, 20)},
)
"""
SEVERAL: Mapping[str, Any] = {
    OUTCOME: {"recipe": "recipes/outcome.py:recipe"},
    DOSE: {
        "recipe": "recipes/dose.py:recipe",
        "alias": "serving",
        "partition": {"shards": 1},
        "policy": {"methods": ["subtract", "sisa"]},
    },
}


def make(folder: Path, *, models: Mapping[str, Any] = SEVERAL) -> Project:
    """The project, with the stages that `unlearn init` writes for both; both are trained and serve."""
    project = create(folder, train=False, recipe=OUTCOME_RECIPE)
    (folder / "recipes/dose.py").write_text(DOSE_RECIPE)
    several(project, models)
    train(project)
    return project


def several(project: Project, models: Mapping[str, Any]) -> None:
    """List these models in params.yaml, and give each its stages."""
    yaml, file = YAML(typ="safe"), project.root / "params.yaml"
    section = yaml.load(file.read_text())["unlearning"]
    said = {key: value for key, value in section.items() if key not in ("model", "recipe")}
    with file.open("w") as stream:
        yaml.dump({"unlearning": {**said, "models": dict(models)}}, stream)
    scaffold.init(project.root, model=None)


def train(project: Project, models: Sequence[str] = MODELS) -> None:
    """The stages of these models, without Prefect; committed."""
    workspace = project.workspace
    for view in workspace.each:
        stages.check(view)
        work = stages.load(view)
        stages.register(work, stages.fit(work), _Passed())
        stages.evaluate(view)
    names = [f"{stage}-{name}" for name in models for stage in ("check", "train", "evaluate")]
    workspace.data.adopt(["prepare", *names])
    workspace.data.git.commit("Train", ["."])


__all__ = ["DOSE", "MODELS", "OUTCOME", "SEVERAL", "copy", "make", "several", "train"]
