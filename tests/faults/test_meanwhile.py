"""What others do while a purge is at work, and remotes that do not let it: open until it is true, never certified before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.conftest import Purging, Undisturbed
from tests.faults.disks import missing, read_only
from tests.faults.endings import CACHE, REMOTE, certificates, ending, objects
from tests.faults.processes import Death, erase, finish, purge, run, started
from tests.small_project import Project, copy
from unlearning.domain.events import TracesFound
from unlearning.domain.versions import ModelVersion
from unlearning.traces import sweep


@pytest.fixture
def ready(purging: Purging, tmp_path: Path) -> Project:
    """The new version serves, the purge has not begun."""
    return copy(purging.ready, tmp_path / "project")


@pytest.mark.parametrize("fault", [read_only, pytest.param(missing, marks=pytest.mark.slow)])
def test_a_remote_that_is_away_or_read_only_keeps_the_request_open_and_the_purge_resumes(
    fault: Callable[[Path], AbstractContextManager[None]], ready: Project, undisturbed: Undisturbed
) -> None:
    with fault(ready.root / ".dvc-remote"):
        ended = run(erase, ready.root)

        assert (ended.error or "").startswith("Unavailable: DVC remote 'store'"), ended.error
        assert list(ready.states().values()) == ["purging"]
        assert "Purged" not in ready.kinds()
        assert not list((ready.root / ".unlearning/certificates").glob("*"))

    assert finish(erase, ready.root).error is None
    assert ending(ready) == undisturbed.ending


@pytest.mark.slow
@pytest.mark.parametrize("do", [erase, purge])
def test_two_purges_at_once_end_as_one(do: object, ready: Project, undisturbed: Undisturbed) -> None:
    with started(do, ready.root) as one, started(erase, ready.root) as other:  # type: ignore[arg-type]
        assert [one.ended().error, other.ended().error] == [None, None]

    found = ending(ready)
    assert found == undisturbed.ending
    assert ready.kinds().count("Purged") == 1


def holding(ready: Project) -> list[str]:
    """The objects that a purge found, as paths below a cache or remote."""
    [event] = ready.workspace.ledger.of(TracesFound)
    names = [trace.name for trace in event.fact.inventory.traces["DVC objects"]]
    return [f"{name[:2]}/{name[2:]}" for name in names]


@pytest.mark.slow
def test_an_object_that_vanishes_during_the_purge_is_no_error(ready: Project) -> None:
    assert run(erase, ready.root, death=Death("TracesFound", "after")).killed
    vanished, *_ = holding(ready)
    for folder in (CACHE, REMOTE):
        (ready.root / folder / vanished).unlink()
    others = {folder: objects(ready, folder) for folder in (CACHE, REMOTE)}

    assert finish(erase, ready.root).error is None

    assert list(ready.states().values()) == ["completed"]
    assert certificates(ready)
    for folder, before in others.items():
        here = objects(ready, folder)
        assert {name: here.get(name) for name in before if name not in holding(ready)} == {
            name: digest for name, digest in before.items() if name not in holding(ready)
        }


@pytest.mark.slow
def test_an_object_that_is_pushed_again_after_the_purge_is_a_residual_until_it_is_purged_again(ready: Project) -> None:
    assert run(erase, ready.root, death=Death("TracesFound", "after")).killed
    pushed, *_ = holding(ready)
    kept = shutil.copy(ready.root / REMOTE / pushed, ready.root.parent / "kept")
    assert run(erase, ready.root, death=Death("Purged", "after")).killed
    (ready.root / REMOTE / pushed).parent.mkdir(exist_ok=True)
    shutil.copy(kept, ready.root / REMOTE / pushed)

    assert finish(erase, ready.root).error is None
    assert list(ready.states().values()) == ["completed_with_residuals"]

    assert finish(purge, ready.root).error is None
    assert list(ready.states().values()) == ["completed"]
    assert certificates(ready)
    workspace = ready.workspace
    assert sweep.sweep(workspace, sweep.people(workspace, [], [])).clean


def test_the_old_version_promoted_before_the_purge_is_deleted_and_the_clean_one_serves(
    ready: Project, undisturbed: Undisturbed
) -> None:
    ready.workspace.models.move_alias("outcome", "champion", expected=ModelVersion("outcome", 2), to=ModelVersion("outcome", 1))

    assert finish(erase, ready.root).error is None

    assert ready.champion == 2
    assert ending(ready) == undisturbed.ending
