"""Whatever form a file has, looking finds a person in it, may have found one, or says that it was not read."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import forms
from unlearning.domain import hashing
from unlearning.stores import contents
from unlearning.stores.scans import looking
from unlearning.stores.scans.looking import Look, look, look_at
from unlearning.stores.scans.words import Watch

KEY = b"k" * 32
PEOPLE: dict[str, list[object]] = {
    "text": ["zq0001-7", "zq0002-7", "zq0003-7"],
    "integer": [100042, 100043, 100044],
    "email": ["anna.b@example.org", "bob@example.org", "cid@example.org"],
}
STRANGERS: dict[str, object] = {"text": "zq0009-7", "integer": 100049, "email": "zoe@example.org"}


def watch(*people: object, kind: str = "text", **more: object) -> Watch:
    return Watch(("patient",), kind, KEY, frozenset(hashing.token(KEY, one, kind) for one in people), **more)  # type: ignore[arg-type]


def looked(form: str, kind: str, column: str = "patient", whom: object | None = None) -> tuple[Look, str]:
    """(what looking for one person shows, their token) in a file with all of them."""
    one = PEOPLE[kind][0] if whom is None else whom
    content = forms.FORMS[form](forms.rows_of(PEOPLE[kind], column), column)
    return look(watch(one, kind=kind), io.BytesIO(content)), hashing.token(KEY, one, kind)


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.TABLES)
def test_a_table_with_the_person_column_says_who_is_in_it_and_who_is_not(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert (seen.found, seen.maybe, seen.compared, seen.why) == ({token}, set(), "people", "")
    seen, _ = looked(form, kind, whom=STRANGERS[kind])
    assert (seen.found, seen.maybe, seen.compared, seen.why) == (set(), set(), "people", "")


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", [*forms.TABLES, *forms.DOCUMENTS])
def test_under_a_column_that_nobody_knows_every_cell_is_compared(form: str, kind: str) -> None:
    seen, token = looked(form, kind, column="who")
    assert token in (seen.maybe if kind == "integer" else seen.found)
    assert seen.compared in ("cells", "words")
    assert not seen.why
    seen, _ = looked(form, kind, column="who", whom=STRANGERS[kind])
    assert not seen.found | seen.maybe


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.DOCUMENTS)
def test_what_stands_under_the_person_s_name_in_a_document_is_found(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in seen.found
    assert seen.compared in ("people", "cells", "words")
    assert seen.read


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.LOOSE)
def test_a_loose_mention_is_found_and_a_number_may_be_one(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in (seen.maybe if kind == "integer" else seen.found)
    assert seen.compared in ("cells", "words")
    assert seen.read
    seen, _ = looked(form, kind, whom=STRANGERS[kind])
    assert not seen.found | seen.maybe


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.HIDDEN)
def test_what_is_packed_into_something_is_opened_or_unread(form: str, kind: str) -> None:
    content = forms.HIDDEN[form](forms.rows_of(PEOPLE[kind], "who"), "who")
    one = PEOPLE[kind][0]
    seen = look(watch(one, kind=kind), io.BytesIO(content))
    assert seen.left({hashing.token(KEY, one, kind)})


def test_bytes_that_are_a_text_or_a_uuid_are_cells_like_others() -> None:
    cells = pa.array([b"anna", "Zo\u00eb".encode(), bytes(range(16)), b"", None], pa.binary())
    out = io.BytesIO()
    pq.write_table(pa.table({"note": cells}), out)
    assert look(watch("zq0001-7"), out).read


def test_a_row_that_was_deleted_from_a_page_in_use_is_found(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "some.db")) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE visits (who)")
        database.executemany("INSERT INTO visits VALUES (?)", [(one,) for one in PEOPLE["text"]])
        database.execute("DELETE FROM visits WHERE who = ?", (PEOPLE["text"][0],))
    content = (tmp_path / "some.db").read_bytes()
    assert look(watch(PEOPLE["text"][0]), io.BytesIO(content)).found
    assert look(watch(STRANGERS["text"]), io.BytesIO(content)).left({hashing.token(KEY, STRANGERS["text"], "text")}) is None


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.OPAQUE)
def test_bytes_are_never_said_to_be_compared(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert (seen.compared, seen.read) == ("nothing", False)
    assert not seen.maybe - {token}
    assert str(PEOPLE[kind][0]) not in repr(seen)


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.ODD)
def test_an_odd_table_is_compared_or_unread_and_never_an_error(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in seen.found | seen.maybe
    assert seen.read


def test_a_long_text_is_read_in_pieces_and_a_name_across_two_of_them_is_found():
    piece, who = 1 << 20, hashing.token(bytes(32), "MRN-4711", "text")
    for shift in range(-9, 2):
        before = (b"w" * 63 + b" ") * (piece // 64 - 1)  # few words: they are what takes time
        text = before + b" " * (piece + shift - len(before)) + b"MRN-4711" + b" t" * 1000
        assert look(Watch(("patient",), "text", bytes(32), frozenset({who})), io.BytesIO(text)).found == {who}, shift


def of(*names: str, kind: str = "text") -> frozenset[str]:
    return frozenset(hashing.token(bytes(32), name, kind) for name in names)


def among(content: bytes, *columns: str, wanted: frozenset[str]) -> Look:
    return look(Watch(columns or ("patient",), "text", bytes(32), wanted), io.BytesIO(content))


@pytest.mark.parametrize("content", [b"patient,age\nann,1\n\nbob,2\nann,3\n", b"patient;age\rann;1\rbob;2\r"])
def test_everyone_in_the_rows_is_there_and_nobody_else(content: bytes) -> None:
    seen = among(content, wanted=of("ann", "bob", "cid"))
    assert (seen.compared, seen.found) == ("people", of("ann", "bob"))


def test_a_person_whom_two_columns_name_is_one() -> None:
    assert among(b"clinic,patient\nn,1\nm,1\n", "clinic/patient", wanted=of("n\x1f1", "m\x1f2")).found == of("n\x1f1")


@pytest.mark.parametrize("content", [b"who,age\nann,1\n", b"just a text", b'{"rows": "' + b"x" * 200_000 + b'"}'])
def test_what_has_no_person_column_is_no_table_of_people(content: bytes) -> None:
    assert among(content, wanted=of("zed-99")).compared in ("cells", "words")


@pytest.mark.parametrize("rest", [b'"ann,1\nbob,2\n', b"ann,1\nbob\n", b"ann,1\nbob,2,3\n", b'ann,"1\nbob,2\ncid,3\n'])
def test_lines_that_are_no_rows_are_never_taken_for_people_compared(rest: bytes) -> None:
    assert among(b"patient,age\n" + rest, wanted=of("zed-99")).compared != "people"


# --- what was compared before --------------------------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that is compared, not only known again."""
    found: list[str] = []

    def tallied(watched: Watch, stream: Any, name: str = "", **how: Any) -> Any:
        found.append(name)
        return truth(watched, stream, name, **how)

    truth = looking.tallied
    monkeypatch.setattr(looking, "tallied", tallied)
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() + 3600 * 10**9)  # all files are settled
    looking._seen.clear()
    return found


