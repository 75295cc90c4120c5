"""A CSV file without some of its records, every other byte as it stands: whatever its encoding and dialect.

Nothing is decoded. A text is taken as code units of one, two or four bytes, in all of which a delimiter, a quote and a line end
are what they are in ASCII; where records end is seen from the quotes, and all between two ends stays or goes as a whole.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.dialect import SAMPLE_BYTES, Dialect, csv_dialect
from unlearning.stores.tables.faithful.same import check_rows

_LF, _CR = b"\n\r"
_BLOCK_BYTES = 1 << 21
_WIDE = {"utf-16-le": "<u2", "utf-16-be": ">u2", "utf-32-le": "<u4", "utf-32-be": ">u4"}
_DOUBLE_BYTES = ("cp932", "gb18030", "gbk", "big5", "cp949", "shift_jis", "johab")
"""Encodings in which the second byte of a character may look like a backslash."""


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """What is before the header, the header, blank lines and kept records, as they stand. Raises DataError."""
    out = io.BytesIO()
    copy(io.BytesIO(raw), out, keep, named)
    return out.getvalue()


def copy(source: IO[bytes], out: IO[bytes], keep: NDArray[np.bool_], named: str) -> None:
    """Write what `subset` gives, some lines at a time; memory holds a block, or the longest record. Raises DataError."""
    dialect = csv_dialect(source.read(SAMPLE_BYTES))
    source.seek(0)
    rest, size, done, first = b"", max(_BLOCK_BYTES, SAMPLE_BYTES), 0, True
    while True:
        more = source.read(size)
        raw = rest + more
        lines = _Lines.of(raw, dialect, named, begins=first, ends=not more)
        if lines is None:  # not one whole record: the next block is as large as all that was read for this one
            rest, size = raw, max(_BLOCK_BYTES, len(raw))
            continue
        kept, count = keep[done : done + len(lines.records)], len(lines.records)
        # Beyond the decision rows are counted only: how many there are is what the error says.
        lines.write(np.append(kept, np.zeros(count - len(kept), dtype=bool)), out)
        done, first, rest, size = done + count, False, raw[lines.stop :], _BLOCK_BYTES
        if not more:
            break
    check_rows(keep, done, named)


def joined(parts: Sequence[tuple[bytes, int, str]], keep: NDArray[np.bool_], named: str) -> bytes:
    """One header, and the kept records of every part as they stand.

    parts: (content, rows as they were read, how messages call it). Raises DataError for parts that are written differently.
    """
    pieces: list[bytes] = []
    first: Dialect | None = None
    done = 0
    for raw, rows, part in parts:
        dialect = csv_dialect(raw[:SAMPLE_BYTES])
        lines = _Lines.whole(raw, dialect, part)
        check_rows(keep[done : done + rows], len(lines.records), part)
        first, header = first or dialect, lines.bare(lines.header)
        pieces = pieces or [header]
        if header != pieces[0] or _signs(dialect) != _signs(first):
            raise DataError(f"{named}: its parts have different header lines; rewrite them alike")
        pieces += [lines.bare(line) for line in lines.records[keep[done : done + rows]]]
        done += rows
    check_rows(keep, done, named)
    end, mark = ("\n".encode(first.encoding), first.mark) if first else (b"\n", b"")
    return mark + end.join([*pieces, b""])


def _without_header(named: str) -> DataError:
    return DataError(f"{named} has no header; expected a line that names the columns")


def _signs(dialect: Dialect) -> tuple[str, ...]:
    wide = dialect.encoding if dialect.encoding in _WIDE else ""
    return wide, dialect.delimiter, dialect.quote, dialect.escape


@dataclass(frozen=True)
class _Lines:
    """Where the lines of a text begin and end, in bytes; one between quotes ends none (RFC 4180).

    Counting quotes can only join lines that a parser keeps apart (a stray quote), never the reverse; so when the number of
    records agrees with the parser's, the records do.
    """

    raw: bytes
    first: int
    """Where the first line after what is skipped begins."""
    stop: int
    """Where the last whole line ends."""
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    header: int
    """Which line names the columns; -1 where they are named before."""
    records: NDArray[np.int64]
    ended: NDArray[np.int64]
    """Where each line's content ends, before its line end."""

    @classmethod
    def whole(cls, raw: bytes, dialect: Dialect, named: str) -> _Lines:
        """The lines of a text from its beginning to its end. Raises DataError."""
        lines = cls.of(raw, dialect, named, begins=True, ends=True)
        if lines is None:
            raise _without_header(named)
        return lines

    @classmethod
    def of(cls, raw: bytes, dialect: Dialect, named: str, *, begins: bool, ends: bool) -> _Lines | None:
        """The whole lines of a piece of a text that begins where one does; None where more is needed to see one.

        begins, ends: the text does so with this piece. Raises DataError.
        """
        if dialect.escape and dialect.encoding in _DOUBLE_BYTES:
            raise DataError(f"{named} escapes signs in an encoding that has backslashes inside of letters; rewrite it as UTF-8")
        kind = np.dtype(_WIDE.get(dialect.encoding, "u1"))
        begin, scale = len(dialect.mark) if begins else 0, kind.itemsize
        if ends and (len(raw) - begin) % scale:
            raise DataError(f"{named} ends in the middle of a character; restore or rewrite it")
        data = np.frombuffer(raw, dtype=kind, offset=begin, count=max(0, len(raw) - begin) // scale)
        skipped = _skipped(data, dialect) if begins else 0
        data = data[skipped:]
        first = begin + skipped * scale
        found = _ends(data, dialect)
        if not ends:
            found = found[found < len(data)]  # what follows may belong to the last line, or to its end
        data = data[: found[-1] if len(found) else 0]
        starts = np.append(0, found[:-1]).astype(np.int64)[: len(found)]
        visible = np.append(0, np.cumsum((data != _LF) & (data != _CR)))
        filled = np.flatnonzero(visible[found] != visible[starts])
        if not len(filled) and (begins or not ends):
            if ends:
                raise _without_header(named)
            return None
        tail = (data[found - 1] == _LF) | (data[found - 1] == _CR)
        pair = (found - starts > 1) & (data[found - 1] == _LF) & (data[np.maximum(found - 2, 0)] == _CR)
        return cls(
            raw,
            first,
            first + len(data) * scale,
            first + starts * scale,
            first + found * scale,
            int(filled[0]) if begins else -1,
            filled[1:] if begins else filled,
            first + (found - tail - pair) * scale,
        )

    def write(self, keep: NDArray[np.bool_], out: IO[bytes]) -> None:
        """All lines but the records that go, and what is before them."""
        wanted = np.ones(len(self.starts), dtype=bool)
        wanted[self.records] = keep
        raw = memoryview(self.raw)
        out.write(raw[: self.first])
        edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
        for low, high in edges.reshape(-1, 2):
            out.write(raw[self.starts[low] : self.ends[high - 1]])

    def bare(self, line: int) -> bytes:
        """A line without its end."""
        return self.raw[self.starts[line] : self.ended[line]]


def _skipped(data: NDArray[np.unsignedinteger], dialect: Dialect) -> int:
    """Code units before the header: whole lines, whatever quotes are in them."""
    if not dialect.skipped_lines:
        return 0
    ends = np.flatnonzero(data == (_CR if dialect.line_end == "\r" else _LF)) + 1
    if dialect.line_end == "\r\n":
        ends = ends[data[np.maximum(ends - 2, 0)] == _CR]
    return int(ends[dialect.skipped_lines - 1]) if len(ends) >= dialect.skipped_lines else 0


def _ends(data: NDArray[np.unsignedinteger], dialect: Dialect) -> NDArray[np.int64]:
    """Behind each line end that is none of a quoted value's."""
    taken = _escaped(data, dialect.escape)
    quotes = (data == ord(dialect.quote)) & ~taken if dialect.quote else np.zeros(len(data), dtype=bool)
    quoted = np.logical_xor.accumulate(quotes)
    lone_cr = (data == _CR) & (np.append(data[1:], data.dtype.type(0)) != _LF)
    ends = np.flatnonzero(((data == _LF) | lone_cr) & ~quoted & ~taken) + 1
    return ends if len(data) == (ends[-1] if len(ends) else 0) else np.append(ends, len(data))


def _escaped(data: NDArray[np.unsignedinteger], escape: str) -> NDArray[np.bool_]:
    """Which signs have lost their meaning: those behind an odd number of escapes."""
    if not escape:
        return np.zeros(len(data), dtype=bool)
    at = np.arange(len(data))
    other = np.maximum.accumulate(np.where(data != ord(escape), at, -1))
    run = np.append(0, (at - other)[:-1])
    escaped: NDArray[np.bool_] = run % 2 == 1
    return escaped
