"""Data versions ↔ model versions: which data fed a model version, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning.entities import ModelRecord, plain
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
