"""`unlearn judge` as a user types it."""

from __future__ import annotations

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import TRAIN, Project
from unlearning.erasure import judgement_page


def test_the_report_is_attached_and_names_nobody(project: Project) -> None:
    answer = unlearn(project.root, "judge", "outcome/1", "--group", "outcome", "--json")
    assert answer.code == 0, answer.said
    workspace, place = project.workspace, answer.document["report"]
    version = workspace.models.version("outcome", 1)
    assert {place, place.replace(".html", ".json")} <= set(workspace.models.artifacts(str(version.run_id)))
    assert "underpowered" in version.tags[judgement_page.TAG]
    assert {"model", "version", "whom", "measured_on", "people", "checks", "report"} <= answer.document.keys()
    assert not [one for one in project.people(TRAIN) if one in answer.said]


def test_what_is_no_version_is_refused(template: Project) -> None:
    answer = unlearn(template.root, "judge", "outcome")
    assert answer.code == 2
    assert "no MODEL/VERSION" in answer.err
    assert unlearn(template.root, "judge", "outcome/9").code == 2
