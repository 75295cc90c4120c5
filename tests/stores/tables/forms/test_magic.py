"""Bytes have a name, and their letters are shown."""

from __future__ import annotations

import io
import pickle

import pytest

from unlearning.stores.tables.forms import magic


@pytest.mark.parametrize(
    ("head", "form"),
    [
        *((pickle.dumps(one, protocol), "pickle") for one in ({"a": 1}, [1], (1, 2), "x", 17) for protocol in range(2, 6)),
        (b"%PDF-1.7", "PDF document"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
        (bytes(128) + b"DICM", "DICOM image"),
        (b"\x7fELF\x02", "executable"),
        (b"\x10\0\0\0\0\0\0\0{\"w\":", "safetensors file"),
        (b"\0\1\2", "unknown form"),
    ],
)  # fmt: skip
def test_a_form_is_known_by_its_first_bytes(head: bytes, form: str) -> None:
    assert magic.form(head) == form


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_letters_among_bytes_are_shown_in_every_encoding_and_across_two_chunks(encoding: str) -> None:
    for before in (3, (1 << 20) - 20, (1 << 20) - 3):
        content = bytes([0, 129] * (before // 2)) + b"\0" * (before % 2) + "MRN-4711".encode(encoding) + b"\0\x81\0"
        assert any("MRN-4711" in piece for piece in magic.letters(io.BytesIO(content))), before
