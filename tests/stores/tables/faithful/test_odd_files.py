"""Every odd file is equal for those who stay in every reader that can read it, or refused before anything is written."""

from __future__ import annotations

import base64
import io
import json
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from tests.stores.tables.faithful import odd_files
from tests.stores.tables.faithful.odd_files import ARROW, CSV, JSON, ORC, PACKED, PARQUET, REFUSED, ROWS, WHO
from tests.stores.tables.readers import assert_equal_for_who_stays
from unlearning.domain.errors import DataError
from unlearning.stores.tables import redaction
from unlearning.stores.tables.dialect import csv_dialect, rows
from unlearning.stores.tables.faithful import packed
from unlearning.stores.tables.faithful.same import same

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # of pyarrow, about time zones

MASKS = {
    "first": [number != 0 for number in range(ROWS)],
    "last": [number != ROWS - 1 for number in range(ROWS)],
    "half": [number % 2 == 0 for number in range(ROWS)],
    "everybody": [False] * ROWS,
    "nobody": [True] * ROWS,
}
masks = pytest.mark.parametrize("keep", [np.array(mask) for mask in MASKS.values()], ids=list(MASKS))


def redacted(raw: bytes, keep: np.ndarray, folder: Path, name: str) -> Path:
    source, out = folder / name, folder / f"out-{name}"
    source.write_bytes(raw)
    redaction.redact(source, out, keep)
    assert redaction.subset(raw, keep, name) == out.read_bytes()
    return out


def assert_nobody_left(raw: bytes, keep: np.ndarray) -> None:
    content, _ = packed.opened(raw, named="t")
    for name, kept in zip(WHO, keep, strict=True):
        if not kept:
            for spelled in (name, name.encode("utf-16-le").decode("latin-1"), name.encode("utf-32-le").decode("latin-1")):
                assert spelled.encode("latin-1") not in content


@masks
@pytest.mark.parametrize("name", PARQUET)
def test_parquet(name: str, keep: np.ndarray, tmp_path: Path) -> None:
    raw = PARQUET[name]()
    keep = keep[: pq.read_metadata(io.BytesIO(raw)).num_rows]
    out = redacted(raw, keep, tmp_path, "t.parquet")
    assert assert_equal_for_who_stays(tmp_path / "t.parquet", out, keep) >= (1 if "one_name" in name else 2)
    if len(keep):
        assert_nobody_left(out.read_bytes(), keep)
        stored = (pq.read_metadata(out).metadata or {}).get(b"ARROW:schema", b"")
        assert_nobody_left(base64.b64decode(stored), keep)


@masks
@pytest.mark.parametrize("name", ARROW)
def test_arrow(name: str, keep: np.ndarray, tmp_path: Path) -> None:
    out = redacted(ARROW[name](), keep, tmp_path, "t.arrow")
    old, new = (arrow(path) for path in (tmp_path / "t.arrow", out))
    assert new.schema.equals(old.schema, check_metadata="polars" not in name)
    kept = [[value for value, stays in zip(column.to_pylist(), keep, strict=True) if stays] for column in old.columns]
    assert repr([column.to_pylist() for column in new.columns]) == repr(kept)
    if "first" not in name and "stream" not in name:
        assert pa.ipc.open_file(out).metadata == pa.ipc.open_file(tmp_path / "t.arrow").metadata
        before, after = (pl.read_ipc(path) for path in (tmp_path / "t.arrow", out))
        assert repr(before.filter(pl.Series(keep)).rows()) == repr(after.rows())
    if "zstd" not in name and "lz4" not in name and "polars" not in name:
        assert_nobody_left(out.read_bytes(), keep)
    for column in new.columns:
        if pa.types.is_dictionary(column.type):
            words = {str(word) for chunk in column.chunks for word in chunk.dictionary.to_pylist()}
            assert words.isdisjoint(name for name, stays in zip(WHO, keep, strict=True) if not stays)


