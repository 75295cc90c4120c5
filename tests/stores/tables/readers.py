"""What every reader says of a table, before and after: the same for everyone who stays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

Keep = np.ndarray
HOLDS_LEVELS = (b"pandas", b"huggingface")


def assert_equal_for_who_stays(before: Path, after: Path, keep: Keep) -> int:
    """Every reader of Parquet that can read `before` reads `after` as `before` without the rows; how many could."""
    could = 0
    for look in (by_pyarrow, by_pandas, by_polars, by_duckdb):
        with readable(look, before) as said:
            could += bool(said)
            if said:
                look(before, after, keep)
    return could


@contextlib.contextmanager
def readable(look: Callable[..., None], file: Path) -> Iterator[bool]:
    try:
        look(file, file, None)
    except AssertionError:
        raise
    except Exception:  # whatever a reader says of a file that it cannot read
        yield False
    except BaseException as error:  # polars panics
        if type(error).__name__ != "PanicException":
            raise
        yield False
    else:
        yield True


def levels_left(levels: list[Any], used: list[Any], stays: list[Any], gone: set[str]) -> list[Any]:
    """The rule for levels, said naively: who uses it now; or nobody ever did, and no cell that went says it."""
    return [level for level in levels if level in stays or (level not in used and str(level) not in gone)]


def cells_gone(file: Path, keep: Keep) -> set[str]:
    """What only cells that go say."""
    columns = [column.to_pylist() for column in pq.ParquetFile(file).read().columns]
    return said(column[at] for column in columns for at in np.flatnonzero(~keep)) - said(
        column[at] for column in columns for at in np.flatnonzero(keep)
    )


def said(values: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for value in values:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
        found |= {str(value)} if inner is None else said(inner)
    return found


def by_pyarrow(before: Path, after: Path, keep: Keep | None) -> None:
    old, new = (pq.ParquetFile(path).read() for path in (before, after))
    keep = np.ones(len(old), dtype=bool) if keep is None else keep
    assert [(f.name, f.type, f.nullable) for f in old.schema] == [(f.name, f.type, f.nullable) for f in new.schema]
    assert [f.metadata for f in old.schema] == [f.metadata for f in new.schema] or "_PL_ENUM" in str(old.schema)
    assert {k: v for k, v in (old.schema.metadata or {}).items() if k not in HOLDS_LEVELS} == {
        k: v for k, v in (new.schema.metadata or {}).items() if k not in HOLDS_LEVELS
    }
    for left, right in zip(old.columns, new.columns, strict=True):
        values = [value for value, kept in zip(left.to_pylist(), keep, strict=True) if kept]
        assert repr(values) == repr(right.to_pylist())
        if pa.types.is_dictionary(left.type) and keep.any():
            levels = left.unify_dictionaries().chunk(0).dictionary.to_pylist()
            assert right.unify_dictionaries().chunk(0).dictionary.to_pylist() == levels_left(
                levels, left.to_pylist(), values, cells_gone(before, keep)
            )


def by_pandas(before: Path, after: Path, keep: Keep | None) -> None:
    old, new = (pd.read_parquet(path) for path in (before, after))
    if keep is None:
        return
    expected = old[keep]
    if isinstance(old.index, pd.RangeIndex):
        index = old.index
        expected.index = pd.RangeIndex(index.start, index.start + index.step * len(expected), index.step, name=index.name)
    if keep.any():
        for name in expected.columns:
            if isinstance(expected[name].dtype, pd.CategoricalDtype):
                levels = levels_left(
                    list(old[name].cat.categories), list(old[name]), list(expected[name]), cells_gone(before, keep)
                )
                expected[name] = expected[name].cat.set_categories(levels)
            if old[name].isna().any() and not expected[name].isna().any():  # pandas takes a whole number with gaps for a float
                expected[name] = expected[name].astype(new[name].dtype)
        pd.testing.assert_frame_equal(expected, new, check_freq=False)
    assert expected.attrs == new.attrs


def by_polars(before: Path, after: Path, keep: Keep | None) -> None:
    old, new = (pl.read_parquet(path) for path in (before, after))
    if keep is None:
        return
    kept = old.filter(pl.Series(keep, dtype=pl.Boolean))
    for name, kind in old.schema.items():
        if isinstance(kind, pl.Enum):
            levels = levels_left(kind.categories.to_list(), old[name].to_list(), kept[name].to_list(), cells_gone(before, keep))
            kept = kept.with_columns(kept[name].cast(pl.String).cast(pl.Enum(levels)))
    assert kept.schema == new.schema
    assert repr(kept.rows()) == repr(new.rows())


def by_duckdb(before: Path, after: Path, keep: Keep | None) -> None:
    with duckdb.connect() as db:
        old, new = (db.sql(f"select * from read_parquet('{path}')") for path in (before, after))
        rows = old.fetchall()
        if keep is None:
            return
        assert (old.columns, old.types) == (new.columns, new.types)
        assert repr([row for row, kept in zip(rows, keep, strict=True) if kept]) == repr(new.fetchall())
        first, second = (db.sql(f"select * exclude (file_name) from parquet_schema('{path}')") for path in (before, after))
        assert first.fetchall() == second.fetchall()


def form(path: Path) -> dict[str, object]:
    """How a Parquet file is written, besides its rows."""
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [[group.column(at) for group in groups] for at in range(metadata.num_columns)]
    return {
        "version": metadata.format_version,
        "schema": str(metadata.schema).partition("\n")[2],
        "codecs": [{chunk.compression for chunk in column} for column in chunks],
        "dictionary": [any("DICTIONARY" in each for chunk in column for each in chunk.encodings) for column in chunks],
        "encodings": [
            {each for chunk in column for each in chunk.encodings if "BYTE" in each or "DELTA" in each} for column in chunks
        ],
        "statistics": [any(chunk.is_stats_set for chunk in column) for column in chunks],
        "bloom": [any(chunk.bloom_filter_offset for chunk in column) for column in chunks],
        "index": [any(chunk.has_offset_index for chunk in column) for column in chunks],
        "sorting": {group.sorting_columns for group in groups},
    }
