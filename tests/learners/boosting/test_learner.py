"""Boosted trees by slices: whoever left was never there, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_boosting import LIBRARIES, boosting_learner, recipe
from unlearning.domain import draws
from unlearning.domain.errors import Damaged, RecipeError, SettingsError
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Records
from unlearning.learners.boosting import BoostedState, BoostingLearner, BoostingRecipe

ROOT = Path(__file__).parents[3]
ROWS = {"xgboost": "subsample", "lightgbm": "bagging_fraction", "catboost": "subsample"}


def people(rows: int = 400, *, labels: int = 2) -> Records:
    """Numbers with gaps, one category in four values, and a target that follows from them."""
    generator = np.random.default_rng(4)
    features = generator.normal(size=(rows, 4)).astype(np.float32)
    features[:, 3] = generator.integers(0, 4, rows)
    features[generator.random((rows, 4)) < 0.1] = np.nan
    score = np.nan_to_num(features[:, 0]) + 0.7 * np.nan_to_num(features[:, 3]) + generator.normal(0, 0.3, rows)
    target = np.digitize(score, [1, 2][: labels - 1]).astype(np.int64) if labels else score.astype(np.float64)
    return Records(features, target, draws.mixed(np.arange(rows, dtype=np.uint64) + np.uint64(1)))


def learner(library: str, *, labels: int = 2, share: float = 0.7, rounds: int = 12) -> BoostingLearner:
    pytest.importorskip(library)
    small = recipe(library, labels=labels, rounds=rounds, **{ROWS[library]: share})
    categories = {} if library == "catboost" else {"x3": ("a", "b", "c", "d")}
    return BoostingLearner(replace(small, categories=categories))


def staged(trainer: BoostingLearner, records: Records, sizes: list[int]) -> list[BoostedState]:
    """The state after each slice."""
    states = [trainer.fresh(1, records[: sizes[0]])]
    for stage, (rows, rounds) in enumerate(zip(np.cumsum(sizes), trainer.stage_epochs(len(sizes)), strict=True)):
        states.append(trainer.fit(states[-1], records[:rows], epochs=rounds, seed=10 + stage))
    return states[1:]


@pytest.mark.parametrize("labels", [0, 2, 3])
@pytest.mark.parametrize("library", LIBRARIES)
def test_going_on_from_the_stored_stage_before_is_a_training_without_who_left(library: str, labels: int) -> None:
    exact(lambda: learner(library, labels=labels))


@pytest.mark.parametrize(
    ("library", "labels", "more"),
    [
        ("xgboost", 2, {"num_parallel_tree": 3}),
        ("xgboost", 3, {"tree_method": "approx"}),
        ("xgboost", 2, {"grow_policy": "lossguide", "max_leaves": 5}),
        ("xgboost", 0, {"objective": "reg:quantileerror", "quantile_alpha": 0.9}),
        ("lightgbm", 2, {"linear_tree": True}),
        ("lightgbm", 2, {"extra_trees": True}),
        ("lightgbm", 2, {"bagging_freq": 3, "is_unbalance": True}),
        ("lightgbm", 0, {"objective": "quantile", "alpha": 0.9}),
        ("catboost", 2, {"grow_policy": "Lossguide"}),
        ("catboost", 2, {"auto_class_weights": "Balanced"}),
        ("catboost", 0, {"loss_function": "Quantile:alpha=0.9"}),
    ],
)
def test_other_ways_of_growing_trees_and_other_objectives_are_as_exact(library: str, labels: int, more: dict[str, Any]) -> None:
    plain = learner(library, labels=labels).recipe
    exact(lambda: BoostingLearner(replace(plain, parameters={**plain.parameters, **more})))


def exact(make: Callable[[], BoostingLearner]) -> None:
    """One person leaves the third of four slices."""
    everyone = people(labels=len(make().recipe.labels))
    before = staged(make(), everyone, [100, 100, 100, 100])
    rest = everyone[np.arange(400) != 250]
    truth = staged(make(), rest, [100, 100, 99, 100])
    assert truth[1] == before[1]
    assert truth[2] != before[2]
    trainer = make()
    rounds = trainer.stage_epochs(4)
    third = trainer.fit(trainer.loads(trainer.dumps(before[1])), rest[:299], epochs=rounds[2], seed=12)
    fourth = trainer.fit(trainer.loads(trainer.dumps(third)), rest, epochs=rounds[3], seed=13)
    assert trainer.dumps(fourth) == trainer.dumps(truth[3])


@pytest.mark.parametrize("labels", [0, 2, 3])
@pytest.mark.parametrize("library", LIBRARIES)
def test_margins_spare_work_and_say_what_the_files_say(library: str, labels: int) -> None:
    """Asked of all links anew, in whatever parts, they are what was kept."""
    trainer, everyone = learner(library, labels=labels, rounds=25), people(labels=labels)
    kept = staged(trainer, everyone, [150, 50, 100])[1]
    assert kept.margins
    bare = BoostedState(kept.links)
    again = trainer.fit(bare, everyone, epochs=3, seed=9)
    assert trainer.fit(replace(kept, seen="of others"), everyone, epochs=3, seed=9) == again
    whole = trainer._asked(kept.links, everyone.features, None)
    assert whole is not None
    if library == "lightgbm":  # its sums begin with the margins before, and a file's with 0: alike, and not to the last bit
        known = np.frombuffer(kept.margins).reshape(200, -1)
        np.testing.assert_allclose(known, whole[:200], rtol=1e-12, atol=1e-13)
    else:
        assert trainer.fit(kept, everyone, epochs=3, seed=9) == again
    for cut in (1, 7, 129, 399):
        parts = [trainer._asked(kept.links, part, None) for part in (everyone.features[:cut], everyone.features[cut:])]
        assert np.array_equal(np.concatenate([part for part in parts if part is not None]), whole)


@pytest.mark.parametrize("more", [{}, {"num_parallel_tree": 2}, {"tree_method": "approx"}, {"grow_policy": "lossguide"}])
@pytest.mark.parametrize("labels", [0, 2, 3])
def test_the_margins_that_a_booster_still_has_are_those_of_its_file(labels: int, more: dict[str, Any]) -> None:
    plain = learner("xgboost", labels=labels).recipe
    trainer = BoostingLearner(replace(plain, parameters={**plain.parameters, **more}))
    state = staged(trainer, people(labels=labels), [200, 200])[1]
    asked = trainer._asked(state.links, people(labels=labels).features, None)
    assert asked is not None
    assert state.margins == asked.tobytes()


@pytest.mark.parametrize("library", LIBRARIES)
def test_records_with_other_features_are_not_given_the_margins_of_those_before(library: str) -> None:
    trainer, everyone = learner(library), people()
    state = staged(trainer, everyone, [200, 100])[1]
    moved = Records(everyone.features[::-1].copy(), everyone.target[::-1].copy(), everyone.keys[::-1].copy())
    assert trainer.fit(state, moved, epochs=2, seed=1) == trainer.fit(BoostedState(state.links), moved, epochs=2, seed=1)


@pytest.mark.parametrize(
    ("library", "objective"), [("xgboost", "count:poisson"), ("xgboost", "reg:tweedie"), ("lightgbm", "gamma")]
)
def test_an_objective_of_logarithms_answers_in_the_unit_of_the_target(library: str, objective: str) -> None:
    records = people(labels=0)
    records = Records(records.features, np.exp(2 + records.target / 2), records.keys)
    plain = learner(library, labels=0, rounds=40).recipe
    trainer = BoostingLearner(replace(plain, parameters={**plain.parameters, "objective": objective}))
    answers = trainer.predict(staged(trainer, records, [200, 200])[1], records.features)[:, 0]
    assert np.corrcoef(answers, records.target)[0, 1] > 0.9
    assert answers.mean() == pytest.approx(records.target.mean(), rel=0.1)


DIGESTS = """
import json
from tests.learners.boosting.test_learner import LIBRARIES, bytes_digest, learner, people, staged
found = {}
for library in LIBRARIES:
    for labels in (0, 2, 3):
        trainer = learner(library, labels=labels)
        found[f"{library} {labels}"] = bytes_digest(trainer.dumps(staged(trainer, people(labels=labels), [200, 200])[-1]))
