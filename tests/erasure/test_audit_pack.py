"""The audit pack: what another tool reads is what was measured, and nothing in it leads back to a row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ruamel.yaml import YAML

from tests.checks.small_trial import MARGINS, trial
from unlearning.checks.attacks import area
from unlearning.checks.judge import FORGET, UNSEEN, Trial, judge
from unlearning.domain.errors import WrongUse
from unlearning.domain.tasks import REGRESSION
from unlearning.erasure import audit_pack
from unlearning.erasure.judge import Judged, Judgement


def judged(one: Trial) -> Judged:
    checks = judge(trial(), MARGINS)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Judged(Judgement("churn", 8, "sisa", "exact", now, 1.0, "stand-ins", "60 people", {FORGET: 60}, 16, checks), one)


def test_another_tool_measures_the_same(tmp_path: Path) -> None:
    """By the files alone, as sacroml reads them: CSV without a header, named in target.yaml."""
    names = audit_pack.export(judged(trial()), tmp_path / "pack")
    membership = next(one for one in judge(trial(), MARGINS) if one.name == "membership")
    areas = {}
    for name in ("forgotten", "retrained", "before", "retained"):
        folder = tmp_path / "pack" / name
        target = YAML(typ="safe").load((folder / "target.yaml").read_text())
        read = {
            key: np.loadtxt(folder / target[f"{key}_path"], delimiter=",")
            for key in ("proba_train", "proba_test", "y_train", "y_test")
        }
        sure = [
            read[f"proba_{half}"][np.arange(len(read[f"y_{half}"])), read[f"y_{half}"].astype(int)]
            for half in ("train", "test")
        ]
        areas[name] = area(*sure)
        assert target["X_train_path"] == target["X_test_path"] == ""
        assert np.allclose(read["proba_train"].sum(axis=1), 1)
    assert areas["forgotten"] == pytest.approx(membership.value, abs=1e-3)
    assert areas["retrained"] == pytest.approx(membership.floor, abs=1e-3)
    assert areas["before"] == pytest.approx(membership.details["before"], abs=1e-3)
    lines = (tmp_path / "pack/SHA256").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == names[:-1]
    assert all(
        hashlib.sha256((tmp_path / "pack" / line.split("  ")[1]).read_bytes()).hexdigest() == line[:64] for line in lines
    )
    assert (tmp_path / "pack").stat().st_mode & 0o077 == 0


def test_records_are_shuffled_and_everything_about_one_goes_along(tmp_path: Path) -> None:
    one = replace(trial(), drawn=np.arange(0, 60))
    audit_pack.export(judged(one), tmp_path / "pack")
    with np.load(tmp_path / "pack/answers.npz", allow_pickle=False) as arrays:
        found = dict(arrays)
    assert not np.array_equal(found["judged_forgotten"], one.judged[FORGET])
    told = (one.judged[FORGET], one.gold[0][FORGET], one.sides[FORGET].target)
    read = (found["judged_forgotten"], found["retrained_forgotten"], found["target_forgotten"])
    assert _rows(told) == _rows(read)

    # Columns of shadow models follow the records: the same pairs of answer and confidences.
    assert one.shadows is not None
    answers = np.concatenate((one.judged[FORGET], one.judged[UNSEEN][one.drawn]))[:, 0]
    shown = np.concatenate((found["judged_forgotten"], found["judged_unseen"][found["shadow_unseen"]]))[:, 0]
    before, after = np.argsort(answers, kind="stable"), np.argsort(shown, kind="stable")
    assert np.array_equal(one.shadows.confidence[:, before], found["shadow_confidence"][:, after])
    assert np.array_equal(one.shadows.member[:, before], found["shadow_member"][:, after])


def _rows(arrays: Sequence[NDArray[Any]]) -> list[Any]:
    """What belongs together, in an order of its own."""
    return sorted(zip(*(values.tolist() for values in arrays), strict=True))


def test_people_are_numbered_anew_and_their_records_stay_together(tmp_path: Path) -> None:
    one = trial()
    twice = {side: replace(each, whose=np.arange(len(each)) // 2) for side, each in one.sides.items()}
    audit_pack.export(judged(replace(one, sides=twice)), tmp_path / "pack")
    with np.load(tmp_path / "pack/answers.npz", allow_pickle=False) as arrays:
        counts = np.bincount(arrays["whose_forgotten"])
    assert counts.tolist() == [2] * 30


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "yours.txt").write_text("kept")
    with pytest.raises(WrongUse, match="not empty"):
        audit_pack.export(judged(trial()), tmp_path)
    with pytest.raises(WrongUse, match="not empty"):
        audit_pack.require_empty(tmp_path / "yours.txt")
    assert [one.name for one in tmp_path.iterdir()] == ["yours.txt"]


def test_what_has_no_probabilities_is_no_target_of_another_tool(tmp_path: Path) -> None:
    names = audit_pack.export(judged(replace(trial(), task=REGRESSION, shadows=None, old=None)), tmp_path / "pack")
    assert names == ["README.txt", "answers.npz", "judgement.json", "SHA256"]


def test_where_nobody_is_forgotten_what_there_is_is_written(tmp_path: Path) -> None:
    one = trial(shadows=0)
    nobody = {**one.sides, FORGET: replace(one.sides[FORGET], target=one.sides[FORGET].target[:0], whose=np.zeros(0, np.int64))}
    empty = [{**said, FORGET: said[FORGET][:0]} for said in (one.judged, *one.gold)]
    gone = replace(one, sides=nobody, judged=empty[0], gold=(empty[1], empty[2]), old=None, drawn=np.zeros(0, np.int64))
    names = audit_pack.export(judged(gone), tmp_path / "pack")
    assert {name.split("/")[0] for name in names if "/" in name} == {"retained"}
