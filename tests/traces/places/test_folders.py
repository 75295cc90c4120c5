"""Folders where nothing may be, and folders whose files are looked through."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.stores.test_sealed import a_spool, records
from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores import sealed
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.folders import BytesPlace, EmptyFolderPlace, ScratchPlace, SealedSpoolPlace

KEY = bytes(32)


def test_what_came_after_the_search_goes_too(tmp_path: Path) -> None:
    place = EmptyFolderPlace("results", tmp_path / "storage")
    assert place.erase(()) == ()
    (tmp_path / "storage").mkdir()
    found = place.find(Wanted(frozenset()))
    (tmp_path / "storage/late").write_text("an error")

    place.erase(found.traces)

    assert place.find(Wanted(frozenset())).traces == ()


@pytest.mark.parametrize(
    ("name", "content", "outcomes"),
    [
        ("log.csv", "when;what\nmonday;100042\n", ["unverified"]),
        ("log.txt", "row 100042 failed", ["unverified"]),
        ("values.json", "[1, 2, 100042]", ["unverified"]),
        ("100042.txt", "nothing", ["unverified"]),
        ("log.txt", "patient 100042 failed, patient=100042", ["residual"]),
        ("log.txt", "row 100043 failed", []),
    ],
)
def test_a_number_that_may_be_a_person_is_said(tmp_path: Path, name: str, content: str, outcomes: list[str]) -> None:
    (tmp_path / name).write_text(content)
    wanted = Wanted(frozenset({hashing.token(KEY, 100042, "integer")}), identifiers=("not-it",))
    place = BytesPlace("logs", tmp_path, Watch(("patient",), "integer", KEY))
    assert [one.outcome for one in place.find(wanted).unclear] == outcomes
    free = BytesPlace("logs", tmp_path, Watch(("patient",), "integer", KEY), free=lambda _: True)
    assert [one.outcome for one in free.find(wanted).unclear] == [one for one in outcomes if one == "residual"]


def test_a_sealed_spool_is_clean_only_where_it_is_empty(tmp_path: Path) -> None:
    """A living training may have begun with anybody, and nobody but its jobs can look."""
    place = SealedSpoolPlace(a_spool(str(tmp_path / "shared"), tmp_path))
    with place.spool.opened() as (address, key):
        sealed.write(f"{address}/0", key, records(), {})
        during = place.find(Wanted(frozenset()))
        assert [(one.place, one.outcome, one.count) for one in during.unclear] == [(place.name, "unverified", 1)]
        assert during.traces == ()
        assert place.erase(()) == ()
        assert len(sealed.read(f"{address}/0", key).records)
    after = place.find(Wanted(frozenset()))
    assert (after.traces, after.unclear, after.searched) == ((), (), 0)
    (tmp_path / "shared/0123/probe-of-a-killed-process").write_bytes(b"sealed")
    assert [one.name for one in place.find(Wanted(frozenset())).traces] == ["probe-of-a-killed-process"]


def test_what_others_code_said_is_read_and_anything_else_in_scratch_is_a_draft(tmp_path: Path) -> None:
    words, watch = tmp_path / "said.txt", Watch(("patient",), "text", KEY)
    place, wanted = (
        ScratchPlace(tmp_path, words, watch, nullcontext),
        Wanted(frozenset({hashing.token(KEY, "Zq-9999", "text")})),
    )
    assert place.find(wanted).traces == ()
    words.write_text("INFO: the server started\n")
    assert place.find(wanted).traces == ()
    words.write_text("KeyError: 'Zq-9999'\n")
    (tmp_path / "draft.parquet").write_bytes(b"rows")
    found = place.find(wanted)
    assert [one.name for one in found.traces] == ["draft.parquet", "said.txt"]
    place.erase(found.traces)
    words.write_text("DEBUG: nothing")
    place.erase(())
    assert list(tmp_path.iterdir()) == []
