"""The frame of methods that change a model as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.fakes import FakeLearner, FakeState
from unlearning.domain.chain import Part
from unlearning.domain.entities import Certified
from unlearning.domain.errors import SettingsError, VerificationFailed
from unlearning.domain.protocols import Learner, Records
from unlearning.methods.whole_model import Knob, whole_model
from unlearning.testing import Bench, population

PEOPLE = population(people=6, rows=14)


@whole_model(knobs=[Knob("strength", 0.5, above=0, below=1), Knob("epochs", 2, above=0, whole=True)])
def fading(
    model: FakeState, forget: Records, retain: Records, learner: Learner, params: Mapping[str, float], seed: int
) -> FakeState:
    """Smaller weights: enough to be another model."""
    assert len(forget) > 0
    assert len(retain) > 0
    return replace(model, weights=model.weights * params["strength"])


@pytest.mark.parametrize(("value", "good"), [(0.5, True), (0, False), (1, False), (math.nan, False), (math.inf, False)])
def test_a_knob_takes_what_lies_between_its_ends_and_names_everything_else(value: float, good: bool) -> None:
    knob = Knob("strength", 0.5, above=0, below=1)
    if good:
        assert knob.check("fading", value) == value
        return
    with pytest.raises(SettingsError, match=r"params\.fading\.strength: got .*; expected a number above 0 and below 1"):
        knob.check("fading", value)


def test_a_whole_number_is_no_fraction_and_has_no_end_unless_it_is_given_one() -> None:
    knob = Knob("epochs", 2, above=0, whole=True)
    assert knob.check("fading", 1e6) == 1e6
    with pytest.raises(SettingsError, match=r"expected a whole number above 0$"):
        knob.check("fading", 1.5)


def test_a_method_is_called_what_its_function_is_called_and_promises_what_it_says() -> None:
    assert fading.name == "fading"
    assert str(fading.guarantee) == "empirical"
    made = whole_model(guarantee=Certified(1.0, 1e-5))(fading.change)
    assert made.guarantee == Certified(1.0, 1e-5)


def test_hyperparameters_are_filled_in_checked_and_unknown_ones_named_with_those_that_are_known() -> None:
    bench = Bench(fading, FakeLearner(epochs=1), shards=1, slices=1)
    first = bench.train(PEOPLE)
    asked, _ = bench.assignment(PEOPLE.without([0]), forget=PEOPLE.of([0]), parent=first)
    [job] = fading.plan(replace(asked, params=(("strength", 0.25),)))
    assert job.params == (("epochs", 2.0), ("strength", 0.25))
    with pytest.raises(SettingsError, match=r"params\.fading: unknown strenght; expected strength, epochs"):
        fading.plan(replace(asked, params=(("strenght", 0.25),)))


def test_the_changed_model_is_one_part_that_is_made_once_and_costs_what_its_epochs_say() -> None:
    bench = Bench(fading, FakeLearner(epochs=1), shards=1, slices=1)
    first = bench.train(PEOPLE)
    [part] = bench.erase(PEOPLE, [0], first).trained.parts
    assert part.key not in {one.key for one in first.trained.parts}
    assert (part.slices_trained, part.rows_trained) == (1, 2 * 14)
    [again] = bench.erase(PEOPLE, [0], first).trained.parts
    assert (again.key, again.digest, again.slices_trained, again.rows_trained) == (part.key, part.digest, 0, 0)


def test_with_nobody_to_forget_the_model_stays_what_it_is() -> None:
    bench = Bench(fading, FakeLearner(epochs=1), shards=1, slices=1)
    first = bench.train(PEOPLE)
    [part] = bench.erase(PEOPLE, [], first).trained.parts
    assert (part.key, part.digest) == (first.trained.parts[0].key, first.trained.parts[0].digest)


@pytest.mark.parametrize("shards", [[], [0, 0], [1]])
def test_parts_that_were_not_planned_are_refused(shards: list[int]) -> None:
    bench = Bench(fading, FakeLearner(epochs=1), shards=1, slices=1)
    asked, _ = bench.assignment(PEOPLE, forget=None, parent=None)
    with pytest.raises(VerificationFailed, match="1 was planned"):
        fading.merge(asked, [Part(shard, "k", "d", 1, 1, 0.1) for shard in shards])
