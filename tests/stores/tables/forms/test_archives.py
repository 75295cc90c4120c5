"""What comes out of a file is bounded, and every member is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib

import pyarrow as pa
import pytest

from unlearning.domain.errors import DataError
from unlearning.stores.tables.forms import archives


@pytest.mark.parametrize(
    "compressed",
    [
        gzip.compress(b"abc") + gzip.compress(b"def"),
        bz2.compress(b"abcdef"),
        lzma.compress(b"abcdef"),
        pa.Codec("zstd").compress(b"abcdef", asbytes=True),
        pa.Codec("lz4").compress(b"abcdef", asbytes=True),
    ],
    ids=["gzip of two parts", "bzip2", "xz", "zstd", "lz4"],
)
def test_a_compressed_file_is_read_by_its_first_bytes(compressed: bytes) -> None:
    codec = archives.codec(compressed)
    assert codec is not None
    with archives.decompressed(io.BytesIO(compressed), codec) as content:
        assert content.read() == b"abcdef"


def test_a_bomb_is_left_alone() -> None:
    maker = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([maker.compress(bytes(1 << 20)) for _ in range(300)]) + maker.flush()
    with pytest.raises(DataError, match="bomb"), archives.decompressed(io.BytesIO(bomb), "gzip"):
        pass


def test_members_that_say_too_much_of_themselves_are_a_bomb() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"x")
        for number in range(8):
            member = zipfile.ZipInfo(str(number))
            member.file_size, member.compress_size = 1 << 30, 10
            archive.filelist.append(member)
        with pytest.raises(DataError, match="bomb"):
            list(archives.zip_members(archive))
        archive.filelist[1:] = []


@pytest.mark.parametrize("extra", [b"", b"\x02\x00ab"])
@pytest.mark.parametrize("comment", [b"", b"of 4712\0"])
def test_the_head_of_a_gzip_file_says_its_name_and_comment(extra: bytes, comment: bytes) -> None:
    flags = 8 | (4 if extra else 0) | (16 if comment else 0)
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + extra + b"4711.csv\0" + comment + b"packed"
    assert archives.gzip_says(head).split("\n") == ["4711.csv", *(["of 4712"] if comment else [])]
    assert archives.gzip_says(gzip.compress(b"x")) == archives.gzip_says(b"\x1f\x8b") == ""
