"""What the checks are shown and how their answers are read, worked out by hand."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unlearning.checks.data_profile import Facts
from unlearning.domain.chain import Part, Trained
from unlearning.domain.entities import CheckResult, Exact
from unlearning.domain.errors import Damaged, DataError, ParentMoved
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Records
from unlearning.domain.tasks import CLASSIFICATION
from unlearning.project.training import judging
from unlearning.stores.tables import tables


def result(name: str, value: float | None, verdict: str) -> CheckResult:
    return CheckResult(name, value, "", verdict, "")  # type: ignore[arg-type]


def test_accuracy_and_loss_on_the_holdout_are_those_of_its_labels() -> None:
    holdout = Records(np.zeros((3, 1), np.float32), np.array([0, 1, 1]))
    parts = tuple(Part(shard, str(shard), "", 0, 0, 0.0) for shard in (0, 1))
    answers = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    found = judging.measured(CLASSIFICATION, answers, holdout, Trained("sisa", "exact", parts))
    assert found["accuracy"] == round(2 / 3, 6)
    assert found["log_loss"] == round(-(math.log(0.5) + math.log(0.75) + math.log(1e-12)) / 3, 6)
    assert (found["records"], found["constituents"]) == (3, 2)


def test_only_what_was_measured_and_is_about_the_model_is_a_metric() -> None:
    results = [result("utility", 0.9, "passed"), result("agreement", None, "underpowered")]
    results.append(result("data/train.csv: data.rows", 7.0, "passed"))
    assert judging.metrics(results) == {"utility": 0.9}


@pytest.mark.parametrize(("verdict", "passed"), [("passed", True), ("underpowered", True), ("failed", False)])
def test_a_first_training_serves_unless_something_failed(verdict: str, passed: bool) -> None:
    report = judging.ModelReport((result("utility", 0.9, "passed"), result("agreement", 0.5, verdict)))
    assert report.passed is passed
    assert [check.passed for check in report.results] == [True, verdict == "passed"]


def test_a_candidate_promises_what_its_method_promises() -> None:
    assert judging.guarantee(Trained("sisa", "exact", ())) == Exact()
    failed = result("membership", 0.9, "failed")
    assert judging.blocking([failed], Trained("sisa", "exact", ())) == ()
    assert judging.blocking([failed], Trained("negative_gradient", "empirical", ())) == (failed,)


WRITTEN = pd.DataFrame(
    {
        "clinic": ["north", "south", "north"],
        "patient": pd.array([2**60 + 1, None, 3], dtype="Int64"),
        "age": [1.5, None, 3.0],
        "seen": pd.to_datetime(["2026-01-01", None, "2026-01-03"]),
        "ward": pd.Categorical(["a", None, "b"]),
        "left": [True, None, False],
        "note": ["x", None, "y"],
    }
)


@pytest.mark.parametrize("name", ["t.parquet", "dotted.parquet", "indexed.parquet", "t.csv", "folder.parquet"])
@pytest.mark.parametrize("person", ["patient", "clinic/patient"])
def test_a_table_that_is_read_column_by_column_is_the_table_read_whole(tmp_path: Path, name: str, person: str) -> None:
    written = WRITTEN.rename(columns={"note": "no.te"}) if name.startswith("dotted") else WRITTEN
    if name == "t.csv":
        written.to_csv(tmp_path / name, index=False)
    elif name.startswith("folder"):
        (tmp_path / name / "year=2026").mkdir(parents=True)
        for part in ("1", "2"):
            written.drop(columns="ward").to_parquet(tmp_path / name / "year=2026" / f"{part}.parquet")
    else:
        (written.set_index("note") if name.startswith("indexed") else written).to_parquet(tmp_path / name)
    table = tables.read(tmp_path / name, person=person, named=name)
    if "/" in person:
        table = table.append_column(person, tables.named(table, person))
    whole = table.to_pandas()
    with judging.frame(tmp_path / name, name, person) as columns:
        assert list(columns.columns) == list(whole.columns)
        assert len(columns) == len(whole)
        for one in whole.columns:
            pd.testing.assert_series_equal(columns[one].reset_index(drop=True), whole[one].reset_index(drop=True))


def test_a_folder_has_the_facts_of_its_columns_and_reads_no_part_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a version and of the one before, which share all parts but one."""
    rows = pd.concat([WRITTEN.drop(columns="clinic")] * 4, ignore_index=True).assign(number=range(12))
    for version, dropped in (("before", []), ("after", [7])):
        (tmp_path / version).mkdir()
        for part in range(4):
            mine = rows.iloc[part * 3 : part * 3 + 3].drop(index=dropped, errors="ignore")
            mine.to_parquet(tmp_path / version / f"{part}.parquet", index=False)
    read, known, depths = list[int](), dict[judging.PieceAsked, Facts](), ("kind", "value", "code")
    inner = judging.facts
    monkeypatch.setattr(judging, "facts", lambda column, depth: (read.append(len(column)), inner(column, depth))[1])
    asked = [(name, depth) for name in rows.columns for depth in depths]
    found: dict[str, list[Facts]] = {}
    for version in ("before", "after"):
        with judging.frame(tmp_path / version, "t", "patient", known=known) as table:
            found[version] = [table.told(name, depth) for name, depth in asked for _ in range(2)][::2]
            whole = [inner(table[name], depth) for name, depth in asked]
        for (name, _), one, other in zip(asked, found[version], whole, strict=True):
            assert (one.rows, one.missing, one.kind, one.finite, one.counts) == (
                other.rows,
                other.missing,
                other.kind,
                other.finite,
                other.counts,
            ), name
            assert math.isclose(one.mean, other.mean, rel_tol=1e-12)
            assert math.isclose(one.squares, other.squares, rel_tol=1e-9)
    assert sorted(read) == sorted([3] * 4 * len(asked) + [2] * len(asked))


