import json
from math import inf, isclose, isnan, log

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.checks.data_profile import drift as far
from unlearning.checks.data_profile import facts, hundredths, kind, profile, stability_index, together


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "number"),
        ([1, None], "number"),
        (pd.array([1, None], dtype="Int64"), "number"),
        ([True, False], "boolean"),
        ([True, None], "boolean"),
        (["a", None], "text"),
        (pd.Categorical(["a", "b"]), "text"),
        (pd.Categorical([1, 2]), "number"),
        ([None, None], "empty"),
        ([float("nan")], "empty"),
        (pd.to_datetime(["2020-01-01"]), "time"),
        ([{1}, {2}], "other"),
    ],
)
def test_a_column_is_one_kind_whatever_pandas_calls_it(values, expected):
    assert kind(pd.Series(values)) == expected


def drift(column, before):
    return far(facts(column, "code" if "shares" in before else "value"), before)


def described(values, **more):
    return profile(pd.DataFrame({"x": values, "y": 0}), features=["x"], target="y", **more)["features"]["x"]


def test_a_shift_is_told_in_old_standard_deviations():
    assert isclose(drift(pd.Series([4.0, 6.0]), described([1.0, 3.0])), 3)


def test_a_constant_column_may_stay_but_not_move():
    assert drift(pd.Series([7, 7]), described([7] * 9)) == 0
    assert drift(pd.Series([8, 8]), described([7] * 9)) == inf


def test_a_column_that_became_or_was_empty():
    assert drift(pd.Series([None, None]), described([1, 2])) == inf
    assert drift(pd.Series([None, None]), described([None, None])) == 0
    assert drift(pd.Series([1, 2]), described([None, None])) == inf


def test_the_stability_index_worked_out_by_hand():
    assert isclose(stability_index({"a": 0.5, "b": 0.5}, {"a": 0.25, "b": 0.75}), 0.25 * log(2) + 0.25 * log(1.5))


shares = st.lists(st.integers(1, 50), min_size=3, max_size=3).map(
    lambda counts: dict(zip("abc", [count / sum(counts) for count in counts], strict=True))
)


@given(shares, shares)
def test_the_stability_index_is_symmetric_and_zero_only_without_a_shift(before, after):
    there, back = stability_index(before, after), stability_index(after, before)
    assert isclose(there, back, abs_tol=1e-12)
    assert there >= -1e-12
    assert isclose(stability_index(before, before), 0, abs_tol=1e-12)


def test_rare_categories_are_not_named():
    assert described(["common"] * 8 + ["one of a kind"]) == {"shares": {"common": 8 / 9}}


def test_codes_are_categories_when_they_are_declared_as_such():
    assert described([1] * 5 + [2] * 5, categories=["x"]) == {"shares": {"1": 0.5, "2": 0.5}}
    assert described([1] * 5 + [2] * 5).keys() == {"mean", "deviation"}


def test_a_code_is_the_same_with_and_without_gaps():
    before = described([1] * 5 + [2] * 5, categories=["x"])
    assert drift(pd.Series([1.0, 2.0, None]), before) == 0


def test_lists_in_cells_are_categories_by_their_text():
    assert described([["a"], ["a"], ["a"], ["a"], ["a"], ["b"]]) == {"shares": {"['a']": 5 / 6}}


def test_removing_nobody_is_no_drift():
    table = pd.DataFrame({"x": [1.5, 2.5, None], "c": ["a", "b", "b"], "y": [0, 1, 1]})
    facts = profile(table, features=["x", "c"], target="y")["features"]
    assert [drift(table[name], before) for name, before in facts.items()] == [0, 0, 0]


def test_a_profile_is_plain_values_without_extremes():
    facts = profile(pd.DataFrame({"x": [17.0, 98.0, None], "y": [0, 1, 1]}), features=["x", "gone"], target="y")
    assert json.loads(json.dumps(facts)) == facts
    assert facts["missing"] == {"x": 0.34, "y": 0.0}
    assert not {"17.0", "98.0"} & set(json.dumps(facts).split())


@pytest.mark.parametrize(("value", "told"), [(0, 0), (0.001, 0.01), (0.25, 0.25), (0.07, 0.07), (0.2501, 0.26), (inf, inf)])
def test_distances_are_rounded_up_to_hundredths(value, told):
    assert hundredths(value) == told


pieces = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 2.5, -7.0, 1e6, inf, None]), max_size=8).map(
        lambda values: pd.Series(values, dtype=float)
    ),
    min_size=1,
    max_size=5,
)


@given(pieces, pieces, st.sampled_from(["value", "code"]))
def test_a_column_in_pieces_has_the_facts_of_the_whole(before, after, depth):
    """And so has the drift from one such column to another."""
    sides = [
        (facts(pd.concat(one, ignore_index=True), depth), together([facts(x, depth) for x in one])) for one in (before, after)
    ]
    for whole, joined in sides:
        assert (joined.rows, joined.missing, joined.kind, joined.finite) == (
            whole.rows,
            whole.missing,
            whole.kind,
            whole.finite,
        )
        assert joined.counts == whole.counts
        assert isclose(joined.mean, whole.mean, rel_tol=1e-9, abs_tol=1e-9)
        assert isclose(joined.squares, whole.squares, rel_tol=1e-9, abs_tol=1e-9)
        assert joined.total == whole.total or isclose(joined.total, whole.total, rel_tol=1e-9, abs_tol=1e-9)
        assert joined.described.keys() == whole.described.keys()
    (old, now), (old_joined, now_joined) = ([side[at] for side in sides] for at in (0, 1))
    told = far(now, old.described), far(now_joined, old_joined.described)
    assert told[0] == told[1] or isclose(*told, rel_tol=1e-6, abs_tol=1e-8) or all(map(isnan, told))


def test_pieces_of_different_kinds_are_no_column_by_themselves():
    words, numbers, gaps = (facts(pd.Series(values)) for values in (["a"], [1.0], [None]))
    assert together([words, numbers]) is None
    assert together([numbers, gaps]).kind == "number"
    assert together([gaps, gaps]).kind == "empty"
