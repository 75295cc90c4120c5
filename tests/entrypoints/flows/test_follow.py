"""The following flow, against a started server."""

from __future__ import annotations

from tests.entrypoints.flows.conftest import Server
from tests.small_project import SOURCE, Project


def test_following_leaves_what_it_found_and_a_picture_of_the_lineage_as_an_artifact(project: Project, server: Server) -> None:
    from unlearning.entrypoints.flows import follow

    report = follow.run(project.workspace)

    assert report.model_versions == 1
    (page,) = [text for text in server.artifacts("lineage") if "```mermaid" in text]
    assert 'n0[("data/' in page
    assert '"outcome/1' in page
    assert "@champion" in page
    assert not [person for person in project.people(SOURCE) if person in page]
