"""A disk that is full, in the middle of any step: a clear error, nothing half done, and the next run finishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.disks import small_disk
from tests.faults.endings import ending
from tests.faults.processes import Death, erase, finish, run
from tests.small_project import copy
from unlearning.stores import foreign_code


@pytest.mark.parametrize(
    "step",
    [
        "DataRedacted",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("CandidateTrained", "VersionRegistered", "CertificateIssued")),
    ],
)
def test_a_full_disk_stops_a_step_with_a_clear_error_and_the_next_run_finishes(
    step: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        project = copy(undisturbed.asked, disk.folder / "project")
        run(erase, project.root, death=Death(BEFORE[step], "after"))

        disk.leave(4096)
        full = run(erase, project.root)
        assert full.error is not None
        words = ("No space left", "disk is full", "bytes are free")
        assert any(one in full.error for one in words), full.error
        assert "Unforeseen" not in full.error, full.error
        assert step not in project.kinds()
        disk.widen()

        assert finish(erase, project.root).error is None
        found = ending(project)
        if BEFORE[step] == "Purged":  # what stopped the last step may be in the private file of words until the next purge
            found["leftovers"] = [one for one in found["leftovers"] if one != Path(foreign_code.FILE).name]
        assert found == undisturbed.ending


BEFORE = {
    "DataRedacted": "PlanMade",
    "CandidateTrained": "DataRedacted",
    "VersionRegistered": "CandidateValidated",
    "CertificateIssued": "Purged",
}
"""Step → the event just before it."""
