"""Thrift's compact protocol, as Parquet's footer and page headers are written: read into plain values and written again.

A struct is {field: (type, value)}, a list is (type, values); what is read and written again is the same bytes. Source: the
Apache Thrift specification, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from typing import Any

from unlearning.domain.errors import DataError

Struct = dict[int, tuple[int, Any]]

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_SHORT = 15
"""From here on, the length of a list or the step to the next field is written apart."""


def read(raw: bytes | memoryview, at: int = 0) -> Struct:
    """The struct that begins at a byte. Raises DataError for what is none."""
    return read_on(raw, at)[0]


def read_on(raw: bytes | memoryview, at: int = 0) -> tuple[Struct, int]:
    """The struct that begins at a byte, and where it ends. Raises DataError for what is none."""
    reader = _Reader(raw, at)
    try:
        return reader.struct(), reader.at
    except (IndexError, KeyError, struct.error, RecursionError):
        raise DataError("no Thrift struct begins here") from None


def written(fields: Struct) -> bytes:
    """A struct as bytes; its fields in ascending order, as every writer has them."""
    out = bytearray()
    _write_struct(out, fields)
    return bytes(out)


class _Reader:
    def __init__(self, raw: bytes | memoryview, at: int) -> None:
        self.raw, self.at = raw, at

    def struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._zigzag()
            kind &= 15
            fields[number] = (kind, kind == TRUE if kind in (TRUE, FALSE) else self._value(kind))
        return fields

    def _value(self, kind: int) -> Any:
        if kind == STRUCT:
            return self.struct()
        if kind in (LIST, SET):
            return self._list()
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind in (TRUE, FALSE):
            return self._byte() == TRUE  # in a list; as a field, the type says it
        if kind == BYTE:
            return self._byte()
        if kind in (I16, I32, I64):
            return self._zigzag()
        raise KeyError(kind)  # Parquet has no maps

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        count = head >> 4 if head >> 4 < _SHORT else self._varint()
        return head & 15, [self._value(head & 15) for _ in range(count)]

    def _bytes(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self.raw):
            raise IndexError
        return bytes(self.raw[self.at - count : self.at])

    def _byte(self) -> int:
        self.at += 1
        return self.raw[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value, shift = value | (byte & 127) << shift, shift + 7
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _write_struct(out: bytearray, fields: Struct) -> None:
    before = 0
    for number, (kind, value) in sorted(fields.items()):
        said = (TRUE if value else FALSE) if kind in (TRUE, FALSE) else kind
        if 0 < number - before <= _SHORT:
            out.append(number - before << 4 | said)
        else:
            out.append(said)
            _write_zigzag(out, number)
        before = number
        if kind not in (TRUE, FALSE):
            _write_value(out, kind, value)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind == STRUCT:
        _write_struct(out, value)
    elif kind in (LIST, SET):
        of, values = value
        out.append(min(len(values), _SHORT) << 4 | of)
        if len(values) >= _SHORT:
            _write_varint(out, len(values))
        for each in values:
            _write_value(out, of, each)
    elif kind == BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == DOUBLE:
        out += struct.pack("<d", value)
    elif kind in (TRUE, FALSE):
        out.append(TRUE if value else FALSE)
    elif kind == BYTE:
        out.append(value)
    else:
        _write_zigzag(out, value)


def _write_zigzag(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
