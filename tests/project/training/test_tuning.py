from __future__ import annotations

import pytest

from tests.small_project import TRAIN, Project
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.methods.negative_gradient import negative_gradient
from unlearning.methods.ssd import ssd
from unlearning.project.training.tuning import _drawn, grid, tunable, tune


def test_the_grid_is_around_the_defaults_or_what_was_asked_for():
    points = list(grid(negative_gradient, {}))
    assert {(point["learning_rate"], point["epochs"]) for point in points} == {
        (rate, epochs) for rate in (0.003, 0.01, 0.03) for epochs in (5, 10)
    }
    assert {point["alpha"] for point in points} == {0.95}
    assert [point["alpha"] for point in grid(ssd, {})] == [1, 2, 5, 10]
    asked = list(grid(negative_gradient, {"alpha": [0.5, 0.9], "epochs": [1]}))
    assert [(point["alpha"], point["epochs"], point["learning_rate"]) for point in asked] == [(0.5, 1, 0.01), (0.9, 1, 0.01)]


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        ({"alpha": [2.0]}, r"negative_gradient\.alpha: got 2\.0"),
        ({"beta": [1.0]}, "has no hyperparameter beta; expected alpha"),
    ],
)
def test_what_cannot_be_tried_is_named(tries, said):
    with pytest.raises(SettingsError, match=said):
        list(grid(negative_gradient, tries))


@pytest.mark.parametrize(("method", "said"), [("sisa", "no hyperparameters to tune"), ("newton", "what it promises")])
def test_a_method_with_nothing_to_tune_is_refused(method, said):
    with pytest.raises(WrongUse, match=said):
        tunable(method)


def test_some_are_drawn_by_their_tokens_never_nobody_and_never_all():
    tokens = [bytes([one]) * 32 for one in range(10)]
    assert _drawn(tokens, 0.3) == _drawn(list(reversed(tokens)), 0.3)
    assert len(_drawn(tokens, 0.3)) == 3
    assert len(_drawn(tokens, 1e-9)) == 1
    assert len(_drawn(tokens[:2], 0.99)) == 1
    with pytest.raises(WrongUse, match="1 people are in the training table"):
        _drawn(tokens[:1], 0.5)


def test_people_who_did_not_ask_are_tried_and_nothing_is_changed_or_kept(whole_project: Project) -> None:
    project = whole_project
    before = (set(project.workspace.checkpoints.keys()), project.workspace.ledger.head(), project.people(TRAIN))
    found = tune(project.workspace, "negative_gradient", tries={"learning_rate": [0.01, 1e38], "epochs": [1]}, share=0.2)
    assert (set(project.workspace.checkpoints.keys()), project.workspace.ledger.head(), project.people(TRAIN)) == before
    assert found.people == -(-len(set(project.people(TRAIN))) // 5)
    good, failed = found.tried
    assert good.score is not None
    assert 0 <= good.score <= 1
    assert good.params["learning_rate"] == 0.01
    assert good.of_retraining is not None
    assert good.of_retraining > 0
    assert failed.score is None
    assert "no longer finite" in str(failed.failed)
    blind = tune(project.workspace, "negative_gradient", tries={"epochs": [1]}, share=0.2, gold=False)
    assert (blind.floor, blind.tried[0].over_floor) == (None, None)
    assert blind.tried[0].score is not None
    assert blind.tried[0].membership == good.membership


def test_an_ensemble_is_refused_with_the_way_out(project: Project) -> None:
    with pytest.raises(WrongUse, match=r"is an ensemble of \d; .* set unlearning\.partition\.shards to 1"):
        tune(project.workspace, "scrub")