def test_a_table_that_is_damaged_in_one_column_is_refused_without_its_cells(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pd.DataFrame({"patient": [f"person-{one}" for one in range(5000)]}).to_parquet(file, compression=None)
    content = bytearray(file.read_bytes())
    content[4:400] = b"\xff" * 396
    file.write_bytes(content)
    with judging.frame(file, "t.parquet", "patient") as columns, pytest.raises(DataError, match="no readable parquet") as said:
        _ = columns["patient"]
    assert "person" not in str(said.value)


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("columns", [("age", "patient"), ("age",)])
def test_a_table_that_is_rewritten_while_its_columns_are_read_is_no_table(
    tmp_path: Path, in_place: bool, columns: tuple[str, ...]
) -> None:
    file, draft = tmp_path / "t.parquet", tmp_path / "draft"
    WRITTEN.to_parquet(file)
    WRITTEN.assign(patient=pd.array([1, 2, 3], dtype="Int64")).to_parquet(draft)

    def read() -> None:
        with judging.frame(file, "t.parquet", "patient") as table:
            for number, name in enumerate(columns):
                assert len(table[name]) == len(WRITTEN)
                if not number:
                    time.sleep(0.02)
                    file.write_bytes(draft.read_bytes()) if in_place else draft.replace(file)

    with pytest.raises((ParentMoved, DataError), match=r"t\.parquet"):  # what was cut in the middle is no table either
        read()


@pytest.mark.parametrize("whole", [True, False])
def test_what_another_recipe_made_is_not_compared_with_and_what_is_damaged_is_said(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    def of(*_given: object, **_named: object) -> None:
        raise Damaged("no state of this recipe")

    monkeypatch.setattr(judging.ensemble.Ensemble, "of", of)
    workspace: Any = SimpleNamespace(checkpoints={"k": b"whole" if whole else b"cut"})
    parent = Trained("sisa", "exact", (Part(0, "k", bytes_digest(b"whole"), 1, 1, 0.0),))
    after: Any = None
    if whole:
        assert judging._before(workspace, parent, after) is None
        return
    with pytest.raises(Damaged):
        judging._before(workspace, parent, after)
