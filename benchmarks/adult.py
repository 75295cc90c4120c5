"""Adult (census income, Becker & Kohavi 1996, UCI, CC BY 4.0): one row a person, read from beside the repository."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn, optim

from benchmarks.ensembles import Population
from unlearning.learners.torch import TorchRecipe, standardize

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.learners.tabular import TableRecipe

FOLDER = Path(__file__).resolve().parents[2] / "shared/data"
TARGET, PERSON = "income", "person"
LABELS = ("<=50K", ">50K")
EPOCHS, BATCH = 10, 64


def present() -> bool:
    """The data is not part of the repository."""
    return all((FOLDER / name).is_file() for name in ("adult-train.csv", "adult-test.csv", "adult.names"))


def recipe() -> TorchRecipe:
    """A small perceptron on the numbers and the declared categories, one-hot."""
    return TorchRecipe(
        **said(), network=network, optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH, preprocessing=standardize
    )


def said() -> dict[str, Any]:
    """What every recipe of this table says."""
    features = _declared()
    categories = {name: values for name, values in features.items() if values}
    return {"features": list(features), "categories": categories, "target": TARGET, "person": PERSON, "labels": LABELS}


def network(features: int, labels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    return optim.Adam(parameters, lr=1e-3)


def population(name: str, by: TableRecipe | None = None) -> Population:
    """`train` or `test` as a recipe encodes it; the row number is the person."""
    import pyarrow as pa
    from pyarrow import csv

    columns = [*_declared(), TARGET]
    read = csv.read_csv(
        FOLDER / f"adult-{name}.csv",
        read_options=csv.ReadOptions(column_names=columns),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string())),
    )
    encoded = (by or recipe()).encode(_tidied(read))
    return Population(encoded.records, np.arange(len(encoded.records)))


def _tidied(table: pa.Table) -> pa.Table:
    """Values without the file's spaces and full stops, numbers as numbers, and each row a person."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tidy = {}
    for name, values in _declared().items():
        text = pc.utf8_trim_whitespace(table[name])
        tidy[name] = text if values else pc.cast(text, pa.float64())
    tidy[TARGET] = pc.utf8_rtrim(pc.utf8_trim_whitespace(table[TARGET]), ".")
    return pa.table({**tidy, PERSON: np.arange(table.num_rows)})


def _declared() -> dict[str, tuple[str, ...]]:
    """Feature → its categories as the data's description lists them; none for a number."""
    lines = (FOLDER / "adult.names").read_text("utf-8").splitlines()
    described = (line.rstrip(".").split(": ", 1) for line in lines if ": " in line and not line.startswith("|"))
    return {name: () if values == "continuous" else tuple(values.split(", ")) for name, values in described}
