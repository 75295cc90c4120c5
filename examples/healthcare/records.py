"""Made-up visits of made-up patients: `python records.py data/records.parquet`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WARDS = ("cardiology", "surgery", "oncology")


def visits(patients: int = 300, seed: int = 1) -> pa.Table:
    """One to six visits a patient; creatinine is missing in about every tenth."""
    random = np.random.default_rng(seed)
    count = random.integers(1, 7, patients)
    age = np.repeat(random.integers(20, 90, patients), count)
    n = len(age)
    ill = random.random(n) < (age - 10) / 120
    creatinine = np.round(0.9 + 0.6 * ill + random.normal(0, 0.2, n), 2)
    return pa.table(
        {
            "patient": np.repeat(random.permutation(np.arange(100_000, 100_000 + patients)), count),
            "age": age,
            "heart_rate": np.round(70 + 12 * ill + random.normal(0, 8, n)),
            "systolic": np.round(120 + 15 * ill + random.normal(0, 10, n)),
            "creatinine": pa.array(creatinine, mask=random.random(n) < 0.1),
            "ward": random.choice(WARDS, n),
            "readmitted": np.where(ill, "yes", "no"),
        }
    )


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(visits(), out)
