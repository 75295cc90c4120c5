"""The pages are those of Great Expectations, and their templates are compiled once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from jinja2 import Environment

from unlearning.checks.canary_search import Absent
from unlearning.checks.data import check_data
from unlearning.checks.data_questions import DataQuestion

pytestmark = pytest.mark.usefixtures("tools")


def test_a_second_report_compiles_no_template_and_shows_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = list[str]()
    compile_ = Environment.compile

    def counted(self: Environment, source: object, name: str | None = None, *rest: object, **more: object) -> object:
        compiled.append(str(name))
        return compile_(self, source, name, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", counted)
    nobody = Absent(frozenset(), lambda people: ["" for _ in people])
    question = DataQuestion(pd.DataFrame({"who": ["a", "b"], "age": [1, 2]}), "who", ["age"], None, (), redacted=nobody)
    reports = [check_data(question, folder=tmp_path / name) for name in ("first", "second")]
    assert len(compiled) == len(set(compiled))
    first, second = ({file.name for file in report.docs.parent.rglob("*.html")} for report in reports)
    assert len(first) == len(second) == 3
    assert "expect_column" not in reports[1].docs.read_text()
