"""What would keep DVC from recording and pushing a new version of a table."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from unlearning.domain.errors import Unavailable
from unlearning.stores.dvc import readiness
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.dvc.repository import DvcData


@pytest.fixture
def data(tmp_path: Path) -> DvcData:
    made = dvc_repository.create(tmp_path / "project", remote=".remote")
    (made.root / "table.csv").write_text("who\nme\n")
    made.add(["table.csv"])
    return made


def dvc(data: DvcData, *words: str) -> None:
    subprocess.run([warm.python(), "-m", "dvc", *words], cwd=data.root, check=True, capture_output=True)


def test_a_fresh_repository_is_ready(data: DvcData) -> None:
    readiness.free(data)
    assert [*readiness.outputs_in_git(data), *readiness.remote(data, None), *readiness.remote(data, "store")] == []


def test_another_dvc_at_work_is_waited_for(data: DvcData) -> None:
    from dvc.repo import lock_repo

    with data.opened() as repo, lock_repo(repo), pytest.raises(Unavailable, match="another DVC process"):
        readiness.free(DvcData(data.root))


def test_an_output_that_git_tracks_is_named_with_the_way_out(data: DvcData) -> None:
    subprocess.run(["git", "add", "--force", "table.csv"], cwd=data.root, check=True)
    [found] = readiness.outputs_in_git(data)
    assert "git rm --cached table.csv" in str(found)


def test_a_remote_that_is_not_there_is_missed_by_name(data: DvcData) -> None:
    [found] = readiness.remote(data, "elsewhere")
    assert "no DVC remote 'elsewhere', only ['store']" in str(found)
    dvc(data, "config", "--unset", "core.remote")
    [found] = readiness.remote(data, None)
    assert "no default DVC remote, only ['store']" in str(found)


def test_objects_go_to_the_cache_and_with_a_push_to_the_local_remote(data: DvcData) -> None:
    cache = data.root / ".dvc/cache"
    assert [cache in (one, *one.parents) for one in readiness.folders(data, push=False, named=None)] == [True]
    assert data.root / ".remote" in readiness.folders(data, push=True, named=None)


def test_while_a_purge_clears_the_index_of_dvc_a_reader_reads_or_says_so(data: DvcData) -> None:
    """In a process of its own, as the other command is."""
    script = (
        "import sys; from pathlib import Path; from unlearning.stores.dvc import objects, repository;"
        "data = repository.DvcData(Path(sys.argv[1])); [objects.drop_site_cache(data) for _ in range(60)]"
    )
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", script, str(data.root)]) as purging:
        while purging.poll() is None:
            with contextlib.suppress(Unavailable):
                assert data.outputs() == ["table.csv"]
    assert data.outputs() == ["table.csv"]
