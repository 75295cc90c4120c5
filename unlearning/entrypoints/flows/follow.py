"""The following flow: what the MLflow registry and the DVC history say of where models come from; on a schedule."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from unlearning.entrypoints.flows import embedded
from unlearning.entrypoints.flows.steps import at_home, step
from unlearning.lineage import follow as following
from unlearning.lineage import openlineage, provenance
from unlearning.project.workspace import Workspace, open_workspace


@flow(name="follow", flow_run_name="follow", persist_result=False, log_prints=False)
def follow(root: str = ".", everything: bool = False) -> following.Round:
    """One round of following; everything: also index every table of every commit whose object can still be had."""
    return at_home(root, lambda: _follow(open_workspace(Path(root)), everything))


def _follow(workspace: Workspace, everything: bool) -> following.Round:
    before = frozenset(workspace.followed.sources())
    with openlineage.reported(workspace, "follow"):
        report = step("follow", lambda: following.follow(workspace, everything=everything), say=following.say)
    openlineage.tell_followed(workspace, before)
    page = f"{following.markdown(report)}\n\n{provenance.markdown(workspace)}"
    create_markdown_artifact(page, key="lineage", description="What following found, and what shaped the model")
    return report


def run(workspace: Workspace, *, everything: bool = False) -> following.Round:
    """The flow, here and now."""
    embedded.ready()
    with embedded.answering():
        return follow(root=str(workspace.root), everything=everything)
