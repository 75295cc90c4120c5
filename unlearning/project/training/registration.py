"""A trained ensemble becomes a registered MLflow version with its lineage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing
from unlearning.domain.chain import Chain, Part, Trained
from unlearning.domain.codec import write
from unlearning.domain.entities import Empirical, ModelRecord
from unlearning.domain.errors import NotFound
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.project.training.ensemble import Ensemble
from unlearning.project.training.training_set import TrainingSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unlearning.project.workspace import Workspace


def head(trained: Trained) -> str:
    """One name for a whole candidate: the digest over its constituents' names."""
    return hashing.digest([[part.shard, part.key] for part in sorted(trained.parts, key=lambda part: part.shard)])


def register(
    workspace: Workspace,
    trained: Trained,
    retain: TrainingSet,
    *,
    data: DataVersion,
    metrics: Mapping[str, float],
    suppressed_upto: int,
    parent: ModelVersion | None = None,
    erasure_id: str | None = None,
) -> ModelRecord:
    """Log and register the candidate, and keep its lineage. The same candidate registers once, however often this runs."""
    from unlearning.stores.mlflow.packaging import Candidate

    apart = [workspace.own.model] if workspace.settings.models else []  # two of a recipe are two versions
    name = [workspace.recipe_digest, data.digest, head(trained), *apart]
    idempotency = f"{erasure_id or 'train'}-{hashing.digest(name)[:24]}"
    recipe, served = workspace.recipe, workspace.learner.package(Ensemble.of(workspace, trained).states)
    candidate = Candidate(
        model=workspace.own.model,
        idempotency=idempotency,
        served=served,
        features=recipe.features,
        categories=recipe.categories,
        labels=recipe.labels,
        embeddings=getattr(recipe, "embeddings", {}),  # of learners of others, a recipe may have none
        data=data,
        params=_params(workspace, retain),
        metrics=metrics,
        shard_metrics={
            part.shard: {"rows": float(_rows(retain.chain, part)), "cpu_seconds": part.cpu_seconds} for part in trained.parts
        },
        tags={"unlearning.served": served.kind, **_tags(workspace, trained, data, parent=parent, erasure_id=erasure_id)},
        # Without the placement: with it, a person's shard would say what the declared column says of them.
        extra_artifacts={"chain.json": hashing.canonical(write(replace(retain.chain, placement=None)))},
    )
    logged = workspace.models.log_candidate(candidate)
    version = workspace.models.register(logged, workspace.own.model, tags=candidate.tags, idempotency=idempotency)
    record = ModelRecord(
        model=version,
        run_id=logged.run_id,
        data=data,
        chain=retain.chain,
        trained=trained,
        suppressed_upto=suppressed_upto,
        parent=parent,
        erasure_id=erasure_id,
    )
    workspace.lineage.record_model(record)
    return record


def _rows(chain: Chain, part: Part) -> int:
    """Records that a constituent was trained on; of one that leaves the chain, those of its shard."""
    shard = chain.shards[part.shard]
    return sum(shard.rows[: shard.stage_of(part.key)])


def _params(workspace: Workspace, retain: TrainingSet) -> dict[str, Any]:
    settings = workspace.settings
    return {
        "shards": settings.partition.shards,
        "slices": settings.partition.slices,
        "seed": settings.partition.seed,
        "recipe": settings.recipe,
        "records": retain.rows,
        "people": retain.people,
        **{name: value for name, value in workspace.recipe.facts().items() if name in ("epochs", "batch_size")},
    }


def _tags(
    workspace: Workspace, trained: Trained, data: DataVersion, *, parent: ModelVersion | None, erasure_id: str | None
) -> dict[str, str]:
    part = workspace.settings.partition
    bags = f"k={part.members_of_person} " if part.members_of_person > 1 else ""
    tags = {
        "unlearning.recipe": workspace.recipe_digest,
        "unlearning.data": data.digest,
        "unlearning.partition": f"S={part.shards} R={part.slices} {bags}key={hashing.key_id(workspace.keys.partition)}",
        "unlearning.chain_head": head(trained),
        "unlearning.method": trained.method,
        "unlearning.guarantee": trained.guarantee,
    }
    if (root := workspace.lineage.root(data)) is not None:
        tags["unlearning.data_root"] = root
    if parent is not None:
        tags["unlearning.parent"] = str(parent)
    if erasure_id is not None:
        tags["unlearning.erasure"] = erasure_id
    return tags


def parent_of(workspace: Workspace) -> ModelVersion:
    """The version behind the alias; raises NotFound with the next step."""
    return workspace.models.behind(workspace.own.model, workspace.own.alias)


def record_of(workspace: Workspace, version: ModelVersion) -> ModelRecord:
    """The lineage of a version; raises NotFound for one that was not trained here."""
    record = workspace.lineage.model(version.name, version.version)
    if record is None:
        raise NotFound(
            f"{version} has no recorded lineage, so nobody can say who shaped it; "
            "train it with `unlearn train`, or point the alias at a version that was"
        )
    return record


def unproven(workspace: Workspace, record: ModelRecord) -> int:
    """So many versions in a row, this one last, came without a proof that they forgot: what each left adds up."""
    count = 0
    one: ModelRecord | None = record
    while one is not None and one.trained.guarantee == str(Empirical()):
        count += 1
        one = workspace.lineage.model(one.parent.name, one.parent.version) if one.parent else None
    return count
