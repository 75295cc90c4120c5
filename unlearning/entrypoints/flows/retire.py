"""The retirement flow: rows that are older than their rule allows leave tables, models, and what is kept of both."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import begun, needing_room
from unlearning.entrypoints.flows import train as training
from unlearning.entrypoints.flows.embedded import answering
from unlearning.entrypoints.flows.runners import asking, runner
from unlearning.entrypoints.flows.steps import at_home, step, warm
from unlearning.erasure import retire as retiring
from unlearning.project.training import stages
from unlearning.project.workspace import Workspace, open_workspace


@flow(name="retire", flow_run_name="retire", persist_result=False, log_prints=False)
def retire(root: str = ".") -> retiring.Report:
    """Take out the rows that are older than the rules of retention allow; what was cut off before goes on first."""
    return at_home(root, lambda: _alone(open_workspace(Path(root))))


def _alone(workspace: Workspace) -> retiring.Report:
    """One process at a time; a second one waits, and then finds nothing to do."""
    with needing_room(), workspace.ledger.exclusive("retire"):
        it = retiring.begin(workspace, clock=utc_now)
        if it is None:
            return retiring.Report(None, False, retiring.look(workspace, now=utc_now()))
        with begun(it.name, "run `unlearn retire`"):
            return _steps(workspace, it)


def _steps(workspace: Workspace, it: retiring.Retirement) -> retiring.Report:
    step("4 redact", lambda: retiring.redact(it, clock=utc_now), say=lambda done: ", ".join(one.name for one in done.after))
    changed = {before.path for before in it.plan.before}
    touched = [one for one in workspace.each if not changed.isdisjoint(one.own.data.tables)]
    for one in touched:
        training.told(one)
    if touched:
        step("  settle", lambda: _settle(workspace, it))
    ended = step("8 purge", lambda: retiring.purge(it, clock=utc_now))
    issued = step("9 certify", lambda: retiring.certify(it, clock=utc_now), say=lambda done: done.path)
    return retiring.report(it, ended, issued)


def _settle(workspace: Workspace, it: retiring.Retirement) -> list[str]:
    """The reports of the DVC stages say what is true now."""
    changed = stages.refresh(workspace)
    if changed and workspace.settings.versioning.commit:
        workspace.data.commit(f"Record {it.name}", changed)
    return changed


def run(workspace: Workspace) -> retiring.Report:
    """The flow on the task runner that `params.yaml` names."""
    warm(workspace)
    configured = retire.with_options(task_runner=runner(workspace.settings.run))
    with answering(), asking(workspace.settings.run):
        return configured(root=str(workspace.root))
