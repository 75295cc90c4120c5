"""The footer of a Parquet file, as plain values: where everything is, and what the file says of itself.

Field numbers are those of parquet.thrift of Apache Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import thrift

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
TAIL = 8

VERSION, SCHEMA, ROWS, ROW_GROUPS, KEY_VALUES, CREATED_BY, ORDERS = range(1, 8)
TYPE, LENGTH, REPETITION, NAME, CHILDREN = range(1, 6)
"""Of an element of the schema."""
COLUMNS, GROUP_BYTES, GROUP_ROWS, SORTING, GROUP_AT, GROUP_PACKED_BYTES, ORDINAL = range(1, 8)
CHUNK_AT, META, OFFSET_INDEX, OFFSET_INDEX_LENGTH, COLUMN_INDEX, COLUMN_INDEX_LENGTH = range(2, 8)
PATH, CODEC, VALUES, UNPACKED_BYTES, PACKED_BYTES, CHUNK_KEY_VALUES, DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, STATISTICS = range(
    3, 13
)
BLOOM_FILTER, BLOOM_FILTER_LENGTH = 14, 15


def of(raw: bytes) -> thrift.Struct:
    """The footer of a file. Raises DataError for a file without one that can be read."""
    if raw[-4:] != MAGIC:
        raise DataError("a Parquet file without its last four bytes, or an encrypted one, cannot be redacted; decrypt it first")
    length = int.from_bytes(raw[-TAIL:-4], "little")
    return thrift.read(raw[-TAIL - length : -TAIL])


def ending(footer: thrift.Struct) -> bytes:
    """What a file ends with."""
    said = thrift.written(footer)
    return b"".join([said, len(said).to_bytes(4, "little"), MAGIC])


def replaced(raw: bytes, footer: thrift.Struct) -> bytes:
    """The file with another footer."""
    length = int.from_bytes(raw[-TAIL:-4], "little")
    return b"".join([memoryview(raw)[: -TAIL - length], ending(footer)])


def listed(fields: thrift.Struct, number: int) -> list[Any]:
    """The members of a list; none where there is no such list."""
    values: list[Any] = fields[number][1][1] if number in fields else []
    return values


def value(fields: thrift.Struct, number: int, otherwise: Any = None) -> Any:
    """The value of a field."""
    return fields[number][1] if number in fields else otherwise


def paths(footer: thrift.Struct) -> list[list[bytes]]:
    """The names from the top to each physical column."""
    elements = iter(listed(footer, SCHEMA))

    def below(before: list[bytes], count: int) -> Iterator[list[bytes]]:
        for element in islice(elements, count):
            path = [*before, element[NAME][1]]
            inner = value(element, CHILDREN, 0)
            yield from below(path, inner) if inner else [path]

    return list(below([], next(elements)[CHILDREN][1]))


def leaves(footer: thrift.Struct) -> list[thrift.Struct]:
    """The elements of the schema that are physical columns."""
    return [element for element in listed(footer, SCHEMA)[1:] if not value(element, CHILDREN, 0)]


def chunk_start(meta: thrift.Struct) -> int:
    """Where a column chunk begins: at its dictionary, when that is said and comes first."""
    data, dictionary = value(meta, DATA_PAGE, 0), value(meta, DICTIONARY_PAGE, 0)
    return int(dictionary if 0 < dictionary < data else data)
