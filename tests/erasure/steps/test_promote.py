"""Step 7: the alias moves only from where it was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import HOLDOUT, TRAIN, Project
from unlearning.domain.chain import Trained
from unlearning.domain.errors import ParentMoved
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import validate
from unlearning.erasure.steps.promote import check_served, promote_step
from unlearning.erasure.steps.redact import redact_step
from unlearning.project import settings
from unlearning.project.training import ensemble, judging, stages
from unlearning.project.workspace import Workspace
from unlearning.stores.tables import redaction, tables

NOTHING = Trained("sisa", "exact", ())


def test_an_alias_that_moved_since_the_plan_is_planned_for_again_and_nothing_is_registered(
    redacted: Project, erasure: Erasure, sets: RecordSets
) -> None:
    redacted.workspace.models.withdraw_alias("outcome", "champion")
    with pytest.raises(ParentMoved, match="moved from outcome/1 to None"):
        promote_step(erasure, sets, NOTHING, {})
    assert len(redacted.workspace.models.versions("outcome")) == 1


def test_a_table_that_changed_since_it_was_redacted_keeps_the_candidate_from_serving(
    redacted: Project, erasure: Erasure, sets: RecordSets
) -> None:
    keep = [True] * tables.read(redacted.root / TRAIN).num_rows
    keep[0] = False
    redaction.redact(redacted.root / TRAIN, redacted.root / TRAIN, keep)
    redacted.workspace.data.record([TRAIN])
    with pytest.raises(ParentMoved, match="changed since"):
        promote_step(erasure, sets, NOTHING, {})
    assert redacted.champion == 1


def test_a_version_that_they_never_shaped_may_serve_while_their_data_goes(project: Project) -> None:
    erasure = planned(project, project.people(HOLDOUT)[0])
    redact_step(erasure)
    check_served(erasure, RecordSets(erasure))
    assert project.champion == 1


# --- settle ----------------------------------------------------------------------------------------------------------


def reports(root: Path) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in settings.REPORTS if (root / path).exists()}


def test_the_reports_that_an_erasure_leaves_are_those_of_its_stages_run_anew_and_dvc_sees_nothing_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was judged or measured on the way is judged again: of the tables, only those that nobody was in."""
    [person] = project.cells()[0, 1][:1]
    project.request(person)
    judged: list[tuple[str, str]] = []
    predicted: list[str] = []
    now = [""]
    check_table, predict = judging.check_table, ensemble.Ensemble.votes

    def checking(workspace: Workspace, path: str, *given: Any, **named: Any) -> Any:
        judged.append((now[0], path))
        return check_table(workspace, path, *given, **named)

    def voting(*given: Any, **named: Any) -> Any:
        predicted.append(now[0])
        return predict(*given, **named)

    for home in (judging, validate):
        monkeypatch.setattr(home, "check_table", checking)
    monkeypatch.setattr(ensemble.Ensemble, "votes", voting)
    settled: dict[str, bytes] = {}

    def before(name: str) -> None:
        now[0] = name.strip()
        if now[0] == "8 purge":
            settled.update(reports(project.root))

    first = reports(project.root)
    project.erase(before=before)
    assert [path for step, path in judged if step == "settle"] == [HOLDOUT]
    assert TRAIN in [path for step, path in judged if step == "6 validate"]
    assert "6 validate" in predicted
    assert "settle" not in predicted
    assert settled.keys() == first.keys() == set(settings.REPORTS)
    assert settled != first
    assert not project.workspace.data.status()

    anew = project.workspace
    stages.refresh(anew)
    assert [path for step, path in judged if step != "settle"][-2:] == [TRAIN, HOLDOUT]
    assert reports(project.root) == settled
    assert not anew.data.status()


def cell_changed(project: Project) -> None:
    keep = [True] * tables.read(project.root / HOLDOUT).num_rows
    keep[0] = False
    redaction.redact(project.root / HOLDOUT, project.root / HOLDOUT, keep)


def erased_meanwhile(project: Project) -> None:
    """Somebody who is not in the table."""
    project.request(project.people(TRAIN)[0])
    project.erase()


def nothing(project: Project) -> None:
    assert project.champion == 1


@pytest.mark.parametrize(("change", "known"), [(nothing, True), (cell_changed, False), (erased_meanwhile, True)])
def test_what_was_found_is_handed_on_only_while_all_that_shapes_it_is_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, change: Callable[[Project], None], known: bool
) -> None:
    workspace = project.workspace
    stages.refresh(workspace)
    asked: list[str] = []
    check_table, predict = judging.check_table, ensemble.Ensemble.votes
    change(project)

    def checking(workspace: Workspace, path: str, *given: Any, **named: Any) -> Any:
        asked.append(path)
        return check_table(workspace, path, *given, **named)

    def voting(*given: Any, **named: Any) -> Any:
        asked.append("model")
        return predict(*given, **named)

    monkeypatch.setattr(judging, "check_table", checking)
    monkeypatch.setattr(ensemble.Ensemble, "votes", voting)
    stages.refresh(workspace)
    left = reports(project.root)
    assert (HOLDOUT not in asked) is known
    assert change is not cell_changed or "model" in asked
    stages.refresh(project.workspace)
    assert reports(project.root) == left


def test_a_verdict_is_given_anew_once_somebody_of_the_table_is_on_the_list(project: Project) -> None:
    workspace, file = project.workspace, project.root / HOLDOUT
    before, person = file.read_bytes(), project.people(HOLDOUT)[0]
    assert all(one.passed for one in judging.verdicts(workspace, HOLDOUT, "patient"))
    project.request(person)
    project.erase()
    assert file.read_bytes() != before
    file.write_bytes(before)
    found = {one.name: one.passed for one in judging.verdicts(workspace, HOLDOUT, "patient")}
    assert not found["data.suppressed_absent"]
