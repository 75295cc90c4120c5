"""The whole lineage in memory: who was made from what, in both directions. A thousand versions take a few milliseconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning import indexing
from unlearning.entities import DataVersion, ModelRecord, ModelVersion
from unlearning.indexing import Derivation
from unlearning.stores.followed import Followed, Opened, Source
from unlearning.stores.snapshots import Tracked

if TYPE_CHECKING:
    from unlearning.workspace import Workspace

Edge = tuple[ModelVersion, ModelVersion, str]


@dataclass(frozen=True)
class Atlas:
    """Everything that is recorded of data and models, people aside."""

    data: Sequence[DataVersion]
    records: Mapping[ModelVersion, ModelRecord]
    """Versions that were trained here, deleted ones included."""
    followed: Mapping[ModelVersion, Followed]
    """Versions that following saw, deleted ones included."""
    deleted: frozenset[ModelVersion]
    sources: Sequence[Source]
    derivations: Sequence[Derivation]
    opened: Mapping[Tracked, Opened]
    edges: Sequence[Edge]

    @cached_property
    def parents(self) -> Mapping[Tracked, set[Tracked]]:
        """Content → what it was made from, directly."""
        return indexing.parents_of(self.derivations)

    @cached_property
    def contents(self) -> Mapping[ModelVersion, Mapping[Tracked, str]]:
        """Version → content that fed it → how that is known."""
        found: dict[ModelVersion, dict[Tracked, str]] = {}
        for model, record in self.records.items():
            found[model] = {Tracked(record.data.path, record.data.object): "trained here"}
        for source in self.sources:
            if source.model not in self.records:
                found.setdefault(source.model, {})[source.content] = source.how
        return found

    @cached_property
    def models(self) -> list[ModelVersion]:
        """Every version that is known in any way, sorted."""
        named = {model for parent, child, _ in self.edges for model in (parent, child)}
        return sorted({*self.records, *self.followed, *self.contents, *named}, key=lambda one: (one.name, one.version))

    def fed_by(self, objects: Collection[str]) -> dict[ModelVersion, str]:
        """Versions that any of these objects fed, directly or through what was made from it → how.

        A content whose own people are known answers for itself: a person who was filtered out of it did not pass.
        """
        held: dict[Tracked, bool] = {}
        found: dict[ModelVersion, str] = {}
        for model, contents in self.contents.items():
            for content, how in contents.items():
                if content not in held:
                    ends = indexing.resolved(content, self.opened, self.parents)
                    held[content] = any(end.object in objects for end in ends)
                if held[content]:
                    found.setdefault(model, f"{how} {content.path}")
        return found

    def children_of(self, models: Iterable[ModelVersion]) -> dict[ModelVersion, str]:
        """Everything made from these versions, directly or not, without themselves → from what, and how."""
        made: dict[ModelVersion, list[tuple[ModelVersion, str]]] = {}
        for parent, child, kind in self.edges:
            made.setdefault(parent, []).append((child, kind))
        start = set(models)
        found: dict[ModelVersion, str] = {}
        waiting = sorted(start, key=str)
        while waiting:
            parent = waiting.pop(0)
            for child, kind in made.get(parent, ()):
                if child not in found and child not in start:
                    found[child] = f"{kind} from {parent}"
                    waiting.append(child)
        return found


def load(workspace: Workspace) -> Atlas:
    """The lineage as it is now."""
    lineage, followed = workspace.lineage, workspace.followed
    data, models = lineage.data_versions(), followed.models()
    gone = {record.model for record in lineage.models(deleted=True)} | {one.model for one in models.values() if one.deleted}
    return Atlas(
        data=data,
        records={record.model: record for record in lineage.models(deleted=None)},
        followed=models,
        deleted=frozenset(gone),
        sources=followed.sources(),
        derivations=followed.derivations(),
        opened=followed.opened() | indexing.as_indexed(data),
        edges=lineage.edges(),
    )
