"""Data versions ↔ model versions: which data fed a model version, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning import atlas as atlases
from unlearning.entities import ModelRecord, ModelVersion, ShapedVersion, plain
from unlearning.errors import NotFound, WrongUse

if TYPE_CHECKING:
    from unlearning.workspace import Workspace


def lineage(workspace: Workspace, named: str) -> dict[str, Any]:
    """The recorded versions of `MODEL`, or the one of `MODEL/VERSION`, with the data that fed each."""
    model, version = _parse(named)
    records = [
        record for record in workspace.lineage.models(model, deleted=None) if version is None or record.model.version == version
    ]
    if not records:
        raise NotFound(f"no lineage of {named!r}; `unlearn train` records it, and MLflow lists the models it knows")
    aliases = workspace.models.aliases(model)
    gone = {record.model for record in workspace.lineage.models(model, deleted=True)}
    return {
        "model": model,
        "versions": [{**_version(record, aliases), "deleted": record.model in gone} for record in records],
        "data_versions": [plain(one) for one in dict.fromkeys(record.data for record in records)],
    }


def shaped_elsewhere(workspace: Workspace, digests: Collection[str], trained: Collection[ModelVersion]) -> list[ShapedVersion]:
    """Living versions that data versions with people in them fed, or that were made from a version those people shaped.

    digests: data versions that hold the people. trained: versions of ours that they shaped, deleted ones included.
    """
    atlas = atlases.load(workspace)
    objects = {one.object for one in atlas.data if one.digest in digests}
    fed = {model: how for model, how in atlas.fed_by(objects).items() if model not in atlas.records}
    found = {**atlas.children_of([*fed, *trained]), **fed}
    listed = sorted(((model, how) for model, how in found.items() if model not in atlas.deleted), key=lambda one: str(one[0]))
    aliases = workspace.models.every_alias() if listed else {}
    return [ShapedVersion(model.name, model.version, behind(model, aliases), "", via=how) for model, how in listed]


def behind(model: ModelVersion, aliases: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """The aliases that point at a version. aliases: model → alias → version."""
    return tuple(sorted(alias for alias, version in aliases.get(model.name, {}).items() if version == model.version))


def _parse(named: str) -> tuple[str, int | None]:
    model, slash, version = named.partition("/")
    if slash and not version.isdigit():
        raise WrongUse(f"{named!r} is no MODEL/VERSION; expected a whole number after the slash")
    return model, int(version) if slash else None


def _version(record: ModelRecord, aliases: Mapping[str, int]) -> dict[str, Any]:
    return {
        "version": record.model.version,
        "aliases": sorted(alias for alias, version in aliases.items() if version == record.model.version),
        "data_digest": record.data.digest,
        "method": record.trained.method,
        "guarantee": record.trained.guarantee,
        "parent": record.parent.version if record.parent else None,
        "erasure_id": record.erasure_id,
        "run_id": record.run_id,
    }


def lines(found: Mapping[str, Any]) -> Sequence[str]:
    """The same for people: a line a version."""
    data = {version["digest"]: version for version in found["data_versions"]}
    return [
        f"{found['model']}/{version['version']}{''.join(' @' + alias for alias in version['aliases'])}"
        f"  ←  {data[version['data_digest']]['path']} {version['data_digest'][:12]}"
        f"  ({data[version['data_digest']]['people']} people, {version['method']}"
        + (f", from version {version['parent']}" if version["parent"] else "")
        + (", deleted in MLflow)" if version["deleted"] else ")")
        for version in found["versions"]
    ]
