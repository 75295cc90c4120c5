"""Compressed files as a whole: opened, and packed again so that equal content is equal bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import NamedTuple

from unlearning.domain.errors import DataError
from unlearning.stores.tables.forms.archives import of_streams


class _Codec(NamedTuple):
    magic: bytes
    opened: Callable[[bytes], bytes]
    packed: Callable[[bytes], bytes]


def opened(raw: bytes, *, named: str) -> tuple[bytes, list[str]]:
    """A file's content, and how it was compressed, from the outside in; a file that is not compressed is its content.

    Raises DataError for one that is damaged.
    """
    codecs: list[str] = []
    while name := next((name for name, codec in _CODECS.items() if raw.startswith(codec.magic)), None):
        try:
            raw = _CODECS[name].opened(raw)
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
            raise DataError(f"{named} is compressed and cannot be opened; restore it") from None
        codecs.append(name)
    return raw, codecs


def is_packed(head: bytes) -> bool:
    """A file that begins with these bytes is compressed."""
    return any(head.startswith(codec.magic) for codec in _CODECS.values())


def packed(raw: bytes, codecs: list[str]) -> bytes:
    """Content compressed as before; at each tool's own level, without time or name."""
    for name in reversed(codecs):
        raw = _CODECS[name].packed(raw)
    return raw


def inner(named: str) -> str:
    """A name without the endings of compressions: `t.csv` of `t.csv.gz`."""
    while named.lower().endswith(ENDINGS):
        named = named[: named.rindex(".")]
    return named


def _unzstd(raw: bytes) -> bytes:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(raw), "zstd") as stream:
        content: bytes = stream.read()
    return content


def _zstd(raw: bytes) -> bytes:
    import pyarrow as pa

    content: bytes = pa.Codec("zstd").compress(raw, asbytes=True)
    return content


_CODECS = {
    "gzip": _Codec(b"\x1f\x8b", gzip.decompress, lambda raw: gzip.compress(raw, mtime=0)),
    "bzip2": _Codec(b"BZh", lambda raw: of_streams(raw, bz2.BZ2Decompressor), bz2.compress),
    "xz": _Codec(b"\xfd7zXZ\x00", lambda raw: of_streams(raw, lzma.LZMADecompressor), lzma.compress),
    "zstd": _Codec(b"\x28\xb5\x2f\xfd", _unzstd, _zstd),
}
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zstd")
