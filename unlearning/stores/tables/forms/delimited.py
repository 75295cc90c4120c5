"""Tables as text: CSV in any dialect, a block at a time."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

from unlearning.stores.tables import dialect as dialects
from unlearning.stores.tables.dialect import Dialect
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Select, Text

_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 22
_BYTEWISE = frozenset({"latin-1", "koi8_r", "koi8_u", "koi8_t", "tis_620", "ptcp154", "hp_roman8"})


def is_table(dialect: Dialect) -> bool:
    """More than a text with commas in it, as far as its head shows, and in a dialect that Arrow reads."""
    return dialect.columns > 1 and dialect.even and dialect.delimiter != " " and parsable(dialect)


def parsable(dialect: Dialect) -> bool:
    """Arrow takes such a delimiter."""
    return len(dialect.delimiter) == 1 and dialect.delimiter.isascii()


def header(head: bytes, dialect: Dialect) -> tuple[str, ...]:
    """The names in the first line that is no preamble."""
    text = head[len(dialect.mark) :].decode(dialect.encoding, "replace")
    lines = text.split(dialect.line_end)[dialect.skipped_lines :]
    return tuple(next(dialects.rows(dialect.line_end.join(lines), dialect), ()))


def body(stream: IO[bytes], dialect: Dialect, *, always: bool = False) -> tuple[IO[bytes], str]:
    """(the header and what follows, the preamble). In UTF-8 where the encoding is not made of single bytes, or always."""
    stream.seek(len(dialect.mark))
    raw = dialect.encoding == "utf-8" or (_narrow(dialect) and not always)
    source = io.BufferedReader(_Recoded(stream, "latin-1" if raw else dialect.encoding, raw=raw), _CHUNK_BYTES)
    end = dialect.line_end.encode()
    skipped = b"".join(_line(source, end) for _ in range(dialect.skipped_lines))
    return source, skipped.decode("utf-8", "replace")


def csv(stream: IO[bytes], dialect: Dialect, names: Sequence[str], select: Select) -> Iterator[Piece]:
    """The pieces of a CSV file; rows of another width than the header are texts."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    wanted = select(names)
    here = list(range(len(names)) if wanted is None else wanted)
    uneven: list[str] = []

    def keep(row: Any) -> str:
        uneven.append(row.text)
        return "skip"

    source, before = body(stream, dialect)
    if before.strip():
        yield Aside(before)
    columns = [str(at) for at in range(len(names))]
    lines = _Counted(source, dialect.line_end)
    reader = arrow.open_csv(
        lines,
        read_options=arrow.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=columns),
        # Arrow hands a row on as UTF-8, which bytes of another encoding are not: there one such row makes a text of the file.
        parse_options=parse_options(dialect, None if _narrow(dialect) else keep),
        convert_options=arrow.ConvertOptions(
            include_columns=[columns[at] for at in here], column_types=dict.fromkeys(columns, pa.binary()), check_utf8=False
        ),
    )
    rows = 0
    for batch in reader:
        batch = batch.slice(0 if rows else 1)  # without the header
        rows += len(batch) or 1
        found = {at: batch.column(number) for number, at in enumerate(here)}
        yield Rows(tuple(names), found, wanted is None, _encodings(dialect))
        if uneven:
            yield Text(dialect.line_end.join(uneven))
            uneven.clear()
    if uneven:
        yield Text(dialect.line_end.join(uneven))
    if lines.count > rows + 1:
        yield from _swallowed(stream, dialect, names)


def parse_options(dialect: Dialect, uneven: Any = None) -> Any:
    """How Arrow parses this dialect."""
    from pyarrow import csv as arrow

    return arrow.ParseOptions(
        delimiter=dialect.delimiter,
        quote_char=dialect.quote or False,
        double_quote=not dialect.escape,
        escape_char=dialect.escape or False,
        newlines_in_values=True,
        invalid_row_handler=uneven,
    )


def _swallowed(stream: IO[bytes], dialect: Dialect, names: Sequence[str]) -> Iterator[Piece]:
    """Cells that hold whole rows, because a quote never closes: every parser takes the rows for a part of the cell."""
    for piece in csv_cells(stream, dialect, names):
        inside = piece.split(dialect.line_end.encode())[1:]
        if any(line.count(dialect.delimiter.encode()) >= len(names) - 1 for line in inside):
            yield Text(piece.decode("utf-8", "replace"))


def csv_cells(stream: IO[bytes], dialect: Dialect, names: Sequence[str]) -> Iterator[bytes]:
    """The cells that hold a line end, of any column."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow

    columns = [str(at) for at in range(len(names))]
    reader = arrow.open_csv(
        body(stream, dialect)[0],
        read_options=arrow.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=columns),
        parse_options=parse_options(dialect, None if _narrow(dialect) else lambda _row: "skip"),
        convert_options=arrow.ConvertOptions(column_types=dict.fromkeys(columns, pa.binary()), check_utf8=False),
    )
    for batch in reader:
        for column in batch.columns:
            broken = column.filter(pc.match_substring(column, dialect.line_end))
            yield from broken.to_pylist()


def _narrow(dialect: Dialect) -> bool:
    """Each character is one byte, so that delimiters and quotes are where they seem to be."""
    return dialect.encoding in _BYTEWISE or dialect.encoding.startswith(("cp125", "cp8", "iso8859", "mac_"))


def _encodings(dialect: Dialect) -> tuple[str, ...]:
    return (dialect.encoding, *dialect.encodings) if _narrow(dialect) else ("utf-8",)


def _line(source: IO[bytes], end: bytes) -> bytes:
    if end == b"\n" or end == b"\r\n":
        return source.readline()
    found = bytearray()
    while sign := source.read(1):
        found += sign
        if sign == end:
            break
    return bytes(found)


class _Recoded(io.RawIOBase):
    """The bytes of a text in UTF-8; raw: as they are."""

    def __init__(self, stream: IO[bytes], encoding: str, *, raw: bool) -> None:
        self._stream, self._raw, self._left = stream, raw, b""
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._ended:
            chunk = self._stream.read(_CHUNK_BYTES)
            self._ended = not chunk
            self._left = chunk if self._raw else self._decoder.decode(chunk, final=self._ended).encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _Counted(io.RawIOBase):
    """A stream that counts its line ends as it is read."""

    def __init__(self, stream: IO[bytes], line_end: str) -> None:
        self._stream, self._end = stream, line_end[-1].encode()
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.count += chunk.count(self._end)
        return chunk
