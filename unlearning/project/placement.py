"""Who goes where under a declared placement (`partition.likely_leavers`, `partition.arrivals`).

A person's group is a function of the person's own rows alone: whoever leaves moves nobody else, so the laws of the chain hold
as they do without. It is read from the training table each time and kept nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.errors import DataError, ParentMoved
from unlearning.project.people import people_of
from unlearning.stores.tables import dates, tables

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from unlearning.project.settings import Arrivals, LikelyLeavers
    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll


_NAMED = "partition.arrivals: the training table"


def grouped(view: Workspace, table: pa.Table, people: Roll, codes: NDArray[np.int64] | None = None) -> Roll:
    """The same people with their groups; as they are where nothing is declared.

    table: all rows of whomever it holds. codes: (n,) whose each is, an index into the roll; None: those of the roll. Who is not
    in the table is in group 0. Raises DataError for a column that is not there, or that holds no dates.
    """
    part = view.settings.partition
    if part.placement is None:
        return people
    owner = _owners(people)[people.codes if codes is None else codes]
    group = np.zeros(len(people.tokens), np.int64)
    if part.arrivals:
        group = _arrived(table, part.arrivals, owner, len(group))
    if part.likely_leavers:
        later = part.arrivals.slices if part.arrivals else 0
        group += (later + 1) * (np.bincount(owner[_likely(table, part.likely_leavers)], minlength=len(group)) > 0)
    return replace(people, groups=group[_owners(people)])


def placed(view: Workspace, file: Path, *, named: str) -> Roll:
    """Whose the rows of a training table are, with their groups: of Parquet, the declared columns alone are read for these."""
    part, person = view.settings.partition, view.recipe.person
    people = people_of(view, file, person, named=named)
    if part.placement is None:
        return people
    declared = {one.column for one in (part.likely_leavers, part.arrivals) if one}
    table = tables.some_columns(file, declared, person=person, named=named)
    if declared <= {*table.column_names} and table.num_rows != len(people.codes):
        raise ParentMoved(f"{named} changed while it was read; run again")
    return grouped(view, table, people)


def check_declared(view: Workspace, table: pa.Table, people: Roll) -> None:
    """Raises DataError where a placement that was never trained with says nothing of these people, or the same of all.

    Later it may: the last likely leaver can be erased like anybody else.
    """
    part, named = view.settings.partition, view.own.data.train
    declared = [one.column for one in (part.likely_leavers, part.arrivals) if one]
    if taken := sorted({*declared} & {*tables.columns_of(view.recipe.person)}):
        raise DataError(f"partition: column {taken[0]!r} says who a person is; name one that many people share")
    if part.arrivals:
        dates.older_in(table, part.arrivals.column, datetime.now(UTC), named=_NAMED)
    if part.likely_leavers is None or any(
        record.chain.recipe == view.recipe_digest for record in view.lineage.models(view.own.model, deleted=None)
    ):
        return
    leavers, cells = part.likely_leavers, _cells(table, part.likely_leavers)
    there = {str(one) for one in cells.dictionary.to_pylist()}
    if absent := [str(value) for value in leavers.values if str(value) not in there]:
        raise DataError(
            f"partition.likely_leavers: nobody in {named} has {', '.join(absent)} in column {leavers.column!r}; write it as "
            "the table does, or take it out"
        )
    likely = np.unique(_owners(people)[people.codes][_likely(table, leavers)])
    if len(likely) == people.people:
        raise DataError(
            f"partition.likely_leavers: everybody in {named} is one, so none of them is set apart; name fewer values, or take "
            "the declaration out"
        )


def _owners(people: Roll) -> NDArray[np.int64]:
    """(u,) who each identifier is: spellings of one person are one."""
    return np.unique(people.placed, axis=0, return_inverse=True)[1].reshape(-1)


def _likely(table: pa.Table, leavers: LikelyLeavers) -> NDArray[np.bool_]:
    """(n,) rows with one of the values."""
    cells, values = _cells(table, leavers), {str(value) for value in leavers.values}
    meant = np.array([one is not None and str(one) in values for one in cells.dictionary.to_pylist()] + [False])
    found: NDArray[np.bool_] = meant[cells.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)]
    return found


def _cells(table: pa.Table, leavers: LikelyLeavers) -> pa.DictionaryArray:
    if leavers.column not in table.column_names:
        raise DataError(f"partition.likely_leavers: no column {leavers.column!r}; there are {tables.said_columns(table)}")
    return tables.encoded(table.column(leavers.column))


def _arrived(table: pa.Table, arrivals: Arrivals, owner: NDArray[np.int64], people: int) -> NDArray[np.int64]:
    """(people,) after how many of the dates each arrived, by the earliest of their dated rows; 0 without one."""
    after, dated = np.zeros(len(owner), np.int64), np.ones(len(owner), np.bool_)
    first = np.full(people, len(arrivals.since), np.int64)
    for day in arrivals.since:
        told = dates.older_in(table, arrivals.column, datetime.combine(day, time(), UTC), named=_NAMED)
        after, dated = after + ~told.older, told.dated
    np.minimum.at(first, owner[dated], after[dated])
    first[np.bincount(owner[dated], minlength=people) == 0] = 0
    return first
