"""The training flow: the current training table becomes a registered, judged model version."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from unlearning.domain.errors import begun
from unlearning.entrypoints import presentation
from unlearning.entrypoints.flows.embedded import answering
from unlearning.entrypoints.flows.runners import asking, runner
from unlearning.entrypoints.flows.steps import at_home, mapped, step, warm
from unlearning.erasure import report
from unlearning.lineage import openlineage
from unlearning.project.training import stages
from unlearning.project.workspace import Workspace, open_workspace


@flow(name="train", flow_run_name="train", persist_result=False, log_prints=False)
def train(root: str = ".") -> stages.TrainingReport:
    """Train what is missing, judge it, register it with its lineage, and move the alias when it passed."""
    return at_home(root, lambda: _told(open_workspace(Path(root))))


def _told(workspace: Workspace) -> stages.TrainingReport:
    with openlineage.reported(workspace, "train") as told:
        done = _train(workspace)
        openlineage.tell_training(workspace, told, done.made)
    create_markdown_artifact(presentation.training_markdown(done), key="training", description="What one training did")
    return done


def _train(workspace: Workspace) -> stages.TrainingReport:
    work = step("load", lambda: stages.load(workspace), say=report.say_loaded)
    with begun("the training", "run `unlearn train`"):
        trained = step("fit", lambda: stages.fit(work, map=mapped), say=report.say_fitted)
        judged = step("judge", lambda: stages.judge(work, trained))
        return step("register", lambda: stages.register(work, trained, judged), say=lambda done: str(done.made))


def run(workspace: Workspace) -> stages.TrainingReport:
    """The flow on the task runner that `params.yaml` names."""
    warm(workspace)
    configured = train.with_options(task_runner=runner(workspace.settings.run))
    with answering(), asking(workspace.settings.run):
        return configured(root=str(workspace.root))
