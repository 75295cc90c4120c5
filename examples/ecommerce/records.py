"""Made-up sessions of made-up customers: `python records.py data/records.parquet`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from recipe import DEPARTMENTS


def sessions(customers: int = 400, seed: int = 3) -> pa.Table:
    """One to seven sessions a customer; most buy where they looked last."""
    random = np.random.default_rng(seed)
    count = random.integers(1, 8, customers)
    customer = np.repeat([f"customer{number}@example.com" for number in random.permutation(customers)], count)
    n = len(customer)
    viewed = random.integers(0, len(DEPARTMENTS), (n, 3))
    bought = np.where(random.random(n) < 0.7, viewed[:, 2], random.integers(0, len(DEPARTMENTS), n))
    name = np.array(DEPARTMENTS)
    return pa.table(
        {
            "customer": customer,
            "viewed_first": name[viewed[:, 0]],
            "viewed_second": name[viewed[:, 1]],
            "viewed_last": name[viewed[:, 2]],
            "device": random.choice(["phone", "desktop"], n),
            "basket": np.round(random.gamma(2.0, 15.0, n), 2),
            "bought": name[bought],
        }
    )


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(sessions(), out)
