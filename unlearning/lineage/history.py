"""What DVC said at every commit: which objects there were, what was made from what, and what a legal hold keeps of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain.versions import Tracked
from unlearning.project import settings
from unlearning.stores.dvc import objects as dvc_stores
from unlearning.stores.dvc.snapshots import PART

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Past:
    """The whole history."""

    contents: frozenset[Tracked]
    made: frozenset[tuple[Tracked, Tracked, str]]
    """(from, to, stage) of everything that was made from something, or is `PART` of it."""

    @classmethod
    def of(cls, workspace: Workspace) -> Past:
        """What `unlearn follow` walked is remembered, and only commits since are read."""
        walked = workspace.followed.commits()
        fresh = workspace.data.snapshots([rev for rev in workspace.data.commits() if rev not in walked])
        made = {each for snapshot in fresh for each in snapshot.derivations()} | set(workspace.followed.derivations())
        contents = {out for snapshot in fresh for out in snapshot.outs} | set(workspace.followed.opened())
        contents |= {Tracked(version.path, version.object) for version in workspace.lineage.data_versions()}
        return cls(frozenset(contents), frozenset(made))

    @property
    def reports(self) -> frozenset[str]:
        """Objects that only ever were reports of our own stages."""
        own = {content.object for content in self.contents if content.path in settings.PATHS}
        return frozenset(own - {content.object for content in self.contents if content.path not in settings.PATHS})

    def derived(self, objects: frozenset[str]) -> frozenset[str]:
        """What stages made of these objects, directly or not."""
        edges: dict[str, set[str]] = {}
        for source, target, _ in self.made:
            edges.setdefault(source.object, set()).add(target.object)
        reached = objects | downstream(objects, edges)
        return frozenset(target.object for source, target, stage in self.made if source.object in reached and stage != PART)

    def under(self, path: str) -> frozenset[str]:
        """Every object that a path, or a file below it, ever was."""
        return frozenset(one.object for one in self.contents if one.path == path or one.path.startswith(f"{path}/"))


def downstream(start: Iterable[str], edges: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Everything that can be reached over edges, without where it started."""
    first = set(start)
    seen, waiting = set(first), list(first)
    while waiting:
        fresh = set(edges.get(waiting.pop(), ())) - seen
        seen |= fresh
        waiting += fresh
    return frozenset(seen - first)


def kept(workspace: Workspace) -> dict[str, frozenset[str]]:
    """Object → the people whom a legal hold on its data set keeps in it; a folder's files are kept with it."""
    held = workspace.ledger.state().kept
    if not held:
        return {}
    history, stores = Past.of(workspace), dvc_stores.stores(workspace.data)
    found: dict[str, frozenset[str]] = {}
    for path in sorted(frozenset().union(*held.values())):
        people = frozenset(token for token, paths in held.items() if path in paths)
        for name in dvc_stores.with_files(history.under(path), stores):
            found[name] = found.get(name, frozenset()) | people
    return found
