"""Objects in a cache or remote, and files there that are no objects: half-written uploads, what somebody put there by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Found, Trace, Wanted
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.dvc_objects import OBJECTS, ObjectPlace, Reader

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
    reader = Reader(Watch(("patient",), "text", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
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
    reader = Reader(Watch(("patient",), "text", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
    place = ObjectPlace(ObjectStore("remote", LocalFileSystem(), str(tmp_path), local=True), reader)
    assert PERSON not in str(place.find(Wanted(frozenset({hashing.token(KEY, "Zq-0002", "text")}))))


OBJECT, OTHERS, LISTING = "ab" + "0" * 30, "cd" + "1" * 30, "ef" + "2" * 30 + ".dir"
WANTED = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}))


def store(folder: Path, objects: Mapping[str, bytes]) -> ObjectStore:
    from dvc.fs import LocalFileSystem

    for name, content in objects.items():
        file = folder / "files/md5" / name[:2] / name[2:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    folder.mkdir(exist_ok=True)
    return ObjectStore("remote", LocalFileSystem(), str(folder), local=True)


def place_of(where: ObjectStore, **more: Any) -> ObjectPlace:
    given = {"indexed": lambda _: {}, "derived": lambda _: frozenset(), **more}
    return ObjectPlace(where, Reader(Watch(("patient",), "text", KEY), **given))


def names(found: Found) -> list[str]:
    return [trace.name for trace in found.traces]


def test_a_table_with_the_person_is_found_and_with_it_every_folder_that_lists_it(tmp_path: Path) -> None:
    listing = json.dumps([{"md5": OBJECT, "relpath": "a.csv"}, {"md5": OTHERS, "relpath": "b.csv"}]).encode()
    tables = {OBJECT: b"patient,x\nZq-9999,1\n", OTHERS: b"patient,x\nZq-0001,1\n", LISTING: listing}
    place = place_of(store(tmp_path / "remote", tables))
    found = place.find(WANTED)
    assert names(found) == [OBJECT, LISTING]
    assert found.searched == 3
    place.erase(found.traces)
    assert names(place.find(WANTED)) == []
    assert place.store.holds(OTHERS)


def test_an_object_that_was_found_anywhere_is_looked_for_here_whatever_it_holds(tmp_path: Path) -> None:
    place = place_of(store(tmp_path / "remote", {OBJECT: b"\0bytes", OTHERS: b"\0bytes"}))
    known = {OBJECTS: frozenset({Trace(OBJECT), Trace("99" + "0" * 30)})}
    assert names(place.find(replace(WANTED, known=known))) == [OBJECT]


def test_a_file_that_only_ever_had_a_person_s_name_goes_and_one_that_others_share_stays(tmp_path: Path) -> None:
    listing = [
        {"md5": OBJECT, "relpath": "Zq-9999/scan.png"},
        {"md5": OTHERS, "relpath": "Zq-9999.png"},
        {"md5": OTHERS, "relpath": "Zq-0001.png"},
    ]
    place = place_of(store(tmp_path / "remote", {OBJECT: b"\0", OTHERS: b"\0", LISTING: json.dumps(listing).encode()}))
    assert names(place.find(WANTED)) == [OBJECT, LISTING]


def test_the_index_is_believed_only_when_that_is_asked_for(tmp_path: Path) -> None:
    place = place_of(
        store(tmp_path / "remote", {OBJECT: b"patient,x\nZq-9999,1\n"}),
        indexed=lambda tokens: {OBJECT: False} if tokens else {},
    )
    assert names(place.find(WANTED)) == [OBJECT]
    assert names(place.find(replace(WANTED, trust_index=True))) == []


def test_what_a_legal_hold_keeps_is_said_and_not_found(tmp_path: Path) -> None:
    place = place_of(store(tmp_path / "remote", {OBJECT: b"patient,x\nZq-9999,1\n"}))
    held = place.find(replace(WANTED, kept={OBJECT: WANTED.tokens}))
    assert names(held) == []
    assert [(one.outcome, one.count) for one in held.unclear] == [("residual", 1)]


def test_what_stages_made_of_their_data_and_is_no_table_is_unclear_unless_it_is_a_report_of_ours(tmp_path: Path) -> None:
    where = store(tmp_path / "remote", {OBJECT: b"patient,x\nZq-9999,1\n", OTHERS: b"\0model"})
    made = {"derived": lambda objects: objects | {OTHERS} if objects else objects}
    found = place_of(where, **made).find(WANTED)
    assert [trace.name for trace in found.derived] == [OTHERS]
    assert [(one.outcome, one.level) for one in found.unclear] == [("unverified", "model")]
    assert place_of(where, **made, reports=lambda: frozenset({OTHERS})).find(WANTED).unclear == ()
