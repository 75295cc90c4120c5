"""What must hold before any table is rewritten: every store is the one that was used before, and a redaction would last.

A remote that is not mounted is made anew by a push, and then looks like one that holds nobody; a table that was imported comes
back with a colleague's `dvc pull`. Both are refused here, while nothing is changed yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from unlearning.domain.errors import ProjectError, Unavailable
from unlearning.project import guards
from unlearning.stores.dvc import origins, recognition, remotes
from unlearning.stores.dvc.objects import CACHE

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.dvc.objects import ObjectStore


def check_stores(workspace: Workspace) -> None:
    """Raises Unavailable, naming every store, server or database that does not answer or is not the one that was used before.

    Those that are in use and were never seen before are marked, to be known again.
    """
    versioning, stores = workspace.settings.versioning, remotes.every_store(workspace.data)
    pushed = remotes.pushed_to(workspace.data, versioning.remote) if versioning.push else frozenset()
    asked = [
        *(partial(_ask, store, pushed) for store in stores),
        *(partial(guard, workspace) for guard in (guards.books, guards.checkpoints, guards.registry)),
    ]
    if wrong := [said for ask in asked for said in _said(ask)]:
        raise Unavailable("; ".join(wrong))
    recognition.note(workspace.data.root, stores)


def _ask(store: ObjectStore, pushed: Collection[str]) -> None:
    """A folder that was never used may be missing only where the first push, or the first version, makes it."""
    if store.mark is not None or store.name not in (CACHE, *pushed):
        store.recognise()
    if store.mark is None:
        store.used()


def _said(ask: Callable[[], None]) -> Iterator[str]:
    try:
        ask()
    except Unavailable as error:
        yield str(error)


def check_owned(workspace: Workspace, paths: Collection[str]) -> None:
    """Raises ProjectError for tables that are imported: what is taken out of them here comes back from whoever owns them."""
    if found := origins.imported(workspace.data, paths):
        said = "; ".join(f"{one}: {one.remedy}" for one in found)
        raise ProjectError(
            "no table was changed, because a redaction here would not last: `dvc pull` and `dvc update` bring the rows back. "
            f"{said}"
        )
