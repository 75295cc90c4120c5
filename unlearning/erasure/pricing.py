"""What each installed method would cost on a model of the project's own, from its chain and from what former trainings took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from unlearning.domain.chain import Job, Trained
from unlearning.domain.entities import ModelRecord, ShardImpact
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.events import CandidateValidated
from unlearning.domain.planning import price
from unlearning.domain.planning.price import Measured, Price
from unlearning.project import plugins
from unlearning.project.training import train

if TYPE_CHECKING:
    from unlearning.domain.protocols import Method
    from unlearning.project.workspace import Workspace

LOOKED_AT = 40
"""So many versions of a model, and judgements of candidates, the latest, tell what a method costs."""


def prices(workspace: Workspace, parent: ModelRecord, touched: Sequence[ShardImpact]) -> list[Price]:
    """Of each installed method, those of the policy first. parent: the version that serves. touched: of its shards.

    Raises SettingsError for a method of the policy that is not installed, or whose hyperparameters are wrong.
    """
    listed = workspace.settings.policy.listed or ()
    names = dict.fromkeys((*listed, *plugins.names("methods")))
    found = {name: _planned(workspace, parent, name, listed=name in listed) for name in names}
    along = {name for name, (method, jobs) in found.items() if isinstance(jobs, list) and _trains_along(method, jobs)}
    former = workspace.lineage.models(workspace.own.model, deleted=None, last=LOOKED_AT)

    def measured(name: str) -> list[Measured]:
        alike = along if name in along else {name}
        return [Measured(_records(one.trained), one.trained.cpu_seconds) for one in former if one.trained.method in alike]

    return [_price(workspace, parent, touched, name, *found[name], measured(name)) for name in names]


def ladder(workspace: Workspace, parent: ModelRecord, touched: Sequence[ShardImpact]) -> tuple[str, ...]:
    """The methods to try in their order. Raises WrongUse where one of the policy's cannot serve the model."""
    rows = sum(sum(shard.rows) for shard in parent.chain.shards)
    share = sum(one.records for one in touched) / rows if rows else 0.0
    found = prices(workspace, parent, touched)
    policy = workspace.settings.policy
    at_once = policy.answer == price.INSTANT
    return price.ladder(found, policy.listed, share=share, model=workspace.own.model, at_once=at_once)


def stage_epochs(workspace: Workspace, parent: ModelRecord) -> Sequence[int]:
    """(R,) passes after each slice."""
    return workspace.learner.stage_epochs(len(parent.chain.shards[0].rows))


def _planned(workspace: Workspace, parent: ModelRecord, name: str, *, listed: bool) -> tuple[Method, list[Job] | str]:
    """The method, and its jobs, or why it cannot serve this model."""
    method = plugins.method(name)
    work = train.assignment(
        workspace, parent.chain, method=name, parent=[part.key for part in parent.trained.parts], forget=(0, 1)
    )
    try:
        return method, list(method.plan(work))
    except SettingsError as error:
        if listed:
            raise
        return method, str(error)
    except WrongUse as error:
        return method, str(error)


def _price(
    workspace: Workspace,
    parent: ModelRecord,
    touched: Sequence[ShardImpact],
    name: str,
    method: Method,
    jobs: list[Job] | str,
    former: list[Measured],
) -> Price:
    model, policy = workspace.own.model, workspace.settings.policy
    if isinstance(jobs, str):
        return Price(model, name, str(method.guarantee), None, None, False, jobs)
    epochs, passes = stage_epochs(workspace, parent), getattr(method, "passes", _passes)
    here = _due(parent, touched)
    records = price.records_of(jobs, parent.chain, epochs, here, passes(jobs[0]) if jobs else 0)
    seconds = price.seconds_of(records, former)
    kept = policy.promised is None or price.keeps(method.guarantee, policy.promised)
    broken = [] if kept else [f"{name} is {method.guarantee}, and policy.guarantee promises {policy.guarantee}"]
    if name == price.INSTANT and policy.answer != price.INSTANT and name not in (policy.listed or ()):
        broken.append("policy.answer is retrained")
    timed = "no training of its kind was measured here" if seconds is None else f"by {len(former[-price.LOOKED_AT :])} measured"
    why = "; ".join((*broken, timed, *_moved(workspace, name)))
    return Price(model, name, str(method.guarantee), seconds, records, not broken, why)


def _due(parent: ModelRecord, touched: Sequence[ShardImpact]) -> list[ShardImpact]:
    """What is trained again of the parent's shards: what is touched, and what an answer at once left behind."""
    slices = len(parent.chain.shards[0].rows)
    found = {one.shard: one for one in touched if one.shard < len(parent.chain.shards) and one.first_slice <= slices}
    for shard, at in parent.trained.behind(parent.chain).items():
        known = found.get(shard, ShardImpact(shard, at + 1, slices, 0))
        found[shard] = replace(known, first_slice=min(known.first_slice, at + 1))
    return [found[shard] for shard in sorted(found)]


def _trains_along(method: Method, jobs: list[Job]) -> bool:
    """It trains along the chain, as every training of the model does."""
    return not any(job.parent for job in jobs) and all(getattr(method, "passes", _passes)(job) for job in jobs[:1])


def _passes(job: Job) -> int:
    """How often a job passes over its records, where its method does not say."""
    return int(dict(job.params).get("epochs", 1))


def _records(trained: Trained) -> int:
    return sum(part.rows_trained for part in trained.parts)


def _moved(workspace: Workspace, method: str) -> Iterator[str]:
    """What former candidates of a method cost in utility."""
    model = workspace.own.model
    judged = [one.fact for one in workspace.ledger.of(CandidateValidated, last=LOOKED_AT)]
    moved = [
        check.value - float(before)
        for fact in judged
        if fact.method == method and fact.model in (None, model)
        for check in fact.checks
        if check.name == "utility" and check.value is not None and (before := check.details.get("before")) is not None
    ]
    if moved:
        yield f"utility moved by {median(moved):+.3g} in the median of {len(moved)}"
