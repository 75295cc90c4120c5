"""What an erasure or a training did, as one JSON document, as a page of Markdown and as half-sentences for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning.entities import plain

if TYPE_CHECKING:
    from unlearning.entities import Trained
    from unlearning.erasure import Erasure
    from unlearning.stages import Training

STEPS = {
    "ImpactAssessed": "assess",
    "PlanMade": "plan",
    "DataRedacted": "redact",
    "CandidateTrained": "unlearn",
    "CandidateValidated": "validate",
    "VersionRegistered": "register",
    "AliasMoved": "promote",
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
        "impact": {key: impact[key] for key in ("records", "data_versions", "model_versions", "shards", "shards_total")},
        "checkpoints_stale": len(impact["checkpoints_stale"]),
        "models": [_model(erasure)] if erasure.promoted else [],
        "alias": plan.alias,
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
        "name": erasure.plan.model,
        "from_version": moved["from"],
        "to_version": moved["to"],
        "method": trained.method,
        "guarantee": trained.guarantee,
        "shards_retrained": trained.shards_trained,
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


def markdown(report: Mapping[str, Any]) -> str:
    """The summary as a table for people: tokens, never identifiers."""
    lines = [f"# {report['erasure_id']}", "", "| what | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows(report)]
    return "\n".join(lines)


def rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The summary as (what, value) pairs."""
    made = [("who asked", f"{short(r['token'])} ({r['state']})") for r in report["requests"]]
    made += [("records", str(report["impact"]["records"]))]
    made += [
        ("data versions that held them", _listed(f"{v['path']} {v['digest'][:8]}" for v in report["impact"]["data_versions"]))
    ]
    made += [
        ("model versions they shaped", _listed(f"{v['name']}/{v['version']}" for v in report["impact"]["model_versions"])),
        ("shards touched", shards(report["impact"]["shards"], report["impact"]["shards_total"])),
        ("stale checkpoints", str(report["checkpoints_stale"])),
    ]
    for model in report["models"]:
        made += _model_rows(model)
    made += [(f"purged from {item['place']}", str(item["count"])) for item in report["purged"]]
    made += [("left, to do by hand", f"{item['place']} ({item['count']})") for item in report["residuals"]]
    made += [("out of reach", item["place"]) for item in report["out_of_reach"]]
    made += [("seconds", ", ".join(f"{step} {value:.1f}" for step, value in report["seconds"].items()))]
    made += [("certificate", str(report["certificate"] or "one a request, see `unlearn status`"))]
    return made


def _model_rows(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    made = [
        ("method", f"{model['method']} ({model['guarantee']})"),
        ("shards retrained", f"{model['shards_retrained']} of {model['shards_total']}"),
        (f"alias {model['alias']}", f"{model['name']}/{model['from_version']} → {model['name']}/{model['to_version']}"),
    ]
    made += [
        (f"check {check['name']}", f"{check['verdict']}{_number(check['value'])}, {check['threshold']}")
        for check in model["checks"]
    ]
    return made


def short(token: str) -> str:
    """A token as people see it."""
    return f"tok_{token[:12]}"


def _number(value: float | None) -> str:
    return "" if value is None else f" {value:.3f}"


def _listed(items: Any) -> str:
    return ", ".join(items) or "none"


def shards(touched: Sequence[Mapping[str, Any]], total: int) -> str:
    """Which shards are touched, and from which slice on."""
    where = "; ".join(f"shard {s['shard']} from slice {s['first_slice']} of {s['slices']}" for s in touched)
    return f"{len(touched)} of {total}" + (f": {where}" if where else "")


def training_markdown(report: Mapping[str, Any]) -> str:
    """What a training did, for people."""
    plainly = {key: value for key, value in plain(report).items() if key not in ("checks", "metrics")}
    lines = [f"# {report['model']}/{report['version']}", "", "| what | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in (*plainly.items(), *report["metrics"].items())]
    return "\n".join(lines)


def say_loaded(work: Training) -> str:
    """Half a sentence on the training table."""
    return f"{len(work.retain.records)} records of {work.retain.people} people"


def say_fitted(trained: Trained) -> str:
    """Half a sentence on the constituents."""
    return f"{trained.shards_trained} of {len(trained.parts)} shards trained"


def say_impact(body: Mapping[str, Any]) -> str:
    """Half a sentence on what is touched."""
    people = len(body["tokens"])
    found = f"{body['records']} records of {people} people in {len(body['data_versions'])} data versions"
    return f"{found}, {len(body['shards'])} of {body['shards_total']} shards, {len(body['model_versions'])} model versions"


def say_plan(body: Mapping[str, Any]) -> str:
    """Half a sentence on what will be done."""
    if not body["tokens"]:
        return "nobody was found, nothing to change"
    if not body["retrain_model"]:
        return f"redact the data; {body['parent']['name']}/{body['parent']['version']} never saw them"
    return f"{' then '.join(body['methods'])}, from {body['parent']['name']}/{body['parent']['version']}"


def say_redacted(body: Mapping[str, Any]) -> str:
    """Half a sentence on the new data versions."""
    return f"{sum(1 for count in body['removed'].values() if count)} tables rewritten"


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
    return f"{len(paths)} reports and dvc.lock brought up to date" if paths else ""


def say_purged(body: Mapping[str, Any]) -> str:
    """Half a sentence on what went and what is left."""
    gone = sum(item["count"] for item in body["removed"])
    return f"{gone} checkpoints deleted, {len(body['residuals'])} residuals listed"
