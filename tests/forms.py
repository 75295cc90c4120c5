# ruff: noqa: ARG005 - a table of small programs of one shape, a line each
"""Forms of files that people are kept in: each made with the tools that users make them with.

FORMS: name → what makes the bytes of rows, with the identifiers under a column's name.
"""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import html
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq

Rows = Sequence[Mapping[str, object]]
"""Each with an identifier under the column's name, and some other values."""
Form = Callable[[Rows, str], bytes]


def rows_of(identifiers: Sequence[object], column: str) -> list[dict[str, object]]:
    """Rows as the forms take them."""
    return [{column: one, "age": 31.5 + number, "note": f"seen, again; {number}"} for number, one in enumerate(identifiers)]


def _table(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows])


def _frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame([dict(row) for row in rows])


def _stream(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def _csv(rows: Rows, *, before: str = "", encoding: str = "utf-8", **style: object) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, **{"lineterminator": "\n", **style})  # type: ignore[arg-type]
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return (before + out.getvalue()).encode(encoding)


def _parquet(rows: Rows, **options: object) -> bytes:
    return _stream(lambda out: pq.write_table(_table(rows), out, **options))


def _ipc(rows: Rows, new: Callable[..., pa.RecordBatchWriter], **options: object) -> bytes:
    def write(out: io.BytesIO) -> None:
        with new(out, _table(rows).schema, **options) as writer:
            writer.write_table(_table(rows))

    return _stream(write)


def _nested(rows: Rows, column: str) -> bytes:
    """The identifiers in lists of structs of an unknown column."""
    table = pa.table({"visits": [[{"who": row[column], "what": "x"}] for row in rows]})
    return _stream(lambda out: pq.write_table(table, out))


def _spare_category(rows: Rows, column: str) -> bytes:
    """The first identifier is a category that no row uses."""
    names = [str(row[column]) for row in rows]
    category = pa.DictionaryArray.from_arrays(pa.array([1] * len(rows), pa.int32()), pa.array(names))
    return _stream(lambda out: pq.write_table(pa.table({"group": category, "x": list(range(len(rows)))}), out))


def _in_metadata(rows: Rows, column: str) -> bytes:
    table = pa.table({"x": [1.5]}).replace_schema_metadata({"made for": f"{column}={rows[0][column]}"})
    return _stream(lambda out: pq.write_table(table, out))


def _cell(*contents: bytes) -> bytes:
    return _stream(lambda out: pq.write_table(pa.table({"blob": pa.array(contents, pa.binary())}), out))


def _two_of_one_name(rows: Rows, column: str) -> bytes:
    table = _table(rows)
    twice = pa.Table.from_arrays([pa.nulls(len(table), pa.string()), table[column]], names=[column, column])
    return _stream(lambda out: pq.write_table(twice, out))


def _as_list(rows: Rows, column: str) -> bytes:
    return _stream(lambda out: pq.write_table(pa.table({column: [[row[column]] for row in rows]}), out))


