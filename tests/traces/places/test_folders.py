"""Folders where nothing may be."""

from __future__ import annotations

from pathlib import Path

from unlearning.domain.traces import Wanted
from unlearning.traces.places.folders import EmptyFolderPlace


def test_what_came_after_the_search_goes_too(tmp_path: Path) -> None:
    place = EmptyFolderPlace("results", tmp_path / "storage")
    assert place.erase(()) == ()
    (tmp_path / "storage").mkdir()
    found = place.find(Wanted(frozenset()))
    (tmp_path / "storage/late").write_text("an error")

    place.erase(found.traces)

    assert place.find(Wanted(frozenset())).traces == ()
