"""The demo's data: scikit-learn's breast cancer table (569 real records, 30 features), with a person for every record.

Run as `python -m unlearning.entrypoints.demo.data data/records.parquet`. Source: Wolberg, Street and Mangasarian 1993, UCI
Machine Learning Repository, doi:10.24432/C5DW2B; it ships inside scikit-learn's wheel, so no network is needed.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

GROUPING = (
    "The breast cancer data has one row per sample and no patient column; for this demo, rows are grouped in file order "
    "into made-up patients of 1 to 5 consecutive rows, by a fixed hash."
)


def columns() -> dict[str, Any]:
    """Column name → values: `patient`, 30 features, and `diagnosis` (benign or malignant)."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    named = {str(name).replace(" ", "_"): bunch.data[:, i] for i, name in enumerate(bunch.feature_names)}
    diagnosis = [str(bunch.target_names[label]) for label in bunch.target]
    return {"patient": patients(len(diagnosis)), **named, "diagnosis": diagnosis}


def patients(rows: int) -> list[str]:
    """(rows,) the patient of each row; what GROUPING says."""
    ids: list[str] = []
    group = 0
    while len(ids) < rows:
        block = hashlib.sha256(f"unlearning/demo/{group}".encode()).digest()
        ids += [f"MRN-{block[1:6].hex().upper()}"] * (1 + block[0] % 5)
        group += 1
    return ids[:rows]


def main(arguments: list[str]) -> int:
    """Write the table to the path given."""

    if len(arguments) != 1:
        print("usage: python -m unlearning.entrypoints.demo.data PATH.parquet", file=sys.stderr)
        return 2
    from unlearning.stores.tables import redaction

    redaction.write(columns(), Path(arguments[0]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
