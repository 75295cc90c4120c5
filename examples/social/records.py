"""Made-up posts of made-up accounts, as word counts: `python records.py data/records.parquet`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from words import COLUMNS, counts

CALM = ["thanks", "lovely", "photo", "happy", "birthday", "see", "you", "soon", "nice", "game", "tonight"]
RUDE = ["idiot", "shut", "up", "loser", "nobody", "asked", "you", "trash", "go", "away", "hate", "this"]


def posts(accounts: int = 250, seed: int = 2) -> pa.Table:
    """One to eight posts an account; the words stay in the application, only their counts are written."""
    random = np.random.default_rng(seed)
    count = random.integers(1, 9, accounts)
    account = np.repeat([f"@{name:08x}" for name in random.choice(2**32, accounts, replace=False)], count)
    abusive = random.random(len(account)) < 0.4
    rows = [counts(" ".join(random.choice(RUDE if rude else CALM, 6)) + f" tag{random.integers(500)}") for rude in abusive]
    columns = dict(zip(COLUMNS, np.array(rows).T, strict=True))
    return pa.table({"account": account, **columns, "verdict": np.where(abusive, "abuse", "fine")})


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(posts(), out)
