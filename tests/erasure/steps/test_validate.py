"""Step 6: what is said when no method passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import Project
from unlearning.domain.entities import CheckResult
from unlearning.domain.events import CandidateValidated
from unlearning.erasure.steps.validate import _measured, give_up, refuse

FAILED = CheckResult("utility", 0.51234, "≥ 0.88", "failed", "on the holdout")
JUDGED = CandidateValidated(
    method="sisa",
    passed=False,
    blocking=("utility",),
    checks=(FAILED, replace(FAILED, name="agreement")),
    metrics={},
    replay=None,
)


def test_a_value_comes_with_its_sampling_error_where_it_has_one() -> None:
    assert _measured(FAILED) == "0.51234"
    assert _measured(replace(FAILED, details={"standard_error": 0.0613})) == "0.5123 ± 0.061 (standard error)"
    assert _measured(replace(FAILED, value=None)) == "None"


@pytest.mark.parametrize(("answer", "alias", "where"), [("keep", 1, "where it was"), ("withdraw", None, "withdrawn")])
def test_a_refusal_names_what_forbade_it_and_does_with_the_alias_what_the_policy_says(
    project: Project, answer: str, alias: int | None, where: str
) -> None:
    project.configure({"policy": {"on_failure": answer}})
    erasure = planned(project, project.cells()[0, 1][0])
    error = give_up(erasure, {erasure.own.model: refuse(erasure, JUDGED)})
    assert "utility is 0.51234, expected ≥ 0.88" in str(error)
    assert "agreement" not in str(error)
    assert f"alias 'champion' is {where}" in str(error)
    assert project.champion == alias
    assert erasure.refused
    assert list(project.states().values()) == ["failed"]
