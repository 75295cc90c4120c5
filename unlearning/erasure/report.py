"""What an erasure or a training did, as one value and as half-sentences for the log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain.chain import Replay, Trained
from unlearning.domain.entities import CheckResult, ShapedVersion, ShardImpact
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
from unlearning.domain.planning import cost
from unlearning.domain.spellings import Difference
from unlearning.domain.traces import Deleted, Residual, left, say_left
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.erasure.erasure import Erasure, Made
from unlearning.erasure.left import certified
from unlearning.lineage.named import NamedData
from unlearning.project.training.registration import record_of, unproven

if TYPE_CHECKING:
    from unlearning.domain.entities import Impact
    from unlearning.domain.planning.cost import Estimate
    from unlearning.domain.planning.plan import Plan
    from unlearning.project.training.stages import Training
    from unlearning.project.workspace import Workspace

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

_RENEWED = 5
"""So many certificates, renewed ones among them, are looked through for each erasure that is wanted."""

_WAITED = 3.0
"""An erasure that took so many times what its steps did has waited for somebody, or was killed and started again."""


@dataclass(frozen=True)
class Answered:
    """A request, and what came of it."""

    request_id: str
    token: str
    state: str
    certificate: str | None
    nearest: tuple[Difference, ...] | None = None
    """As of the request."""


@dataclass(frozen=True)
class Touched:
    """What the people were in."""

    records: int
    data_versions: Sequence[NamedData]
    model_versions: Sequence[ShapedVersion]
    shards: Sequence[ShardImpact]
    shards_total: int


@dataclass(frozen=True)
class Forgot:
    """How a model of the project's own forgot."""

    name: str
    from_version: int
    to_version: int
    method: str
    guarantee: str
    unproven_in_a_row: int
    """Versions without a proof that they forgot, up to this one: what each left adds up. 0 where this one has a proof."""
    shards_retrained: int
    shards_total: int
    shards_dropped: Sequence[int]
    checks: Sequence[CheckResult]
    alias: str
    replay_equal: bool | None
    training_seconds: float
    replay: Replay | None
    seconds: Mapping[str, float]

    @property
    def moved(self) -> tuple[ModelVersion, ModelVersion]:
        """The version before, and the one after."""
        return ModelVersion(self.name, self.from_version), ModelVersion(self.name, self.to_version)


@dataclass(frozen=True)
class MadeAgain:
    """How a model that was trained elsewhere was made again."""

    name: str
    from_versions: Sequence[int]
    to_version: int
    aliases: Sequence[str]
    stage: str | None
    stages: Sequence[str]
    guarantee: str
    checks: Sequence[CheckResult]
    data: DataVersion


@dataclass(frozen=True)
class Gone:
    """How much was deleted in one place."""

    place: str
    count: int


@dataclass(frozen=True)
class ErasureReport:
    """The outcome of one batch."""

    erasure_id: str
    requests: Sequence[Answered]
    impact: Touched
    checkpoints_stale: int
    models: Sequence[Forgot]
    """The project's own that were made again."""
    adopted: Sequence[MadeAgain]
    alias: str | None
    certificate: str | None
    purged: Sequence[Gone]
    residuals: Sequence[Residual]
    """What is left or unverified, as the certificate counts it."""
    out_of_reach: Sequence[Residual]
    seconds: Mapping[str, float]


def summarise(erasure: Erasure) -> ErasureReport:
    """The outcome of one batch, read from its events alone."""
    impact, plan, purged = erasure.done(ImpactAssessed).impact, erasure.plan, erasure.progress.done(Purged)
    deleted, issued = purged.deleted if purged else Deleted((), (), ()), erasure.done(CertificateIssued)
    data = [NamedData.of(one) for one in impact.data_versions]
    unfound = [one for one in erasure.requests if one.state == "not_found"]
    return ErasureReport(
        erasure_id=erasure.erasure_id,
        requests=[Answered(one.request_id, one.token, one.state, one.certificate, one.nearest) for one in erasure.requests],
        impact=Touched(impact.records, data, impact.model_versions, impact.shards, impact.shards_total),
        checkpoints_stale=len(impact.checkpoints_stale),
        models=[_forgot(erasure, made) for made in erasure.made],
        adopted=[_made_again(made, moved) for made, moved in adopted_models(erasure)],
        alias=plan.own.alias if plan.own and not plan.others else None,
        certificate=issued.path,
        purged=[Gone(one.place, one.count) for one in deleted.removed],
        residuals=left(issued.left, certified(erasure.workspace, unfound)),
        out_of_reach=deleted.out_of_reach,
        seconds=seconds(erasure),
    )


def _forgot(erasure: Erasure, made: Made) -> Forgot:
    candidate, moved, judged = made.trained, made.moved, made.judged
    trained, before = candidate.trained, record_of(erasure.workspace, made.old).trained
    return Forgot(
        name=made.own.model,
        from_version=moved.from_version,
        to_version=moved.to_version,
        method=trained.method,
        guarantee=trained.guarantee,
        unproven_in_a_row=unproven(erasure.workspace, record_of(erasure.workspace, made.new)),
        shards_retrained=max(trained.shards_trained, len(trained.changed_from(before))),
        shards_total=len(record_of(erasure.workspace, made.new).chain.shards),
        shards_dropped=trained.dropped,
        checks=judged.checks,
        alias=moved.alias,
        replay_equal=judged.replay.equal if judged.replay else None,
        training_seconds=candidate.training_seconds,
        replay=judged.replay,
        seconds=seconds(erasure),
    )


