"""The digests of files, each read once, and never lent to other bytes."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from unlearning.domain import hashing
from unlearning.stores import contents
from unlearning.stores.tables import tables

TICK = 0.02
"""Seconds, after which any change here has another time."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The content of every file that is read, with a clock that is an hour ahead: all are settled."""
    found: list[bytes] = []

    def counted(stream: IO[bytes]) -> str:
        found.append(stream.read())
        return hashing.bytes_digest(found[-1])

    monkeypatch.setattr(hashing, "stream_digest", counted)
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() + 3600 * 10**9)
    return found


def test_a_file_that_stays_as_it_is_is_read_once_under_all_its_names_and_whenever_somebody_insists(
    tmp_path: Path, read: list[bytes]
) -> None:
    file, other = tmp_path / "one", tmp_path / "two"
    file.write_bytes(b"content")
    other.hardlink_to(file)
    first = contents.file_digest(file)
    assert first == contents.file_digest(file) == contents.file_digest(other) == tables.digest(other)
    assert len(read) == 1
    assert contents.file_digest(other, anew=True) == tables.digest(file, anew=True) == first
    assert len(read) == 3


def rewritten(file: Path) -> None:
    when = file.stat()
    file.write_bytes(b"after!")
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))


def replaced(file: Path) -> None:
    when, draft = file.stat(), file.with_name("draft")
    draft.write_bytes(b"after!")
    os.utime(draft, ns=(when.st_atime_ns, when.st_mtime_ns))
    draft.replace(file)


def written_through_a_map(file: Path) -> None:
    import mmap

    when = file.stat()
    with file.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
        mapped[:] = b"after!"
        mapped.flush()
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))


def written_under_another_name(file: Path) -> None:
    other = file.with_name("other")
    other.hardlink_to(file)
    rewritten(other)


CHANGES = (rewritten, replaced, written_through_a_map, written_under_another_name)
"""All keep size and time of writing."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_also_one_that_keeps_size_and_the_time_of_writing(
    tmp_path: Path, read: list[bytes], change: Callable[[Path], None]
) -> None:
    file, folder = tmp_path / "one", tmp_path / "folder"
    folder.mkdir()
    (folder / "1.parquet").write_bytes(b"before")
    file.write_bytes(b"before")
    first, whole = contents.file_digest(file), tables.digest(folder)
    time.sleep(TICK)
    change(file)
    change(folder / "1.parquet")
    (folder / "draft").unlink(missing_ok=True)
    (folder / "other").unlink(missing_ok=True)
    assert contents.file_digest(file) == hashing.bytes_digest(b"after!") != first
    assert tables.digest(folder) != whole


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_changes_while_it_is_read_is_never_remembered_for_other_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[bytes], change: Callable[[Path], None], when: str
) -> None:
    """Of every file that has any of these bytes, also under another name: the old one stays where it was linked to."""
    file, also = tmp_path / "one", tmp_path / "two"
    file.write_bytes(b"before")
    also.hardlink_to(file)
    time.sleep(TICK)
    truth = hashing.stream_digest

    def swapping(stream: IO[bytes]) -> str:
        monkeypatch.setattr(hashing, "stream_digest", truth)
        if when == "before":
            change(file)
        digest = truth(stream)
        if when == "after":
            change(file)
        return digest

    monkeypatch.setattr(hashing, "stream_digest", swapping)
    contents.file_digest(file)
    for one in (file, also, file, also):
        assert contents.file_digest(one) == hashing.bytes_digest(one.read_bytes())


def test_what_was_written_just_now_is_read_again(tmp_path: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    file = tmp_path / "one"
    file.write_bytes(b"before")
    first = contents.file_digest(file)
    file.write_bytes(b"after!")
    assert contents.file_digest(file) != first
    with file.open("rb") as stream:
        assert contents.steady(stream) is None
        assert contents.state(stream) == contents.state(stream) is not None
    with pytest.raises(FileNotFoundError):
        contents.file_digest(tmp_path / "nothing")


def test_what_is_no_file_of_this_disk_has_no_state(read: list[bytes]) -> None:
    assert contents.steady(io.BytesIO(b"content")) is contents.state(io.BytesIO(b"content")) is None


def test_only_so_many_are_remembered(tmp_path: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_REMEMBERED", 2)
    monkeypatch.setattr(contents, "_known", {})
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
        assert contents.file_digest(tmp_path / str(number)) == hashing.bytes_digest(b"%d" % number)
        assert len(contents._known) <= 2


@pytest.fixture
def next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], contents.Digests]:
    """Begins with what was kept and nothing that this one remembers; every file is a large one."""
    monkeypatch.setattr(contents, "_LARGE", 0)

    def begin(key: bytes = b"k" * 32) -> contents.Digests:
        monkeypatch.setattr(contents, "_known", {})
        return contents.Digests(tmp_path / "kept.json", key)

    return begin


def test_what_stays_as_it_is_is_not_read_again_by_the_next_process(
    tmp_path: Path, read: list[bytes], next_process: Callable[[], contents.Digests]
) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"before")
    first = next_process()
    digest = first.digest(file)
    first.keep()
    second = next_process()
    assert second.digest(file) == contents.file_digest(file) == digest
    assert len(read) == 1
    assert second.digest(file, anew=True) == digest
    assert len(read) == 2
    assert (tmp_path / "kept.json").stat().st_mode & 0o077 == 0
    assert b"one" not in (tmp_path / "kept.json").read_bytes()


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_meanwhile_is_read_by_the_next_process(
    tmp_path: Path, read: list[bytes], next_process: Callable[[], contents.Digests], change: Callable[[Path], None]
) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"before")
    time.sleep(TICK)
    first = next_process()
    first.digest(file)
    first.keep()
    change(file)
    assert next_process().digest(file) == hashing.bytes_digest(b"after!")
    assert read == [b"before", b"after!"]


@pytest.mark.parametrize("how", ["another key", "another digest", "cut", "another shape", "no text"])
def test_what_nobody_here_sealed_is_not_believed(
    tmp_path: Path, read: list[bytes], next_process: Callable[[], contents.Digests], how: str
) -> None:
    file, kept = tmp_path / "one", tmp_path / "kept.json"
    file.write_bytes(b"before")
    first = next_process()
    digest = first.digest(file)
    first.keep()
    if how == "another digest":
        kept.write_bytes(kept.read_bytes().replace(digest.encode(), b"0" * 64))
    elif how != "another key":
        kept.write_bytes({"cut": kept.read_bytes()[:-9], "another shape": b"[1]", "no text": b"\xff\xfe"}[how])
    again = next_process(b"o" * 32 if how == "another key" else b"k" * 32)
    assert again.digest(file) == digest
    assert len(read) == 2
    again.keep()
    assert next_process(b"o" * 32 if how == "another key" else b"k" * 32).digest(file) == digest
    assert len(read) == 2


def test_small_files_and_those_that_changed_just_now_are_not_kept(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.write_bytes(b"x" * contents._LARGE)
    one = contents.Digests(tmp_path / "kept.json", b"k" * 32)
    assert one.digest(small) == hashing.bytes_digest(b"x")
    one.digest(large)
    one.keep()
    assert not (tmp_path / "kept.json").exists()
