"""Which rows are older than a day: the same answer whatever form their dates have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain.errors import DataError
from unlearning.stores.tables import dates

DAY = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = st.none() | st.datetimes(datetime(2026, 2, 25), datetime(2026, 3, 5)).map(lambda one: one.replace(microsecond=0))


def asked(folder: Path, values: pa.Array) -> tuple[list[bool], int]:
    pq.write_table(pa.table({"at": values}), folder / "t.parquet")
    found = dates.older(folder / "t.parquet", "at", DAY, named="t.parquet")
    return found.older.tolist(), found.undated


@drawn(few=20, many=2_000, moments=st.lists(MOMENTS, max_size=8))
def test_a_row_is_older_when_its_date_is_before_the_day(moments: list[datetime | None]) -> None:
    expected = [one is not None and one < DAY.replace(tzinfo=None) for one in moments], moments.count(None)
    texts = [None if one is None else one.isoformat() for one in moments]
    forms: list[Any] = [
        pa.array(moments, pa.timestamp("us")),
        pa.array([one and one.replace(tzinfo=UTC) for one in moments], pa.timestamp("ms", tz="UTC")),
        pa.array([one and one.date() for one in moments], pa.date32()),
        pa.array(texts, pa.string()),
        pa.array([one or "" for one in texts], pa.string()),
        pa.array(texts, pa.string()).dictionary_encode(),
    ]
    with TemporaryDirectory() as folder:
        assert all(asked(Path(folder), one) == expected for one in forms)


def test_a_moment_counts_in_utc_and_a_csv_is_read_alike(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=5))
    just = datetime(2026, 3, 1, 4, 59, tzinfo=east)  # still February in UTC
    assert asked(tmp_path, pa.array([just], pa.timestamp("s", tz="+05:00"))) == ([True], 0)
    (tmp_path / "t.csv").write_text("who,at\na,2026-02-28\nb,2026-03-01\nc,\n")
    found = dates.older(tmp_path / "t.csv", "at", DAY, named="t.csv")
    assert (found.older.tolist(), found.undated) == ([True, False, False], 1)


@drawn(
    few=15,
    many=1_000,
    parts=st.lists(
        st.tuples(st.sampled_from(["column", "folder", "neither"]), st.lists(MOMENTS, max_size=4)), min_size=1, max_size=4
    ),
)
def test_of_a_folder_each_part_is_asked_in_its_order(parts: list[tuple[str, list[datetime | None]]]) -> None:
    """As if the parts were one table; a date is in the column, or in the name of the folder."""
    older, undated = list[bool](), 0
    with TemporaryDirectory() as name:
        folder = Path(name) / "t"
        for number, (where, moments) in enumerate(parts):
            within = folder / f"part={number}"
            if where == "folder":
                moments = [moments[0] if moments else None] * len(moments)
                within /= f"at={moments[0]:%Y-%m-%d}" if moments and moments[0] else "at=__HIVE_DEFAULT_PARTITION__"
            within.mkdir(parents=True)
            table = pa.table({"who": pa.array(["a"] * len(moments)), "at": pa.array(moments, pa.timestamp("us"))})
            pq.write_table(table if where == "column" else table.select(["who"]), within / "0.parquet")
            theirs = [None] * len(moments) if where == "neither" else moments
            older += [one is not None and one < DAY.replace(tzinfo=None) for one in theirs]
            undated += theirs.count(None)
        (folder / "_SUCCESS").touch()
        if all(where == "neither" for where, _ in parts):
            with pytest.raises(DataError, match="has no column 'at' in any of its"):
                dates.older(folder, "at", DAY, named="t")
        else:
            found = dates.older(folder, "at", DAY, named="t")
            assert (found.older.tolist(), found.undated) == (older, undated)


@pytest.mark.parametrize(
    "values",
    [pa.array(["1.3.2026"]), pa.array(["2026-03-01", "soon"]), pa.array([20260301]), pa.array([[date(2026, 3, 1)]])],
    ids=["another way round", "a word among dates", "numbers", "lists"],
)
def test_what_is_no_date_is_refused_and_not_repeated(tmp_path: Path, values: pa.Array) -> None:
    with pytest.raises(DataError, match="column 'at'") as refused:
        asked(tmp_path, values)
    assert "soon" not in str(refused.value)
    with pytest.raises(DataError, match="has no column"):
        dates.older(tmp_path / "t.parquet", "since", DAY, named="t.parquet")
