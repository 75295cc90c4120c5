"""Step 3, plan: which methods on which models; still nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from unlearning.domain.derivation import reached
from unlearning.domain.entities import Adoption, Impact, ShapedVersion
from unlearning.domain.errors import NeedsReview, NotFound, ProjectError, Refused
from unlearning.domain.events import ImpactAssessed, PlanMade
from unlearning.domain.planning import plan as planning
from unlearning.domain.planning.order import in_order
from unlearning.domain.planning.plan import OwnPlan, Plan
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import pricing
from unlearning.erasure.search import Search, shaped_records
from unlearning.erasure.steps import assess
from unlearning.lineage import adoption, origins
from unlearning.lineage.shaped import superseded
from unlearning.project import preflight
from unlearning.project.holdings import adoptions
from unlearning.project.training.registration import parent_of, record_of
from unlearning.stores.dvc import stages

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.project.workspace import Workspace

READOPT = "adopt it again with --stage NAME; or with --policy none, which lists it as left"


def check_ready(workspace: Workspace) -> None:
    """Raises WrongUse when no version serves that was trained here, or a method of the policy cannot serve it."""
    for one in _ever_trained(workspace):
        pricing.ladder(one, record_of(one, parent_of(one)), ())


def _ever_trained(workspace: Workspace) -> list[Workspace]:
    """The own models that can know somebody; one of several that was never trained keeps nobody waiting."""
    each = workspace.each
    return [one for one in each if len(each) == 1 or one.lineage.models(one.own.model, deleted=None)]


def own_plan(workspace: Workspace, found: Search, *, withdrawn: ModelVersion | None) -> OwnPlan:
    """What becomes of the own model in view. withdrawn: the version whose alias an earlier attempt took away."""
    own, parent = workspace.own, withdrawn or parent_of(workspace)
    record, touched = pricing.as_now(
        workspace, record_of(workspace, parent), assess.touched(workspace, found).shards, found.current
    )
    return OwnPlan(
        model=own.model,
        alias=own.alias,
        parent=parent,
        methods=pricing.ladder(workspace, record, touched),
        train=own.data.train,
        retrain_model=any(shaped.model == parent for shaped, _ in shaped_records(workspace, found)),
    )


def plan_step(erasure: Erasure, sets: RecordSets) -> Plan:
    """3: decide what will be done, of the own model and of adopted ones; still nothing is changed."""
    workspace = erasure.workspace

    def body() -> PlanMade:
        preflight.check_stores(workspace)
        found, impact = sets.found, erasure.done(ImpactAssessed).impact
        withdrawn = {one.own.model: erasure.of(one.own.model).withdrawn for one in _ever_trained(workspace)}
        try:
            plan = make(workspace, erasure.erasure_id, impact, found, withdrawn)
            _check_shown(erasure, plan)
        except (Refused, ProjectError) as error:  # this attempt is over before anything was changed
            erasure.refuse(str(error))
            raise
        return PlanMade(plan=plan)

    return erasure.once(PlanMade, body).plan


def make(
    workspace: Workspace,
    erasure_id: str,
    impact: Impact,
    found: Search,
    withdrawn: Mapping[str, ModelVersion | None] = MappingProxyType({}),
) -> Plan:
    """The plan of an erasure, as things are now. withdrawn: own model → the version whose alias an earlier attempt took away.

    Raises Refused, or an error of a kind of it, where nothing could be carried out; WrongUse where no method may be used.
    """
    made = [own_plan(one, found, withdrawn=withdrawn.get(one.own.model)) for one in _ever_trained(workspace)]
    _check_something_remains(workspace, found)
    _check_named(workspace, found)
    preflight.check_owned(workspace, [path for path, rows in found.removed.items() if rows])
    order = _in_order(workspace, impact.model_versions, made, [version.path for version in found.current])
    ours = {own.model for own in made}
    return Plan(
        erasure_id=erasure_id,
        tokens=impact.tokens,
        before=found.current,
        suppressed_upto=workspace.ledger.head()[0],
        own=made[0] if made else None,
        adopted=tuple(name for name in order if name not in ours),
        before_own=_before(order, ours),
        others=tuple(made[1:]),
        order=order if made[1:] else (),
    )


def _check_shown(erasure: Erasure, plan: Plan) -> None:
    """Raises Refused where only a plan that somebody saw may be carried out, and this is another one."""
    shown = erasure.started.plan
    if shown and plan.content != shown:
        raise Refused(
            f"plan {shown[:12]}… is stale: tables, versions or methods of {erasure.erasure_id} moved since it was shown; look "
            "at the present one with `unlearn plan`"
        )


def _check_something_remains(workspace: Workspace, found: Search) -> None:
    """Raises WouldEmptyData when a table that trains a model would have no record left."""
    owns, adopted = workspace.settings.owns, adoptions(workspace)
    trains = {each.data.path for each in adopted.values()} | {own.data.train for own in owns}
    for table in (version for version in found.current if version.path in trains):
        planning.check_something_remains(table=table.path, rows=table.rows, removed=found.removed[table.path])


def _check_named(workspace: Workspace, found: Search) -> None:
    """Raises NeedsReview where a version that these people shaped serves, of a model that params.yaml no longer names."""
    named = {own.model for own in workspace.settings.owns} | adoptions(workspace).keys()
    for record, _ in shaped_records(workspace, found):
        if (model := record.model).name in named:
            continue
        if behind := sorted(
            alias for alias, version in workspace.models.aliases(model.name).items() if version == model.version
        ):
            raise NeedsReview(
                f"{model} was trained here, these people shaped it, and it serves as {' '.join(f'@{one}' for one in behind)}; "
                "but params.yaml names it no more, so nothing would make it again without them. Write its lines again, as "
                f"`models: {{{model.name}: {{recipe: 'PATH.py:recipe'}}}}`; or take its aliases away, and it is deleted"
            )


def _before(order: Sequence[str], ours: Collection[str]) -> int:
    """How many adopted models come before the last own one."""
    last = max((place for place, name in enumerate(order) if name in ours), default=0)
    return sum(name not in ours for name in order[:last])


def wanted(workspace: Workspace, shaped: Iterable[ShapedVersion]) -> dict[str, Adoption]:
    """The adopted models that have to be made again. shaped: the model versions of an impact."""
    adopted, gone = adoptions(workspace), superseded(workspace)
    named = {one.name for one in shaped if one.via and one.model not in gone}
    return {name: one for name, one in adopted.items() if name in named and one.policy == adoption.RETRAIN}


def _in_order(
    workspace: Workspace, shaped: Sequence[ShapedVersion], owns: Sequence[OwnPlan], tables: Collection[str]
) -> tuple[str, ...]:
    """The models to make again, each after what it comes from, and own ones as soon as they can be.

    Raises NeedsReview, before anything is changed, for what would be refused after the training: a circle, a stage that is
    gone or reads none of the tables, a model that would be made from one which stays as they shaped it.
    """
    again = wanted(workspace, shaped)
    for name, adopted in again.items():
        _check_stage(workspace, name, adopted, tables)
    tainted = [one.model for one in shaped]
    early = [own.model for own in owns if own.retrain_model]
    _check_parents(workspace, again, tainted, early)
    made_from = _made_from(workspace, again, tainted, early)
    named = {origins.model(name): name for name in (*again, *early)}
    return tuple(named[one] for one in in_order(named, made_from, early=[*map(origins.model, early)]))


def _made_from(
    workspace: Workspace, again: Mapping[str, Adoption], tainted: Sequence[ModelVersion], own: Collection[str]
) -> Mapping[str, set[str]]:
    versions = {one for one in tainted if one.name in own}.union(*(origins.since(one, tainted) for one in again.values()))
    return origins.made_from(workspace, versions)


def coming_from(erasure: Erasure, sources: Collection[str]) -> frozenset[str]:
    """The models of a plan that come from any of these, over whatever lies between."""
    plan, adopted = erasure.plan, adoptions(erasure.workspace)
    tainted = [one.model for one in erasure.done(ImpactAssessed).impact.model_versions]
    made_from = _made_from(erasure.workspace, {name: adopted[name] for name in plan.adopted}, tainted, plan.retrained)
    start = set(map(origins.model, sources))
    return frozenset(
        name
        for name in set(plan.turns).difference(sources)
        if start & reached([origins.model(name)], lambda one: made_from.get(one) or ()).keys()
    )


def _check_stage(workspace: Workspace, name: str, adopted: Adoption, tables: Collection[str]) -> None:
    try:
        reads = stages.between(workspace.data, tables, adopted.stage or "")
    except NotFound as error:
        raise NeedsReview(f"{name} cannot be made again: {error}; {READOPT}") from error
    if not reads:
        raise NeedsReview(f"{name} cannot be made again: DVC stage {adopted.stage!r} reads no table of people; {READOPT}")


def _check_parents(
    workspace: Workspace, again: Mapping[str, Adoption], tainted: Sequence[ModelVersion], own: Collection[str]
) -> None:
    """Whatever a model is made from is clean by then: never shaped by them, made again too, or replaced already."""
    current = {name: one.model for name, one in adoptions(workspace).items()}
    for mine in workspace.settings.owns:
        current |= {mine.model: behind} if (behind := workspace.models.alias(mine.model, mine.alias)) else {}
    for name, adopted in again.items():
        for parent in sorted(origins.parents(workspace, origins.since(adopted, tainted)), key=str):
            made = parent.name in again or parent.name in (name, *own)
            if parent in tainted and not made and current.get(parent.name, parent) in tainted:
                raise NeedsReview(
                    f"{name} was made from {parent}, which these people shaped and nothing makes again, so a new version of it "
                    f"would know them too: adopt {parent} with the stage that trains it, or {READOPT}"
                )
