"""How one PyTorch model is made from a table: the recipe a user writes, and the table as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unlearning.domain.errors import DataError, RecipeError
from unlearning.domain.protocols import Encoded, Records
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

Loss = Callable[[Tensor, Tensor], Tensor]
"""(n, labels) logits, (n,) labels → (n,) loss of each record."""

ENGINE = "torch/2"
"""Changes when the training engine would make other states from the same recipe."""

_SHOWN = 5


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """(n,) cross-entropy of each record, in nats."""
    return nn.functional.cross_entropy(logits, labels, reduction="none")


class Standardize(nn.Module):
    """(x - mean) / scale, column by column; a missing value counts as the mean."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) standardized features."""
        return (torch.where(torch.isnan(features), self.mean, features) - self.mean) / self.scale


def standardize(features: Tensor) -> nn.Module:
    """Zero mean and unit variance per column, fitted on (n, d) features but for NaN; a constant column keeps its scale."""
    values = features.double()
    mean = values.nanmean(0).nan_to_num(0.0)
    spread = (values - mean).square().nanmean(0).sqrt().nan_to_num(0.0)
    # Below the resolution of float32 a spread is rounding, and dividing by it would blow up the next slice's values.
    varies = spread > torch.finfo(torch.float32).eps * mean.abs()
    return Standardize(mean.float(), torch.where(varies, spread, 1.0).float())


@dataclass(frozen=True, kw_only=True)
class TorchRecipe:
    """How one PyTorch classifier is made from a table; raises RecipeError when its parts contradict each other.

    Randomness must come from torch (dropout and the like): draws from `random` or numpy could not be repeated.
    """

    network: Callable[[int, int], nn.Module]
    """(encoded features, labels) → a module from (n, features) float32 to (n, labels) logits."""
    features: Sequence[str]
    """Columns the model sees, in this order."""
    target: str
    person: str
    """Column that says whose record it is; the model never sees it."""
    labels: Sequence[str]
    """The declared label set: never read off the data."""
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    epochs: int
    batch_size: int
    loss: Loss = cross_entropy
    preprocessing: Callable[[Tensor], nn.Module] | None = None
    """The shard's first slice (n, features), NaN where missing → a module with what was fitted in buffers of fixed shape."""
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → its declared values, one-hot in this order; any other or missing value is all zeros."""
    sources: Sequence[str] = ()
    """Further files, relative to the project, whose content shapes training: imported modules, pretrained weights."""
    learner: str = "torch"

    def __post_init__(self) -> None:
        if findings := list(_contradictions(self)):
            raise RecipeError("the recipe contradicts itself:\n  " + "\n  ".join(findings))

    @property
    def width(self) -> int:
        """Encoded features: one per column, or one per declared category."""
        return sum(len(self.categories.get(name, ("",))) for name in self.features)

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training, as plain values; code is covered by the recipe file's digest."""
        return {
            "learner": self.learner,
            "engine": ENGINE,
            "features": list(self.features),
            "target": self.target,
            "person": self.person,
            "labels": list(self.labels),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "categories": {column: list(values) for column, values in self.categories.items()},
        }

    def encode(self, table: pa.Table) -> Encoded:
        """The table as float32 features and label indices, in storage order; raises DataError with every finding at once."""
        findings: list[str] = []
        columns = _columns(table, (*self.features, self.target, *tables.columns_of(self.person)), findings)
        blocks = [self._feature(name, columns[name], findings) for name in self.features if name in columns]
        labels = _labels(self, columns, findings)
        people = _people(self.person, table, columns, findings)
        if findings:
            raise DataError("it does not fit the recipe; correct one of the two:\n  " + "\n  ".join(findings))
        features = np.concatenate(blocks, axis=1, dtype=np.float32)
        return Encoded(Records(np.ascontiguousarray(features), labels), people)

    def _feature(self, name: str, column: pa.ChunkedArray, findings: list[str]) -> NDArray[np.float32]:
        if name not in self.categories:
            return _numbers(name, column, findings)
        codes, _ = _codes(column, self.categories[name])
        rows = np.eye(len(self.categories[name]) + 1, len(self.categories[name]), dtype=np.float32)
        return rows[codes]


def _contradictions(recipe: TorchRecipe) -> Iterable[str]:
    for name in ("epochs", "batch_size"):
        if getattr(recipe, name) < 1:
            yield f"{name}={getattr(recipe, name)}; expected at least 1"
    named = {"features": recipe.features, "labels": recipe.labels} | {
        f"categories[{k!r}]": v for k, v in recipe.categories.items()
    }
    for name, values in named.items():
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            yield f"{name} must be a sequence of strings"
        elif not values or len(set(values)) != len(values):
            yield f"{name} must name at least one value, and none twice"
    for name, column in (("person", recipe.person), ("target", recipe.target)):
        if column in recipe.features:
            yield f"{name} {column!r} is one of the features; take it out of them"
    if recipe.person == recipe.target:
        yield f"person and target are the same column, {recipe.person!r}"
    if strangers := sorted(set(recipe.categories) - set(recipe.features)):
        yield f"categories are declared for {strangers}, which are not features"


def _columns(table: pa.Table, wanted: Sequence[str], findings: list[str]) -> dict[str, pa.ChunkedArray]:
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


def _numbers(name: str, column: pa.ChunkedArray, findings: list[str]) -> NDArray[np.float32]:
    """(n, 1) values, NaN where missing."""
    import pyarrow as pa

    kind = column.type
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    if not any(is_one(kind) for is_one in numeric):
        findings.append(f"feature {name!r} is {kind}, expected numbers; convert it or declare its values in `categories`")
        return np.zeros((len(column), 1), np.float32)
    wide = column.cast(pa.float64(), safe=False) if pa.types.is_decimal(kind) else column
    values = wide.cast(pa.float32(), safe=False).fill_null(float("nan")).to_numpy()
    if infinite := int(np.isinf(values).sum()):
        findings.append(f"feature {name!r} has {infinite} infinite values; expected finite numbers or missing ones")
    column_values: NDArray[np.float32] = values.astype(np.float32, copy=False)[:, None]
    return column_values


def _labels(recipe: TorchRecipe, columns: Mapping[str, pa.ChunkedArray], findings: list[str]) -> NDArray[np.int64]:
    if recipe.target not in columns:
        return np.zeros(0, np.int64)
    column = columns[recipe.target]
    codes, spelled = _codes(column, recipe.labels)
    if unlabelled := column.null_count:
        findings.append(f"target {recipe.target!r} is missing in {unlabelled} records; drop or label them")
    if strangers := [count for value, count in spelled.items() if value not in recipe.labels]:
        # Not the labels themselves: in a row that is shifted, somebody's identifier stands in the label's place.
        rows = np.flatnonzero((codes < 0) & column.is_valid().to_numpy()) + 1
        shown = ", ".join(map(str, rows[:_SHOWN].tolist())) + (" and others" if len(rows) > _SHOWN else "")
        findings.append(
            f"target {recipe.target!r} has {len(strangers)} undeclared labels in {len(rows)} records, in rows {shown} "
            f"(the first is 1); declared: {list(recipe.labels)}"
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
    if text not in declared and isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text


def _people(person: str, table: pa.Table, columns: Mapping[str, pa.ChunkedArray], findings: list[str]) -> Sequence[object]:
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
