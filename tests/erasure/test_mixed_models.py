"""Own models beside an adopted one, under one erasure: a refused one holds back what comes from it alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import adopted
from tests.erasure.test_several_models import configure, said, verified
from tests.several_models import DOSE, OUTCOME, copy, make
from tests.small_project import TRAIN, Project
from unlearning.domain.errors import ValidationRefused
from unlearning.domain.versions import ModelVersion
from unlearning.entrypoints.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # stages of somebody else's, each importing MLflow

RATES = "rates"
SCRIPT = """
import mlflow
import pandas as pd

client = mlflow.MlflowClient()
rows = len(pd.read_parquet("data/train.parquet"))
run = client.create_run((client.get_experiment_by_name("theirs") or mlflow.set_experiment("theirs")).experiment_id)
client.log_metric(run.info.run_id, "rows", rows)
client.log_text(run.info.run_id, "flavors: {python_function: {loader_module: theirs}}\\n", "model/MLmodel")
client.set_terminated(run.info.run_id)
if not client.search_registered_models("name = 'rates'"):
    client.create_registered_model("rates")
tags = {"unlearning.derived_from": PARENT}
client.create_model_version("rates", f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags)
"""
FROM_OUTCOME = "f\"outcome/{client.get_model_version_by_alias('outcome', 'champion').version}\""


def adopt(project: Project, parent: str) -> Project:
    """One more model, by a stage of its own on the same table, made from another or from none."""
    (project.root / "rates.py").write_text(SCRIPT.replace("PARENT", parent))
    adopted.stage(project, RATES, [TRAIN])
    adopted.reproduce(project, RATES)
    project.workspace.data.git.commit("Somebody else's model", ["."])
    adopted.alias(project, RATES)
    said = ["adopt", f"{RATES}/1", "--data", TRAIN, "--subject-column", "patient", "--stage", RATES]
    done = CliRunner().invoke(main, [*said, "--root", str(project.root)])
    assert done.exit_code == 0, done.output
    return project


@pytest.fixture(scope="module")
def several(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make(tmp_path_factory.mktemp("several") / "project")


def serving(project: Project) -> dict[str, int]:
    models = project.workspace.models
    found = {name: models.alias(name, alias) for name, alias in ((OUTCOME, "champion"), (DOSE, "serving"), (RATES, "live"))}
    return {name: one.version for name, one in found.items() if one}


def test_what_comes_from_a_refused_own_model_waits_with_it(several: Project, tmp_path: Path) -> None:
    project = adopt(copy(several, tmp_path / "project"), FROM_OUTCOME)
    settings = said(project)
    configure(project, {**settings, OUTCOME: {**settings[OUTCOME], "checks": {"drift_maximum": 0.0}}})  # which nothing passes
    project.request(project.people(TRAIN)[0])
    with pytest.raises(ValidationRefused, match=r"of outcome \(.*\n.*it was made from outcome/1, which erased people shaped"):
        project.erase()
    assert serving(project) == {OUTCOME: 1, DOSE: 2, RATES: 1}

    configure(project, settings)
    [done] = project.erase()

    assert serving(project) == {OUTCOME: 2, DOSE: 2, RATES: 3}
    assert verified(project, done["certificate"]) == {f"models:/{OUTCOME}/2", f"models:/{DOSE}/2"}
    assert [(one["name"], one["to_version"]) for one in done["adopted"]] == [(RATES, 3)]


def test_a_refused_adopted_model_holds_back_the_own_one_that_comes_from_it_alone(several: Project, tmp_path: Path) -> None:
    project = adopt(copy(several, tmp_path / "project"), '"nothing"')
    project.workspace.lineage.add_edge(ModelVersion(RATES, 1), ModelVersion(OUTCOME, 1), "distilled")
    script = project.root / "rates.py"
    good = script.read_text()
    script.write_text("raise SystemExit(3)")
    [request] = project.request(project.people(TRAIN)[0])
    with pytest.raises(ValidationRefused, match="DVC stage 'rates' failed"):
        project.erase()
    assert serving(project) == {OUTCOME: 1, DOSE: 2, RATES: 1}

    script.write_text(good)
    project.erase()
    assert serving(project) == {OUTCOME: 2, DOSE: 2, RATES: 2}
    assert project.states()[request.request_id] == "completed"
