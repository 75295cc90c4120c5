"""Purchases, a row each: `python records.py data/records.parquet` makes some up.

`python records.py ml-100k/u.data data/records.parquet` reads MovieLens instead.
MovieLens' ratings (`u.data` of ml-100k, `ratings.dat` of ml-1m, `ratings.csv` of the later ones) count as purchases from 4
stars on; the films beside them (`u.item`, `movies.dat`, `movies.csv`) become `catalogue.txt`, which the recipe takes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from recipe import SHELVES

LIKED = 4.0
FILMS = {"u.data": ("u.item", "|"), "ratings.dat": ("movies.dat", "::"), "ratings.csv": ("movies.csv", ",")}
START = np.datetime64("2026-01-01T00:00:00")


def purchases(customers: int = 1500, seed: int = 3) -> pa.Table:
    """What customers bought within half a year: most have one or two hobbies, and the first things of a shelf sell best."""
    random = np.random.default_rng(seed)
    shelves = [things.split() for things in SHELVES.values()]
    names = [f"{shelf}/{thing}" for shelf, things in SHELVES.items() for thing in things.split()]
    sells = np.concatenate([1 / np.arange(2, len(things) + 2) for things in shelves])
    shelf_of = np.repeat(np.arange(len(shelves)), [len(things) for things in shelves])
    who, what, when = list[str](), list[str](), list[np.datetime64]()
    for number in random.permutation(customers).tolist():
        hobbies = random.choice(len(shelves), random.integers(1, 3), replace=False)
        chance = sells * np.where(np.isin(shelf_of, hobbies), 12, 1)
        bought = random.choice(len(names), min(len(names), 3 + int(random.lognormal(1.3, 0.7))), p=chance / chance.sum())
        who += [f"customer{number}@example.com"] * len(bought)
        what += [names[item] for item in bought]
        when += (START + random.integers(0, 180 * 86_400, len(bought)).astype("timedelta64[s]")).tolist()
    return pa.table({"customer": who, "product": what, "bought_at": pa.array(when, pa.timestamp("s"))})


def movielens(ratings: Path) -> pa.Table:
    """The ratings of at least 4 stars, as purchases; and `catalogue.txt`, from the films and not from the ratings."""
    films, mark = FILMS[ratings.name]
    lines = (ratings.parent / films).read_text("latin-1" if mark != "," else "utf-8").splitlines()
    Path("catalogue.txt").write_text("\n".join(line.partition(mark)[0] for line in lines if line[:1].isdigit()), "utf-8")
    between = {"u.data": "\t", "ratings.dat": "::", "ratings.csv": ","}[ratings.name]
    with ratings.open(encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(between) for line in file if line[:1].isdigit()]
    liked = [row for row in rows if float(row[2]) >= LIKED]
    who, what = ([row[at] for row in liked] for at in (0, 1))
    when = pa.array([int(row[3]) for row in liked], pa.timestamp("s"))
    return pa.table({"customer": who, "product": what, "bought_at": when})


if __name__ == "__main__":
    *read, written = map(Path, sys.argv[1:])
    written.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(movielens(read[0]) if read else purchases(), written)
