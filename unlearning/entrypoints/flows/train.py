"""The training flow: the current training table becomes a registered, judged model version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from unlearning.domain.errors import DataError, Refused, SettingsError, UnlearningError, begun
from unlearning.entrypoints import presentation
from unlearning.entrypoints.flows.embedded import answering
from unlearning.entrypoints.flows.runners import asking, runner
from unlearning.entrypoints.flows.steps import at_home, mapped, step, warm
from unlearning.erasure import report
from unlearning.lineage import openlineage
from unlearning.project.training import stages
from unlearning.project.workspace import Workspace, open_workspace


@flow(name="train", flow_run_name="train", persist_result=False, log_prints=False)
def train(root: str = ".", model: str | None = None) -> stages.TrainingReport:
    """Train what is missing, judge it, register it with its lineage, and move the alias when it passed.

    model: which one, where the project trains several.
    """

    def do() -> stages.TrainingReport:
        workspace = open_workspace(Path(root))
        return told(workspace if model is None else workspace.of(model))

    return at_home(root, do)


def told(workspace: Workspace) -> stages.TrainingReport:
    """One model, within a flow."""
    with openlineage.reported(workspace, "train") as said:
        done = _train(workspace)
        openlineage.tell_training(workspace, said, done.made)
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
    [report] = run_each([workspace])
    return report


def run_each(views: Sequence[Workspace]) -> list[stages.TrainingReport]:
    """The same for each of these models, at least one, in turn: one that is refused holds back none of the others.

    Raises what the first of those raised that were refused, when all had their turn.
    """
    run, done, refused = views[0].settings.run, list[stages.TrainingReport](), list[UnlearningError]()
    warm(views[0])
    configured = train.with_options(task_runner=runner(run))
    with answering(), asking(run):
        for view in views:
            try:
                done.append(configured(root=str(view.root), model=view.own.model if view.project else None))
            except (Refused, DataError, SettingsError) as error:
                refused.append(error)
    if refused:
        raise refused[0]
    return done
