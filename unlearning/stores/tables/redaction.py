"""Tables without some of their rows: what is left reads as it did, and the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.files import replacing
from unlearning.stores.tables import levels, parquet_copy
from unlearning.stores.tables import parts as table_parts
from unlearning.stores.tables.tables import form_of, read

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_GROUP = 1 << 20
"""Rows in a Parquet row group; constant, so that equal tables are equal files."""
_QUOTE, _LF, _CR = b'"\n\r'


def redact(path: Path, out: Path, keep: NDArray[np.bool_], *, named: str | None = None) -> None:
    """Write the rows of `path` where `keep` is true to `out`, atomically; the same input gives the same bytes.

    Parquet keeps schema, schema metadata and compression, and no dictionary value that no kept row uses. CSV keeps every
    other line byte for byte. `out` has the suffix of `path`; it may be `path`. Of a folder each part is redacted by itself into
    a folder `out`, and stays byte for byte when it loses nothing. Raises DataError.
    """
    named = named or str(path)
    if table_parts.is_folder(path):
        _redact_parts(path, out, keep, named)
        return
    form = form_of(named)
    if form_of(str(out)) != form:
        raise DataError(f"{out} cannot be made from {named}: the suffixes differ; name both {form}")
    if form == ".csv":
        _write_bytes(_csv_subset(path.read_bytes(), keep, named), out, like=path)
        return
    _write_bytes(parquet_copy.subset(path, keep, named), out, like=path)


def extract(path: Path, out: Path, keep: NDArray[np.bool_], *, named: str) -> None:
    """The kept rows of a table as one file: of a file what `redact` gives, of a folder all parts in one. Raises DataError."""
    if not table_parts.is_folder(path):
        redact(path, out, keep, named=named)
        return
    parts = table_parts.parts(path, named=named)
    form = table_parts.suffix_of(next(iter(parts)))
    if form_of(str(out)) != form:
        raise DataError(f"{out} cannot be made from {named}: its parts end in {form}; name it {form} too")
    if form == ".csv":
        _write_bytes(_csv_joined(list(parts.values()), keep, named), out, like=next(iter(parts.values()))[0])
        return
    table = read(path, named=named)
    _same_length(keep, len(table), named)
    _write_parquet(levels.without(table, levels.Gone(table, keep)), out, like=None, compression="zstd")


def write(columns: Mapping[str, Any], out: Path) -> None:
    """Write named columns (arrays or lists of one length) as a Parquet table, atomically."""
    import pyarrow as pa

    out.parent.mkdir(parents=True, exist_ok=True)
    _write_parquet(pa.table(dict(columns)), out, like=None, compression="zstd")


def _redact_parts(path: Path, out: Path, keep: NDArray[np.bool_], named: str) -> None:
    tables, done = table_parts.parts(path, named=named), 0
    for name, whole in table_parts.files(path).items():
        file, part = tables.get(name, (whole, named))
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = len(read(file, named=part)) if name in tables else 0
        kept, done = keep[done : done + rows], done + rows
        if kept.all():
            _write_bytes(file.read_bytes(), target, like=file)
        else:
            redact(file, target, kept, named=part)
    _same_length(keep, done, named)


def _same_length(keep: NDArray[np.bool_], rows: int, named: str) -> None:
    if len(keep) != rows:
        raise DataError(f"{named} has {rows} rows, the decision is about {len(keep)}; it changed meanwhile, run again")


def _write_parquet(table: pa.Table, out: Path, *, like: Path | None, compression: str | dict[str, str]) -> None:
    import pyarrow.parquet as pq

    with replacing(out, like=like) as stream:
        pq.write_table(table, stream, compression=compression, row_group_size=_ROW_GROUP)


def _write_bytes(payload: bytes, out: Path, *, like: Path | None) -> None:
    with replacing(out, like=like) as stream:
        stream.write(payload)


def _csv_subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """The header, blank lines and kept records of a CSV file, as they stand."""
    starts, ends, blank = _csv_lines(raw)
    records = np.flatnonzero(~blank)[1:]
    _same_length(keep, len(records), named)
    wanted = np.ones(len(starts), dtype=bool)
    wanted[records] = keep
    return b"".join(raw[low:high] for low, high in zip(starts[wanted], ends[wanted], strict=True))


def _csv_joined(parts: Sequence[tuple[Path, str]], keep: NDArray[np.bool_], named: str) -> bytes:
    """One header, and the kept records of every part as they stand."""
    pieces: list[bytes] = []
    done = 0
    for file, part in parts:
        raw, rows = file.read_bytes(), len(read(file, named=part))
        starts, ends, blank = _csv_lines(raw)
        head, *records = np.flatnonzero(~blank)
        _same_length(keep[done : done + rows], len(records), part)
        header = raw[starts[head] : ends[head]].rstrip(b"\r\n")
        pieces = pieces or [header]
        if header != pieces[0]:
            raise DataError(f"{named}: its parts have different header lines; rewrite them alike")
        wanted = np.array(records, dtype=np.int64)[keep[done : done + rows]]
        pieces += [raw[low:high].rstrip(b"\r\n") for low, high in zip(starts[wanted], ends[wanted], strict=True)]
        done += rows
    _same_length(keep, done, named)
    return b"\n".join([*pieces, b""])


def _csv_lines(raw: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """(k,) start, (k,) end and (k,) blankness of each line, where a newline between quotes ends no line (RFC 4180).

    Counting quotes can only join lines that a parser keeps apart (a stray quote), never the reverse; so when the number of
    records agrees with the parser's, the records do.
    """
    data = np.frombuffer(raw, dtype=np.uint8)
    quoted = np.logical_xor.accumulate(data == _QUOTE)
    lone_cr = (data == _CR) & (np.append(data[1:], 0) != _LF)
    ends = np.flatnonzero(((data == _LF) | lone_cr) & ~quoted) + 1
    ends = np.unique(np.append(ends, len(data)))
    starts = np.concatenate(([0], ends[:-1]))
    visible = np.append(0, np.cumsum((data != _LF) & (data != _CR)))
    return starts, ends, visible[ends] == visible[starts]