def _sqlite(rows: Rows, column: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "some.db"
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(f'CREATE TABLE visits ("{column}", age, note)')
            database.executemany("INSERT INTO visits VALUES (?, ?, ?)", [tuple(row.values()) for row in rows])
        return file.read_bytes()


def _zip(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    def write(out: io.BytesIO) -> None:
        with zipfile.ZipFile(out, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return _stream(write)


def _tar(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    def write(out: io.BytesIO) -> None:
        with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    return _stream(write)


def _xlsx(rows: Rows, column: str) -> bytes:
    """A sheet with inline texts, and numbers as Excel writes them."""

    def cell(value: object) -> str:
        number = isinstance(value, int | float)
        return f"<c><v>{value}</v></c>" if number else f'<c t="inlineStr"><is><t>{html.escape(str(value))}</t></is></c>'

    lines = [rows[0], *(row.values() for row in rows)]
    sheet = "".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines)
    return _zip(
        {
            "[Content_Types].xml": b'<?xml version="1.0"?><Types/>',
            "xl/worksheets/sheet1.xml": f'<?xml version="1.0"?><worksheet><sheetData>{sheet}</sheetData></worksheet>'.encode(),
        }
    )


def _docx(rows: Rows, column: str) -> bytes:
    """A word processor cuts words into runs."""
    runs = "".join(
        f"<w:p><w:r><w:t>{str(row[column])[:3]}</w:t></w:r><w:r><w:t>{str(row[column])[3:]}</w:t></w:r></w:p>\n" for row in rows
    )
    return _zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": f"<w:document>{runs}</w:document>".encode()})


def _npy(values: object) -> bytes:
    return _stream(lambda out: np.save(out, np.asarray(values), allow_pickle=False))


def _lines(rows: Rows, line: Callable[[Mapping[str, object]], str], *, end: str = "\n", encoding: str = "utf-8") -> bytes:
    return (end.join(map(line, rows)) + end).encode(encoding)


def _html_entities(text: object) -> str:
    return "".join(f"&#{ord(sign)};" for sign in str(text))


def _escaped(text: object) -> str:
    return "".join(f"\\u{ord(sign):04x}" for sign in str(text))


TABLES: dict[str, Form] = {
    "CSV": lambda rows, _: _csv(rows),
    "CSV ;": lambda rows, _: _csv(rows, delimiter=";"),
    "CSV tab": lambda rows, _: _csv(rows, delimiter="\t"),
    "CSV |": lambda rows, _: _csv(rows, delimiter="|"),
    "CSV CR": lambda rows, _: _csv(rows, lineterminator="\r"),
    "CSV CRLF": lambda rows, _: _csv(rows, lineterminator="\r\n"),
    "CSV blank first": lambda rows, _: _csv(rows, before="\n\n"),
    "CSV comment first": lambda rows, _: _csv(rows, before="# exported by a tool\n"),
    "CSV sep=": lambda rows, _: _csv(rows, before="sep=;\r\n", delimiter=";", lineterminator="\r\n"),
    "CSV single quotes": lambda rows, _: _csv(rows, quotechar="'", quoting=csv.QUOTE_ALL),
    "CSV quoted": lambda rows, _: _csv(rows, quoting=csv.QUOTE_ALL),
    "CSV BOM": lambda rows, _: _csv(rows, encoding="utf-8-sig"),
    "CSV UTF-16": lambda rows, _: _csv(rows, encoding="utf-16"),
    "CSV UTF-16 without BOM": lambda rows, _: _csv(rows, encoding="utf-16-le"),
    "CSV UTF-32": lambda rows, _: _csv(rows, encoding="utf-32"),
    "CSV CP1252": lambda rows, _: _csv([{**row, "note": "Größe"} for row in rows], encoding="cp1252"),
    "CSV gz": lambda rows, _: gzip.compress(_csv(rows)),
    "CSV bz2": lambda rows, _: bz2.compress(_csv(rows)),
    "CSV xz": lambda rows, _: lzma.compress(_csv(rows)),
    "CSV zst": lambda rows, _: pa.Codec("zstd").compress(_csv(rows), asbytes=True),
    "Parquet": lambda rows, _: _parquet(rows),
    "Parquet zstd": lambda rows, _: _parquet(rows, compression="zstd", row_group_size=1),
    "Parquet gz": lambda rows, _: gzip.compress(_parquet(rows)),
    "Parquet from pandas": lambda rows, _: _stream(_frame(rows).to_parquet),
    "Feather 1": lambda rows, _: _stream(lambda out: _feather1(_table(rows), out)),
    "Feather 2": lambda rows, _: _stream(lambda out: pyarrow.feather.write_feather(_table(rows), out)),
    "Arrow file": lambda rows, _: _ipc(rows, pa.ipc.new_file),
    "Arrow stream": lambda rows, _: _ipc(rows, pa.ipc.new_stream),
    "ORC": lambda rows, _: _stream(lambda out: pyarrow.orc.write_table(_table(rows), out)),
    "JSON records": lambda rows, _: _frame(rows).to_json(orient="records").encode(),
    "JSON lines": lambda rows, _: _frame(rows).to_json(orient="records", lines=True).encode(),
    "JSON columns": lambda rows, _: _frame(rows).to_json().encode(),
    "JSON split": lambda rows, _: _frame(rows).to_json(orient="split").encode(),
    "JSON table": lambda rows, _: _frame(rows).to_json(orient="table").encode(),
    "JSON lists": lambda rows, _: json.dumps(_frame(rows).to_dict("list")).encode(),
    "JSON UTF-16": lambda rows, _: _frame(rows).to_json(orient="records").encode("utf-16"),
    "SQLite": _sqlite,
}
"""Tables that say whose each row is: everyone is compared, where the column is known."""

DOCUMENTS: dict[str, Form] = {
    "JSON index": lambda rows, _: _frame(rows).to_json(orient="index").encode(),
    "JSON nested": lambda rows, column: json.dumps({"visits": [{"by": {column: row[column]}} for row in rows]}).encode(),
    "JSON in JSON": lambda rows, column: json.dumps({"request": json.dumps({column: rows[0][column]})}).encode(),
    "JSON MLflow": lambda rows, column: json.dumps(
        {"inputs": {"columns": [column], "data": [[row[column]] for row in rows]}}
    ).encode(),
    "GeoJSON": lambda rows, column: json.dumps(
        {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": dict(row), "geometry": None} for row in rows],
        }
    ).encode(),
    "YAML": lambda rows, column: ("visits:\n" + "".join(f"- {column}: {row[column]}\n  age: 3\n" for row in rows)).encode(),
    "HTML": lambda rows, _: _frame(rows).to_html().encode(),
    "key=value": lambda rows, column: _lines(rows, lambda row: f"{column}={row[column]}"),
    "XML": lambda rows, column: (
        "<r>" + "".join(f"<v><{column}>{row[column]}</{column}></v>" for row in rows) + "</r>"
    ).encode(),
}
"""What says under the column's name who it is about: found, though it is no table."""

LOOSE: dict[str, Form] = {
    "text": lambda rows, column: _lines(rows, lambda row: f"We saw {row[column]}. All was well."),
    "text CP1252": lambda rows, column: _lines(rows, lambda row: f"Größe of {row[column]}: fine", encoding="cp1252"),
    "text UTF-16": lambda rows, column: _lines(rows, lambda row: f"about {row[column]} here", encoding="utf-16"),
    "Markdown": lambda rows, column: _lines(rows, lambda row: f"| **{row[column]}** | seen |"),
    "log": lambda rows, column: _lines(rows, lambda row: f"2024-01-02 10:11:12,345 INFO step/{row[column]} done"),
    "paths": lambda rows, column: _lines(rows, lambda row: f"scans/{row[column]}.png"),
    "compound": lambda rows, column: _lines(rows, lambda row: f"scan_{row[column]}_left"),
    "URL": lambda rows, column: _lines(rows, lambda row: f"https://x.example/q?a={quote(str(row[column]), safe='')}&b=1"),
    "JSON-escaped": lambda rows, column: (
        json.dumps([f"about {row[column]} here" for row in rows]).encode().replace(b"@", b"\\u0040")
    ),
    "escaped wholly": lambda rows, column: _lines(rows, lambda row: f'x = "{_escaped(row[column])}"'),
    "HTML entities": lambda rows, column: _lines(rows, lambda row: f"<p>{_html_entities(row[column])}</p>"),
    "xlsx": _xlsx,
    "docx": _docx,
    "zip": lambda rows, column: _zip({"a.txt": b"nothing", "b.txt": _lines(rows, lambda row: f"see {row[column]}")}),
    "tar": lambda rows, column: _tar({"b.txt": _lines(rows, lambda row: f"see {row[column]}")}),
    "tar.gz": lambda rows, column: _tar({"b.txt": _lines(rows, lambda row: f"see {row[column]}")}, "w:gz"),
    "npy": lambda rows, column: _npy([row[column] for row in rows]),
    "npz": lambda rows, column: _stream(lambda out: np.savez(out, x=np.asarray([row[column] for row in rows]))),
    "Parquet nested": _nested,
    "Parquet pivoted": lambda rows, column: _stream(
        lambda out: pq.write_table(pa.table({str(row[column]): [1.5] for row in rows}), out)
    ),
}
"""What says nowhere whose it is: an address or a telling word is found, a number may be theirs."""

OPAQUE: dict[str, Form] = {
    "pickle": lambda rows, _: pickle.dumps([dict(row) for row in rows]),
    "pickle of a frame": lambda rows, _: pickle.dumps(_frame(rows)),
    "PDF": lambda rows, column: (
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj <</Length 9>> stream\n" + gzip.compress(_csv(rows)) + b"\nendstream"
    ),
    "PNG": lambda rows, column: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + gzip.compress(_csv(rows)),
    "HDF5": lambda rows, column: b"\x89HDF\r\n\x1a\n" + bytes(40) + gzip.compress(_csv(rows)),
    "torn Parquet": lambda rows, _: _parquet(rows)[:-9],
    "torn gz": lambda rows, _: gzip.compress(_csv(rows))[:-9],
    "zip with a pickle": lambda rows, _: _zip({"a.csv": b"x\n1.5\n", "data.pkl": pickle.dumps([dict(row) for row in rows])}),
    "zip in zip": lambda rows, _: _zip({"a.zip": _zip({"a.csv": _csv(rows)})}),
    "npy of objects": lambda rows, column: _stream(
        lambda out: np.save(out, np.array([dict(row) for row in rows], dtype=object))
    ),
    "encrypted": lambda rows, _: b"Salted__" + bytes(range(128, 256)),
}
"""Bytes: never compared, and so said."""

ODD: dict[str, Form] = {
    "two columns of one name": _two_of_one_name,
    "list as person": _as_list,
    "spare category": _spare_category,
    "in metadata": _in_metadata,
}
"""Parquet as few write it."""

HIDDEN: dict[str, Form] = {
    "gzip in a cell": lambda rows, column: _cell(gzip.compress(_csv(rows))),
    "pickle in a cell": lambda rows, column: _cell(pickle.dumps([dict(row) for row in rows])),
    "picture in a cell": lambda rows, column: _cell(OPAQUE["PNG"](rows, column)),
    "gzip in a cell of SQLite": lambda rows, column: _sqlite(
        [{"blob": gzip.compress(_csv(rows)), "age": 1, "note": ""}], "blob"
    ),
    "cells of one width": lambda rows, column: _cell(*(str(row[column]).encode().ljust(40, b"\0") for row in rows)),
    "Parquet in JSON": lambda rows, _: json.dumps({"blob": base64.b64encode(_parquet(rows)).decode()}).encode(),
    "gzip in a PEM": lambda rows, _: (
        b"-----BEGIN X-----\n" + base64.encodebytes(gzip.compress(_csv(rows))) + b"-----END X-----\n"
    ),
    "xz streams": lambda rows, _: lzma.compress(b"x\n1.5\n") + bytes(4) + lzma.compress(_csv(rows)),
    "bz2 streams": lambda rows, _: bz2.compress(b"x\n1.5\n") + bz2.compress(_csv(rows)),
    "behind xz": lambda rows, _: lzma.compress(b"x\n1.5\n") + _csv(rows),
    "behind bz2": lambda rows, _: bz2.compress(b"x\n1.5\n") + gzip.compress(_csv(rows)),
    "torn xz": lambda rows, _: lzma.compress(_csv(rows))[:-9],
    "tar behind a tar": lambda rows, _: _tar({"a.txt": b"nothing"}) + _tar({"b.csv.gz": gzip.compress(_csv(rows))}),
    "zip with a member struck off": lambda rows, _: _zip({"b.csv": _csv(rows)})[:-22] + _zip({"a.txt": b"nothing"}),
    "UTF-16 in a cell": lambda rows, column: _cell(*(str(row[column]).encode("utf-16-le") for row in rows)),
    "pickle of letters": lambda rows, _: pickle.dumps([dict(row) for row in rows], 0),
    "array of letters": lambda rows, column: pickle.dumps(np.asarray([row[column] for row in rows]), 0),
    "Git LFS": lambda rows, _: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 120\n",
}
"""Readable for whoever opens what is inside, or behind: found or unread, never passed over."""

FORMS: dict[str, Form] = {**TABLES, **DOCUMENTS, **LOOSE, **OPAQUE, **ODD}


def _feather1(table: pa.Table, out: io.BytesIO) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pyarrow.feather.write_feather(table, out, version=1)
