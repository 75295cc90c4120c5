"""The erasure flow: from open requests to a clean, validated, promoted model version and a signed certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from unlearning.domain.chain import Replay, Trained
from unlearning.domain.errors import MethodFailed, ParentMoved, Refused, ValidationRefused, begun, needing_room
from unlearning.domain.events import AliasMoved, CandidateValidated, ImpactAssessed, PlanMade, Purged
from unlearning.entrypoints import presentation
from unlearning.entrypoints.flows import telling
from unlearning.entrypoints.flows.embedded import answering
from unlearning.entrypoints.flows.runners import asking, runner
from unlearning.entrypoints.flows.steps import at_home, mapped, progress, step, warm
from unlearning.erasure import batches, decisions, not_run_again, planner, report, second_look
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import adopted, assess, certify, heal, plan, promote, purge, redact, unlearn, validate
from unlearning.lineage import openlineage
from unlearning.project.training.train import replay as train_again
from unlearning.project.workspace import Workspace, open_workspace
from unlearning.stores.mlflow.connection import quiet

ATTEMPTS = 3
"""How often an erasure is planned again because another one moved the alias or the data first."""


@flow(name="erase", flow_run_name="erase", persist_result=False, log_prints=False)
def erase(
    root: str = ".",
    requests: list[str] | None = None,
    replay: bool = False,
    full_replay: bool = False,
    quick: bool = False,
    at_once: bool = False,
    plan: str | None = None,
) -> list[report.ErasureReport]:
    """Carry out the open requests of a project, or the named ones: one summary a batch.

    requests: opaque request ids, never identifiers. replay: also train the touched shards again from scratch and compare.
    full_replay: every shard, which measures a full retraining. quick: without the second look; the certificate says so.
    at_once: also requests that `policy.batch` lets wait for others.
    plan: the digest of a plan that was shown: that one alone is carried out, and refused when anything moved since.
    """
    how = {"replay": replay or full_replay, "every_shard": full_replay, "quick": quick}
    return at_home(root, lambda: _erase(open_workspace(Path(root)), requests or [], how, at_once=at_once, shown=plan))


def _erase(
    workspace: Workspace,
    requests: Sequence[str],
    how: Mapping[str, bool],
    *,
    at_once: bool = False,
    shown: str | None = None,
) -> list[report.ErasureReport]:
    done: list[report.ErasureReport] = []
    refused: list[Refused] = []
    people = telling.Told(workspace)
    one = [planner.begin(workspace, shown)] if shown else batches.batches(workspace, requests, at_once=at_once)
    for erasure in one:
        try:
            summary = _alone(workspace, erasure, **how, shown=shown)
        except Refused as error:  # the next batch does not wait for this one
            progress.info("  refused  %s", erasure.erasure_id)
            refused.append(error)
            people.refused(erasure.erasure_id)
        else:
            people.ended(summary)
            create_markdown_artifact(presentation.markdown(summary), key="erasure", description="What one erasure did")
            done.append(summary)
    if refused:
        raise refused[0]
    return done


def run(
    workspace: Workspace,
    requests: list[str],
    *,
    replay: bool = False,
    full_replay: bool = False,
    quick: bool = False,
    at_once: bool = False,
    plan: str | None = None,
) -> list[report.ErasureReport]:
    """The flow on the task runner that `params.yaml` names."""
    warm(workspace)
    configured = erase.with_options(task_runner=runner(workspace.settings.run))
    with answering(), asking(workspace.settings.run), quiet():
        how = {"replay": replay, "full_replay": full_replay, "quick": quick, "at_once": at_once}
        return configured(root=str(workspace.root), requests=requests, plan=plan, **how)


def _alone(
    workspace: Workspace, erasure: Erasure, *, replay: bool, every_shard: bool, quick: bool, shown: str | None
) -> report.ErasureReport:
    """One process at a time for one batch: a second one waits, and then finds every step done."""
    with (
        needing_room(),
        begun(erasure.erasure_id, "run `unlearn erase`"),
        workspace.ledger.exclusive(erasure.erasure_id),
        openlineage.reported(workspace, "erase", erasure=erasure.erasure_id) as told,
    ):
        summary = _carry_out(workspace, erasure, shown, replay=replay, every_shard=every_shard, quick=quick)
        redacted = Erasure(workspace, erasure.erasure_id).redacted
        openlineage.tell_erasure(workspace, told, [made.moved for made in summary.models], redacted)
        return summary


def _carry_out(workspace: Workspace, erasure: Erasure, shown: str | None, **how: bool) -> report.ErasureReport:
    for _ in range(ATTEMPTS - 1):
        try:
            return _steps(erasure, **how)
        except ParentMoved as moved:
            if shown:
                raise _stale(erasure, shown, moved) from moved
            progress.info("planning again: %s", moved)
            batches.start(erasure, erasure.started.requests)
            erasure = Erasure(workspace, erasure.erasure_id, erasure.clock)
    return _steps(erasure, **how)


def _stale(erasure: Erasure, shown: str, moved: ParentMoved) -> Refused:
    """What was shown cannot be carried out any more, and nobody saw what would be in its place: this attempt is over."""
    erasure.refuse(f"plan {shown[:12]}… is stale: {moved}")
    return Refused(
        f"plan {shown[:12]}… of {erasure.erasure_id} is stale: {moved}. Look at the present one with `unlearn plan`, or let "
        "`unlearn erase` plan anew"
    )


def _steps(erasure: Erasure, *, replay: bool, every_shard: bool, quick: bool) -> report.ErasureReport:
    sets, identifiers = RecordSets(erasure), tuple[str, ...]()
    _check_named(erasure)
    step("2 assess", lambda: assess.assess_step(erasure, sets), say=report.say_impact)
    step("3 plan", lambda: plan.plan_step(erasure, sets), say=report.say_plan)
    if erasure.plan.tokens:
        progress.info("  %s", report.say_estimate(report.estimated(erasure.workspace, erasure.done(ImpactAssessed).impact)))
        decisions.require_approved(erasure)
        step("4 redact", lambda: redact.redact_step(erasure), say=report.say_redacted)
        _make_again(erasure, sets, replay=replay, every_shard=every_shard)
        not_run = not_run_again.not_run(erasure)
        step("  settle", lambda: promote.settle_step(erasure), say=partial(report.say_settled, not_run=not_run))
        identifiers = second_look.identifiers(erasure)
        step("8 purge", lambda: purge.purge_step(erasure, sets, identifiers=identifiers), say=report.say_purged)
        _heal(erasure, sets)
    step("9 certify", lambda: certify.certify_step(erasure, identifiers=identifiers, quick=quick), say=report.say_certified)
    return report.summarise(erasure)


def _check_named(erasure: Erasure) -> None:
    """Raises ParentMoved where params.yaml no longer names a model that was planned for: what becomes of it is decided anew."""
    made = erasure.progress.done(PlanMade)
    named = {own.model for own in erasure.workspace.settings.owns}
    if made and (gone := [own.model for own in made.plan.owns if own.model not in named]) and not erasure.progress.done(Purged):
        raise ParentMoved(f"params.yaml names {', '.join(gone)} no more")


def _make_again(erasure: Erasure, sets: RecordSets, *, replay: bool, every_shard: bool) -> None:
    """5 to 7 of every model in its turn: one that is refused holds back none that does not come from it.

    Raises ValidationRefused once every one had its turn.
    """
    plan_made, refused, held = erasure.plan, dict[str, ValidationRefused](), frozenset[str]()
    feeding = plan_made.adopted[: plan_made.before_own]
    for name in plan_made.turns:
        if name in held:
            progress.info("  waits  %s: it comes from %s", name, " or ".join(refused))
            continue
        try:
            if name in plan_made.retrained:
                _unlearn(erasure.of(name), sets, replay=replay, every_shard=every_shard)
            else:
                _remake(erasure, sets, name)
        except ValidationRefused as error:
            progress.info("  refused  %s: %s", name, error.reason)
            refused[name] = error
            if name in feeding:  # the last of them makes the own tables that come of any
                held |= plan.coming_from(erasure, feeding)
    if refused:
        if served := [name for name in plan_made.retrained if erasure.of(name).said(AliasMoved)]:
            step("  settle", lambda: promote.settle_step(erasure, served), say=report.say_settled)
        raise validate.give_up(erasure, refused)


def _unlearn(erasure: Erasure, whole: RecordSets, *, replay: bool, every_shard: bool) -> None:
    """An own model, by the methods of its policy; raises ValidationRefused when no candidate passed."""
    sets, of = whole.of(erasure), f" {erasure.model}" if erasure.plan.others else ""
    trained, judged = _climb(erasure, sets, of, replay=replay, every_shard=every_shard)
    step(f"7 promote{of}", lambda: promote.promote_step(erasure, sets, trained, judged.metrics), say=report.say_promoted)


def _heal(erasure: Erasure, sets: RecordSets) -> None:
    """Own models that were answered for at once: a second version of each, of all that is retained."""
    late = [made for made in erasure.made if heal.behind(erasure.of(made.own.model), made)]
    for made in late:
        view = erasure.of(made.own.model)
        do = partial(heal.heal_step, view, sets.of(view), made, map=mapped)
        step(f"  heal{f' {view.model}' if erasure.plan.others else ''}", do, say=report.say_healed)
    if late:
        step("  settle", lambda: promote.settle_step(erasure), say=report.say_settled)


def _remake(erasure: Erasure, sets: RecordSets, name: str) -> None:
    """A model that was trained elsewhere, by its own stage; raises ValidationRefused when no clean version came of it."""
    workspace = erasure.workspace
    with openlineage.reported(workspace, f"erase.{name}", erasure=erasure.erasure_id) as told:
        made = step(f"5 retrain {name}", lambda: adopted.remake_step(erasure, name), say=report.say_remade)
        moved = step(f"7 promote {name}", lambda: adopted.promote_step(erasure, sets, name), say=report.say_adopted_promoted)
        openlineage.tell_remade(workspace, told, made, moved)


def _climb(
    erasure: Erasure, sets: RecordSets, of: str, *, replay: bool, every_shard: bool
) -> tuple[Trained, CandidateValidated]:
    """Methods of the policy in order, until a candidate passes; raises ValidationRefused when none does."""
    for method in erasure.own.methods:
        try:
            trained, judged = _attempt(erasure, sets, method, of, replay=replay, every_shard=every_shard)
        except MethodFailed as error:
            progress.info("  failed  %s", error)
            judged = validate.failed_step(erasure, method, error)
            continue
        if judged.passed:
            return trained, judged
    raise validate.refuse(erasure, judged)


def _attempt(
    erasure: Erasure, sets: RecordSets, method: str, of: str, *, replay: bool, every_shard: bool
) -> tuple[Trained, CandidateValidated]:
    name = f"5 unlearn{of} ({method})"
    trained = step(name, lambda: unlearn.unlearn_step(erasure, sets, method, map=mapped), say=report.say_fitted)
    again = _replay(erasure, sets, trained, every_shard=every_shard) if replay else None
    judged = step(f"6 validate{of}", lambda: validate.validate_step(erasure, sets, trained, again), say=report.say_validated)
    return trained, judged


def _replay(erasure: Erasure, sets: RecordSets, trained: Trained, *, every_shard: bool) -> Replay | None:
    """Only an exact method claims that training from scratch gives the same bytes; a shard that left the vote has none."""
    shards = {part.shard for part in trained.parts} if every_shard else trained.changed_from(sets.parent.trained)
    if trained.guarantee != "exact" or not shards:
        return None
    workspace, retain = erasure.workspace, sets.retain
    return step(
        "  replay from scratch",
        lambda: train_again(workspace, retain, trained, shards=shards, map=mapped),
        say=report.say_replayed,
    )
