"""Records: features and labels that stay side by side."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.domain.protocols import Records


@settings(max_examples=40)
@given(rows=st.integers(0, 12), start=st.none() | st.integers(-14, 14), stop=st.none() | st.integers(-14, 14))
def test_a_slice_of_records_has_the_same_rows_of_both(rows: int, start: int | None, stop: int | None) -> None:
    records = Records(np.arange(2 * rows, dtype=np.float32).reshape(rows, 2), np.arange(rows))
    some = records[start:stop]
    expected = list(range(rows))[start:stop]
    assert len(some) == len(expected)
    assert some.target.tolist() == expected
    assert some.features[:, 0].tolist() == [2 * row for row in expected]


def test_a_slice_is_a_view_so_that_mapped_records_are_not_copied() -> None:
    records = Records(np.zeros((4, 2), np.float32), np.zeros(4, np.int64))
    some = records[1:3]
    assert np.shares_memory(some.features, records.features)
    assert np.shares_memory(some.target, records.target)
