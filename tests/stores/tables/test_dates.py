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
