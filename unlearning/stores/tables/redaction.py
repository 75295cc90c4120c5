"""Tables without some of their rows: what is left reads as it did, and the same input gives the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError, NotFound
from unlearning.stores.files import replacing
from unlearning.stores.tables import parts as table_parts
from unlearning.stores.tables.faithful import arrow_copy, csv_copy, footers, json_copy, levels, packed, row_groups
from unlearning.stores.tables.faithful.same import check_rows
from unlearning.stores.tables.tables import read, rows

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_GROUP = 1 << 20
"""Rows in a row group of a new Parquet file; constant, so that equal tables are equal files."""
_HEAD_BYTES = 1 << 16
_CSV = (".csv", ".tsv", ".tab", ".psv", ".txt")
_JSON = (".json", ".jsonl", ".ndjson")


def redact(path: Path, out: Path, keep: NDArray[np.bool_], *, named: str | None = None, changed: bool = False) -> None:
    """Write the rows of `path` where `keep` is true to `out`, atomically; the same input gives the same bytes.

    What form a file has its content says, and of a text its name; a compressed file is compressed again. For whoever stays the
    table reads as before in every reader: Parquet, Arrow and ORC keep types, order, levels and metadata; CSV and JSON every
    other byte. A file that loses nothing stays byte for byte. `out` has the suffix of `path`; it may be `path`. Of a folder
    each part is redacted by itself into a folder `out`; changed: only the parts that lose rows. Raises NotFound, and DataError
    before anything is written.
    """
    named = named or str(path)
    if table_parts.is_folder(path):
        _redact_parts(path, out, keep, named, changed=changed)
        return
    if table_parts.suffix_of(str(out)) != table_parts.suffix_of(named):
        raise DataError(f"{out} cannot be made from {named}: the suffixes differ; name both alike")
    try:
        with path.open("rb") as source:
            _redact_file(source, out, np.asarray(keep, dtype=bool), named, like=path)
    except FileNotFoundError:
        raise NotFound(f"{named} does not exist; run `dvc pull`, or the stage that makes it") from None


def _redact_file(source: IO[bytes], out: Path, keep: NDArray[np.bool_], named: str, *, like: Path) -> None:
    head = source.read(_HEAD_BYTES)
    source.seek(0)
    copy = row_groups.copy if head.startswith(footers.MAGIC) else csv_copy.copy if _is_csv(head, named) else None
    if copy is None:
        _write_bytes(subset(source.read(), keep, named), out, like=like)
        return
    with replacing(out, like=like) as stream:
        copy(source, stream, keep, named)


def _is_csv(head: bytes, named: str) -> bool:
    """A text that is not compressed, and of a form that is copied line by line."""
    return not packed.is_packed(head) and _copier(head, packed.inner(named)) is csv_copy.subset


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """A table's file without the rows where `keep` is false. Raises DataError when that cannot be told or written."""
    keep = np.asarray(keep, dtype=bool)
    content, codecs = packed.opened(raw, named=named)
    fewer = _copier(content, packed.inner(named))(content, keep, packed.inner(named) if codecs else named)
    return raw if fewer == content else packed.packed(fewer, codecs)


def ending(file: Path, named: str = "") -> str:
    """How the name of a file should end, so that it is read for what it is: its content says so, and of a text its name."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(footers.MAGIC):
        return ".parquet"
    outer = named[len(packed.inner(named)) :] if packed.is_packed(head) else ""
    said = table_parts.suffix_of(packed.inner(named))
    if said and said != ".parquet":
        return said + outer
    return (".json" if json_copy.looks_like(head) else ".csv") + outer


def _copier(content: bytes, named: str) -> Callable[[bytes, NDArray[np.bool_], str], bytes]:
    """Who writes this form; of a text the name decides, and without a telling one the text."""
    if content.startswith((footers.MAGIC, footers.ENCRYPTED)):
        return row_groups.subset
    if content.startswith((arrow_copy.MAGIC, arrow_copy.FEATHER, arrow_copy.ORC, arrow_copy.STREAM)):
        return arrow_copy.subset
    if named.lower().endswith(_JSON):
        return json_copy.subset
    return json_copy.subset if not named.lower().endswith(_CSV) and json_copy.looks_like(content) else csv_copy.subset


def extract(path: Path, out: Path, keep: NDArray[np.bool_], *, named: str) -> None:
    """The kept rows of a table: of a file what `redact` gives; of a folder all parts in one file, or, where the name of `out`
    has no suffix, each part in a part. Raises DataError.
    """
    if not table_parts.is_folder(path) or not table_parts.suffix_of(str(out)):
        redact(path, out, keep, named=named)
        if out.is_dir():
            _remove_others(out, table_parts.files(path))
        return
    parts = table_parts.parts(path, named=named)
    form = table_parts.suffix_of(next(iter(parts)))
    if table_parts.suffix_of(str(out)) != form:
        raise DataError(f"{out} cannot be made from {named}: its parts end in {form}; name it {form} too")
    if form in _CSV:
        pieces = [(file.read_bytes(), rows(file, named=part), part) for file, part in parts.values()]
        _write_bytes(csv_copy.joined(pieces, keep, named), out, like=next(iter(parts.values()))[0])
        return
    if form != ".parquet":
        raise DataError(f"{named} is a folder of {form} files, which are not joined; convert it to Parquet or CSV")
    table = read(path, named=named)
    check_rows(keep, len(table), named)
    _write_parquet(levels.without(table, levels.Gone.of_table(table, keep)), out)


def _remove_others(folder: Path, known: Collection[str]) -> None:
    """Parts of a table that was here before."""
    for name, file in table_parts.files(folder).items():
        if name not in known:
            file.unlink()


def write(columns: Mapping[str, Any], out: Path) -> None:
    """Write named columns (arrays or lists of one length) as a Parquet table, atomically."""
    import pyarrow as pa

    out.parent.mkdir(parents=True, exist_ok=True)
    _write_parquet(pa.table(dict(columns)), out)


def _redact_parts(path: Path, out: Path, keep: NDArray[np.bool_], named: str, *, changed: bool) -> None:
    found = table_parts.parts(path, named=named)
    sizes = {name: rows(file, named=part) for name, (file, part) in found.items()}
    check_rows(keep, sum(sizes.values()), named)
    out.mkdir(parents=True, exist_ok=True)
    done = 0
    for name, file in table_parts.files(path).items():
        size = sizes.get(name, 0)
        kept, done = keep[done : done + size], done + size
        target = out / name
        if kept.all() and changed:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if kept.all():
            with file.open("rb") as source, replacing(target, like=file) as stream:
                shutil.copyfileobj(source, stream)
        else:
            redact(file, target, kept, named=found[name][1])


def _write_parquet(table: pa.Table, out: Path) -> None:
    import pyarrow.parquet as pq

    with replacing(out) as stream:
        pq.write_table(table, stream, compression="zstd", row_group_size=_ROW_GROUP)


def _write_bytes(payload: bytes, out: Path, *, like: Path | None) -> None:
    with replacing(out, like=like) as stream:
        stream.write(payload)
