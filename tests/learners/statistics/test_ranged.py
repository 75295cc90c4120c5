from __future__ import annotations

import numpy as np

from tests.small_convex import recipe as convex
from tests.small_statistics import recipe as summed


def test_models_of_ranges_say_their_ranges_and_nothing_of_each_other():
    sums, minimum = summed("ridge").facts(), convex("linear").facts()
    assert sums["ranges"].keys() == minimum["ranges"].keys()
    assert {"bits", "alpha"} <= sums.keys() - minimum.keys()
    assert {"penalty", "noise"} <= minimum.keys() - sums.keys()


def test_a_gap_of_a_count_is_none_and_of_anything_else_the_middle():
    gaps = np.full((1, 4), np.nan)
    counted, measured = summed("multinomial_nb"), convex("linear")
    assert counted.scale.units(gaps).tolist() == [[-1.0] * 4]
    assert measured.scale.units(gaps).tolist() == [[0.0] * 4]
