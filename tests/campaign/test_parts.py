"""Every slow test is in exactly one part, and the page says of a part only what was recorded."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

import pytest

from tests.campaign import parts


def test_each_test_is_in_exactly_one_part() -> None:
    every = [(number, parts.PARTS) for number in range(1, parts.PARTS + 1)]
    for number in range(200):
        assert sum(parts.holds(part, f"tests/test_a.py::test_{number}") for part in every) == 1


@pytest.mark.parametrize("wrong", ["0/10", "11/10", "3", "a/b", "3/10/2", ""])
def test_a_part_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected K/N"):
        parts.parsed(wrong)


@pytest.mark.parametrize(
    "more", [["--ignore=tests/laws"], ["--stepwise"], ["-x"], ["-k", "law"], ["tests/laws"], ["--deselect", "a"], ["--co"]]
)
def test_a_run_that_may_leave_tests_out_is_no_whole_part(more: list[str]) -> None:
    asked = [*parts.SIDE_BY_SIDE, "-m", "slow", "--part", "3/10"]
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    assert f"SIDE_BY_SIDE := {' '.join(parts.SIDE_BY_SIDE)}\n" in makefile
    assert "-m pytest $(SIDE_BY_SIDE) -m slow $(if $(PART),--part $(PART))\n" in makefile
    assert parts.whole(asked, {})
    assert not parts.whole([*asked, *more], {})
    assert not parts.whole([*more, *asked], {})
    assert not parts.whole(asked, {"PYTEST_ADDOPTS": " ".join(more)})


def test_a_part_that_never_ran_says_never_and_another_keeps_its_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "PAGE", tmp_path / "campaigns.md")
    monkeypatch.setattr(parts, "commit", lambda: "abc1234")

    parts.record((3, parts.PARTS), {"passed": 7, "failed": 1}, datetime(2026, 1, 2, 3, 4))
    parts.record((4, parts.PARTS), {"passed": 5}, datetime(2026, 1, 2, 4, 5))
    parts.record((1, 2), {"passed": 50}, datetime(2026, 1, 2, 5, 6))

    said = parts.rows(parts.PAGE.read_text())
    assert said[3] == ("2026-01-02 03:04 UTC", "abc1234", "1 failed, 7 passed")
    assert said[4] == ("2026-01-02 04:05 UTC", "abc1234", "5 passed")
    assert {said[number] for number in (1, 2, 5, 6, 7, 8, 9, 10)} == {parts.NEVER}


def test_the_page_in_the_repository_has_a_row_for_every_part() -> None:
    assert sorted(parts.rows(parts.PAGE.read_text())) == list(range(1, parts.PARTS + 1))


def test_what_is_measured_is_of_a_commit_unless_more_than_documentation_is_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parts, "PAGE", tmp_path / "docs/campaigns.md")
    (tmp_path / "docs").mkdir()
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "one"]):
        parts._git(*command)
    head = parts._git("rev-parse", "--short", "HEAD")

    parts.PAGE.write_text("a row")
    assert parts.commit() == head
    (tmp_path / "code.py").write_text("")
    assert parts.commit() == f"{head}, changed"
