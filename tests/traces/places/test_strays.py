"""Files in a cache or remote that are no objects: half-written uploads, what somebody put there by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.traces.places.dvc_objects import ObjectPlace, Reader

KEY, PERSON = bytes(32), "Zq-9999"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (f"{PERSON}.bin", b"\x00nobody"),
        (f"{PERSON}/scan.bin", b"\x00nobody"),
        ("left.csv", b"patient,note\nZq-9999,x\n"),
        (f"{PERSON}.csv", b"patient,note\nZq-9999,x\n"),
    ],
)
def test_a_stray_file_goes_and_its_name_is_repeated_nowhere(tmp_path: Path, file: str, content: bytes) -> None:
    from dvc.fs import LocalFileSystem

    for path, written in ((file, content), ("other.csv", b"patient,note\nZq-0001,x\n")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(written)
    reader = Reader(("patient",), "text", KEY, indexed=lambda _: {}, derived=lambda _: frozenset())
    place = ObjectPlace(ObjectStore("remote", LocalFileSystem(), str(tmp_path), local=True), reader)
    wanted = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}))

    found = place.find(wanted)
    assert len(found.traces) == 1
    assert PERSON not in str(found)

    place.erase(found.traces)
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["other.csv"]
    assert place.find(wanted).traces == ()


def test_a_damaged_stray_is_reported_without_its_name(tmp_path: Path) -> None:
    from dvc.fs import LocalFileSystem

    (tmp_path / f"{PERSON}.parquet").write_bytes(b"PAR1 and then nothing of a table PAR1")
    reader = Reader(("patient",), "text", KEY, indexed=lambda _: {}, derived=lambda _: frozenset())
    place = ObjectPlace(ObjectStore("remote", LocalFileSystem(), str(tmp_path), local=True), reader)
    assert PERSON not in str(place.find(Wanted(frozenset({hashing.token(KEY, "Zq-0002", "text")}))))
