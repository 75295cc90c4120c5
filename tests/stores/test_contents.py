"""The digests of files, each read once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from unlearning.domain import hashing
from unlearning.stores import contents


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is read, with a clock that is an hour ahead: all are settled."""
    found: list[Path] = []
    truth = hashing.file_digest

    def counted(path: Path) -> str:
        found.append(path)
        return truth(path)

    monkeypatch.setattr(hashing, "file_digest", counted)
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() + 3600 * 10**9)
    return found


def test_a_file_that_stays_as_it_is_is_read_once_under_all_its_names_and_whenever_somebody_insists(
    tmp_path: Path, read: list[Path]
) -> None:
    file, other = tmp_path / "one", tmp_path / "two"
    file.write_bytes(b"content")
    other.hardlink_to(file)
    first = contents.file_digest(file)
    assert first == contents.file_digest(file) == contents.file_digest(other)
    assert read == [file]
    assert contents.file_digest(other, anew=True) == first
    assert read == [file, other]


def test_a_change_is_seen_also_one_that_keeps_size_and_the_time_of_writing(tmp_path: Path, read: list[Path]) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"before")
    first, when = contents.file_digest(file), file.stat().st_mtime_ns
    time.sleep(0.02)
    file.write_bytes(b"after!")
    os.utime(file, ns=(when, when))
    assert contents.file_digest(file) == hashing.bytes_digest(b"after!") != first


def test_what_was_written_just_now_is_read_again(tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    file = tmp_path / "one"
    file.write_bytes(b"before")
    first = contents.file_digest(file)
    file.write_bytes(b"after!")
    assert contents.file_digest(file) != first
    with pytest.raises(FileNotFoundError):
        contents.file_digest(tmp_path / "nothing")
