"""What an erasure or a training did, as one JSON document and as half-sentences for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning.domain.lifecycle import PROMOTED, RETRAINED
from unlearning.domain.versions import data_name

if TYPE_CHECKING:
    from unlearning.domain.chain import Trained
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.training.stages import Training

STEPS = {
    "ImpactAssessed": "assess",
    "PlanMade": "plan",
    "DataRedacted": "redact",
    "CandidateTrained": "unlearn",
    "CandidateValidated": "validate",
    "VersionRegistered": "register",
    "AliasMoved": "promote",
    "AdoptedRetrained": "retrain adopted",
    "AdoptedPromoted": "promote adopted",
    "Purged": "purge",
    "CertificateIssued": "certify",
}
"""Ledger event → the step that wrote it."""


def summarise(erasure: Erasure) -> dict[str, Any]:
    """The outcome of one batch, read from its events alone."""
    impact, plan = erasure.body("ImpactAssessed"), erasure.plan
    purged = erasure.progress.step_done("Purged") or {"removed": [], "residuals": [], "out_of_reach": []}
    return {
        "erasure_id": erasure.erasure_id,
        "requests": [
            {"request_id": r.request_id, "token": r.token, "state": r.state, "certificate": r.certificate}
            for r in erasure.requests
        ],
        "impact": {
            **{key: impact[key] for key in ("records", "model_versions", "shards", "shards_total")},
            "data_versions": [{**one, "name": data_name(one["path"], one["object"])} for one in impact["data_versions"]],
        },
        "checkpoints_stale": len(impact["checkpoints_stale"]),
        "models": [_model(erasure)] if erasure.promoted else [],
        "adopted": adopted_models(erasure),
        "alias": plan.own.alias if plan.own else None,
        "certificate": erasure.body("CertificateIssued")["path"],
        "purged": [{"place": item["place"], "count": item["count"]} for item in purged["removed"]],
        "residuals": purged["residuals"],
        "out_of_reach": purged["out_of_reach"],
        "seconds": seconds(erasure),
    }


def _model(erasure: Erasure) -> dict[str, Any]:
    trained, moved = erasure.promoted, erasure.body("AliasMoved")
    report = erasure.body("CandidateValidated")
    if trained is None:
        raise RuntimeError("no candidate was promoted")
    return {
        "name": erasure.own.model,
        "from_version": moved["from"],
        "to_version": moved["to"],
        "method": trained.method,
        "guarantee": trained.guarantee,
        "shards_retrained": max(trained.shards_trained, len(trained.changed_from(erasure.parent.trained))),
        "shards_total": len(erasure.retain.chain.shards),
        "shards_dropped": list(trained.dropped),
        "checks": report["checks"],
        "alias": moved["alias"],
        "replay_equal": (report["replay"] or {}).get("equal"),
        "training_seconds": erasure.trained_body["training_seconds"],
        "replay": report["replay"],
        "seconds": seconds(erasure),
    }


def seconds(erasure: Erasure) -> dict[str, float]:
    """Wall seconds of each step; a step that ran twice (two methods) adds up."""
    total: dict[str, float] = {}
    for kind, began, ended in erasure.steps():
        if kind in STEPS:
            total[STEPS[kind]] = round(total.get(STEPS[kind], 0.0) + (ended - began).total_seconds(), 3)
    return total


def say_loaded(work: Training) -> str:
    """Half a sentence on the training table."""
    return f"{counted(len(work.retain.records), 'record')} of {counted(work.retain.people, 'person')}"


def say_fitted(trained: Trained) -> str:
    """Half a sentence on the constituents."""
    return f"{trained.shards_trained} of {len(trained.parts)} shards trained"


def say_impact(body: Mapping[str, Any]) -> str:
    """Half a sentence on what is touched."""
    who = f"{counted(body['records'], 'record')} of {counted(len(body['tokens']), 'person')}"
    data, models = (counted(len(body[f"{kind}_versions"]), f"{kind} version") for kind in ("data", "model"))
    shards = f", {len(body['shards'])} of {body['shards_total']} shards" if body["shards_total"] else ""
    return f"{who} in {data}{shards}, {models}"


def say_plan(body: Mapping[str, Any]) -> str:
    """Half a sentence on what will be done."""
    if not body["tokens"]:
        return "nobody was found, nothing to change"
    if "parent" not in body:
        return f"make {', '.join(body['adopted'])} again" if body["adopted"] else "redact the data; no model is made again"
    if not body["retrain_model"]:
        return f"redact the data; {body['parent']['name']}/{body['parent']['version']} never saw them"
    return f"{' then '.join(body['methods'])}, from {body['parent']['name']}/{body['parent']['version']}"


def say_redacted(body: Mapping[str, Any]) -> str:
    """Half a sentence on the new data versions."""
    return f"{counted(sum(1 for count in body['removed'].values() if count), 'table')} rewritten"


def say_trained(body: Mapping[str, Any]) -> str:
    """Half a sentence on the candidate."""
    parts = body["trained"]["parts"]
    return f"{sum(part['slices_trained'] > 0 for part in parts)} of {len(parts)} shards trained"


def say_validated(body: Mapping[str, Any]) -> str:
    """Half a sentence on the checks."""
    if body["passed"]:
        return (
            f"{sum(check['passed'] for check in body['checks'])} of {len(body['checks'])} checks passed, none forbids promotion"
        )
    return f"refused: {', '.join(body['blocking'])}"


def say_promoted(body: Mapping[str, Any]) -> str:
    """Half a sentence on the alias."""
    return f"{body['alias']}: version {body['from']} → {body['to']}"


def say_settled(paths: Sequence[str]) -> str:
    """Half a sentence on the reports of the DVC stages."""
    return f"{counted(len(paths), 'report')} and dvc.lock brought up to date" if paths else ""


def say_purged(body: Mapping[str, Any]) -> str:
    """Half a sentence on what went and what is left."""
    gone = sum(item["count"] for item in body["removed"])
    kept = f"{counted(body['twins'], 'twin')} for old revisions, " if body.get("twins") else ""
    return f"{counted(gone, 'trace')} deleted, {kept}{counted(len(body['residuals']), 'residual')} listed"


def say_remade(body: Mapping[str, Any]) -> str:
    """Half a sentence on the clean version."""
    return f"{body['model']}/{body['to']} by {', '.join(body['stages'])}, {len(body['checks'])} checks passed"


def say_adopted_promoted(body: Mapping[str, Any]) -> str:
    """Half a sentence on the aliases."""
    aliases = " ".join(f"@{alias}" for alias in body["aliases"]) or "no alias"
    return f"{aliases} → {body['model']}/{body['to']}"


def adopted_models(erasure: Erasure) -> list[dict[str, Any]]:
    """What became of adopted models, by name."""
    found = []
    for name in erasure.plan.adopted:
        made, moved = erasure.progress.step_done(RETRAINED, model=name), erasure.progress.step_done(PROMOTED, model=name)
        if made and moved:
            old = [one["version"] for one in moved["from"]]
            facts = {key: made[key] for key in ("stage", "stages", "guarantee", "checks", "data")}
            found.append({"name": name, "from_versions": old, "to_version": made["to"], "aliases": moved["aliases"], **facts})
    return found


def counted(number: int, noun: str) -> str:
    """`1 record`, `2 records`, `3 people`."""
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
