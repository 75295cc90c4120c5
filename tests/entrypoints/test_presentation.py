"""The table that an erasure ends with, in terminals of two widths and as Markdown."""

from __future__ import annotations

from typing import Any

import pytest

from unlearning.entrypoints import presentation

TOKEN = "9c4087ff1d8b" + "0" * 52
REPORT: dict[str, Any] = {
    "erasure_id": "erasure-0856a081d780",
    "requests": [{"token": TOKEN, "state": "completed", "certificate": ".unlearning/certificates/erasure-0856a081d780.json"}],
    "impact": {
        "records": 7,
        "data_versions": [{"name": "data/records.parquet@a4ac08d3ffff"}],
        "model_versions": [{"name": "diagnosis", "version": 1}],
        "shards": [{"shard": 1, "first_slice": 1, "slices": 4}, {"shard": 5, "first_slice": 2, "slices": 4}],
        "shards_total": 8,
    },
    "checkpoints_stale": 7,
    "models": [
        {
            "name": "diagnosis",
            "method": "sisa",
            "guarantee": "exact",
            "shards_retrained": 2,
            "shards_total": 8,
            "shards_dropped": [3],
            "alias": "champion",
            "from_version": 1,
            "to_version": 2,
            "replay_equal": True,
            "checks": [
                {"name": "data/train.parquet: data.rows", "value": 444, "threshold": "= 444 | 451 - 7", "verdict": "passed"},
                {"name": "data/train.parquet: data.types", "value": None, "threshold": "as before", "verdict": "passed"},
                {"name": "membership", "value": 0.3317, "threshold": "within 0.50 ± 0.10", "verdict": "underpowered"},
            ],
        }
    ],
    "purged": [{"place": "DVC objects", "count": 2}],
    "residuals": [],
    "out_of_reach": [
        {
            "place": "backups and snapshots",
            "why": "they are not part of this project",
            "remedy": "replay the suppression list after any restore, and record when they expire",
        }
    ],
    "seconds": {"redact": 2.34, "purge": 5.1},
}


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal_and_says_everything(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(presentation, "_WIDTH_WITHOUT_TERMINAL", width)
    presentation.show(REPORT, presentation.Section("Was it worth it", [("unlearning took", "3.0 s")]))
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
        "Left: 0 within reach, the rest out of reach",
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
