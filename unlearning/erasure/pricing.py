"""What each installed method would cost on a model of the project's own, from its chain and from what former trainings took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Job, ShardChain, Trained
from unlearning.domain.entities import Empirical, ModelRecord, ShardImpact
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.events import CandidateValidated
from unlearning.domain.partition import members_of
from unlearning.domain.planning import price
from unlearning.domain.planning.price import Measured, Price
from unlearning.project import plugins, suppression
from unlearning.project.placement import placed
from unlearning.project.training import train
from unlearning.project.training.registration import unproven

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unlearning.domain.protocols import Method
    from unlearning.domain.versions import DataVersion
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


def as_now(
    workspace: Workspace, parent: ModelRecord, touched: Sequence[ShardImpact], tables: Iterable[DataVersion]
) -> tuple[ModelRecord, Sequence[ShardImpact]]:
    """The parent with as many records in each slice as its table has now, and from where the shards are trained again for it.

    tables: as they are before the erasure. Only counts are compared: a cell that was changed in place is not seen.
    """
    part, own = workspace.settings.partition, workspace.own
    now = next((one for one in tables if one.path == own.data.train), None)
    shape = {(len(shard.rows), len(parent.chain.shards)) for shard in parent.chain.shards}
    if now is None or now.digest == parent.data.digest or shape != {(part.slices, part.shards)}:
        return parent, touched
    left = {one.shard: one for one in touched}
    shards, impacts = list[ShardChain](), list[ShardImpact]()
    for shard, counted in zip(parent.chain.shards, _counted(workspace, now), strict=True):
        here, rows = left.get(shard.shard), counted.tolist()
        others = [at for at, pair in enumerate(zip(rows, shard.rows, strict=True), start=1) if pair[0] != pair[1]]
        if first := min([*others, *([here.first_slice] if here else [])], default=0):
            leave = here.records if here else 0
            rows[first - 1] += leave  # they are in the table still
            impacts.append(ShardImpact(shard.shard, first, part.slices, leave))
        shards.append(replace(shard, rows=tuple(rows)))
    return replace(parent, chain=replace(parent.chain, shards=tuple(shards))), impacts


def _counted(workspace: Workspace, table: DataVersion) -> NDArray[np.int64]:
    """(S, R) records that a training on this table would have: without whoever asked."""
    part = workspace.settings.partition
    here = workspace.path(table.path)
    file = here if workspace.rolls.content(here) == table.digest else workspace.data.fetch(table)
    people = placed(workspace, file, named=table.path)
    keep = ~people.mask(suppression.suppressed(workspace, people, workspace.ledger.head()[0]))
    where = people.where[people.codes[keep]]
    if hasattr(workspace.recipe, "gathered"):  # a record a person
        where = np.unique(where, axis=0)
    size = {"shards": part.shards, "slices": part.slices}
    _, shard, piece = members_of(where, **size, members_of_person=part.members_of_person, placement=part.placement)
    cells = np.bincount(shard * part.slices + piece, minlength=part.shards * part.slices)
    return cells.reshape(part.shards, part.slices)


def ladder(workspace: Workspace, parent: ModelRecord, touched: Sequence[ShardImpact]) -> tuple[str, ...]:
    """The methods to try in their order. Raises WrongUse where one of the policy's cannot serve the model."""
    found = prices(workspace, parent, touched)
    policy = workspace.settings.policy
    at_once = policy.answer == price.INSTANT
    return price.ladder(found, policy.listed, share=_share(parent, touched), model=workspace.own.model, at_once=at_once)


def _share(parent: ModelRecord, touched: Sequence[ShardImpact]) -> float:
    """Of the model's records, those that are to go."""
    rows = sum(sum(shard.rows) for shard in parent.chain.shards)
    return sum(one.records for one in touched) / rows if rows else 0.0


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
    why = "; ".join((*broken, *_not_tried(workspace, parent, touched, name), timed, *_moved(workspace, name)))
    if isinstance(method.guarantee, Empirical) and (row := unproven(workspace, parent)):
        why += f"; it would be version {row + 1} in a row without a proof, and what each left adds up"
    return Price(model, name, str(method.guarantee), seconds, records, not broken, why)


def _not_tried(workspace: Workspace, parent: ModelRecord, touched: Sequence[ShardImpact], name: str) -> Iterator[str]:
    """Why a method that could serve the model is not in the ladder."""
    listed = workspace.settings.policy.listed
    if _share(parent, touched) > price.MOST and name not in (price.RETRAIN, price.INSTANT):
        yield "not tried: most of the records are to go, so everything is trained again"
    elif listed is not None and name not in (*listed, price.INSTANT):
        yield "not tried: policy.methods does not list it"


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
