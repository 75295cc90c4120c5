"""The dictionary page of a Parquet column chunk: which values it lists, whether a row uses them or not."""

from __future__ import annotations

from collections.abc import Collection

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import footers, thrift

_PAGE_TYPE, _UNPACKED_BYTES, _PACKED_BYTES = 1, 2, 3
_DICTIONARY = 2
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_WIDTHS = {1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Bytes of a value, by the number of its physical type; the others are bytes of any number, or of a fixed one."""
_BYTES, _FIXED = 6, 7
_LENGTH_BYTES = 4


def values(chunk: bytes, meta: thrift.Struct, element: thrift.Struct) -> set[bytes]:
    """The values that a chunk's dictionary lists, as they lie there; none without a dictionary. Raises DataError."""
    return set(_cut(_page(chunk, meta), element))


def listed(chunk: bytes, meta: thrift.Struct, element: thrift.Struct, wanted: Collection[bytes]) -> set[bytes]:
    """Those of the wanted values that a chunk's dictionary lists. Raises DataError."""
    page = _page(chunk, meta)
    # Nearly always none is there, and a search among bytes is quick.
    return set(_cut(page, element)).intersection(wanted) if any(value in page for value in wanted) else set()


def _page(chunk: bytes, meta: thrift.Struct) -> bytes:
    """The first page as it was before it was compressed, when it is a dictionary."""
    import pyarrow as pa

    if not chunk:
        return b""
    header, at = thrift.read_on(memoryview(chunk))
    if header[_PAGE_TYPE][1] != _DICTIONARY:
        return b""
    packed, codec = chunk[at : at + header[_PACKED_BYTES][1]], footers.value(meta, footers.CODEC, 0)
    if codec == 0:
        return packed
    if codec not in _CODECS:
        raise DataError("a column is compressed in a way that only whole files are read in")
    try:
        page: bytes = pa.Codec(_CODECS[codec]).decompress(packed, header[_UNPACKED_BYTES][1], asbytes=True)
    except (OSError, ValueError):
        raise DataError("a dictionary page cannot be opened") from None
    return page


def _cut(page: bytes, element: thrift.Struct) -> list[bytes]:
    if not page:  # of booleans there never is one
        return []
    kind = element[footers.TYPE][1]
    if kind != _BYTES:
        width = element[footers.LENGTH][1] if kind == _FIXED else _WIDTHS[kind]
        return [page[at : at + width] for at in range(0, len(page), width)]
    found, at = [], 0
    while at < len(page):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(page[at:start], "little")
        found.append(page[start:at])
    return found
