"""The whole lineage in memory: who was made from what, in both directions. A thousand versions take a few milliseconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unlearning.domain.derivation import SAME_WEIGHTS, Edge, Family
from unlearning.domain.entities import ModelRecord, ShapedVersion
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.lineage import index
from unlearning.lineage.index import Derivation
from unlearning.stores.sql.followed import Followed, Opened, Source

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


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
        return index.parents_of(self.derivations)

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

    @cached_property
    def living(self) -> frozenset[ModelVersion]:
        """Versions that are there, as far as is known; what only a copy names was gone before anybody followed it.

        One whose data somebody named was there then: adopting a version asks the registry for it.
        """
        made = {child for _, child, _ in self.edges}
        return frozenset({*self.contents, *self.followed, *made} - self.deleted)

    @cached_property
    def known(self) -> frozenset[Tracked]:
        """Every content that anything was said about."""
        named = {content for origin, made, _ in self.derivations for content in (origin, made)}
        return frozenset(named | self.opened.keys() | {content for each in self.contents.values() for content in each})

    def run_of(self, model: ModelVersion) -> str | None:
        """The run that made a version, if one is known."""
        record, followed = self.records.get(model), self.followed.get(model)
        return record.run_id if record else followed.run_id if followed else None

    @cached_property
    def copies(self) -> frozenset[ModelVersion]:
        """Versions with the very weights of another one that is known: who shaped that one shaped them."""
        return frozenset(child for parent, child, kind in self.edges if kind == SAME_WEIGHTS and parent in self.contents)

    def upwards(self, contents: Iterable[Tracked]) -> frozenset[Tracked]:
        """These contents and all they were made from."""
        return index.upwards(contents, self.parents)

    def downwards(self, contents: Iterable[Tracked]) -> frozenset[Tracked]:
        """These contents and all that was made from them."""
        return index.upwards(contents, index.parents_of((made, origin, stage) for origin, made, stage in self.derivations))

    @cached_property
    def family(self) -> Family:
        """Which version comes from which."""
        return Family(self.edges)

    def ancestors_of(self, models: Collection[ModelVersion]) -> frozenset[ModelVersion]:
        """These versions and all they were made from."""
        return self.family.ancestors(models)

    @property
    def _feeding(self) -> Iterator[tuple[ModelVersion, Tracked, str]]:
        # A copy of a version trained here was shaped by whom that one's record says; MLflow alone would count people left out.
        told = {child for parent, child, kind in self.edges if kind == SAME_WEIGHTS and parent in self.records}
        for model, contents in self.contents.items():
            if model not in told:
                yield from ((model, content, how) for content, how in contents.items())

    def fed_by(self, objects: Collection[str]) -> dict[ModelVersion, str]:
        """Versions that any of these objects fed, directly or through what was made from it → how.

        A content whose own people are known answers for itself: a person who was filtered out of it did not pass.
        """
        held: dict[Tracked, bool] = {}
        found: dict[ModelVersion, str] = {}
        for model, content, how in self._feeding:
            if content not in held:
                ends = index.resolved(content, self.opened, self.parents)
                held[content] = any(end.object in objects for end in ends)
            if held[content]:
                found.setdefault(model, f"{how} {content.path}")
        return found

    def children_of(self, models: Iterable[ModelVersion]) -> dict[ModelVersion, str]:
        """Everything made from these versions, directly or not, without themselves → from what, and how."""
        return self.family.descendants(models)


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
        opened=index.merged(followed.opened(), data),
        edges=lineage.edges(),
    )


def shaped_elsewhere(workspace: Workspace, digests: Collection[str], trained: Collection[ModelVersion]) -> list[ShapedVersion]:
    """Living versions that data versions with people in them fed, or that were made from a version those people shaped.

    digests: data versions that hold the people. trained: versions of ours that they shaped, deleted ones included.
    """
    atlas = load(workspace)
    objects = {one.object for one in atlas.data if one.digest in digests}
    fed = {model: how for model, how in atlas.fed_by(objects).items() if model not in atlas.records}
    found = {**atlas.children_of([*fed, *trained]), **fed}
    listed = sorted(((model, how) for model, how in found.items() if model in atlas.living), key=lambda one: str(one[0]))
    aliases = workspace.models.every_alias() if listed else {}
    return [ShapedVersion(model.name, model.version, behind(model, aliases), "", via=how) for model, how in listed]


def behind(model: ModelVersion, aliases: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """The aliases that point at a version. aliases: model → alias → version."""
    return tuple(sorted(alias for alias, version in aliases.get(model.name, {}).items() if version == model.version))
