"""What an erasure or a training did, as one JSON document and as half-sentences for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unlearning.domain.codec import write
from unlearning.domain.events import (
    AdoptedPromoted,
    AdoptedRetrained,
    AliasMoved,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    Fact,
    ImpactAssessed,
    PlanMade,
    Purged,
    VersionRegistered,
)
from unlearning.domain.traces import Deleted

if TYPE_CHECKING:
    from unlearning.domain.chain import Trained
    from unlearning.domain.entities import Impact
    from unlearning.domain.planning.plan import Plan
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.training.stages import Training

STEPS: dict[type[Fact], str] = {
    ImpactAssessed: "assess",
    PlanMade: "plan",
    DataRedacted: "redact",
    CandidateTrained: "unlearn",
    CandidateValidated: "validate",
    VersionRegistered: "register",
    AliasMoved: "promote",
    AdoptedRetrained: "retrain adopted",
    AdoptedPromoted: "promote adopted",
    Purged: "purge",
    CertificateIssued: "certify",
}
"""Ledger event → the step that wrote it."""


def summarise(erasure: Erasure, sets: RecordSets) -> dict[str, Any]:
    """The outcome of one batch as a JSON document, read from its events alone."""
    impact, plan, purged = erasure.done(ImpactAssessed).impact, erasure.plan, erasure.progress.done(Purged)
    deleted = purged.deleted if purged else Deleted((), (), ())
    return {
        "erasure_id": erasure.erasure_id,
        "requests": [
            {"request_id": r.request_id, "token": r.token, "state": r.state, "certificate": r.certificate}
            for r in erasure.requests
        ],
        "impact": {
            "records": impact.records,
            "data_versions": [{**write(one), "name": one.name} for one in impact.data_versions],
            "model_versions": write(impact.model_versions),
            "shards": write(impact.shards),
            "shards_total": impact.shards_total,
        },
        "checkpoints_stale": len(impact.checkpoints_stale),
        "models": [_model(erasure, sets, trained)] if (trained := erasure.candidate) else [],
        "adopted": [_adopted(made, moved) for made, moved in adopted_models(erasure)],
        "alias": plan.own.alias if plan.own else None,
        "certificate": erasure.done(CertificateIssued).path,
        "purged": [{"place": one.place, "count": one.count} for one in deleted.removed],
        "residuals": write(deleted.residuals),
        "out_of_reach": write(deleted.out_of_reach),
        "seconds": seconds(erasure),
    }


def _model(erasure: Erasure, sets: RecordSets, candidate: CandidateTrained) -> dict[str, Any]:
    trained, moved, judged = candidate.trained, erasure.done(AliasMoved), erasure.done(CandidateValidated)
    return {
        "name": erasure.own.model,
        "from_version": moved.from_version,
        "to_version": moved.to_version,
        "method": trained.method,
        "guarantee": trained.guarantee,
        "shards_retrained": max(trained.shards_trained, len(trained.changed_from(sets.parent.trained))),
        "shards_total": len(sets.retain.chain.shards),
        "shards_dropped": list(trained.dropped),
        "checks": write(judged.checks),
        "alias": moved.alias,
        "replay_equal": judged.replay.equal if judged.replay else None,
        "training_seconds": candidate.training_seconds,
        "replay": write(judged.replay),
        "seconds": seconds(erasure),
    }


def _adopted(made: AdoptedRetrained, moved: AdoptedPromoted) -> dict[str, Any]:
    return {
        "name": made.model,
        "from_versions": [version.version for version in moved.versions],
        "to_version": made.version,
        "aliases": list(moved.aliases),
        "stage": made.stage,
        "stages": list(made.stages),
        "guarantee": made.guarantee,
        "checks": write(made.checks),
        "data": write(made.data),
    }


def seconds(erasure: Erasure) -> dict[str, float]:
    """Wall seconds of each step; a step that ran twice (two methods) adds up."""
    total: dict[str, float] = {}
    for event, began in erasure.timed():
        if (step := STEPS.get(type(event.fact))) is not None:
            total[step] = round(total.get(step, 0.0) + (event.at - began).total_seconds(), 3)
    return total


def say_loaded(work: Training) -> str:
    """Half a sentence on the training table."""
    return f"{counted(len(work.retain.records), 'record')} of {counted(work.retain.people, 'person')}"


def say_fitted(trained: Trained) -> str:
    """Half a sentence on the constituents."""
    return f"{trained.shards_trained} of {len(trained.parts)} shards trained"


def say_impact(impact: Impact) -> str:
    """Half a sentence on what is touched."""
    who = f"{counted(impact.records, 'record')} of {counted(len(impact.tokens), 'person')}"
    data, models = counted(len(impact.data_versions), "data version"), counted(len(impact.model_versions), "model version")
    shards = f", {len(impact.shards)} of {impact.shards_total} shards" if impact.shards_total else ""
    return f"{who} in {data}{shards}, {models}"


def say_plan(plan: Plan) -> str:
    """Half a sentence on what will be done."""
    if not plan.tokens:
        return "nobody was found, nothing to change"
    if plan.own is None:
        return f"make {', '.join(plan.adopted)} again" if plan.adopted else "redact the data; no model is made again"
    if not plan.own.retrain_model:
        return f"redact the data; {plan.own.parent} never saw them"
    return f"{' then '.join(plan.own.methods)}, from {plan.own.parent}"


def say_redacted(done: DataRedacted) -> str:
    """Half a sentence on the new data versions."""
    return f"{counted(sum(1 for count in done.removed.values() if count), 'table')} rewritten"


def say_validated(judged: CandidateValidated) -> str:
    """Half a sentence on the checks."""
    if judged.passed:
        return f"{sum(one.passed for one in judged.checks)} of {len(judged.checks)} checks passed, none forbids promotion"
    return f"refused: {', '.join(judged.blocking)}"


def say_promoted(moved: AliasMoved) -> str:
    """Half a sentence on the alias."""
    return f"{moved.alias}: version {moved.from_version} → {moved.to_version}"


def say_settled(paths: Sequence[str]) -> str:
    """Half a sentence on the reports of the DVC stages."""
    return f"{counted(len(paths), 'report')} and dvc.lock brought up to date" if paths else ""


def say_purged(done: Deleted) -> str:
    """Half a sentence on what went and what is left."""
    gone = sum(one.count for one in done.removed)
    kept = f"{counted(done.twins, 'twin')} for old revisions, " if done.twins else ""
    return f"{counted(gone, 'trace')} deleted, {kept}{counted(len(done.residuals), 'residual')} listed"


def say_remade(made: AdoptedRetrained) -> str:
    """Half a sentence on the clean version."""
    return f"{made.model}/{made.version} by {', '.join(made.stages)}, {len(made.checks)} checks passed"


def say_adopted_promoted(moved: AdoptedPromoted) -> str:
    """Half a sentence on the aliases."""
    aliases = " ".join(f"@{alias}" for alias in moved.aliases) or "no alias"
    return f"{aliases} → {moved.model}/{moved.version}"


def adopted_models(erasure: Erasure) -> list[tuple[AdoptedRetrained, AdoptedPromoted]]:
    """What became of adopted models, by name."""
    progress = erasure.progress
    found = (
        (progress.done(AdoptedRetrained, model=one), progress.done(AdoptedPromoted, model=one)) for one in erasure.plan.adopted
    )
    return [(made, moved) for made, moved in found if made and moved]


def counted(number: int, noun: str) -> str:
    """`1 record`, `2 records`, `3 people`."""
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
