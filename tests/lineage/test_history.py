"""What DVC said at every commit, and what came of what."""

from __future__ import annotations

from pathlib import Path

from tests.histories import History
from unlearning.domain.versions import Tracked
from unlearning.lineage.history import Past, kept
from unlearning.project import settings as project_settings
from unlearning.stores.dvc.snapshots import PART

RAW, CLEAN, MODEL = Tracked("raw.csv", "a" * 32), Tracked("clean.csv", "b" * 32), Tracked("model.bin", "c" * 32)
FOLDER, INSIDE = Tracked("images", "d" * 32 + ".dir"), Tracked("images/1.png", "e" * 32)


def test_what_stages_made_counts_and_a_file_of_a_folder_was_not_made_of_it() -> None:
    past = Past(frozenset(), frozenset({(RAW, CLEAN, "clean"), (CLEAN, MODEL, "fit"), (FOLDER, INSIDE, PART)}))
    assert past.derived(frozenset({RAW.object})) == {CLEAN.object, MODEL.object}
    assert past.derived(frozenset({CLEAN.object})) == {MODEL.object}
    assert past.derived(frozenset({FOLDER.object})) == frozenset()
    looked = Past(frozenset(), past.made | {(INSIDE, MODEL, "look")})
    assert looked.derived(frozenset({FOLDER.object})) == {MODEL.object}


def test_a_path_is_what_it_ever_was_with_what_lay_below_it_and_no_longer_name() -> None:
    past = Past(frozenset({RAW, Tracked("raw.csv", "9" * 32), FOLDER, INSIDE, Tracked("images2", "8" * 32)}), frozenset())
    assert past.under("raw.csv") == {RAW.object, "9" * 32}
    assert past.under("images") == {FOLDER.object, INSIDE.object}


def test_a_report_of_ours_is_one_only_while_no_other_path_holds_the_same_bytes() -> None:
    report = Tracked(project_settings.REPORTS.metrics, "f" * 32)
    assert Past(frozenset({report, RAW}), frozenset()).reports == {report.object}
    assert Past(frozenset({report, Tracked("copy.json", report.object)}), frozenset()).reports == frozenset()


def test_every_commit_is_read_and_without_a_hold_nothing_is_kept(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    first = history.table("data/raw.csv", ["ann-1"])
    history.commit()
    second = history.table("data/raw.csv", ["ann-1", "bob-2"])
    history.commit()
    past = Past.of(history.workspace)
    assert past.under("data/raw.csv") == {first.object, second.object}
    assert kept(history.workspace, lambda: past) == {}
