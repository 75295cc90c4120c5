"""Whether DVC could take new versions of tables now, and the remote get them: asked before a table is rewritten.

Part of the home of DVC, with `repository.py`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import ProjectError, UnlearningError
from unlearning.stores.dvc.objects import CACHE
from unlearning.stores.dvc.remotes import every_store, pushed_to
from unlearning.stores.git import ignoring

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData


def free(data: DvcData) -> None:
    """Raises Unavailable while another DVC command is at work."""
    with data.reading() as repo, repo.lock:
        pass


def outputs_in_git(data: DvcData) -> Iterator[UnlearningError]:
    """Outputs that DVC would refuse to record again, because Git tracks them."""
    if found := ignoring.tracked(data.git, data.outputs()):
        named = " ".join(map(shlex.quote, found))
        yield ProjectError(
            f"Git tracks outputs of DVC, which then records no new version of them: {named}; run `git rm --cached {named}` and "
            "`unlearn init`, then commit"
        )


def remote(data: DvcData, named: str | None) -> Iterator[UnlearningError]:
    """What a push would find: no remote at all, or none of this name."""
    with data.reading() as repo:
        configured, chosen = sorted(repo.config["remote"]), named or repo.config["core"].get("remote")
    if chosen not in configured:
        what = f"no DVC remote {chosen!r}" if chosen else "no default DVC remote"
        step = "run `dvc remote add --default NAME URL`, or set versioning.push: false in params.yaml"
        yield ProjectError(f"{data.root} has {what}{f', only {configured}' if configured else ''}; {step}")


def folders(data: DvcData, *, push: bool, named: str | None) -> list[Path]:
    """The local folders that get an object for each new version: the cache, and the remotes of a push."""
    wanted = {CACHE} | (pushed_to(data, named) if push else frozenset())
    return [Path(store.root) for store in every_store(data) if store.local and store.name in wanted]
