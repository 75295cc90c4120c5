"""What DVC said at every commit: which objects there were, what was made from what, and what a legal hold keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain.derivation import reached
from unlearning.domain.versions import Tracked
from unlearning.project.settings import REPORTS
from unlearning.stores.dvc.objects import object_stores, with_files
from unlearning.stores.dvc.snapshots import PART, Snapshot

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Past:
    """The whole history."""

    contents: frozenset[Tracked]
    made: frozenset[tuple[Tracked, Tracked, str]]
    """(from, to, stage) of everything that was made from something, or is `PART` of it."""
    written: frozenset[str] = frozenset(REPORTS)
    """Where our own stages write what they found."""

    @classmethod
    def of(cls, workspace: Workspace) -> Past:
        """What `unlearn follow` walked is remembered, and only commits since are read."""
        fresh = unwalked(workspace)
        made = {each for snapshot in fresh for each in snapshot.derivations()} | set(workspace.followed.derivations())
        contents = {out for snapshot in fresh for out in snapshot.outs} | set(workspace.followed.opened())
        contents |= {Tracked(version.path, version.object) for version in workspace.lineage.data_versions()}
        return cls(frozenset(contents), frozenset(made), workspace.settings.reports)

    @property
    def reports(self) -> frozenset[str]:
        """Objects that only ever were reports of our own stages."""
        own = {content.object for content in self.contents if content.path in self.written}
        return frozenset(own - {content.object for content in self.contents if content.path not in self.written})

    def derived(self, objects: frozenset[str]) -> frozenset[str]:
        """What stages made of these objects, directly or not."""
        edges: dict[str, set[str]] = {}
        for source, target, _ in self.made:
            edges.setdefault(source.object, set()).add(target.object)
        made = reached(objects, lambda one: edges.get(one, ()))
        return frozenset(target.object for source, target, stage in self.made if source.object in made and stage != PART)

    @property
    def first_paths(self) -> dict[str, str]:
        """Object → the first path, in their order, that any revision gives it."""
        return {content.object: content.path for content in sorted(self.contents, reverse=True)}

    def under(self, path: str) -> frozenset[str]:
        """Every object that a path, or a file below it, ever was."""
        return frozenset(one.object for one in self.contents if one.path == path or one.path.startswith(f"{path}/"))


def unwalked(workspace: Workspace, *, latest: int | None = None) -> list[Snapshot]:
    """What DVC says at every commit that no round of following has walked, or at the latest of them; parents come first."""
    walked = workspace.followed.commits()
    revs = [rev for rev in workspace.data.commits() if rev not in walked]
    return workspace.data.snapshots(revs[-latest:] if latest else revs)


def kept(workspace: Workspace, past: Callable[[], Past]) -> dict[str, frozenset[str]]:
    """Object → the people whom a legal hold on its data set keeps in it; a folder's files are kept with it.

    past: asked for only under a hold, because reading it takes long.
    """
    held = workspace.ledger.standing.held().kept
    if not held:
        return {}
    history, stores = past(), object_stores(workspace.data)
    found: dict[str, frozenset[str]] = {}
    for path in sorted(frozenset().union(*held.values())):
        people = frozenset(token for token, paths in held.items() if path in paths)
        for name in with_files(history.under(path), stores):
            found[name] = found.get(name, frozenset()) | people
    return found
