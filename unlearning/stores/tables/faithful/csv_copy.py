"""A CSV file without some of its records, every other byte as it stands: whatever its encoding and dialect.

Nothing is decoded. A text is taken as code units of one, two or four bytes, in all of which a delimiter, a quote and a line end
are what they are in ASCII; where records end is seen from the quotes, and all between two ends stays or goes as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.dialect import SAMPLE_BYTES, Dialect, csv_dialect
from unlearning.stores.tables.faithful.same import check_rows

_LF, _CR = b"\n\r"
_WIDE = {"utf-16-le": "<u2", "utf-16-be": ">u2", "utf-32-le": "<u4", "utf-32-be": ">u4"}
_DOUBLE_BYTES = ("cp932", "gb18030", "gbk", "big5", "cp949", "shift_jis", "johab")
"""Encodings in which the second byte of a character may look like a backslash."""


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """What is before the header, the header, blank lines and kept records, as they stand. Raises DataError."""
    lines = _Lines.of(raw, csv_dialect(raw[:SAMPLE_BYTES]), named)
    check_rows(keep, len(lines.records), named)
    return lines.joined(keep, lead=raw[: lines.first])


def joined(parts: Sequence[tuple[bytes, int, str]], keep: NDArray[np.bool_], named: str) -> bytes:
    """One header, and the kept records of every part as they stand.

    parts: (content, rows as they were read, how messages call it). Raises DataError for parts that are written differently.
    """
    pieces: list[bytes] = []
    first: Dialect | None = None
    done = 0
    for raw, rows, part in parts:
        dialect = csv_dialect(raw[:SAMPLE_BYTES])
        lines = _Lines.of(raw, dialect, part)
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
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    header: int
    records: NDArray[np.int64]
    ended: NDArray[np.int64]
    """Where each line's content ends, before its line end."""

    @classmethod
    def of(cls, raw: bytes, dialect: Dialect, named: str) -> _Lines:
        if dialect.escape and dialect.encoding in _DOUBLE_BYTES:
            raise DataError(f"{named} escapes signs in an encoding that has backslashes inside of letters; rewrite it as UTF-8")
        kind = np.dtype(_WIDE.get(dialect.encoding, "u1"))
        begin = len(dialect.mark)
        if (len(raw) - begin) % kind.itemsize:
            raise DataError(f"{named} ends in the middle of a character; restore or rewrite it")
        data = np.frombuffer(raw, dtype=kind, offset=begin)
        skipped = _skipped(data, dialect)
        data = data[skipped:]
        first = begin + skipped * kind.itemsize
        ends = _ends(data, dialect)
        starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
        visible = np.append(0, np.cumsum((data != _LF) & (data != _CR)))
        filled = np.flatnonzero(visible[ends] != visible[starts])
        if not len(filled):
            raise DataError(f"{named} has no header; expected a line that names the columns")
        tail = (data[ends - 1] == _LF) | (data[ends - 1] == _CR)
        pair = (ends - starts > 1) & (data[ends - 1] == _LF) & (data[np.maximum(ends - 2, 0)] == _CR)
        scale = kind.itemsize
        return cls(
            raw,
            first,
            first + starts * scale,
            first + ends * scale,
            int(filled[0]),
            filled[1:],
            first + (ends - tail - pair) * scale,
        )

    def joined(self, keep: NDArray[np.bool_], *, lead: bytes) -> bytes:
        """All lines but the records that go."""
        wanted = np.ones(len(self.starts), dtype=bool)
        wanted[self.records] = keep
        kept = zip(self.starts[wanted], self.ends[wanted], strict=True)
        return b"".join([lead, *(self.raw[low:high] for low, high in kept)])

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
    lone_cr = (data == _CR) & (np.append(data[1:], 0) != _LF)
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
