"""Files in files: compressed ones, and the members of zip and tar; never more of them than is bearable."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from unlearning.domain.errors import DataError

_IN_MEMORY_BYTES = 1 << 25
_CHUNK_BYTES = 1 << 20
_HARMLESS_BYTES = 1 << 28
"""What may come out of any file; of more, a bomb is told by how little it came from."""
_HIGHEST_RATIO = 200
_BOMB = "a compressed file grows beyond all measure, as nothing but a bomb does; delete it"
MOST_MEMBERS = 100_000
_DESCRIPTOR_BYTES = 24
"""What may stand behind a member of a zip archive."""

CODECS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
"""First bytes → how the file is compressed."""


def codec(head: bytes) -> str | None:
    """How a file is compressed that begins with these bytes."""
    return next((name for magic, name in CODECS.items() if head.startswith(magic)), None)


def gzip_says(head: bytes) -> str:
    """The name and the comment in the head of a gzip file (RFC 1952, 2.3); empty where it has none."""
    if len(head) < 10 or not head.startswith(b"\x1f\x8b"):
        return ""
    flags, at = head[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    said = head[at:].split(b"\0")[: bool(flags & 8) + bool(flags & 16)]
    return "\n".join(one.decode("latin-1") for one in said)


@contextmanager
def decompressed(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """The content of a compressed file, which can be searched as a file can. Raises DataError for what gets too large."""
    size = stream.seek(0, 2)
    stream.seek(0)
    with _spooled(_opened(stream, name), size) as content:
        yield content


def zip_members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, bool]]:
    """(member, encrypted) of every file in an archive. Raises DataError for more than anybody reads."""
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) > MOST_MEMBERS:
        raise DataError(f"an archive has {len(members)} members; expected at most {MOST_MEMBERS}")
    packed = sum(one.compress_size for one in members)  # members of a bomb lie over each other
    if sum(one.file_size for one in members) > max(4 * _HARMLESS_BYTES, _HIGHEST_RATIO * packed):
        raise DataError(_BOMB)
    yield from ((one, bool(one.flag_bits & 1)) for one in members)


def zip_is_whole(stream: IO[bytes], archive: zipfile.ZipFile) -> bool:
    """Nothing stands before, between or behind the members of an archive but what tells their sizes: none was struck off."""
    at = 0
    for member in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if member.header_offset - at > _DESCRIPTOR_BYTES:
            return False
        stream.seek(member.header_offset + 26)
        name, extra = (int.from_bytes(stream.read(2), "little") for _ in range(2))
        at = max(at, member.header_offset + 30 + name + extra + member.compress_size)
    return archive.start_dir - at <= _DESCRIPTOR_BYTES


@contextmanager
def zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """The content of a member. Raises DataError for what gets too large."""
    with archive.open(member) as stream, _spooled(stream, member.compress_size) as content:
        yield content


def tar_members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """(member, content) of everything in an archive; None for links, folders and devices."""
    for number, member in enumerate(archive):
        if number >= MOST_MEMBERS:
            raise DataError(f"an archive has more than {MOST_MEMBERS} members; expected at most as many")
        yield member, archive.extractfile(member) if member.isreg() else None


def ended(stream: IO[bytes], at: int) -> bool:
    """Nothing but zeros stands in a stream from there on."""
    stream.seek(at)
    return not any(chunk.strip(b"\0") for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""))


@contextmanager
def tar_member(stream: IO[bytes], size: int) -> Iterator[IO[bytes]]:
    """The content of a member."""
    with _spooled(stream, size) as content:
        yield content


def _opened(stream: IO[bytes], name: str) -> Any:
    if name == "gzip":
        return gzip.GzipFile(fileobj=stream, mode="rb")
    if name == "bzip2":
        return _Streams(stream, bz2.BZ2Decompressor)
    if name == "xz":
        return _Streams(stream, lzma.LZMADecompressor)
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, "r"), name)


def of_streams(packed: bytes, new: Callable[[], Any]) -> bytes:
    """What one compressed stream after another holds. new: BZ2Decompressor or LZMADecompressor; raises as they do."""
    streams = _Streams(io.BytesIO(packed), new)
    return b"".join(iter(lambda: streams.read(_CHUNK_BYTES), b""))


class _Streams:
    """One compressed stream after another, with zeros between them; Python's own files end in silence at anything else."""

    def __init__(self, packed: IO[bytes], new: Callable[[], Any]) -> None:
        self._packed, self._new, self._one = packed, new, new()

    def read(self, size: int) -> bytes:
        """Some of the content; nothing at its end. Raises OSError, LZMAError or EOFError for what is broken or no stream."""
        while True:
            more = b""
            if self._one.eof:
                more = self._one.unused_data.lstrip(b"\0")
                while not more and (block := self._packed.read(_CHUNK_BYTES)):
                    more = block.lstrip(b"\0")
                if not more:
                    return b""
                self._one = self._new()
            elif self._one.needs_input and not (more := self._packed.read(_CHUNK_BYTES)):
                raise EOFError("torn")
            if content := self._one.decompress(more, size):
                return bytes(content)


@contextmanager
def _spooled(stream: Any, size: int) -> Iterator[IO[bytes]]:
    most = max(_HARMLESS_BYTES, _HIGHEST_RATIO * size)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as content:
        while chunk := stream.read(_CHUNK_BYTES):
            content.write(chunk)
            if content.tell() > most:
                raise DataError(_BOMB)
        content.seek(0)
        yield content
