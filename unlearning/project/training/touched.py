"""The training set that an erasure leaves, read where it touches it: the other shards are those of the parent's chain.

A shard's keys are a function of its own records. Where the parent was trained on the very version that was redacted, under the
same recipe and partition, a shard of which nobody left has the keys that it had. What is read is compared with what the parent
says of it: a touched shard must have the parent's keys once who left is put back. Whenever anything is otherwise, all is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.errors import NotFound
from unlearning.domain.partition import Places, shard_and_slice
from unlearning.project import suppression
from unlearning.project.people import read_some
from unlearning.project.placement import grouped, placed
from unlearning.project.training.training_set import TrainingSet, arranged, encoded_rows
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from unlearning.domain.chain import Chain
    from unlearning.domain.entities import ModelRecord
    from unlearning.domain.protocols import Records
    from unlearning.domain.versions import DataVersion
    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll


@dataclass(frozen=True)
class Redaction:
    """A training table before and after this package took people out of it."""

    before: DataVersion
    after: DataVersion
    tokens: Collection[str]
    """Index tokens of those who left."""


def touched_set(
    workspace: Workspace,
    parent: ModelRecord,
    redaction: Redaction,
    *,
    suppressed_upto: int,
    everybody: Callable[[], TrainingSet],
) -> TrainingSet | None:
    """What `training_set` gives, with the records of the touched shards alone; None where nobody can be sure of the others.

    suppressed_upto: ledger position as of which people are left out. everybody: the same with the records of all shards.
    """
    before, path = redaction.before, workspace.path(redaction.after.path)
    if not _comparable(workspace, parent, before) or workspace.rolls.content(path) != redaction.after.digest:
        return None
    try:
        old = workspace.data.fetch(before)
    except NotFound:
        return None
    typed = tables.schemas(path, named=before.path)
    if typed is None or typed != tables.schemas(old, named=before.path):
        return None
    return _read(workspace, parent, redaction, (old, path), suppressed_upto, everybody)


def _comparable(workspace: Workspace, parent: ModelRecord, before: DataVersion) -> bool:
    """The parent was made of this version as it would be made now, a record a row, each in one of several shards."""
    part, chain = workspace.settings.partition, parent.chain
    return (
        parent.data.digest == before.digest
        and (chain.recipe, chain.seed) == (workspace.recipe_digest, part.seed)
        and {len(shard.rows) for shard in chain.shards} == {part.slices}
        and len(chain.shards) == part.shards > 1
        and chain.members_of_person == part.members_of_person == 1
        and chain.placement == part.placement
        and not hasattr(workspace.recipe, "gathered")
    )


def _read(
    workspace: Workspace,
    parent: ModelRecord,
    redaction: Redaction,
    files: tuple[Path, Path],
    upto: int,
    everybody: Callable[[], TrainingSet],
) -> TrainingSet | None:
    named = redaction.before.path
    was, who = (placed(workspace, file, named=named) for file in files)
    gone = was.mask(redaction.tokens)
    keep = ~who.mask(suppression.suppressed(workspace, who, upto))
    shards = _touched(parent.chain, who, keep, was.where[was.codes[gone]])
    if not _alike(was, ~gone, who) or 2 * len(shards) > len(parent.chain.shards):
        return None
    here = np.isin(_cells(parent.chain, who.where)[0], sorted(shards))[who.codes]
    held = _encoded(workspace, files[1], who, here, parent.suppressed_upto, named=named)
    left = _encoded(workspace, files[0], was, gone, parent.suppressed_upto, named=named)
    if held is None or left is None:
        return None
    then = arranged(
        workspace,
        held.records[held.then].followed_by(left.records[left.then]),
        np.concatenate((held.where[held.then], left.where[left.then])),
    )
    now = arranged(workspace, held.records[keep[here]], held.where[keep[here]])
    if any(then.chain.shards[shard] != parent.chain.shards[shard] for shard in shards):
        return None
    pairs = zip(parent.chain.shards, now.chain.shards, strict=True)
    return TrainingSet(
        records=now.records,
        chain=replace(now.chain, shards=tuple(new if new.shard in shards else old for old, new in pairs)),
        people=int(np.count_nonzero(np.bincount(who.codes[keep]))),
        excluded=int((~keep).sum()),
        shards=shards,
        everybody=everybody,
    )


def _alike(was: Roll, kept: NDArray[np.bool_], who: Roll) -> bool:
    """Row by row, those that were kept are placed as the rows now are: told person by person where each is one in both."""
    old = was.codes[kept]
    if len(old) != len(who.codes):
        return False
    then = np.zeros(len(who.tokens), dtype=np.int64)
    then[who.codes] = old
    if np.array_equal(then[who.codes], old):
        old, now = then, np.arange(len(then))
    else:
        now = who.codes
    return np.array_equal(was.where[old], who.where[now])


def _touched(parent: Chain, who: Roll, keep: NDArray[np.bool_], gone: Places) -> frozenset[int]:
    """The shards that somebody left, is left out of, or that have other numbers of records than the parent says.

    A shard where nobody is left out now, with as many records in every slice as the parent had, left nobody out then.
    """
    shard, piece = (cell[who.codes] for cell in _cells(parent, who.where))
    size = len(parent.shards), len(parent.shards[0].rows)
    rows = np.bincount((shard * size[1] + piece)[keep], minlength=size[0] * size[1]).reshape(size)
    other = (rows != np.array([one.rows for one in parent.shards])).any(axis=1)
    return frozenset(np.concatenate((np.flatnonzero(other), shard[~keep], _cells(parent, gone)[0])).tolist())


def _cells(chain: Chain, where: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    size = len(chain.shards), len(chain.shards[0].rows)
    return shard_and_slice(where, shards=size[0], slices=size[1], placement=chain.placement)


@dataclass(frozen=True)
class _Encoded:
    records: Records
    where: Places
    then: NDArray[np.bool_]
    """(n,) what the parent was trained on."""


def _encoded(workspace: Workspace, file: Path, who: Roll, rows: NDArray[np.bool_], upto: int, *, named: str) -> _Encoded | None:
    """Some rows of a table; None where their roll says too little."""
    theirs = who.without(rows)
    if theirs is None:
        return None
    table, _, _ = read_some(workspace, file, workspace.recipe.person, lambda _: rows, named=named)
    theirs = grouped(workspace, table, theirs)  # all rows of whomever it holds
    records, where = encoded_rows(workspace.recipe, table, theirs, theirs.codes)
    return _Encoded(records, where, ~theirs.mask(suppression.suppressed(workspace, theirs, upto)))
