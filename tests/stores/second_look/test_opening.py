"""Files are opened as far as they nest, by code that the sweep does not use."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import orc
from pyarrow.feather import write_feather

from unlearning.domain import hashing
from unlearning.stores.second_look import opening
from unlearning.stores.second_look.matching import Wanted

KEY, PERSON = bytes(32), "Zq-9999"


def wanted(person: str = PERSON, kind: str = "text", people: tuple[str, ...] = ("patient",)) -> Wanted:
    return Wanted(frozenset({hashing.token(KEY, person, kind)}), kind, KEY, people)


def zipped(content: bytes, name: str = "a") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("a")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def parquet(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def feather(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    write_feather(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def in_orc(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def in_sqlite(*cells: str) -> bytes:
    """Of a database with a log, which is empty: its head says so."""
    with tempfile.TemporaryDirectory() as folder:
        with closing(sqlite3.connect(f"{folder}/a.db")) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE t (a TEXT, b TEXT)")
            connection.execute("INSERT INTO t VALUES (?, ?)", cells)
        return Path(folder, "a.db").read_bytes()


def by_arrow(content: bytes, codec: str) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, codec) as stream:
        stream.write(content)
    return out.getvalue().to_pybytes()


TEXT = f"see {PERSON} there, and much more that packs well {'x' * 500}".encode()


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzip.compress(TEXT, mtime=0),
        bz2.compress(TEXT),
        lzma.compress(TEXT),
        zlib.compress(TEXT),
        zipped(TEXT),
        zipped(b"", f"{PERSON}.txt"),
        tarred(TEXT),
        zipped(gzip.compress(tarred(TEXT), mtime=0)),
        parquet(patient=[PERSON, "b"]),
        parquet(other=[[PERSON], []]),
        parquet(note=[{"who": PERSON}]),
        gzip.compress(parquet(x=[f"of {PERSON}"]), mtime=0),
        gzip.compress(b"x", mtime=0) + gzip.compress(TEXT, mtime=0) + b"\0" * 9,
        bz2.compress(b"x") + bz2.compress(TEXT),
        lzma.compress(b"x") + b"\0" * 4 + lzma.compress(TEXT),
        zlib.compress(b"x") + zlib.compress(TEXT),
        by_arrow(TEXT, "zstd"),
        by_arrow(b"x", "zstd") + by_arrow(TEXT, "zstd"),
        by_arrow(TEXT, "lz4"),
        zipped(by_arrow(TEXT, "zstd")),
        feather(patient=[PERSON, "b"]),
        feather(note=[["x"], [f"of {PERSON}"]]),
        in_orc(patient=["b", PERSON]),
        gzip.compress(in_orc(note=[f"of {PERSON}"]), mtime=0),
        zipped(in_sqlite("x", PERSON)),
        gzip.compress(in_sqlite("x", f"{'v' * 5000} of {PERSON}"), mtime=0),
    ],
    ids=range(27),
)
def test_a_person_is_found_however_it_is_packed(content: bytes) -> None:
    assert opening.holds(wanted(), content)
    assert not opening.holds(wanted("Zq-1111"), content)


@pytest.mark.parametrize("content", [b"\x1f\x8b none", b"BZh none", b"ORChard", b"x\x9c none", b"", b"\0" * 600])
def test_what_only_begins_as_something_packed_is_read_as_bytes(content: bytes) -> None:
    assert not opening.holds(wanted(), content)
    assert opening.holds(wanted(), content + TEXT)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 broken",
        b"PAR1 broken PAR1",
        b"ARROW1 broken",
        b"ORC broken ORC\0",
        b"\x1f\x8b\x08 broken",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07\x01",
        gzip.compress(b"x" * 999, mtime=0)[:-9],
        gzip.compress(b"x", mtime=0) + b"more",
        gzip.compress(b"x", mtime=0) + gzip.compress(b"x" * 999, mtime=0)[:-9],
        bz2.compress(b"x" * 999)[:-9],
        lzma.compress(b"x" * 999)[:-9],
        zipped(b"x" * 999)[:-30],
        zipped(gzip.compress(b"x" * 999, mtime=0)[:-9]),
        zipped(in_sqlite("x", "y")[:4096]),
        b"age,patient\n1," + b"x" * 200_000 + b"\n2,z\n",
    ],
    ids=range(16),
)
def test_what_is_not_read_to_its_end_is_never_said_to_name_nobody(content: bytes) -> None:
    with pytest.raises(opening.NotRead):
        opening.holds(wanted(), content)
    assert opening.holds(wanted(), content + TEXT)


def test_what_is_nested_too_deep_is_never_said_to_name_nobody() -> None:
    content = TEXT
    for _ in range(opening.DEPTH):
        content = zipped(content)
    assert opening.holds(wanted(), content)
    assert not opening.holds(wanted("Zq-1111"), content)
    with pytest.raises(opening.NotRead):
        opening.holds(wanted(), zipped(content))


def test_of_an_encrypted_archive_nobody_says_that_it_names_nobody() -> None:
    content = bytearray(zipped(b"x" * 99))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(opening.NotRead):
        opening.holds(wanted(), bytes(content))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_short_number_counts_in_the_person_column_alone(delimiter: str) -> None:
    def rows(who: int) -> bytes:
        return "\n".join(delimiter.join(row) for row in (["age", "patient"], ["17", str(who)])).encode()

    assert opening.holds(wanted("17", "integer"), rows(17))
    assert not opening.holds(wanted("17", "integer"), rows(18))
    assert opening.holds(wanted("17", "integer"), parquet(patient=[17], age=[50]))
    assert not opening.holds(wanted("17", "integer"), parquet(patient=[18], age=[17]))


@pytest.mark.parametrize("raw", [True, False], ids=["identifier", "token"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.uint32(), pa.float64(), pa.float32(), pa.decimal128(20, 1)], ids=str)
def test_a_number_of_any_type_is_found_in_any_column_and_none_that_is_near(kind: pa.DataType, raw: bool) -> None:
    who = replace(wanted("100042", "integer"), identifiers=("100042",) if raw else ())
    column = [7, None, 100042, 100043]
    numbers = pa.array(column, pa.int64()).cast(kind)
    assert opening.holds(who, parquet(x=numbers))
    assert opening.holds(who, parquet(x=[[1, 2], [100042]]))
    assert not opening.holds(who, parquet(x=numbers.filter(pa.array([True, True, False, True]))))


@pytest.mark.parametrize("said", ["100042", "+100042", "0100042", "100042.0"])
def test_a_whole_number_is_found_however_the_tables_spell_it(said: str) -> None:
    who = replace(wanted("100042", "integer"), identifiers=(said,))
    assert opening.holds(who, parquet(patient=[7, 100042]))
    assert opening.holds(who, parquet(x=[7, 100042]))
    assert not opening.holds(who, parquet(patient=[7, 100043]))


def test_a_telephone_number_with_dashes_is_found_in_a_person_column_of_numbers() -> None:
    who = replace(wanted("170-123-4567", "phone"), identifiers=("170-123-4567",))
    assert opening.holds(who, parquet(patient=[5, 1701234567]))
    assert not opening.holds(who, parquet(patient=[5, 1701234568]))


@pytest.mark.parametrize("raw", [True, False], ids=["identifier", "token"])
def test_what_stands_beside_the_cells_of_a_table_counts_too(raw: bool) -> None:
    who = replace(wanted(), identifiers=(PERSON,) if raw else ())
    told = pa.field("x", pa.int64(), metadata={"first": f"of {PERSON}"})
    out = io.BytesIO()
    pq.write_table(pa.table([pa.array([1])], schema=pa.schema([told])), out, store_schema=False)
    assert opening.holds(who, parquet(**{f"of {PERSON}": [1]}))
    content = parquet(x=["a"])
    assert opening.holds(who, content[:4] + f" {PERSON} ".encode() + content[4:])


def test_a_number_beside_which_an_identifier_stands_by_chance_is_another_number() -> None:
    for raw in ((), ("100042",)):
        who = replace(wanted("100042", "integer"), identifiers=raw)
        assert not opening.holds(who, parquet(x=[0.100042, 100042.5, -3.5e300, float("nan"), float("inf")]))


def test_a_large_table_is_read_from_the_disk_a_group_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LARGE", 100)
    pq.write_table(pa.table({"patient": ["a", "b", PERSON], "x": [1, 2, 3]}), tmp_path / "a.parquet", row_group_size=1)
    (tmp_path / "b.parquet").write_bytes(b"PAR1" + TEXT * 10)
    (tmp_path / "c.parquet").write_bytes(b"")
    for file, there in (("a.parquet", True), ("c.parquet", False)):
        with opening.content(tmp_path / file) as content:
            assert opening.holds(wanted(), content) is there
            assert not opening.holds(wanted("Zq-1111"), content)
    (tmp_path / "b.parquet").write_bytes(b"PAR1" + TEXT * 10)
    with opening.content(tmp_path / "b.parquet") as content:
        assert opening.holds(wanted(), content)
        with pytest.raises(opening.NotRead):
            opening.holds(wanted("Zq-1111"), content)


def test_people_whom_two_columns_name_are_found_by_both() -> None:
    who = wanted("north/17", "text/integer", ("clinic/patient",))
    assert opening.holds(who, parquet(clinic=["south", "north"], patient=[1, 17]))
    assert not opening.holds(who, parquet(clinic=["south", "north"], patient=[17, 1]))


@given(
    st.lists(st.sampled_from([PERSON, "9999", "Z", "q-", "\0", " ", "a1", "é", "Zq"]), max_size=60).map("".join),
    st.integers(1, 40),
)
def test_somebody_is_found_in_pieces_of_a_content_where_they_are_in_the_whole(text: str, size: int) -> None:
    content, who = text.encode(), replace(wanted(), identifiers=(PERSON,))
    pieces = list(opening.pieces(io.BytesIO(content), size, overlap=len(PERSON)))
    assert any(map(who.in_bytes, pieces)) is who.in_bytes(content)
    longest = max(map(len, re.findall(rb"[0-9A-Za-z]+", content)), default=0)
    assert max(map(len, pieces)) <= size + len(PERSON) + 2 * longest + 1


def test_rows_of_a_database_are_read_with_its_log(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute('CREATE TABLE "odd ""name" (a TEXT, b TEXT)')
    connection.execute('INSERT INTO "odd ""name" VALUES (?, ?)', ("x", PERSON))
    connection.commit()
    assert opening.database_holds(wanted(), tmp_path / "a.db")
    assert not opening.database_holds(wanted("Zq-1111"), tmp_path / "a.db")
    connection.close()


def database(file: Path, rows: list[tuple[object, object]], layout: str, encoding: str = "UTF-8", page: int = 512) -> Path:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(f"PRAGMA synchronous = OFF; PRAGMA page_size = {page}; PRAGMA encoding = '{encoding}'")
        connection.execute(f'CREATE TABLE t (n INTEGER PRIMARY KEY, a, "b "" c") {layout}')
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, *row) for n, row in enumerate(rows)])
    return file


@pytest.mark.parametrize("layout", ["", "WITHOUT ROWID"])
def test_somebody_who_is_split_among_pages_is_found(tmp_path: Path, layout: str) -> None:
    """Of a row that begins in one page and ends in the next, wherever the edge is; some of these rows no byte search finds."""
    who, unseen = replace(wanted(), identifiers=(PERSON,)), 0
    for after in range(500, 1020, 5):
        file = database(tmp_path / f"{after}.db", [(f"{'v' * 50} {PERSON} {'v' * after}", None)], layout)
        assert opening.database_holds(who, file)
        unseen += not who.in_bytes(file.read_bytes())
    assert unseen


CELLS = st.one_of(
    st.none(),
    st.sampled_from([123456, -123456, 99999, -12345, 12345, 0, -(2**63), 2**63 - 1, 123456.0, 0.5, 1e300, -12345.5]),
    st.sampled_from([PERSON, f"a{PERSON}", f"{PERSON}1", "Zq-", "9999", f" {PERSON} ", "123456", "x-12345,"]),
    st.integers(0, 2000).map(lambda size: f"{'v' * size} {PERSON} {'v' * size}"),
    st.integers(0, 2000).map(lambda size: f"{'v' * size} {PERSON}".encode("utf-16-le")),
)


@pytest.mark.parametrize("layout", ["", "WITHOUT ROWID"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=5),
    people=st.sets(st.sampled_from([PERSON, "123456", "-12345"]), min_size=1),
    page=st.sampled_from([512, 4096]),
)
def test_the_rows_that_are_left_out_of_a_database_name_nobody(
    layout: str, encoding: str, rows: list[tuple[object, object]], people: set[str], page: int
) -> None:
    """The quick way against all rows and all bytes, of values side by side, split among pages, or kept as numbers."""
    who = replace(wanted(), identifiers=tuple(sorted(people)))
    with tempfile.TemporaryDirectory() as folder:
        file = database(Path(folder) / "a.db", rows, layout, encoding, page)
        slow = who.in_bytes(file.read_bytes()) or any(opening.rows_hold(who, [row]) for row in rows)
        assert opening.database_holds(who, file) is slow


def test_a_table_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (a TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(f"{n} {'x' * 500}",) for n in range(100)])
    connection.commit()
    connection.close()
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(20 * 4096))
    with pytest.raises(sqlite3.Error):
        opening.database_holds(replace(wanted(), identifiers=(PERSON,)), tmp_path / "a.db")


def test_what_unpacks_to_more_than_is_read_at_once_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST", 100)
    for content in (gzip.compress(TEXT), zipped(TEXT), tarred(TEXT)):
        with pytest.raises(opening.TooLarge):
            opening.holds(wanted("Zq-1111"), content)