def large(file: Path, *, person: int = 7, rows: int = 200_000) -> Path:
    """A Parquet file of more than a megabyte."""
    noise = np.random.default_rng(person).integers(1 << 60, size=rows)
    pq.write_table(pa.table({"patient": [person] + [1000 + row for row in range(rows - 1)], "x": noise}), file)
    return file


def test_a_large_content_is_compared_once_wherever_it_lies_and_says_the_same(tmp_path: Path, compared: list[str]) -> None:
    file, other = large(tmp_path / "data.parquet"), tmp_path / "0a1b2c"
    other.write_bytes(file.read_bytes())
    first = look_at(watch(7, kind="integer"), file, below=tmp_path)
    assert look_at(watch(7, kind="integer"), other, below=tmp_path) == first
    assert first.found == {hashing.token(KEY, 7, "integer")}
    assert compared == ["data.parquet"]


def test_what_a_step_read_of_a_file_is_not_read_again_to_know_it_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: list[str]
) -> None:
    file = large(tmp_path / "data.parquet")
    contents.file_digest(file)
    monkeypatch.setattr(hashing, "stream_digest", lambda _: pytest.fail("it was read since it is as it is"))
    assert all(look_at(watch(7, kind="integer"), file, below=tmp_path).found for _ in range(2))
    assert compared == ["data.parquet"]


