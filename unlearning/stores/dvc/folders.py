"""Folders of this machine in which DVC keeps content: its cache, and remotes that are folders.

Part of the home of DVC, with `repository.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.repo import Repo

    from unlearning.stores.dvc.repository import DvcData


def local(data: DvcData) -> dict[str, Path]:
    """What each is called → the folder, there or not."""
    with data.reading() as repo:
        remotes = {f"DVC remote {name!r}": str(one.get("url", "")) for name, one in sorted(repo.config["remote"].items())}
        cache = str(repo.cache.legacy.path)
    folders = {name: url for name, url in remotes.items() if "://" not in url and url.startswith("/")}
    return {name: Path(os.path.normpath(folder)) for name, folder in {"DVC cache": cache, **folders}.items()}


def inside(data: DvcData) -> list[str]:
    """Those below the project folder, as paths relative to it; DVC's own folder keeps what is in it out of Git by itself."""
    folders = (folder for folder in local(data).values() if folder.is_relative_to(data.root))
    return [path for folder in folders if not (path := folder.relative_to(data.root).as_posix()).startswith(".dvc/")]


def elsewhere(data: DvcData) -> dict[str, tuple[Any, str] | None]:
    """Every other remote: what it is called → (DVC's file system, the path in it); None where it cannot be opened."""
    here = local(data)
    with data.reading() as repo:
        names = {f"DVC remote {name!r}": name for name in sorted(repo.config["remote"])}
        return {said: _opened(repo, name) for said, name in names.items() if said not in here}


def _opened(repo: Repo, name: str) -> tuple[Any, str] | None:
    try:
        remote = repo.cloud.get_remote(name)
        return remote.fs, str(remote.path)
    except Exception as error:  # a driver that is not installed, settings that do not parse: each with errors of its own
        if type(error).__module__.split(".")[0] == "unlearning":
            raise
        return None