def arrow(path: Path) -> pa.Table:
    raw = path.read_bytes()
    if raw.startswith(b"FEA1"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return pyarrow.feather.read_table(io.BytesIO(raw))
    return (pa.ipc.open_file(raw) if raw.startswith(b"ARROW1") else pa.ipc.open_stream(raw)).read_all()


@masks
@pytest.mark.parametrize("name", ORC)
def test_orc(name: str, keep: np.ndarray, tmp_path: Path) -> None:
    out = redacted(ORC[name](), keep, tmp_path, "t.orc")
    old, new = (pyarrow.orc.ORCFile(path) for path in (tmp_path / "t.orc", out))
    assert same(new.read(), old.read().filter(pa.array(keep)))
    for said in ("compression", "compression_size", "row_index_stride", "file_version"):
        assert getattr(new, said) == getattr(old, said)
    assert dict(new.metadata or {}) == dict(old.metadata or {})
    assert bool(old.metadata) == ("metadata" in name)
    if old.compression == "UNCOMPRESSED":
        assert_nobody_left(out.read_bytes(), keep)


@masks
@pytest.mark.parametrize(("name", "how"), [*((name, "") for name in CSV), *(("csv_quoted", how) for how in PACKED)])
def test_csv(name: str, how: str, keep: np.ndarray, tmp_path: Path) -> None:
    raw = CSV[name]()
    pack, ending = PACKED.get(how, (bytes, ""))
    out = redacted(pack(raw), keep, tmp_path, f"t.csv{ending}").read_bytes()
    content, _ = packed.opened(out, named="t")
    dialect = csv_dialect(raw)
    old, new = (list(rows(text_of(one, dialect.encoding, dialect.mark), dialect)) for one in (raw, content))
    gone = [person for person, kept in zip(WHO, keep, strict=True) if not kept]
    assert new == [row for row in old if row[0] not in gone]
    assert_nobody_left(content, keep)
    unit = len("x".encode(dialect.encoding))
    assert len(raw) - len(content) >= unit * len(gone) * len("person-0,v0")
    if keep.all():
        assert out == pack(raw)


def text_of(raw: bytes, encoding: str, mark: bytes) -> str:
    return raw[len(mark) :].decode(encoding)


@masks
@pytest.mark.parametrize(("name", "how"), [*((name, "") for name in JSON), *(("json_records", how) for how in PACKED)])
def test_json(name: str, how: str, keep: np.ndarray, tmp_path: Path) -> None:
    raw = JSON[name]()
    pack, ending = PACKED.get(how, (bytes, ""))
    suffix = ".jsonl" if "jsonl" in name else ".json"
    content, _ = packed.opened(redacted(pack(raw), keep, tmp_path, f"t{suffix}{ending}").read_bytes(), named="t")
    assert_nobody_left(content, keep)
    old, new = (parsed(one, "jsonl" in name) for one in (raw, content))
    orient = name.split("_")[1] if "_" in name else ""
    assert new == kept_of(old, orient, keep)
    if not keep.any():
        return
    left = iter(content.decode())  # nothing is written anew: what is left is what was there, in its order
    before = iter(raw.decode())
    assert all(any(sign == other for other in before) for sign in left)


def parsed(raw: bytes, lines: bool) -> object:
    text = raw.decode("utf-8-sig")
    options = {"parse_float": lambda said: ("float", said), "object_pairs_hook": tuple}
    if lines:
        return [json.loads(line, **options) for line in text.splitlines() if line.strip()]
    return json.loads(text, **options)


def kept_of(value: object, orient: str, keep: np.ndarray) -> object:
    def some(members: object) -> object:
        return type(members)(one for one, kept in zip(members, keep, strict=True) if kept)  # type: ignore[call-arg, call-overload]

    if orient in ("columns", "lists"):
        return tuple((key, some(inner)) for key, inner in value)  # type: ignore[attr-defined]
    if orient in ("split", "tight", "table"):
        return tuple((key, some(inner) if key in ("data", "index") else inner) for key, inner in value)  # type: ignore[attr-defined]
    return some(value)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_redacted_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    ending = "parquet" if "parquet" in name else "csv.gz" if "gzip" in name else name.split("_")[0]
    source, out = tmp_path / f"t.{ending}", tmp_path / f"out.{ending}"
    source.write_bytes(REFUSED[name]())
    with pytest.raises(DataError) as refused:
        redaction.redact(source, out, np.array(MASKS["first"]))
    assert "person-" not in str(refused.value)
    assert not out.exists()


def test_there_are_enough_of_them() -> None:
    assert len(PARQUET) >= 25
    assert {family for family in vars(odd_files) if family.isupper()} >= {"PARQUET", "ARROW", "ORC", "CSV", "JSON", "REFUSED"}
