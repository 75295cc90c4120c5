"""Step 3, plan: which methods on which models; still nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unlearning.domain.entities import ModelRecord, ShapedVersion
from unlearning.domain.errors import ProjectError, WouldEmptyData
from unlearning.domain.events import ImpactAssessed, PlanMade
from unlearning.domain.planning import plan as planning
from unlearning.domain.planning.plan import OwnPlan, Plan
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import preflight
from unlearning.erasure.search import Search, shaped_records
from unlearning.lineage import adoption
from unlearning.lineage.shaped import superseded
from unlearning.project import plugins
from unlearning.project.holdings import adoptions
from unlearning.project.training import train
from unlearning.project.training.registration import parent_of, record_of

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.workspace import Workspace


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
        _check_something_remains(erasure, found)
        _check_owned(erasure, found)
        plan = Plan(
            erasure_id=erasure.erasure_id,
            tokens=erasure.done(ImpactAssessed).impact.tokens,
            before=found.current,
            suppressed_upto=workspace.ledger.head()[0],
            own=made,
            adopted=wanted(workspace, erasure.done(ImpactAssessed).impact.model_versions),
        )
        return PlanMade(plan=plan)

    return erasure.once(PlanMade, body).plan


def _check_something_remains(erasure: Erasure, found: Search) -> None:
    """Raises WouldEmptyData when a table that trains a model would have no record left; the attempt is over then."""
    own = erasure.workspace.settings.own
    trains = {each.data.path for each in adoptions(erasure.workspace).values()} | ({own.data.train} if own else set())
    try:
        for table in (version for version in found.current if version.path in trains):
            planning.check_something_remains(table=table.path, rows=table.rows, removed=found.removed[table.path])
    except WouldEmptyData as error:
        erasure.refuse(str(error))
        raise


def _check_owned(erasure: Erasure, found: Search) -> None:
    """Raises ProjectError when a table that holds somebody belongs to others; the attempt is over then."""
    try:
        preflight.check_owned(erasure.workspace, [path for path, rows in found.removed.items() if rows])
    except ProjectError as error:
        erasure.refuse(str(error))
        raise


def wanted(workspace: Workspace, shaped: Iterable[ShapedVersion]) -> tuple[str, ...]:
    """The adopted models that have to be made again. shaped: the model versions of an impact."""
    adopted, gone = adoptions(workspace), superseded(workspace)
    tainted = (one for one in shaped if one.via and one.model not in gone)
    named = {one.name for one in tainted if one.name in adopted}
    return tuple(sorted(name for name in named if adopted[name].policy == adoption.RETRAIN))
