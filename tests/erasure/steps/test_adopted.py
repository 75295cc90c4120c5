"""Steps 5 to 7 for a model that was trained elsewhere: how it is judged; whole erasures are in `test_adopted_only.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.erasure.steps.begun import planned
from tests.examples import example
from tests.small_project import Project
from unlearning.domain.entities import Adoption
from unlearning.domain.events import AdoptedRetrained
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import adopted, validate
from unlearning.stores.mlflow.models import Registered

DATA = DataVersion("data/churn.csv", "d" * 64, "0" * 32, None, 4, 3)
ADOPTION = Adoption(ModelVersion("churn", 1), DATA, (("data/churn.csv", "customer"),), "retrain", "churn")
NEW = Registered(ModelVersion("churn", 2), "run", "", {}, 1)


@pytest.mark.parametrize(
    ("logged", "verdict", "how"),
    [
        ({"auc": 0.7}, "passed", "its run logged 0.7"),
        ({"auc": 0.69}, "failed", "its run logged 0.69"),
        ({"accuracy": 1.0}, "failed", "its run logged no such metric"),
        ({}, "failed", "its run logged no such metric"),
    ],
)
def test_a_clean_version_must_have_logged_what_its_policy_asks_for(logged: dict[str, float], verdict: str, how: str) -> None:
    workspace: Any = SimpleNamespace(models=SimpleNamespace(metrics=lambda run: logged if run == "run" else {}))
    check = adopted._metric_check(workspace, NEW, "auc", 0.7)
    assert (check.name, check.threshold, check.verdict, check.how) == ("churn/2: auc", "≥ 0.7", verdict, how)


def test_a_version_that_names_no_run_logged_nothing() -> None:
    nobody: Any = SimpleNamespace()
    assert adopted._metric_check(nobody, Registered(NEW.model, None, "", {}, 1), "auc", 0.0).verdict == "failed"


def test_a_refusal_keeps_the_requests_open_and_names_both_ways_on(project: Project) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    error = adopted._refuse(erasure, ADOPTION, "auc: its run logged 0.5, expected ≥ 0.7")
    assert "no clean version of the adopted model 'churn' (auc: its run logged 0.5" in str(error)
    assert "--policy none" in str(error)
    assert str(validate.give_up(erasure, {"churn": error})) == str(error)
    assert erasure.refused
    assert list(project.states().values()) == ["failed"]
    assert project.champion == 1


def test_nothing_is_promoted_that_was_not_made(project: Project) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    with pytest.raises(RuntimeError, match="before it was made"):
        adopted.promote_step(erasure, RecordSets(erasure), "churn")


def test_a_clean_version_says_which_erasure_made_it_of_what_and_how_sure_that_is() -> None:
    erasure: Any = SimpleNamespace(erasure_id="erasure-1")
    tags = adopted._tags(erasure, example(AdoptedRetrained, data=DATA))
    assert tags["unlearning.erasure"] == "erasure-1"
    assert (tags["unlearning.data_path"], tags["unlearning.data_object"]) == (DATA.path, DATA.object)
    assert "determinism not verified" in tags["unlearning.guarantee"]
