"""What people are asked to decide about files that nobody can read, or whose people nobody named."""

from __future__ import annotations

import pytest

from tests.small_project import TRAIN, Project
from unlearning.traces import proposals

pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_no_reader_knows_and_what_names_known_people_is_proposed_and_nothing_else(project: Project) -> None:
    (project.root / "scans").mkdir()
    (project.root / "scans/one.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    people = project.people(TRAIN)
    (project.root / "visits.csv").write_text("visitor;day\n" + "".join(f"{who};{day}\n" for day, who in enumerate(people)))
    (project.root / "codes.csv").write_text("code;meaning\nA1;ill\nB2;well\n")
    project.workspace.data.add(["scans", "visits.csv", "codes.csv"])
    scans, visits = proposals.of_project(project.workspace)
    assert (scans.path, "paths: 'scans/**'" in scans.do) == ("scans", True)
    assert (visits.path, visits.do) == ("visits.csv", "unlearn follow --subject-column 'visits.csv:visitor'")
    assert not any(who in str((scans, visits)) for who in people)

    project.configure({"free_of_people": [{"paths": "scans/**", "reason": "phantoms"}]})
    project.workspace.followed.add_column("visits.csv", "visitor")
    assert proposals.of_project(project.workspace) == []
