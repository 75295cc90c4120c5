"""One reader for every form: by content, never an exception, and what it did not read is said."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import forms
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Text, Unread
from unlearning.stores.tables.reading import Reading

# Arrow cannot hand on an uneven row that is no UTF-8, and says so on standard error; the file is a text then.
HANDED_ON = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROWS = forms.rows_of(["zq0001-7", "zq0002-7", "zq0003-7"], "patient")


def read(content: bytes, name: str = "", **how: object) -> tuple[str, list[Piece]]:
    form, pieces = Reading(**how).open(io.BytesIO(content), name)  # type: ignore[arg-type]
    return form, list(pieces)


def unread(content: bytes, **how: object) -> list[str]:
    return [piece.why for piece in read(content, **how)[1] if isinstance(piece, Unread)]


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_torn_or_twisted_file_is_never_an_error(form: str) -> None:
    content = forms.FORMS[form](ROWS, "patient")
    draw = random.Random(form)
    for _ in range(8):
        twisted = bytearray(content)
        for _ in range(draw.randrange(1, 6)):
            twisted[draw.randrange(len(twisted))] = draw.randrange(256)
        read(bytes(twisted[: draw.randrange(1, len(twisted) + 1)]))


@HANDED_ON
@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(["", "a.csv", "a.json", "a.parquet"]))
def test_no_bytes_are_an_error(content: bytes, name: str) -> None:
    read(content, name)


@pytest.mark.parametrize(
    "content",
    [
        ("[" * 5000 + "]" * 5000).encode(),
        ('{"a":' * 5000 + "1" + "}" * 5000).encode(),
        b"[" + b"9" * 4400 + b"]",
        b'{"a": 1e999, "b": NaN}',
        ("a: " * 3000).encode(),
        ("- " * 3000 + "x").encode(),
        b"<table>" * 5000,
        b"a,b\n" + b'"' * 4001,
    ],
    ids=["deep lists", "deep objects", "long number", "infinite", "deep keys", "deep YAML", "deep HTML", "quotes"],
)
def test_texts_against_parsers_are_read_as_words_at_least(content: bytes) -> None:
    assert not unread(content)


def test_an_archive_in_an_archive_and_an_encrypted_member_are_unread_and_their_neighbours_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.zip", forms.FORMS["zip"](ROWS, "patient"))
        archive.writestr("b.csv", forms.FORMS["CSV"](ROWS, "patient"))
        archive.writestr("c.txt", b"secret")
    content = bytearray(out.getvalue())
    flags = content.rindex(b"PK\1\2") + 8
    content[flags] |= 1
    _, pieces = read(bytes(content))
    assert sorted(piece.why for piece in pieces if isinstance(piece, Unread)) == [
        "it is an archive inside an archive",
        "it is encrypted",
    ]
    assert any(isinstance(piece, Rows) for piece in pieces)


def test_a_member_s_name_is_content_and_stands_in_no_reason() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("zq0001-7.pkl", b"\x80\x04K\x01.")
    _, pieces = read(out.getvalue())
    assert any(isinstance(piece, Aside) and "zq0001-7" in piece.text for piece in pieces)
    assert not any("zq0001" in piece.why for piece in pieces if isinstance(piece, Unread))


def test_what_is_compressed_again_and_again_is_unread_in_the_end() -> None:
    content = b"a,b\n1,2\n3,4\n"
    for _ in range(3):
        content = gzip.compress(content)
    assert not unread(content)
    assert unread(gzip.compress(content))


# --- plugins ---------------------------------------------------------------------------------------------------------


def ours(stream: IO[bytes], name: str) -> Iterable[pa.RecordBatch | str] | None:
    if stream.read(4) != b"OURS":
        return None
    return [pa.RecordBatch.from_pydict({"patient": json.loads(stream.read())}), "and a text"]


def failing(stream: IO[bytes], name: str) -> Iterable[pa.RecordBatch | str] | None:
    raise KeyError("zq0001-7")


def failing_late(stream: IO[bytes], name: str) -> Iterator[pa.RecordBatch | str]:
    yield "zq0001-7"
    raise KeyError("zq0001-7")


def test_a_plugin_reads_what_nobody_else_does() -> None:
    form, pieces = read(b'OURS["zq0001-7"]', readers=(("ours", ours),))
    assert form == "ours"
    assert isinstance(pieces[0], Rows)
    assert pieces[1] == Text("and a text")
    assert read(b"\0\1\2", readers=(("ours", ours),))[0] == "unknown form"


@pytest.mark.parametrize("plugin", [failing, failing_late])
def test_a_plugin_that_fails_leaves_the_file_unread_and_quotes_nothing(plugin: object) -> None:
    assert unread(b"\0\1\2", readers=(("ours", plugin),)) == ["the reader 'ours' failed (KeyError)"]


def test_a_table_is_asked_of_no_plugin() -> None:
    assert read(forms.FORMS["Parquet"](ROWS, "patient"), readers=(("ours", failing),))[0] == "Parquet"
