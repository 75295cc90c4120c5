"""Step 2, assess: which data versions, shards, checkpoints and model versions a set of people is in. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain import spellings
from unlearning.domain.chain import Trained
from unlearning.domain.entities import ErasureRequest, Impact, ModelImpact, ModelRecord, ShapedVersion, ShardImpact
from unlearning.domain.events import ImpactAssessed, RequestReceived, SubjectNotFound
from unlearning.domain.planning import cost, impact
from unlearning.erasure.search import Search, shaped_records
from unlearning.lineage import follow, graph
from unlearning.lineage.shaped import shaped_by
from unlearning.project.holdings import adoptions
from unlearning.project.people import asked, index_tokens, nearby
from unlearning.project.tables import present
from unlearning.traces import deletion
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.domain.spellings import Difference
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.people import Present
    from unlearning.project.workspace import Workspace


def assess(workspace: Workspace, tokens: Sequence[str], found: Search) -> Impact:
    """What erasing these people would touch, and what it would cost."""
    shaped = shaped_records(workspace, found)
    each = [touched(one, found) for one in workspace.each]
    aliases = {name: workspace.models.aliases(name) for name in {record.model.name for record, _ in shaped}}
    ever = shaped_records(workspace, found, deleted=None)
    stale = impact.stale_in_all((record, found.places_in(record)) for record, _ in ever)
    known = found.found | deletion.named(Reach(workspace), set(tokens) - found.found)
    return Impact(
        records=found.records,
        tokens=tuple(sorted(known)),
        not_found=tuple(sorted(set(tokens) - known)),
        data_versions=found.versions,
        model_versions=(
            *(_shaped_version(record, aliases[record.model.name]) for record, _ in shaped),
            *_shaped_elsewhere(workspace, found),
        ),
        shards=each[0].shards if each else (),
        shards_total=each[0].shards_total if each else 0,
        slices_total=each[0].slices_total if each else 0,
        checkpoints_stale=tuple(sorted(key for key in stale if key in workspace.checkpoints)),
        estimated_seconds=sum(_estimate(one, of.shards) for one, of in zip(workspace.each, each, strict=True)),
        method=each[0].method if each else None,
        others=tuple(each[1:]),
    )


def touched(view: Workspace, found: Search) -> ModelImpact:
    """The shards of one own model that are to be trained again."""
    part, model = view.settings.partition, view.own.model
    shards = impact.shard_impacts(
        found.training[model],
        shards=part.shards,
        slices=part.slices,
        members_of_person=part.members_of_person,
        placement=part.placement,
    )
    return ModelImpact(model, shards, part.shards, part.slices, view.settings.policy.first)


def _shaped_version(record: ModelRecord, aliases: Mapping[str, int]) -> ShapedVersion:
    behind = tuple(sorted(alias for alias, version in aliases.items() if version == record.model.version))
    return ShapedVersion(name=record.model.name, version=record.model.version, aliases=behind, data_digest=record.data.digest)


def _shaped_elsewhere(workspace: Workspace, found: Search) -> list[ShapedVersion]:
    """Versions that this project did not train and these people shaped: fed by their data, or made from a tainted version."""
    trained = {record.model for record, _ in shaped_by(workspace, found.holders)}
    return graph.shaped_elsewhere(workspace, [digest for digest, held in found.holders.items() if held], trained)


def _estimate(workspace: Workspace, shards: Sequence[ShardImpact]) -> float:
    """Seconds of training one model, from the pace of the latest training that did some; 0 before the first."""
    records = [r for r in workspace.lineage.models(workspace.own.model) if _rows(r.trained)]
    if not records:
        return 0.0
    last = max(records, key=lambda record: record.model.version)
    pace = last.trained.cpu_seconds / _rows(last.trained)
    slices = len(last.chain.shards[0].rows)
    touched = [shard for shard in shards if shard.shard < len(last.chain.shards) and shard.first_slice <= slices]
    return round(pace * cost.training_rows(last.chain, workspace.learner.stage_epochs(slices), touched), 3)


def _rows(trained: Trained) -> int:
    return sum(part.rows_trained for part in trained.parts)


def assess_step(erasure: Erasure, sets: RecordSets) -> Impact:
    """2: find everything the people are in; nothing is changed. People of whom there is no record leave the batch here."""

    def body() -> ImpactAssessed:
        if adoptions(erasure.workspace):
            follow.note_edges(erasure.workspace)
        return ImpactAssessed(impact=assess(erasure.workspace, erasure.tokens, sets.found))

    impact = erasure.once(ImpactAssessed, body).impact
    unknown = [request for request in erasure.requests if request.token in impact.not_found]
    here = present(erasure.workspace) if unknown else None
    for request in unknown:
        if here is not None and request.state != "not_found":
            left = SubjectNotFound(nearest=nearest(erasure.workspace, here, request))
            erasure.workspace.ledger.append(request.request_id, left, at=erasure.now())
    return impact


@dataclass(frozen=True)
class Missed:
    """Somebody of whom no record was found."""

    token: str
    where: str
    """Where the identifier was read, or the request."""
    nearest: tuple[Difference, ...] | None
    """In what the nearest spelling in the tables differs; None when nobody can say."""


def missed(
    workspace: Workspace, tokens: Sequence[str], identifiers: Sequence[str], requests: Sequence[ErasureRequest]
) -> list[Missed]:
    """These people, who were not found, as they were named: by identifiers or by requests."""
    if not tokens:
        return []
    here, typed = present(workspace), asked(workspace, identifiers)
    pairs = enumerate(zip(index_tokens(workspace, typed), typed, strict=True), 1)
    by_name = [
        Missed(at, spellings.place(one, n), here.spelled_nearly(nearby(workspace, one)))
        for n, (at, one) in pairs
        if at in tokens
    ]
    return [
        *by_name,
        *(Missed(one.token, one.request_id, nearest(workspace, here, one)) for one in requests if one.token in tokens),
    ]


def nearest(workspace: Workspace, here: Present, request: ErasureRequest) -> tuple[Difference, ...] | None:
    """In what the nearest spelling in the tables differs from that of the person of a request; None when nobody can say."""
    [received] = workspace.ledger.of(RequestReceived, subject=request.request_id)
    return here.spelled_nearly(received.fact.nearby)
