"""The table that an erasure ends with, in terminals of two widths and as Markdown."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from unlearning.domain.entities import CheckResult, ShapedVersion, ShardImpact
from unlearning.domain.traces import Residual
from unlearning.domain.versions import DataVersion
from unlearning.entrypoints import presentation
from unlearning.erasure.report import Answered, ErasureReport, Forgot, Gone, Touched
from unlearning.lineage.named import NamedData

TOKEN = "9c4087ff1d8b" + "0" * 52
CHECKS = (
    CheckResult("data/train.parquet: data.rows", 444, "= 444 | 451 - 7", "passed", ""),
    CheckResult("data/train.parquet: data.types", None, "as before", "passed", ""),
    CheckResult("membership", 0.3317, "within 0.50 ± 0.10", "underpowered", ""),
)
BACKUPS = Residual(
    place="backups and snapshots",
    level="physical",
    outcome="out_of_reach",
    count=None,
    why="they are not part of this project",
    remedy="replay the suppression list after any restore, and record when they expire",
)
REPORT = ErasureReport(
    erasure_id="erasure-0856a081d780",
    requests=[Answered("request", TOKEN, "completed", ".unlearning/certificates/erasure-0856a081d780.json")],
    impact=Touched(
        records=7,
        data_versions=[NamedData.of(DataVersion("data/records.parquet", "", "a4ac08d3ffff", None, 451, 100))],
        model_versions=[ShapedVersion("diagnosis", 1, ("champion",), "")],
        shards=[ShardImpact(1, 1, 4, 3), ShardImpact(5, 2, 4, 4)],
        shards_total=8,
    ),
    checkpoints_stale=7,
    models=[
        Forgot(
            name="diagnosis",
            from_version=1,
            to_version=2,
            method="sisa",
            guarantee="exact",
            unproven_in_a_row=0,
            shards_retrained=2,
            shards_total=8,
            shards_dropped=[3],
            checks=CHECKS,
            alias="champion",
            replay_equal=True,
            training_seconds=3.0,
            replay=None,
            seconds={},
        )
    ],
    adopted=[],
    alias="champion",
    certificate=None,
    purged=[Gone("DVC objects", 2)],
    residuals=[],
    out_of_reach=[BACKUPS],
    seconds={"redact": 2.34, "purge": 5.1},
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal_and_says_everything(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(presentation, "_WIDTH_WITHOUT_TERMINAL", width)
    presentation.show(REPORT, presentation.Section("Was it worth it", [("unlearning took", "3.0 s")]), every=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for words in (
        "tok_9c4087ff1d8b completed erasure-0856a081d780.json",
        "2 of 8: shard 1 from slice 1 of 4; shard 5 from slice 2 of 4",
        "shards left empty 3",
        "diagnosis/1 → diagnosis/2",
        "gave the same bytes",
        "data/train.parquet rows 444 = 444 | 451 - 7 passed",
        "membership 0.332 within 0.50 ± 0.10 underpowered",
        "Nothing is left within reach; out of reach",
        "redact 2.3",
        "Was it worth it unlearning took 3.0 s",
    ):
        assert words in text
    assert TOKEN not in text


def test_markdown_keeps_a_bar_of_a_cell_within_the_cell() -> None:
    page = presentation.markdown(REPORT)
    assert "| data/train.parquet  rows | 444 | = 444 \\| 451 - 7 | passed |" in page
    assert page.startswith("# erasure-0856a081d780\n")
    for line in page.splitlines():
        if line.startswith("| data/train"):
            assert line.replace("\\|", "").count("|") == 5


ACTING = "evil\n# verified\x1b[2K\u202e[red](http://x)<script>|"


def test_a_name_that_others_chose_acts_neither_on_the_terminal_nor_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    named = replace(REPORT, models=[replace(REPORT.models[0], name=ACTING)], purged=[Gone(ACTING, 2)])
    presentation.show(named)
    shown, page = capsys.readouterr().out, presentation.markdown(named)
    for text in (shown, page):
        assert all(line.isprintable() for line in text.splitlines())
        assert not [line for line in text.splitlines() if line.startswith("# verified")]
    assert "[red]" in shown.replace("\n", "")
    assert not re.search(r"(?<!\\)(<script>|\[red\]\()", page)


def test_what_is_left_and_what_failed_come_first_and_the_rest_is_a_line() -> None:
    [model] = REPORT.models
    failed = CheckResult("utility", 0.2, "≥ 0.9", "failed", "")
    left = replace(REPORT, residuals=[BACKUPS], models=[replace(model, checks=[*model.checks, failed])])
    shown = presentation.sections(left, every=False)
    assert shown[0].title == "1 place is left or unverified"
    [checks] = [section for section in shown if section.title == "Checks"]
    assert [row[0] for row in checks.rows] == ["membership", "utility", "2 of 4 passed"]
    [every] = [section for section in presentation.sections(left) if section.title == "Checks"]
    assert [row[0] for row in every.rows[:2]] == ["membership", "utility"]
    assert len(every.rows) == 4


def test_the_certificate_and_its_page_are_named_at_the_end_on_lines_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    presentation.show(replace(REPORT, certificate=".unlearning/certificates/erasure-0856a081d780.json"))
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "certificate  .unlearning/certificates/erasure-0856a081d780.json",
        "its page     .unlearning/certificates/erasure-0856a081d780.html",
    ]
