"""Step 3, plan: which methods on which models; still nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from unlearning.domain.entities import Adoption, ModelRecord, ShapedVersion
from unlearning.domain.errors import NeedsReview, NotFound, ProjectError, Refused
from unlearning.domain.events import ImpactAssessed, PlanMade
from unlearning.domain.planning import plan as planning
from unlearning.domain.planning.order import in_order
from unlearning.domain.planning.plan import OwnPlan, Plan
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.search import Search, shaped_records
from unlearning.lineage import adoption, origins
from unlearning.lineage.shaped import superseded
from unlearning.project import plugins, preflight
from unlearning.project.holdings import adoptions
from unlearning.project.training import train
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.dvc import stages

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.workspace import Workspace

READOPT = "adopt it again with --stage NAME; or with --policy none, which lists it as left"


def check_ready(workspace: Workspace) -> None:
    """Raises WrongUse when no version serves that was trained here, or a method of the policy cannot serve it."""
    _usable_methods(workspace, record_of(workspace, parent_of(workspace)))


def own_plan(workspace: Workspace, found: Search, *, withdrawn: ModelVersion | None) -> OwnPlan:
    """What becomes of the own model. withdrawn: the version whose alias an earlier attempt took away."""
    own, parent = workspace.own, withdrawn or parent_of(workspace)
    return OwnPlan(
        model=own.model,
        alias=own.alias,
        parent=parent,
        methods=_usable_methods(workspace, record_of(workspace, parent)),
        train=own.data.train,
        retrain_model=any(shaped.model == parent for shaped, _ in shaped_records(workspace, found)),
    )


def _usable_methods(workspace: Workspace, parent: ModelRecord) -> tuple[str, ...]:
    """The ladder of the policy; a method that cannot serve this model says so before anything is changed."""
    for name in workspace.settings.policy.methods:
        plugins.method(name).plan(
            train.assignment(
                workspace, parent.chain, method=name, parent=[part.key for part in parent.trained.parts], forget=(0, 1)
            )
        )
    return tuple(workspace.settings.policy.methods)


def plan_step(erasure: Erasure, sets: RecordSets) -> Plan:
    """3: decide what will be done, of the own model and of adopted ones; still nothing is changed."""
    workspace = erasure.workspace

    def body() -> PlanMade:
        preflight.check_stores(workspace)
        found, own = sets.found, workspace.settings.own
        made = own_plan(workspace, found, withdrawn=erasure.withdrawn) if own else None
        try:
            _check_something_remains(workspace, found)
            preflight.check_owned(workspace, [path for path, rows in found.removed.items() if rows])
            shaped = erasure.done(ImpactAssessed).impact.model_versions
            adopted, before_own = _in_order(workspace, shaped, made, [version.path for version in found.current])
        except (Refused, ProjectError) as error:  # this attempt is over before anything was changed
            erasure.refuse(str(error))
            raise
        plan = Plan(
            erasure_id=erasure.erasure_id,
            tokens=erasure.done(ImpactAssessed).impact.tokens,
            before=found.current,
            suppressed_upto=workspace.ledger.head()[0],
            own=made,
            adopted=adopted,
            before_own=before_own,
        )
        return PlanMade(plan=plan)

    return erasure.once(PlanMade, body).plan


def _check_something_remains(workspace: Workspace, found: Search) -> None:
    """Raises WouldEmptyData when a table that trains a model would have no record left."""
    own, adopted = workspace.settings.own, adoptions(workspace)
    trains = {each.data.path for each in adopted.values()} | ({own.data.train} if own else set())
    for table in (version for version in found.current if version.path in trains):
        planning.check_something_remains(table=table.path, rows=table.rows, removed=found.removed[table.path])


def wanted(workspace: Workspace, shaped: Iterable[ShapedVersion]) -> dict[str, Adoption]:
    """The adopted models that have to be made again. shaped: the model versions of an impact."""
    adopted, gone = adoptions(workspace), superseded(workspace)
    named = {one.name for one in shaped if one.via and one.model not in gone}
    return {name: one for name, one in adopted.items() if name in named and one.policy == adoption.RETRAIN}


def _in_order(
    workspace: Workspace, shaped: Sequence[ShapedVersion], own: OwnPlan | None, tables: Collection[str]
) -> tuple[tuple[str, ...], int]:
    """The adopted models to make again, each after what it comes from, and how many of them before the own model.

    Raises NeedsReview, before anything is changed, for what would be refused after the training: a circle, a stage that is
    gone or reads none of the tables, a model that would be made from one which stays as they shaped it.
    """
    again = wanted(workspace, shaped)
    for name, adopted in again.items():
        _check_stage(workspace, name, adopted, tables)
    tainted = [one.model for one in shaped]
    early = own.model if own and own.retrain_model else None
    _check_parents(workspace, again, tainted, early)
    versions = {one for one in tainted if one.name == early}.union(*(origins.since(one, tainted) for one in again.values()))
    made_from = origins.made_from(workspace, versions)
    named = {origins.model(name): name for name in (*again, *([early] if early else ()))}
    order = [named[one] for one in in_order(named, made_from, early=early and origins.model(early))]
    before = order.index(early) if early else 0
    return tuple(name for name in order if name != early), before


def _check_stage(workspace: Workspace, name: str, adopted: Adoption, tables: Collection[str]) -> None:
    try:
        reads = stages.between(workspace.data, tables, adopted.stage or "")
    except NotFound as error:
        raise NeedsReview(f"{name} cannot be made again: {error}; {READOPT}") from error
    if not reads:
        raise NeedsReview(f"{name} cannot be made again: DVC stage {adopted.stage!r} reads no table of people; {READOPT}")


def _check_parents(
    workspace: Workspace, again: Mapping[str, Adoption], tainted: Sequence[ModelVersion], own: str | None
) -> None:
    """Whatever a model is made from is clean by then: never shaped by them, made again too, or replaced already."""
    current = {name: one.model for name, one in adoptions(workspace).items()}
    if mine := workspace.settings.own:
        current |= {mine.model: behind} if (behind := workspace.models.alias(mine.model, mine.alias)) else {}
    for name, adopted in again.items():
        for parent in sorted(origins.parents(workspace, origins.since(adopted, tainted)), key=str):
            made = parent.name in again or parent.name in (name, own)
            if parent in tainted and not made and current.get(parent.name, parent) in tainted:
                raise NeedsReview(
                    f"{name} was made from {parent}, which these people shaped and nothing makes again, so a new version of it "
                    f"would know them too: adopt {parent} with the stage that trains it, or {READOPT}"
                )
