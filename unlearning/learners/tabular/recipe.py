"""A table as a recipe sees it: declared columns become float32 features and targets, whatever learner trains on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError, RecipeError
from unlearning.domain.protocols import Encoded, Records
from unlearning.domain.tasks import CLASSIFICATION, REGRESSION
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5
_MOST_TOLD = 50


@dataclass(frozen=True, kw_only=True)
class TableRecipe:
    """Which columns of a table a model learns from; raises RecipeError when its parts contradict each other."""

    features: Sequence[str]
    """Columns the model sees, in this order."""
    target: str
    person: str
    """Column that says whose record it is; the model never sees it."""
    labels: Sequence[str] = ()
    """The declared label set, never read off the data; none where the target is a number, so that the task is a regression."""
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → its declared values."""
    embeddings: Mapping[str, int] = field(default_factory=dict)
    """Column of equally long lists of numbers → how long they are."""
    sources: Sequence[str] = ()
    """Further files, relative to the project, whose content shapes training: imported modules, pretrained weights."""
    learner: str

    engine: ClassVar[str]
    """Changes when the training engine would make other states from the same recipe."""
    one_hot: ClassVar[bool] = False
    """A category becomes a column for each declared value, all zeros for any other; else one column of positions, NaN for any
    other."""

    def __post_init__(self) -> None:
        if findings := list(self.contradictions()):
            raise RecipeError("the recipe contradicts itself:\n  " + "\n  ".join(findings))

    @property
    def task(self) -> str:
        """By which the model is judged."""
        return (CLASSIFICATION if self.labels else REGRESSION).name

    @property
    def width(self) -> int:
        """Encoded features."""
        return len(self.encoded)

    @property
    def encoded(self) -> Sequence[str]:
        """(width,) the column that each encoded feature is made of."""
        return [name for name in self.features for _ in range(self._width(name))]

    @property
    def outputs(self) -> int:
        """Numbers that the model answers with: one a label, or one."""
        return max(1, len(self.labels))

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training, as plain values; code is covered by the recipe file's digest."""
        return {
            "learner": self.learner,
            "engine": self.engine,
            "features": list(self.features),
            "target": self.target,
            "person": self.person,
            "labels": list(self.labels),
            "categories": {column: list(values) for column, values in self.categories.items()},
            **({"embeddings": dict(self.embeddings)} if self.embeddings else {}),
        }

    def encode(self, table: pa.Table) -> Encoded:
        """The table as float32 features and targets, in storage order; raises DataError with every finding at once."""
        findings: list[str] = []
        columns = columns_in(table, (*self.features, self.target, *tables.columns_of(self.person)), findings)
        blocks = [self._feature(name, columns[name], findings) for name in self.features if name in columns]
        target = (
            positions(self.target, self.labels, columns, findings) if self.labels else _values(self.target, columns, findings)
        )
        people = people_in(self.person, table, columns, findings)
        refuse(findings)
        features = np.concatenate(blocks, axis=1, dtype=np.float32)
        return Encoded(Records(np.ascontiguousarray(features), target), people)

    def contradictions(self) -> Iterable[str]:
        """What cannot be meant, in words; a recipe with more fields adds its own."""
        named = {"features": self.features} | {f"categories[{k!r}]": v for k, v in self.categories.items()}
        for name, values in {**named, "labels": self.labels or ("none",)}.items():
            if isinstance(values, str) or not all(isinstance(value, str) for value in values):
                yield f"{name} must be a sequence of strings"
            elif not values or len(set(values)) != len(values):
                yield f"{name} must name at least one value, and none twice"
        for name, column in (("person", self.person), ("target", self.target)):
            if column in self.features:
                yield f"{name} {column!r} is one of the features; take it out of them"
        if self.person == self.target:
            yield f"person and target are the same column, {self.person!r}"
        for what, declared in (("categories", self.categories), ("embeddings", self.embeddings)):
            if strangers := sorted(set(declared) - set(self.features)):
                yield f"{what} are declared for {strangers}, which are not features"
        if both := sorted(set(self.categories) & set(self.embeddings)):
            yield f"{both} are declared as categories and as embeddings; take them out of one of the two"
        for name, length in self.embeddings.items():
            if not isinstance(length, int) or length < 1:
                yield f"embeddings[{name!r}] is {length!r}; expected how many numbers a list has, at least 1"

    def _width(self, name: str) -> int:
        if name in self.embeddings:
            return self.embeddings[name]
        return len(self.categories[name]) if self.one_hot and name in self.categories else 1

    def _feature(self, name: str, column: pa.ChunkedArray, findings: list[str]) -> NDArray[np.float32]:
        if name in self.embeddings:
            return _lists(f"feature {name!r}", column, self.embeddings[name], findings)
        if name not in self.categories:
            return _numbers(f"feature {name!r}", column, findings)
        codes, _ = _codes(column, self.categories[name])
        if not self.one_hot:
            return np.where(codes < 0, np.nan, codes).astype(np.float32)[:, None]
        rows = np.eye(len(self.categories[name]) + 1, len(self.categories[name]), dtype=np.float32)
        return rows[codes]


def refuse(findings: Sequence[str]) -> None:
    """Raise DataError when there is one."""
    if findings:
        raise DataError("it does not fit the recipe; correct one of the two:\n  " + "\n  ".join(findings))


