"""`unlearn erase` as users type it, Prefect's embedded server and all: killed, or with a remote that fails its purge.

Every run shows the same of its steps, in `test_killed.py` and `test_meanwhile.py`, and of Ctrl-C in the command line's tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.entrypoints.flows.conftest import apart, unlearn
from tests.faults.conftest import Purging, Undisturbed
from tests.faults.disks import missing, read_only
from tests.faults.endings import certificates, ending
from tests.faults.processes import Deadly, Death, DeathIn
from tests.small_project import Project, copy

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]

IN_THE_PURGE = DeathIn("unlearning.stores.dvc.objects", "ObjectStore", "delete")


def killed(root: Path, death: Deadly) -> subprocess.CompletedProcess[str]:
    """`unlearn erase` in a process that kills itself."""
    script = f"from tests.faults.processes import *; {death!r}.arm(); from unlearning.entrypoints.cli import main; main()"
    command = [sys.executable, "-c", script, "erase", "--json"]
    return subprocess.run(command, cwd=root, env=apart({}), capture_output=True, text=True, timeout=400, check=False)


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(IN_THE_PURGE, id="in the purge"),
        *(
            pytest.param(one, id=f"{one.when} {one.kind}")
            for one in (
                Death("PlanMade", "after"),
                Death("CandidateTrained", "before"),
                Death("AliasMoved", "after"),
                Death("TracesFound", "after"),
                Death("Purged", "before"),
                Death("CertificateIssued", "before"),
                Death("CertificateIssued", "after"),
            )
        ),
    ],
)
def test_the_command_that_was_killed_goes_on_where_it_stopped(death: Deadly, asked: Project, undisturbed: Undisturbed) -> None:
    died = killed(asked.root, death)
    assert died.returncode == -9, died.stderr

    done = unlearn(asked.root, "erase", "--json")

    assert done.returncode == 0, done.stderr
    assert ending(asked) == undisturbed.ending
    # Nothing is left to do only if the last event was durable before the process died.
    finished = death == Death("CertificateIssued", "after")
    assert (json.loads(done.stdout)["certificate"] is None) == finished


@pytest.mark.parametrize("fault", [missing, read_only])
def test_a_remote_that_fails_the_purge_is_named_with_the_next_step_and_the_same_command_finishes(
    fault: Callable[[Path], AbstractContextManager[None]], purging: Purging, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    project = copy(purging.ready, tmp_path / "project")
    with fault(project.root / ".dvc-remote"):
        failed = unlearn(project.root, "erase", "--json")

        assert failed.returncode == 1, failed.stderr
        said = json.loads(failed.stdout)
        assert said["error"] == "Unavailable"
        assert said["message"].startswith("DVC remote 'store'")
        assert said["message"] in failed.stderr
        assert "Traceback" not in failed.stderr
        assert ("mount it" if fault is missing else "writable, run again") in said["message"]
        assert list(project.states().values()) == ["purging"]
        assert not list((project.root / ".unlearning/certificates").glob("*"))

    done = unlearn(project.root, "erase", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["certificate"]
    assert certificates(project)
    assert ending(project) == undisturbed.ending
