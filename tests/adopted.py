"""Somebody else's models beside a small project: ordinary scikit-learn and PyTorch scripts in DVC stages of their own.

They log pickles, because importing what writes MLflow's own format for scikit-learn takes longer than all the rest;
`as_mlflow_does` is a script with that one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from click.testing import CliRunner
from ruamel.yaml import YAML

from tests import warm
from tests.small_project import Project, patient

RAW, CHURN = "data/customers.csv", "data/churn.csv"
CUSTOMERS = 30
"""The first ones are patients of the small project too."""

CLEAN = """
rows = open("data/customers.csv").read().splitlines()
open("data/churn.csv", "w").write("\\n".join([rows[0], *(row for row in rows[1:] if not row.endswith(",test"))]) + "\\n")
"""

SKLEARN = """
import mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression

table = pd.read_csv("data/churn.csv")
mlflow.set_experiment("theirs")
with mlflow.start_run():
    model = LogisticRegression().fit(table[["visits", "spent"]], table["left"])
    mlflow.log_metric("accuracy", model.score(table[["visits", "spent"]], table["left"]))
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="churn", serialization_format="cloudpickle", pip_requirements=[]
    )
"""

TORCH = """
import mlflow, pandas as pd, torch

table = pd.read_csv("data/churn.csv")
x, y = (torch.tensor(table[c].to_numpy(), dtype=torch.float32) for c in (["visits", "spent"], ["left"]))
torch.manual_seed(0)
module = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
steps = torch.optim.Adam(module.parameters(), lr=0.05)
for _ in range(20):
    steps.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(module(x), y).backward()
    steps.step()
mlflow.set_experiment("theirs")
with mlflow.start_run():
    dataset = mlflow.data.from_pandas(table.drop(columns="customer"), source="dvc://data/churn.csv")
    mlflow.log_input(dataset, context="training")
    mlflow.pytorch.log_model(
        module, name="model", registered_model_name="value", serialization_format="pickle", pip_requirements=["torch"]
    )
"""


def engineers(root: Path) -> Project:
    """A platform engineer's repository: a table, a stage that cleans it, one that trains on it and registers `churn`."""
    from unlearning.entrypoints.cli import main
    from unlearning.stores.dvc import repository

    repository.create(root, remote=".dvc-remote")
    config = root / ".dvc/config"
    config.write_text(config.read_text().replace(str((root / ".dvc-remote").resolve()), "../.dvc-remote"))
    (root / "data").mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/.dvc-remote/\n")
    project = Project(root)
    done = CliRunner().invoke(main, ["init", "--adopt-only", "--root", str(root)])
    assert done.exit_code == 0, done.output
    project.configure({"versioning": {"commit": True, "push": True}})
    _clean(project)
    (root / "churn.py").write_text(SKLEARN)
    stage(project, "churn", [CHURN])
    reproduce(project, "churn")
    project.workspace.data.git.commit("A churn model", ["."])
    project.workspace.data.push([RAW, CHURN])
    alias(project, "churn")
    return project


def add(project: Project) -> Project:
    """Two models, trained by their stages and registered; `churn` serves behind @live."""
    root = project.root
    _clean(project)
    for name, script in (("churn", SKLEARN), ("value", TORCH)):
        (root / f"{name}.py").write_text(script)
        stage(project, name, [CHURN])
    project.workspace.data.git.commit("Two more models", ["."])
    reproduce(project, "churn", "value")
    project.workspace.data.git.commit("Train them", ["."])
    project.workspace.data.push([RAW, CHURN])
    alias(project, "churn", "value")
    return project


def _clean(project: Project) -> None:
    """A table of customers, and a stage behind it."""
    table = [f"{patient(number)},{number % 7},{number * 1.5:.2f},{number % 2}" for number in range(CUSTOMERS)]
    (project.root / RAW).write_text("\n".join(["customer,visits,spent,left", *table]) + "\n")
    (project.root / "clean.py").write_text(CLEAN)
    project.workspace.data.add([RAW])
    stage(project, "clean", [RAW], outs=[CHURN])


def alias(project: Project, *models: str) -> None:
    """@live, on the first version of each."""
    with project.workspace.models.client() as client:
        for name in models:
            client.set_registered_model_alias(name, "live", "1")


def stage(project: Project, name: str, deps: list[str], *, outs: list[str] | None = None, script: str = "") -> None:
    """A stage of dvc.yaml that runs `NAME.py`, or another script."""
    yaml, file = YAML(), project.root / "dvc.yaml"
    document = yaml.load(file.read_text())
    script = script or f"{name}.py"
    document["stages"][name] = {"cmd": f"{warm.python()} {script}", "deps": [*deps, script], "outs": outs or []}
    yaml.dump(document, file)


def reproduce(project: Project, *stages: str) -> None:
    """`dvc repro`, as the user runs it."""
    environ = {**os.environ, "MLFLOW_TRACKING_URI": project.workspace.models.uri}
    command = [warm.python(), "-m", "dvc", "repro", "--quiet", "--no-run-cache", *stages]
    subprocess.run(command, cwd=project.root, env=environ, check=True, capture_output=True)


def as_mlflow_does(script: str) -> str:
    """The script without a word of the format."""
    return script.replace('serialization_format="cloudpickle", ', "")


def rewrite(root: Path, name: str, old: str, new: str) -> None:
    """Change a script in one place."""
    file = root / f"{name}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


TEACHER, STUDENT, SCORES = "zoe", "ann", "data/scores.csv"
"""By name the student comes first."""

TEACH = """
import mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression

table = pd.read_csv("data/churn.csv")
mlflow.set_experiment("theirs")
with mlflow.start_run():
    model = LogisticRegression().fit(table[["visits", "spent"]], table["left"])
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="zoe", serialization_format="cloudpickle", pip_requirements=[]
    )
    table["score"] = model.predict_proba(table[["visits", "spent"]])[:, 1]
    table[["customer", "visits", "score"]].to_csv("data/scores.csv", index=False)
"""

LEARN = """
import mlflow, pandas as pd
from mlflow.entities import LoggedModelInput
from sklearn.linear_model import LinearRegression

client = mlflow.MlflowClient()
table = pd.read_csv("data/churn.csv")
aliases = client.get_registered_model("zoe").aliases
teacher = client.get_model_version("zoe", aliases.get("live", "1"))
loaded = mlflow.sklearn.load_model(f"models:/zoe/{teacher.version}")
mlflow.set_experiment("theirs")
with mlflow.start_run() as run:
    NAMED
    model = LinearRegression().fit(table[["visits"]], loaded.predict_proba(table[["visits", "spent"]])[:, 1])
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="ann", serialization_format="cloudpickle", pip_requirements=[]
    )
"""

NAMED = 'client.log_inputs(run.info.run_id, models=[LoggedModelInput(teacher.source.removeprefix("models:/"))])'
UNNAMED = "pass"


def add_distilled(project: Project, *, named: str = NAMED) -> Project:
    """A teacher whose stage also writes its scores, and a student that learns from what the teacher answers; both @live."""
    (project.root / "zoe.py").write_text(TEACH)
    (project.root / "ann.py").write_text(LEARN.replace("NAMED", named))
    stage(project, TEACHER, [CHURN], outs=[SCORES])
    stage(project, STUDENT, [CHURN])
    project.workspace.data.git.commit("A teacher and a student", ["."])
    reproduce(project, TEACHER, STUDENT)
    project.workspace.data.git.commit("Train them", ["."])
    project.workspace.data.push([RAW, CHURN, SCORES])
    alias(project, TEACHER, STUDENT)
    return project