def test_another_question_or_another_content_is_compared_anew(tmp_path: Path, compared: list[str]) -> None:
    file = large(tmp_path / "data.parquet")
    here = watch(7, kind="integer")
    others = [
        watch(8, kind="integer"),
        watch(7, 8, kind="integer"),
        watch(7, kind="text"),
        Watch(("x",), "integer", KEY, here.tokens),
        Watch(here.people, "integer", b"o" * 32, here.tokens),
        watch(7, kind="integer", raw=re.compile(b"7")),
        watch(7, kind="integer", spellings=("P-{}",)),
    ]
    for number, one in enumerate([here, *others], 1):
        look_at(one, file, below=tmp_path)
        assert len(compared) == number
    look_at(here, file, below=tmp_path, thorough=True)
    assert len(compared) == len(others) + 2
    times = file.stat()
    time.sleep(0.02)
    large(file, person=8)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not look_at(here, file, below=tmp_path).found
    assert not any(str(one) in repr(looking._seen) for one in ("patient", 1007))


def test_a_small_file_a_text_and_what_is_not_on_this_disk_are_compared_each_time(tmp_path: Path, compared: list[str]) -> None:
    here, small, text = watch(7, kind="integer"), large(tmp_path / "small.parquet", rows=10), tmp_path / "text.csv"
    text.write_text("patient,x\n" + "7,1\n" * 400_000)
    for file in (small, text):
        for _ in range(2):
            assert look_at(here, file, below=tmp_path).found
    content = large(tmp_path / "data.parquet").read_bytes()
    for _ in range(2):
        assert look(here, io.BytesIO(content)).found
    assert len(compared) == 6


@pytest.mark.parametrize(
    ("when", "known"),
    [
        ("before its digest is read", False),
        ("before its digest is read", True),
        ("when it was read", False),
        ("when it was read", True),
        ("while it is compared", False),
    ],
)
def test_a_file_that_changes_meanwhile_never_lends_its_verdict_to_other_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: list[str], when: str, known: bool
) -> None:
    """known: a clean verdict on the old bytes is there already."""
    without, holding, file = large(tmp_path / "without"), large(tmp_path / "with", person=8), tmp_path / "data.parquet"
    clean, held, here = without.read_bytes(), holding.read_bytes(), watch(8, kind="integer")
    assert len(clean) == len(held)
    file.write_bytes(clean)
    if known:
        assert not look_at(here, without, below=tmp_path).found
    time.sleep(0.02)
    truth, tallied = hashing.stream_digest, looking.tallied

    def change() -> None:
        times = file.stat()
        file.write_bytes(held)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def digest(stream: Any) -> str:
        if when == "before its digest is read":
            change()
        found = truth(stream)
        if when == "when it was read":
            change()
        return found

    def compare(*args: Any, **how: Any) -> Any:
        found = tallied(*args, **how)
        if when == "while it is compared":
            change()
        return found

    monkeypatch.setattr(hashing, "stream_digest", digest)
    monkeypatch.setattr(looking, "tallied", compare)
    first = look_at(here, file, below=tmp_path)
    monkeypatch.setattr(hashing, "stream_digest", truth)
    monkeypatch.setattr(looking, "tallied", tallied)
    assert bool(first.found) == (when != "while it is compared")
    for _ in range(2):
        assert look_at(here, file, below=tmp_path).found
        assert look_at(here, holding, below=tmp_path).found
        assert not look_at(here, without, below=tmp_path).found


def test_what_was_written_just_now_is_compared_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: list[str]
) -> None:
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() - 3600 * 10**9)
    file = large(tmp_path / "data.parquet")
    for _ in range(2):
        look_at(watch(7, kind="integer"), file, below=tmp_path)
    assert len(compared) == 2
