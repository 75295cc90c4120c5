"""Whatever comes from whatever: everything is made after what it comes from, once, and a circle is refused by name."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import NeedsReview
from unlearning.domain.planning.order import in_order

NAMES = [f"model {letter}" for letter in "abcdefgh"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, set[str]]:
    """Thing → what it comes from, without a circle: everything comes only from what stands before it in some order."""
    names = draw(st.permutations(NAMES))
    pairs = [(origin, made) for at, made in enumerate(names) for origin in names[:at]]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    return {name: {origin for origin, made in chosen if made == name} for name in names}


def _all_above(name: str, made_from: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for origin in made_from.get(name, ()):
        found |= {origin} | _all_above(origin, made_from)
    return found


@given(graphs(), st.sets(st.sampled_from(NAMES)), st.none() | st.sampled_from(NAMES))
def test_each_comes_once_and_after_all_that_it_comes_from(
    made_from: dict[str, set[str]], wanted: set[str], early: str | None
) -> None:
    order = in_order(wanted, made_from, early=[early] if early is not None else [])
    assert sorted(order) == sorted(wanted)
    for at, name in enumerate(order):
        assert not _all_above(name, made_from) & set(order[at:])


@given(graphs(), st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES))
def test_nothing_stands_before_the_early_one_but_what_it_comes_from(
    made_from: dict[str, set[str]], wanted: set[str], early: str
) -> None:
    order = in_order({*wanted, early}, made_from, early=[early])
    assert set(order[: order.index(early)]) <= _all_above(early, made_from)


@given(graphs(), st.lists(st.sampled_from(NAMES), min_size=2, unique=True), st.data())
def test_every_circle_is_refused_with_the_names_of_it(
    made_from: dict[str, set[str]], circle: list[str], data: st.DataObject
) -> None:
    for origin, made in pairwise([*circle, circle[0]]):
        made_from[made].add(origin)
    with pytest.raises(NeedsReview) as refused:
        in_order({data.draw(st.sampled_from(circle))}, made_from)
    named = [name for name in NAMES if name in str(refused.value)]
    assert len(named) > 1
    assert all(name in _all_above_in_circles(name, made_from) for name in named)


def _all_above_in_circles(name: str, made_from: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = set(made_from[name])
    while waiting:
        found |= waiting
        waiting = {origin for one in waiting for origin in made_from[one]} - found
    return found


def test_a_circle_of_what_nobody_wants_is_nobodys_matter() -> None:
    assert in_order({"a"}, {"x": {"y"}, "y": {"x"}, "a": {"b"}}) == ("a",)


def test_what_was_made_from_an_earlier_one_of_its_own_name_is_no_circle() -> None:
    assert in_order({"a", "b"}, {"a": {"a"}, "b": {"a", "b"}}) == ("a", "b")
