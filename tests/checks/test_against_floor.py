"""A value against its floor: the interval of the difference decides, and few people decide nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.checks.against_floor import LEAST_PEOPLE, Measure, Rows, interval, judged, too_few, verdict

BOTH = Measure("x", "how", 0.1, "both")


@pytest.mark.parametrize(
    ("low", "high", "both", "above", "below"),
    [
        (-0.05, 0.05, "passed", "passed", "passed"),
        (0.15, 0.2, "failed", "failed", "passed"),
        (-0.2, -0.15, "failed", "passed", "failed"),
        (0.05, 0.15, "underpowered", "underpowered", "passed"),
        (-0.15, 0.15, "underpowered", "underpowered", "underpowered"),
    ],
)
def test_inside_outside_and_across(low: float, high: float, both: str, above: str, below: str) -> None:
    found = [verdict(low, high, Measure("x", "how", 0.1, worse)) for worse in ("both", "above", "below")]
    assert found == [both, above, below]


@drawn(few=10, many=300, people=st.integers(1, LEAST_PEOPLE - 1), each=st.integers(1, 200))
def test_however_many_records_few_people_have_nothing_is_judged(people: int, each: int) -> None:
    whose = np.repeat(np.arange(people), each)
    found = judged(BOTH, lambda _: (0.0, 0.0), {"forgotten": whose}, seed=1)
    assert (found.verdict, found.value) == ("underpowered", None)
    assert f"{people} forgotten" in found.how
    assert not too_few({"forgotten": np.arange(LEAST_PEOPLE)})


def test_records_of_one_person_are_drawn_together() -> None:
    """Ten equal records each say no more than one: the interval is that of people."""
    values = np.random.default_rng(0).normal(size=60)

    def mean(over: Rows) -> tuple[float, float]:
        return float(np.repeat(values, 10)[over].mean()), 0.0

    def once(rows: Mapping[str, Rows]) -> tuple[float, float]:
        return float(values[rows["x"]].mean()), 0.0

    ten = interval(lambda rows: mean(rows["x"]), {"x": np.repeat(np.arange(60), 10)}, seed=3)
    assert np.allclose(ten, interval(once, {"x": np.arange(60)}, seed=3))


def test_what_has_no_value_is_underpowered() -> None:
    found = judged(BOTH, lambda _: (float("nan"), 0.0), {"x": np.arange(30)}, seed=1)
    assert (found.verdict, found.value) == ("underpowered", None)