def _made_again(made: AdoptedRetrained, moved: AdoptedPromoted) -> MadeAgain:
    return MadeAgain(
        name=made.model,
        from_versions=[version.version for version in moved.versions],
        to_version=made.version,
        aliases=moved.aliases,
        stage=made.stage,
        stages=made.stages,
        guarantee=made.guarantee,
        checks=made.checks,
        data=made.data,
    )


def seconds(erasure: Erasure) -> dict[str, float]:
    """Wall seconds of each step; a step that ran twice (two methods) adds up."""
    total: dict[str, float] = {}
    for event, began in erasure.timed():
        if (step := STEPS.get(type(event.fact))) is not None:
            total[step] = round(total.get(step, 0.0) + (event.at - began).total_seconds(), 3)
    return total


def estimated(workspace: Workspace, impact: Impact) -> Estimate:
    """How long an erasure would take from its plan on, by what former erasures of this project took."""
    return cost.estimate(impact.estimated_seconds, list(_former(workspace)))


def _former(workspace: Workspace) -> Iterator[cost.Former]:
    """The latest erasures that ended, without those that waited for somebody or were killed in between."""
    issued = workspace.ledger.of(CertificateIssued, last=_RENEWED * cost.LOOKED_AT)
    ended = dict.fromkeys(event.subject for event in issued if event.fact.decision != "not_found")
    for erasure in [Erasure(workspace, one) for one in ended][-cost.LOOKED_AT :]:
        at = {type(event.fact): event.at for event in reversed(erasure.progress.events)}
        if PlanMade not in at or not erasure.plan.tokens:
            continue
        took, wall = seconds(erasure), (at[CertificateIssued] - at[PlanMade]).total_seconds()
        if wall <= _WAITED * sum(took.values()):
            training = took.get(STEPS[CandidateTrained], 0.0)
            yield cost.Former(wall, training, erasure.done(ImpactAssessed).impact.estimated_seconds)


def say_estimate(found: Estimate) -> str:
    """A sentence on the time it may take, and on what the estimate stands."""
    from_what = (
        f"from {counted(found.former, 'former erasure')} of this project"
        if found.former
        else "no erasure was measured here yet: training at the pace of the last one, the rest as in a small project"
    )
    training = f", training {duration(found.training_s)} of it" if found.training_s else ""
    return f"about {duration(found.wall_s)} from plan to certificate{training} ({from_what})"


def duration(took_s: float) -> str:
    """`8 s`, `4 min`, `2.5 h`."""
    if took_s < 90:
        return f"{max(1, round(took_s))} s"
    return f"{round(took_s / 60)} min" if took_s < 5400 else f"{took_s / 3600:.1f} h"


def stopped(workspace: Workspace) -> str:
    """After which step of an unfinished erasure somebody stopped it."""
    unfinished = [Erasure(workspace, one) for one in workspace.ledger.standing.unfinished()]
    kinds = [type(event.fact) for erasure in unfinished for event in erasure.progress.events]
    done = [STEPS[kind] for kind in kinds if kind in STEPS]
    if not done:
        return "before the first step"
    return f"after the step `{done[-1]}`, which is recorded; what was under way is done again"


def say_loaded(work: Training) -> str:
    """Half a sentence on the training table."""
    return f"{counted(work.retain.rows, 'record')} of {counted(work.retain.people, 'person')}"


def say_fitted(trained: Trained) -> str:
    """Half a sentence on the constituents."""
    spent = [f", {part.spent:.1%} of the budget spent" for part in trained.parts if part.spent is not None]
    return f"{trained.shards_trained} of {len(trained.parts)} shards trained{''.join(spent)}"


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
    if plan.others:
        again = ", ".join(plan.turns)
        return f"make {again} again" if again else "redact the data; no model that serves ever saw them"
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


def say_replayed(again: Replay) -> str:
    """Half a sentence on a training from scratch."""
    elsewhere = f", in another environment ({'; '.join(again.otherwise)})" if again.otherwise else ""
    return "same bytes" if again.equal else f"other bytes{elsewhere}" if elsewhere else "OTHER BYTES"


def say_promoted(moved: AliasMoved) -> str:
    """Half a sentence on the alias."""
    return f"{moved.alias}: version {moved.from_version} → {moved.to_version}"


def say_settled(paths: Sequence[str], *, not_run: Collection[str] = ()) -> str:
    """Half a sentence on the reports of the DVC stages, and on the user's stages that make one redacted table of another."""
    reports = f"{counted(len(paths), 'report')} and dvc.lock brought up to date" if paths else ""
    yours = f"NOT run again: your {'stage' if len(not_run) == 1 else 'stages'} {', '.join(not_run)}; see the certificate's gaps"
    return "; ".join(filter(None, (reports, yours if not_run else "")))


def say_purged(done: Deleted) -> str:
    """Half a sentence on what went."""
    gone = sum(one.count for one in done.removed)
    kept = f", {counted(done.twins, 'twin')} for old revisions" if done.twins else ""
    return f"{counted(gone, 'trace')} deleted{kept}"


def say_certified(issued: CertificateIssued) -> str:
    """Half a sentence on the certificate, and on what it lists."""
    return f"{issued.path}; {say_left(issued.left)}" if issued.path else ""


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
