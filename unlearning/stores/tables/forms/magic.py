"""Files that are only bytes: what they are called, and the letters in them, as `strings` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

_CHUNK_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 10

_SIGNS = (
    (rb"\x80[\x02-\x05][\x80-\xff}\](cNKJGXU\x00-\x28]", "pickle"),
    (rb"\(*(?:[ldt]p\d+|c[\w.]+\n[\w.]+\np\d+|[VS][^\n]*\np\d+)\n", "pickle"),
    (rb"version https://git-lfs\.github\.com/spec/", "Git LFS pointer"),
    (rb"%PDF-", "PDF document"),
    (rb"\x89PNG\r\n", "PNG image"),
    (rb"\xff\xd8\xff", "JPEG image"),
    (rb"GIF8[79]a", "GIF image"),
    (rb"II\*\x00|MM\x00\*", "TIFF image"),
    (rb"RIFF....WEBP", "WebP image"),
    (rb"RIFF....WAVE", "WAV audio"),
    (rb"RIFF....AVI ", "AVI video"),
    (rb"ID3|\xff[\xfb\xf3\xf2]", "MP3 audio"),
    (rb"fLaC", "FLAC audio"),
    (rb"OggS", "Ogg media"),
    (rb"....ftyp", "MP4 media"),
    (rb"\x1aE\xdf\xa3", "Matroska media"),
    (rb"BM....\x00\x00\x00\x00", "BMP image"),
    (rb"P[1-6][\s#]", "PNM image"),
    (rb"\x89HDF\r\n\x1a\n", "HDF5 file"),
    (rb"CDF[\x01\x02]", "NetCDF file"),
    (rb".{128}DICM", "DICOM image"),
    (rb"\x7fELF", "executable"),
    (rb"MZ[\x00-\xff]{58}", "executable"),
    (rb"[\xcf\xce]\xfa\xed\xfe|\xca\xfe\xba\xbe", "executable"),
    (rb"\x00asm", "WebAssembly"),
    (rb"7z\xbc\xaf\x27\x1c", "7z archive"),
    (rb"Rar!\x1a\x07", "RAR archive"),
    (rb"MSCF\x00", "cabinet archive"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office document"),
    (rb"-----BEGIN PGP MESSAGE|\x85[\x01\x02].\x03", "encrypted file"),
    (rb"Salted__|age-encryption\.org/", "encrypted file"),
    (rb"PARE", "encrypted Parquet"),
    (rb"Obj\x01", "Avro file"),
    (rb"SEQ[\x04-\x06]", "Hadoop sequence file"),
    (rb".{4}\x00\x00\x00\x00TFL3|.{4}TFL3", "TensorFlow Lite model"),
    (rb"GGUF", "GGUF model"),
    (rb".{8}\{\"", "safetensors file"),
    (rb"\x37\x7f\x06[\x82\x83]", "SQLite write-ahead log"),
    (rb"\$FL[23]@", "SPSS file"),
    (rb"<stata_dta>|[\x71-\x76][\x01\x02]\x01\x00", "Stata file"),
    (rb"\x00{12}\xc2\xea\x81\x60", "SAS file"),
    (rb"RD[XA][23]\n", "R data"),
    (rb"MATLAB 5\.0", "MATLAB file"),
    (rb"DUCK|.{8}DUCK", "DuckDB database"),
    (rb"\x1f\x9d", "compress file"),
    (rb"\x93NUMPY", "NumPy array"),
    (rb"[\x0a\x08].{0,200}onnx", "ONNX model"),
)
_FORMS = tuple((re.compile(sign, re.DOTALL), form) for sign, form in _SIGNS)
_TEXTUAL = frozenset(
    {"pickle", "Git LFS pointer", "PDF document", "PNM image", "encrypted file", "MATLAB file", "Stata file", "R data"}
)
"""Forms that begin as a text does, and are none."""

_LETTERS = re.compile(rb"(?:[\t\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){4,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e]\x00){4,}")
_WIDEST = re.compile(rb"(?:[\x20-\x7e]\x00{3}){4,}")


def form(head: bytes, *, textual: bool = False) -> str:
    """What a file is that begins with these bytes; textual: only what looks like a text at first."""
    found = next((name for sign, name in _FORMS if sign.match(head)), "unknown form")
    return found if not textual or found in _TEXTUAL else "unknown form"


def letters(stream: IO[bytes]) -> Iterator[str]:
    """The runs of readable signs in a stream, in pieces; UTF-16 and UTF-32 too."""
    stream.seek(0)
    left = b""
    while chunk := stream.read(_CHUNK_BYTES):
        content = left + chunk
        runs = [run.decode("utf-8", "replace") for run in _LETTERS.findall(content)]
        runs += [run[::2].decode("ascii") for run in _WIDE.findall(content)]
        runs += [run[::4].decode("ascii") for run in _WIDEST.findall(content)]
        if runs:
            yield "\n".join(runs)
        left = content[-_OVERLAP_BYTES:]
