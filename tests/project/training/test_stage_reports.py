"""Reports of the DVC stages: the same bytes for the same result."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tests.stores.sql.examples import record, version
from unlearning.domain.entities import CheckResult
from unlearning.project.settings import Settings
from unlearning.project.training import registration, stage_reports
from unlearning.project.workspace import Workspace


def test_a_report_has_the_same_bytes_for_the_same_result_in_any_order_and_replaces_the_one_before(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Settings(model="m", recipe="r.py:recipe"))
    for content in ({"old": True}, {"b": 1, "a": [2]}, {"a": [2], "b": 1}):
        stage_reports.write(workspace, "reports/x.json", content)
    assert (tmp_path / "reports/x.json").read_text() == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
    assert [file.name for file in (tmp_path / "reports").iterdir()] == ["x.json"]


def test_the_data_report_holds_verdicts_and_no_value_that_moves_with_the_data() -> None:
    results = [CheckResult("data.rows", 44.0, "= 44", "passed", ""), CheckResult("data.drift", 0.3, "≤ 0.25", "failed", "")]
    assert stage_reports.data_report({"t.csv": results}) == {"t.csv": {"data.rows": "passed", "data.drift": "failed"}}


def test_the_training_report_names_the_version_its_data_and_its_heads(tmp_path: Path) -> None:
    one = record(2, version("v"))
    report = stage_reports.TrainedVersion.of(one)
    assert (report.model, report.version, report.data_digest) == ("diagnosis", 2, one.data.digest)
    assert report.chain_head == registration.head(one.trained)
    assert (report.shards, report.slices) == (1, 1)
    workspace = Workspace(tmp_path, Settings(model="m", recipe="r.py:recipe"))
    stage_reports.write(workspace, "reports/train.json", report)
    assert json.loads((tmp_path / "reports/train.json").read_bytes()) == asdict(report)
