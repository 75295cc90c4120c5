"""Which files DVC's processes are using, as DVC keeps it in `.dvc/tmp/rwlock`; and what a killed one left there.

DVC writes that file in place and names processes by number alone. One that is killed in the middle of writing leaves a file
that no DVC reads any more; one that is killed at work leaves a number that a later process may get. Part of the home of DVC,
with `repository.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.repo import Repo

progress = logging.getLogger("unlearning.progress")

_SLACK_S = 2.0
"""Between a file's time and a process's, which are counted in their own ways."""


@contextmanager
def using(repo: Repo, *, reads: Sequence[str] = (), writes: Sequence[str]) -> Iterator[None]:
    """Within: no other DVC process uses these files. Raises DVC's LockError while one does."""
    from dvc.repo import lock_repo
    from dvc.rwlock import rwlock

    with lock_repo(repo), rwlock(repo.tmp_dir, repo.fs, "unlearn", [*reads], [*writes], _hardlink(repo)):
        yield


def forget_the_dead(repo: Repo) -> None:
    """Take the file away where it says nothing of anybody who lives. Raises DVC's LockError while another one writes it."""
    from dvc.lock import make_lock
    from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

    if not repo.tmp_dir or not (file := Path(repo.tmp_dir, RWLOCK_FILE)).exists() or not _left(file):
        return
    guard = str(file.with_name(RWLOCK_LOCK))
    with make_lock(guard, tmp_dir=repo.tmp_dir, hardlink_lock=_hardlink(repo)):  # whoever is writing it has done so by then
        if file.exists() and _left(file):
            progress.info("DVC's list of files in use was left behind by a process that was killed: it begins anew")
            file.unlink()


def _left(file: Path) -> bool:
    """It is half written, or names somebody and nobody who lives."""
    written = file.stat().st_mtime
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError:
        return True
    users = [*_users(found)]
    return bool(users) and not any(_lives(one["pid"], written) for one in users)


def _users(found: Any) -> Iterator[Any]:
    yield from found.get("write", {}).values()
    for each in found.get("read", {}).values():
        yield from each


def _lives(pid: int, written: float) -> bool:
    """A process that began after the file was written got the number of one that is gone."""
    import psutil

    try:
        began: float = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return began <= written + _SLACK_S


def _hardlink(repo: Repo) -> bool:
    return bool(repo.config["core"].get("hardlink_lock", False))
