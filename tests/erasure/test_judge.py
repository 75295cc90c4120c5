"""`unlearn judge`: who is judged, beside what, and what is said where nobody could tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_project import PARAMS, TRAIN, MadeProject, Project, copy, create
from unlearning.checks.judge import FORGET
from unlearning.domain.errors import CodeFailed, NotFound, WrongUse
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import judge as judging
from unlearning.erasure.judge import Asked, Judgement, of_version
from unlearning.methods.whole_model import whole_model
from unlearning.project import plugins

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST, SECOND = ModelVersion("outcome", 1), ModelVersion("outcome", 2)
TRACES = ("membership", "lira", "u_lira", "rmia", "relative")

BY_HEART = """
from sklearn.ensemble import ExtraTreesClassifier

from unlearning.learners.sklearn import SklearnRecipe


recipe = SklearnRecipe(
    estimator=ExtraTreesClassifier(n_estimators=15, random_state=0),
    features=["age", "dose", "score"],
    target="outcome",
    person="patient",
    labels=("ill", "well"),
)
"""
"""A recipe that learns every record by heart, and fast."""


@whole_model()
def hardly(model: Any, forget: Any, retain: Any, learner: Any, params: Any, seed: Any) -> Any:
    """A method that forgets nobody, and answers otherwise about one record alone."""
    unsure = replace(forget[:1], target=1 - forget[:1].target)
    everybody = retain.followed_by(forget).followed_by(unsure)
    return learner.fit(learner.fresh(seed, everybody), everybody, epochs=1, seed=seed)


@pytest.fixture(scope="session")
def remembering(made_project: MadeProject) -> Project:
    """A hundred and sixty people, and one model that remembers each of them."""
    params = {**PARAMS, "partition": {"shards": 1, "slices": 1, "seed": 1}}
    params["checks"] = {**PARAMS["checks"], "utility_tolerance": 0.2, "agreement_minimum": 0.75, "membership_margin": 0.15}
    return made_project("remembering", lambda folder: create(folder, params=params, people=160, recipe=BY_HEART))


def judged(project: Project, version: ModelVersion = FIRST, **asked: Any) -> Judgement:
    return of_version(project.workspace, version, Asked(**asked), now=NOW).judgement


def verdicts(one: Judgement) -> dict[str, str]:
    return {check.name: check.verdict for check in one.checks}


@pytest.mark.slow
def test_an_exact_method_is_passed_and_one_that_hardly_does_anything_is_failed(
    remembering: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = judged(remembering, people_like=40, shadows=8)
    assert (exact.whom, exact.people[FORGET], exact.shadow_models, exact.guarantee) == ("stand-ins", 40, 8, "exact")
    assert not exact.failed
    assert {verdicts(exact)[name] for name in ("exactness", "membership", "relative", "utility")} == {"passed"}

    known = plugins.method
    monkeypatch.setattr(plugins, "method", lambda name: hardly if name == "hardly" else known(name))
    broken = judged(remembering, people_like=40, shadows=8, method="hardly")
    found = {name: verdicts(broken)[name] for name in TRACES}
    assert found.pop("rmia") != "passed"  # of eight shadow models its interval may reach the margin
    assert set(found.values()) == {"failed"}
    assert "does not promise it" in next(one.how for one in broken.checks if one.name == "exactness")


@pytest.mark.slow
def test_no_time_is_none_of_the_longer_parts_and_each_says_so(remembering: Project) -> None:
    found = judged(remembering, people_like=30, seconds=0.0)
    assert found.shadow_models == 0
    assert all("0 of 16 shadow models" in one.how for one in found.checks if one.name in ("lira", "u_lira", "rmia"))
    for name in ("exactness", "relearn"):
        [cut] = [one for one in found.checks if one.name == name]
        assert (cut.verdict, cut.value) == ("underpowered", None)
        assert "the 0 s that were given were over" in cut.how
    assert verdicts(found)["utility"] == "passed"


@pytest.mark.slow
def test_nothing_that_was_trained_for_a_judgement_is_left_but_what_is_to_be_kept(remembering: Project, tmp_path: Path) -> None:
    project = copy(remembering, tmp_path / "project")
    workspace = project.workspace
    before = set(workspace.checkpoints.keys())
    judged(project, people_like=30, shadows=8)
    assert set(workspace.checkpoints.keys()) == before
    assert not [one for one in project.workspace.path(".unlearning/tmp").rglob("*.safetensors")]

    judged(project, people_like=30, shadows=8, keep=True)
    kept = set(workspace.checkpoints.keys()) - before
    assert len(kept) == 8
    # Each of them holds somebody of the one slice there is: an erasure finds them by their chains, and deletes them.
    project.request(project.people(TRAIN)[0])
    project.erase()
    assert not kept & set(workspace.checkpoints.keys())


def test_of_a_finished_erasure_the_rows_are_gone_and_that_is_said(erased_project: Project) -> None:
    found = judged(erased_project, SECOND)
    assert found.whom == "nobody"
    assert "are gone" in found.measured_on
    assert verdicts(found)["exactness"] == "passed"
    assert {verdicts(found)[name] for name in (*TRACES, "gap_to_gold", "relearn")} == {"underpowered"}
    with pytest.raises(NotFound, match="no longer those that made it"):
        judged(erased_project, FIRST)


class _StopError(Exception):
    pass


def test_while_an_erasure_is_open_those_who_asked_are_judged(project: Project) -> None:
    def stop(name: str) -> None:
        if name == "8 purge":
            raise _StopError

    project.request(project.people(TRAIN)[0])
    with pytest.raises(CodeFailed, match="_StopError"):
        project.erase(before=stop)
    found = judged(project, SECOND)
    assert (found.whom, found.people[FORGET]) == ("erased", 1)
    assert found.measured_on == "traces of 1 people whose erasure made this version"
    assert {verdicts(found)[name] for name in TRACES} == {"underpowered"}
    # The old version still has them; whoever asked is in no training that is made to compare with it.
    old = judged(project, FIRST)
    assert "1 people who asked since" in old.measured_on
    assert verdicts(old)["exactness"] == "underpowered"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"people_like": 0}, "at least 1 person"),
        ({"people_like": 1000}, "half of them"),
        ({"method": "sisa"}, "say how many"),
        ({"shadows": -1}, "0 or more"),
        ({"groups": ("nowhere",)}, "no such column"),
        ({"groups": ("patient",)}, "the column of people"),
    ],
)
def test_what_cannot_be_asked_is_refused(template: Project, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        judged(template, **asked)


def test_shadow_models_are_halves_and_nobody_moves_when_somebody_leaves() -> None:
    where = np.random.default_rng(1).integers(0, 1 << 63, (50, 4)).astype(np.uint64)
    some = judging._Some(judging.Records(np.zeros((50, 1), np.float32), np.zeros(50, np.int64)), where)
    inside = judging._halves(some, 16)
    assert (inside.sum(axis=0) == 8).all()
    fewer = some[np.arange(50) != 7]
    assert np.array_equal(judging._halves(fewer, 16), inside[:, np.arange(50) != 7])
