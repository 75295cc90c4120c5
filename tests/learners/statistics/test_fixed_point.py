from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.learners.statistics import fixed_point
from unlearning.learners.statistics.fixed_point import Scale, indicator, number


def scale(bits: int = 20, *, low: float = -3.0, high: float = 5.0, width: int = 3) -> Scale:
    return Scale(tuple(number(f"x{at}", low, high) for at in range(width)), bits)


def values(rows: int, width: int = 3, seed: int = 0, low: float = -3.0, high: float = 5.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (rows, width)).astype(np.float32)


@given(st.integers(1, 24), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_every_value_of_a_range_is_a_whole_number_within_the_bits(bits: int, low: float, width: float) -> None:
    made = Scale((number("x", low, low + width),), bits)
    ends = np.array([[low], [low + width / 3], [low + width]])
    whole = made.whole(ends)
    assert (whole == np.rint(whole)).all()
    assert np.abs(whole).max() <= 2**bits
    assert np.abs(whole * made.step + made.middle - ends).max() <= made.step[0] / 2 * (1 + 1e-6) + 1e-9 * (abs(low) + width)
    assert np.log2(made.step[0]).is_integer()


def test_counts_and_categories_are_exact() -> None:
    made = Scale((number("visits", 0, 100), indicator("plan")), 20)
    seen = np.array([[0, 0], [7, 1], [100, 1]], np.float32)
    assert (made.whole(seen) * made.step + made.middle == seen).all()


@given(st.integers(1, 24), st.integers(0, 70), st.integers(1, 5), st.integers(0, 2**32))
def test_sums_of_products_are_those_of_python_integers(bits: int, rows: int, width: int, seed: int) -> None:
    made = scale(bits, width=width)
    whole = made.whole(values(min(rows, made.rows), width, seed))
    exact = [[int(value) for value in row] for row in whole]
    expected = [sum(row[i] * row[j] for row in exact) for i in range(width) for j in range(i, width)]
    assert fixed_point.products(whole).tolist() == expected


@pytest.mark.parametrize("width", [1, 127, 128, 129, 300])
def test_a_triangle_is_the_square(width: int) -> None:
    whole = scale(width=width).whole(values(40, width))
    assert np.array_equal(fixed_point.square(fixed_point.products(whole), width), (whole.T @ whole).astype(np.int64))


@pytest.mark.parametrize("bits", [1, 20, 24])
def test_a_full_product_of_the_largest_values_is_exact(bits: int) -> None:
    made = scale(bits, width=1)
    whole = made.whole(np.full((made.rows, 1), 5.0))
    assert int(fixed_point.products(whole)[0]) == made.rows * int(whole[0, 0]) ** 2
    assert made.most * 4**bits < 2**63


def test_more_records_than_the_sums_hold_are_refused_with_column_and_range() -> None:
    made = scale(24)
    with pytest.raises(DataError, match=r"32768 records may overflow the sums of x0 \(-3 to 5\) at 24 bits, which hold 32767"):
        fixed_point.refuse(list(made.findings(np.zeros((2**15, 3), np.float32))))
    assert not list(made.findings(np.zeros((2**15 - 1, 3), np.float32)))


def test_a_value_out_of_range_is_counted_and_not_shown() -> None:
    seen = values(5)
    seen[1, 2] = 5.25
    seen[3, 2] = np.nan
    (said,) = scale().findings(seen)
    assert said.startswith("x2 (-3 to 5) is out of its declared range in 1 records")
    assert "5.25" not in said


def test_an_end_of_a_range_that_float32_rounds_outwards_is_within() -> None:
    made = Scale((number("x", 0.0, 0.1),), 20)
    seen = np.array([[0.1]], np.float32)
    assert float(seen[0, 0]) > 0.1
    assert not list(made.findings(seen))


def test_a_gap_counts_as_the_middle_or_as_what_is_declared() -> None:
    made = Scale((number("x", 0, 10), number("y", 0, 10, gap=2.5)), 20)
    gaps, filled = np.array([[np.nan, np.nan]]), np.array([[5, 2.5]])
    assert np.array_equal(made.whole(gaps), made.whole(filled))
    assert np.array_equal(made.units(gaps), made.units(filled))


def test_scatter_of_a_narrow_feature_far_from_the_middle_keeps_its_digits() -> None:
    made = Scale((number("x", 0, 1),), 20)
    seen = 0.9 + np.random.default_rng(0).normal(0, 1e-4, (5000, 1))
    whole = made.whole(seen)
    sums = fixed_point.exact(whole.sum(axis=0))
    square = fixed_point.square(fixed_point.products(whole), 1)
    around = fixed_point.scatter(square, sums[None], np.array([5000]))[0, 0]
    assert around == pytest.approx(np.square(whole - whole.mean()).sum(), rel=1e-9)
