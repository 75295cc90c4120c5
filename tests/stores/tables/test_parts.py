"""A table in several files is the same table: read, redacted and replaced part by part."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.stores import contents
from unlearning.stores.tables import parts, redaction, tables

COLUMNS = {"who": [f"p{number % 7}" for number in range(20)], "x": list(range(20))}


def written(folder: Path, cuts: list[int], suffix: str) -> Path:
    """The rows of COLUMNS in as many parts as `cuts` makes, and a marker as Spark leaves one."""
    edges = [0, *sorted(cuts), 20]
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        part = folder / f"day={number:02d}" / f"part{suffix}"
        part.parent.mkdir(parents=True)
        table = pa.table({name: values[low:high] for name, values in COLUMNS.items()})
        if suffix == ".parquet":
            pq.write_table(table, part)
        else:
            rows = zip(COLUMNS["who"][low:high], COLUMNS["x"][low:high], strict=True)
            part.write_text("who,x\n" + "".join(f"{who},{x}\n" for who, x in rows))
    (folder / "_SUCCESS").touch()
    return folder


def rows(path: Path, named: str | None = None) -> list[tuple[object, ...]]:
    table = tables.read(path, person="who", named=named)
    return list(zip(table["who"].to_pylist(), table["x"].to_pylist(), strict=True))


def as_object(folder: Path, cache: Path) -> Path:
    """The folder as DVC's cache keeps it."""
    import json

    listed = []
    for name, file in parts.files(folder).items():
        md5 = hashing.file_digest(file)[:32]
        target = cache / md5[:2] / md5[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        listed.append({"md5": md5, "relpath": name})
    listing = cache / "ab" / "cd.dir"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text(json.dumps(listed[::-1]))
    return listing


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@given(cuts=st.lists(st.integers(0, 20), max_size=4), gone=st.sets(st.integers(0, 6)))
def test_parts_redacted_one_by_one_are_the_table_redacted(
    suffix: str, cuts: list[int], gone: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("parts")
    folder = written(root / "visits", cuts, suffix)
    keep = np.array([who not in {f"p{number}" for number in gone} for who in COLUMNS["who"]])
    expected = [row for row, kept in zip(zip(*COLUMNS.values(), strict=True), keep, strict=True) if kept]
    listing = as_object(folder, root / "cache")
    assert rows(folder) == rows(listing, "data/visits") == list(zip(*COLUMNS.values(), strict=True))
    assert tables.digest(listing) == tables.digest(folder)

    redaction.redact(listing, root / "draft", keep, named="data/visits")
    redaction.extract(folder, root / f"one{suffix}", keep, named="data/visits")

    assert rows(root / "draft") == rows(root / f"one{suffix}") == expected
    before, after = parts.files(folder), parts.files(root / "draft")
    assert before.keys() == after.keys()
    for name, file in before.items():
        lost = bool(file.stat().st_size) and len(tables.read(file)) != len(tables.read(after[name]))
        assert lost or after[name].read_bytes() == file.read_bytes()


def test_what_the_names_of_folders_say_is_a_column_and_its_own_columns_come_first(tmp_path: Path) -> None:
    for year, city, who in ((2025, "B%C3%BChl", "a"), (2026, "__HIVE_DEFAULT_PARTITION__", "b")):
        part = tmp_path / f"t/year={year}/city={city}/day=0{year - 2020}/x.parquet"
        part.parent.mkdir(parents=True)
        pq.write_table(pa.table({"who": [who, who], "x": [1, 2]}), part)
    table = tables.read(tmp_path / "t")
    assert table.column_names == ["who", "x", "year", "city", "day"]
    assert table.column("year").to_pylist() == [2025, 2025, 2026, 2026]
    assert table.column("city").to_pylist() == ["Bühl", "Bühl", None, None]
    assert table.column("day").to_pylist() == ["05", "05", "06", "06"]
    assert tables.read(tmp_path / "t", person="who", only=True).column_names == ["who"]
    assert tables.people(tables.read(tmp_path / "t", person="year", only=True), "year").values == (2025, 2026)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_only_the_parts_that_lose_rows_are_written_and_the_others_stay_as_they_are(tmp_path: Path, suffix: str) -> None:
    old, out = written(tmp_path / "old", [5, 9, 14], suffix), written(tmp_path / "out", [5, 9, 14], suffix)
    keep = np.arange(20) != 6
    inodes = {name: file.stat().st_ino for name, file in parts.files(out).items()}
    redaction.redact(old, tmp_path / "draft", keep, changed=True)
    assert list(parts.files(tmp_path / "draft")) == [f"day=01/part{suffix}"]
    assert parts.put_in_place(tmp_path / "draft", out, before=old)
    assert [name for name, file in parts.files(out).items() if file.stat().st_ino != inodes[name]] == [f"day=01/part{suffix}"]
    assert rows(out) == [row for at, row in enumerate(zip(*COLUMNS.values(), strict=True)) if at != 6]


def test_a_part_that_comes_or_goes_while_it_is_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "t", [7, 14], ".csv")
    load = tables.loading.load

    def meanwhile(path: Path, *given: object, **named: object) -> pa.Table:
        found = load(path, *given, **named)
        (folder / "day=05").mkdir(exist_ok=True)
        (folder / "day=05/part.csv").write_text("who,x\nnew,1\n")
        return found

    monkeypatch.setattr(tables.loading, "load", meanwhile)
    with pytest.raises(DataError, match="parts came or went while it was read"):
        tables.read(folder, named="data/t")


def test_a_part_with_other_columns_is_named_by_its_place(tmp_path: Path) -> None:
    for number, x in enumerate(([1], [2.5], [{"a": 1}])):
        pq.write_table(pa.table({"who": ["a"], "x": x}), tmp_path / f"{number}.parquet")
    with pytest.raises(DataError, match="part 3 of 3 is unlike the first"):
        tables.read(tmp_path, named="data/t")


@pytest.mark.parametrize("moved", range(3))
def test_parts_move_one_by_one_and_a_move_that_was_cut_off_is_finished(tmp_path: Path, moved: int) -> None:
    keep = np.array([who != "p3" for who in COLUMNS["who"]])
    old, out = written(tmp_path / "old", [7, 14], ".csv"), written(tmp_path / "out", [7, 14], ".csv")
    for draft in ("first", "again"):
        redaction.redact(old, tmp_path / draft, keep)
    for name, file in list(parts.files(tmp_path / "first").items())[1 : 1 + moved]:
        file.replace(out / name)

    assert parts.put_in_place(tmp_path / "again", out, before=old)
    assert rows(out) == [row for row in zip(*COLUMNS.values(), strict=True) if row[0] != "p3"]


@pytest.mark.parametrize("changed", [True, False])
@pytest.mark.parametrize("change", ["a row", "a cell, and the time set back", "a part more", "a part less"])
def test_what_somebody_else_changed_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, changed: bool
) -> None:
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() + 3600 * 10**9)  # all files are settled
    keep = np.array([who != "p3" for who in COLUMNS["who"]])
    old, out = written(tmp_path / "old", [7, 14], ".csv"), written(tmp_path / "out", [7, 14], ".csv")
    redaction.redact(old, tmp_path / "draft", keep, changed=changed)
    part = out / "day=01/part.csv"
    tables.digest(out)  # as the step before it did
    time.sleep(0.02)
    if change.startswith("a cell"):
        when = part.stat()
        part.write_text(part.read_text()[:-2] + "9\n")
        os.utime(part, ns=(when.st_atime_ns, when.st_mtime_ns))
        assert part.stat().st_size == when.st_size
    elif change == "a row":
        part.write_text(part.read_text() + "new,1\n")
    elif change == "a part more":
        (out / "day=09").mkdir()
        (out / "day=09/part.csv").write_text("who,x\nnew,1\n")
    else:
        part.unlink()
    before = tables.digest(out)

    assert not parts.put_in_place(tmp_path / "draft", out, before=old)
    assert tables.digest(out) == before


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no part"),
        ({"a.csv": "who\na\n", "b.parquet": "x"}, "several kinds"),
        ({"a.csv": "who\na\n", "p3.txt": "x"}, "1 files that are no tables"),
    ],
)
def test_a_folder_that_is_no_table_is_refused_without_naming_its_files(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    (tmp_path / "visits").mkdir()
    for name, content in files.items():
        (tmp_path / "visits" / name).write_text(content)
    with pytest.raises(DataError, match=message) as refused:
        tables.read(tmp_path / "visits", named="data/visits")
    assert "p3" not in str(refused.value)
    assert not parts.is_table(tmp_path / "visits")


def test_a_part_that_cannot_be_read_is_numbered_and_not_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "visits", [10], ".csv")
    (folder / "day=00/part.csv").rename(folder / "day=00/patient-4711.csv")
    (folder / "day=00/patient-4711.csv").write_text("who,x\na\n")
    with pytest.raises(DataError, match=r"data/visits, part 1 of 2\.csv") as refused:
        tables.read(folder, named="data/visits")
    assert "4711" not in str(refused.value)


def test_parts_with_other_columns_are_refused_where_one_table_cannot_hold_them(tmp_path: Path) -> None:
    folder = written(tmp_path / "visits", [10], ".csv")
    (folder / "day=01/part.csv").write_text("x,who\n1,a\n")
    with pytest.raises(DataError, match="different header lines"):
        redaction.extract(folder, tmp_path / "one.csv", np.ones(11, dtype=bool), named="data/visits")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_what_is_extracted_into_a_name_without_a_suffix_is_a_folder_of_the_same_parts(tmp_path: Path, suffix: str) -> None:
    folder, out = written(tmp_path / "old", [5, 9, 14], suffix), tmp_path / "train"
    keep = np.array([who != "p3" for who in COLUMNS["who"]])
    for _ in range(2):
        redaction.extract(folder, out, keep, named="data/old")
        (out / f"day=03/left{suffix}").touch()
    redaction.extract(folder, out, keep, named="data/old")
    assert parts.files(out).keys() == parts.files(folder).keys()
    assert rows(out) == [row for row in zip(*COLUMNS.values(), strict=True) if row[0] != "p3"]
