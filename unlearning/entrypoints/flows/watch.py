"""The watching flow: whether anything that an erasure ended has come back; on a schedule, and when the registry changed."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from unlearning.domain.clocks import utc_now
from unlearning.entrypoints.flows import embedded, telling
from unlearning.entrypoints.flows.steps import at_home, step
from unlearning.erasure import watch as watching
from unlearning.project.workspace import Workspace, open_workspace


@flow(name="watch", flow_run_name="watch", persist_result=False, log_prints=False)
def watch(root: str = ".") -> watching.Report:
    """One round of watching: what was found, and reversed where it can be."""
    return at_home(root, lambda: _watch(open_workspace(Path(root))))


def _watch(workspace: Workspace) -> watching.Report:
    people = telling.Told(workspace)
    found = step("watch", lambda: watching.watch(workspace, clock=utc_now), say=watching.say)
    found += step("whole look", lambda: list(watching.look_at_everything(workspace, clock=utc_now)))
    people.alarms()
    create_markdown_artifact(watching.markdown(found), key="watch", description="What came back")
    return watching.Report.of(found)


def run(workspace: Workspace) -> watching.Report:
    """The flow, here and now."""
    embedded.ready()
    with embedded.answering():
        return watch(root=str(workspace.root))