print(json.dumps(found))
"""


def test_the_bytes_are_the_same_on_one_and_two_threads_and_in_another_process() -> None:
    said = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", DIGESTS], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        said.append(json.loads(done.stdout))
    assert said[0] == said[1]
    assert len(set(said[0].values())) == 9
    trainer = learner("xgboost", labels=3)
    assert said[0]["xgboost 3"] == bytes_digest(trainer.dumps(staged(trainer, people(labels=3), [200, 200])[-1]))


@pytest.mark.parametrize("library", LIBRARIES)
def test_rows_are_really_drawn_and_by_each_records_own_key(library: str) -> None:
    trainer, everyone = learner(library), people()
    rows, without = (trainer._rows(keys, 3) for keys in (everyone.keys, everyone.keys[1:]))
    assert rows
    assert without
    for number in range(5):
        assert np.array_equal(rows(number)[1:], without(number))
        assert 0.6 < rows(number).mean() < 0.8
    states = {share: staged(learner(library, share=share), everyone, [400])[0].links for share in (1.0, 0.7)}
    assert states[1.0] != states[0.7]
    other = Records(everyone.features, everyone.target, draws.mixed(everyone.keys))
    assert staged(trainer, other, [400])[0].links != states[0.7]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_was_drawn_for_nobody_shapes_nothing(library: str) -> None:
    """Records that a round does not see may say anything: of the target, since bins know every record's features."""
    trainer, everyone = learner(library, share=0.5), people()
    rounds = trainer.recipe.rounds
    rows = trainer._rows(everyone.keys, 10)
    assert rows
    alike = 20 if library == "catboost" else 1
    seen = np.any([rows(number) > 0 for number in range(0, rounds, alike)], axis=0)
    unseen = np.flatnonzero(~seen)[:50]
    if library == "catboost":
        assert len(unseen) == 50
    target = everyone.target.copy()
    target[unseen] = 1 - target[unseen]
    changed = Records(everyone.features, target, everyone.keys)
    assert staged(trainer, changed, [400])[0] == staged(trainer, everyone, [400])[0]


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_first_slice_with_one_label_does_not_keep_the_others_from_being_learned(library: str, labels: int) -> None:
    trainer, everyone = learner(library, labels=labels, rounds=40), people(labels=labels)
    order = np.argsort(everyone.target, kind="stable")
    states = staged(trainer, everyone[order], [20, 380])
    assert (trainer.predict(states[1], everyone.features).argmax(axis=1) == everyone.target).mean() > 0.8
    assert np.isfinite(trainer.losses(states[0], everyone)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_category_or_a_gap_that_no_earlier_slice_had_is_taken(library: str) -> None:
    trainer, everyone = learner(library), people()
    features = everyone.features.copy()
    features[:200] = np.nan_to_num(features[:200])
    features[:200, 3] = 0
    records = Records(features, everyone.target, everyone.keys)
    state = staged(trainer, records, [200, 200])[1]
    assert np.isfinite(trainer.predict(state, everyone.features)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_constant_target_and_constant_features_can_be_trained(library: str) -> None:
    for labels in (0, 2):
        records = Records(np.ones((30, 4), np.float32), np.ones(30, np.int64 if labels else np.float64))
        trainer = learner(library, labels=labels)
        state = staged(trainer, records, [10, 20])[1]
        assert np.isfinite(trainer.losses(state, records)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_checkpoint_of_another_recipe_or_with_a_bit_changed_is_damaged(library: str) -> None:
    trainer = boosting_learner(library)
    payload = trainer.dumps(staged(trainer, people(labels=3), [50])[0])
    other = BoostingLearner(replace(trainer.recipe, features=["x0", "x1"]))
    changed = payload[:-9] + bytes([payload[-9] ^ 1]) + payload[-8:]
    for reader, wrong in ((other, payload), (trainer, changed), (trainer, payload[:-1]), (trainer, b"\n")):
        with pytest.raises(Damaged, match="delete it and run `unlearn train`"):
            reader.loads(wrong)
    for head in (b"[]", b'{"links": 1, "seen": "", "through": 0}', b'{"links": [9], "seen": "", "through": 0}'):
        with pytest.raises(Damaged, match="delete it and run `unlearn train`"):
            trainer.loads(head + payload[payload.index(b"\n") :])
    nonsense = trainer.dumps(BoostedState((b"nonsense",)))
    with pytest.raises(Damaged, match="cannot read the model in it"):
        trainer.loads(nonsense)


def test_a_parameter_that_the_library_refuses_is_an_error_of_the_recipe() -> None:
    for library, wrong in (("xgboost", {"max_depth": -5}), ("lightgbm", {"num_leaves": -5}), ("catboost", {"deepth": 3})):
        trainer = BoostingLearner(recipe(library, labels=2, **wrong))
        with pytest.raises(RecipeError, match=f"{library} cannot train 30 records with these parameters"):
            staged(trainer, people(30), [30])


@pytest.mark.parametrize(
    ("rounds", "slices", "expected"), [(12, 4, [3, 3, 3, 3]), (14, 4, [3, 3, 4, 4]), (5, 1, [5]), (2, 3, [1, 1, 1])]
)
def test_the_slices_share_the_rounds_out(rounds: int, slices: int, expected: list[int]) -> None:
    assert BoostingLearner(recipe("xgboost", rounds=rounds)).stage_epochs(slices) == expected


def test_another_device_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match=r"run\.device"):
        BoostingLearner(recipe("xgboost"), device="cuda")


def test_the_environment_names_the_library() -> None:
    assert set(boosting_learner("xgboost").environment()) == {"xgboost", "numpy"}
    assert isinstance(boosting_learner("xgboost").recipe, BoostingRecipe)