def columns_in(table: pa.Table, wanted: Sequence[str], findings: list[str]) -> dict[str, pa.ChunkedArray]:
    """The wanted columns that are there exactly once; the others become findings."""
    present = list(table.column_names)
    if missing := [name for name in wanted if name not in present]:
        findings.append(f"missing columns {missing}; the table has {tables.said_columns(table)}")
    for name in wanted:
        if present.count(name) > 1:
            findings.append(f"column {name!r} is there {present.count(name)} times; expected once")
    return {name: _plain(table.column(name)) for name in wanted if present.count(name) == 1}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _numbers(what: str, column: pa.ChunkedArray | pa.Array, findings: list[str]) -> NDArray[np.float32]:
    """(n, 1) values, NaN where missing."""
    wide = _floats(what, column, findings, "convert it or declare its values in `categories`")
    with np.errstate(over="ignore"):  # too large for float32 is infinite, and a finding
        values = wide.astype(np.float32)
    if infinite := int(np.isinf(values).sum()):
        findings.append(f"{what} has {infinite} infinite values; expected finite numbers or missing ones")
    return values[:, None]


def _lists(what: str, column: pa.ChunkedArray, length: int, findings: list[str]) -> NDArray[np.float32]:
    """(n, length) values, NaN where one or all of a record are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    values = np.full((len(column), length), np.nan, np.float32)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        findings.append(f"{what} is {kind}, expected lists of {length} numbers; correct `embeddings`")
        return values
    lengths = pc.list_value_length(column)
    if uneven := int(pc.sum(pc.not_equal(lengths, length)).as_py() or 0):
        findings.append(f"{what} has {uneven} lists of another length than the declared {length}; make them anew, or drop them")
        return values
    there = column.is_valid().to_numpy()
    numbers = _numbers(what, column.filter(column.is_valid()).combine_chunks().flatten(), findings)
    if numbers.size == int(there.sum()) * length:
        values[there] = numbers.reshape(-1, length)
    return values


def _floats(what: str, column: pa.ChunkedArray | pa.Array, findings: list[str], step: str) -> NDArray[np.float64]:
    """(n,) values, NaN where missing."""
    import pyarrow as pa

    kind = column.type
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    if not any(is_one(kind) for is_one in numeric):
        findings.append(f"{what} is {kind}, expected numbers; {step}")
        return np.zeros(len(column))
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
    return values


def _values(target: str, columns: Mapping[str, pa.ChunkedArray], findings: list[str]) -> NDArray[np.float64]:
    """(n,) numbers to predict."""
    if target not in columns:
        return np.zeros(0)
    values = _floats(f"target {target!r}", columns[target], findings, "convert it, or declare `labels`")
    if wrong := int((~np.isfinite(values)).sum()):
        findings.append(f"target {target!r} is missing or infinite in {wrong} records; drop them or mend them")
    return values


def positions(
    target: str, declared: Sequence[str], columns: Mapping[str, pa.ChunkedArray], findings: list[str], *, called: str = "labels"
) -> NDArray[np.int64]:
    """(n,) index of each value of a column in what is declared; one that is missing or was not declared is a finding."""
    if target not in columns:
        return np.zeros(0, np.int64)
    column = columns[target]
    codes, spelled = _codes(column, declared)
    if unlabelled := column.null_count:
        findings.append(f"target {target!r} is missing in {unlabelled} records; drop or label them")
    known = frozenset(declared)
    if strangers := [count for value, count in spelled.items() if value not in known]:
        # Not the labels themselves: in a row that is shifted, somebody's identifier stands in the label's place.
        rows = np.flatnonzero((codes < 0) & column.is_valid().to_numpy()) + 1
        shown = ", ".join(map(str, rows[:_SHOWN].tolist())) + (" and others" if len(rows) > _SHOWN else "")
        findings.append(
            f"target {target!r} has {len(strangers)} undeclared {called} in {len(rows)} records, in rows {shown} "
            f"(the first is 1); declared: {list(declared) if len(declared) <= _MOST_TOLD else f'{len(declared)} {called}'}"
        )
    return codes


def _codes(column: pa.ChunkedArray, declared: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, int]]:
    """(n,) index of each value in `declared`, -1 for any other; and how often each spelling occurs."""
    encoded = column.combine_chunks().dictionary_encode()
    spelled = [_spelling(value, declared) for value in encoded.dictionary.to_pylist()]
    index = {value: position for position, value in enumerate(declared)}
    table = np.array([*(index.get(value, -1) for value in spelled), -1], dtype=np.int64)
    positions = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    counts = np.bincount(positions + 1, minlength=len(table))[1:]
    occurrences: dict[str, int] = {}
    for value, count in zip(spelled, counts.tolist(), strict=True):
        occurrences[value] = occurrences.get(value, 0) + count
    return table[positions], occurrences


def _spelling(value: object, declared: Sequence[str]) -> str:
    """str(value); a whole float may also be declared as an integer, since tables turn integers with gaps into floats."""
    text = str(value)
    if isinstance(value, float) and value.is_integer() and text not in declared:
        return str(int(value))
    return text


def people_in(person: str, table: pa.Table, columns: Mapping[str, pa.ChunkedArray], findings: list[str]) -> Sequence[object]:
    """(n,) whose record each is; one that is nobody's is a finding."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in tables.columns_of(person):
        if name not in columns:
            return ()
        unknown = columns[name].null_count
        if pa.types.is_floating(columns[name].type):
            unknown += int(pc.sum(pc.is_nan(columns[name])).as_py() or 0)
        if unknown:
            findings.append(f"person {name!r} is missing in {unknown} records; drop them: nobody could ask for their erasure")
    people: list[object] = tables.named(table, person).to_pylist()
    return people
