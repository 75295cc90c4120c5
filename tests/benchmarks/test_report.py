"""What a benchmark said is kept with its commit and machine, and the page is made from what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Measured, Panel, Section


def said(title: str, commit: str = "abc1234") -> Measured:
    panels = [Panel("rows", "CPU s", {"erase": {10: 1.5, 1_000: 2.0}})]
    section = Section(title, "A text.", ("what", "s"), [("one", "1.0")], panels)
    return Measured("2026-01-02 03:04 UTC", commit, 2.4, "2 cores (x86_64), Python 3.11.7", 0.81, [section])


def test_what_is_kept_is_read_again_as_it_was_in_the_order_of_the_page(tmp_path: Path) -> None:
    file, order = tmp_path / "benchmarks.json", ("loop", "growth")
    assert report.kept(file) == {}
    report.add("growth", said("Growth – of “everything”"), order, file)
    found, again = report.add("loop", said("Loop"), order, file), report.kept(file)
    assert list(again) == ["loop", "growth"]
    assert report.page(again) == report.page(found)
    assert again["growth"].sections[0].panels == said("Growth").sections[0].panels


def test_what_others_say_while_one_is_measured_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.json"
    monkeypatch.setattr(report, "ADDITIONS", 10)
    order = ("loop", "growth")

    def slow() -> list[Section]:
        report.add("growth", said("Growth"), order, file)
        return [Section("Loop", "A text.")]

    assert list(report.add("loop", report.measure(slow), order, file)) == ["loop", "growth"]


def test_a_benchmark_is_of_the_commit_that_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    commits = iter(["before", "after"])
    monkeypatch.setattr(report, "ADDITIONS", 10)
    monkeypatch.setattr(report, "commit", lambda: next(commits))
    assert report.measure(lambda: [Section(next(commits), "A commit is made.")]).commit == "before"


def test_the_page_in_the_repository_is_made_from_what_is_kept() -> None:
    assert report.PAGE.read_text("utf-8") == report.page(report.kept())


def test_the_page_says_of_each_benchmark_when_on_which_code_and_how_quick_the_machine_was() -> None:
    page = report.page({"growth": said("Growth"), "loop": said("Loop", "def5678, changed")})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "UTC" in line]
    assert [(row[0], row[2], row[3], row[5]) for row in rows] == [
        ("growth", "abc1234", "2", "0.8"),
        ("loop", "def5678, changed", "2", "0.8"),
    ]
    assert page.index("## Growth") < page.index("## Loop")


def test_a_benchmark_that_fails_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ADDITIONS", 10)

    def fails() -> list[Section]:
        raise RuntimeError("no server")

    with pytest.raises(RuntimeError, match="no server"):
        report.measure(fails)
    assert report.measure(lambda: [Section("One", "text")]).sections == [Section("One", "text")]
