"""One walk for all chains of things that come from one another; families of versions against the slow truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.domain.derivation import EDGE_KINDS, SAME_WEIGHTS, Edge, Family, reached
from unlearning.domain.versions import ModelVersion

models = st.integers(1, 6).map(lambda number: ModelVersion("m", number))
letters = st.sampled_from("abcdef")
A, B, C, D = (ModelVersion(name, 1) for name in "abcd")
edges = st.lists(st.tuples(models, models, st.sampled_from(EDGE_KINDS)).filter(lambda edge: edge[0] != edge[1]), max_size=10)


def m(*numbers: int) -> set[ModelVersion]:
    return {ModelVersion("m", number) for number in numbers}


def one(number: int) -> ModelVersion:
    return ModelVersion("m", number)


def closure(start: Iterable[ModelVersion], steps: Iterable[tuple[ModelVersion, ModelVersion]]) -> set[ModelVersion]:
    found, pairs = set(start), list(steps)
    while more := {child for parent, child in pairs if parent in found} - found:
        found |= more
    return found


def downwards(edges: list[Edge]) -> list[tuple[ModelVersion, ModelVersion]]:
    return [(a, b) for a, b, _ in edges] + [(b, a) for a, b, kind in edges if kind == SAME_WEIGHTS]


def test_a_walk_reaches_everything_once_nearest_first_also_in_a_circle() -> None:
    following = {1: [2, 3], 2: [4], 3: [4, 1], 4: [2]}
    asked: list[int] = []

    def ask(one: int) -> list[int]:
        asked.append(one)
        return following[one]

    assert list(reached([1], ask)) == [1, 2, 3, 4]
    assert asked == [1, 2, 3, 4]
    assert list(reached([], ask)) == []


@settings(max_examples=40)
@given(edges, st.sets(models, max_size=3))
def test_descendants_are_all_that_edges_lead_to_and_never_the_start_itself(edges: list[Edge], start: set[ModelVersion]) -> None:
    assert set(Family(edges).descendants(start)) == closure(start, downwards(edges)) - start


@settings(max_examples=40)
@given(edges, st.sets(models, max_size=3))
def test_ancestors_are_all_that_edges_come_from_with_the_start(edges: list[Edge], start: set[ModelVersion]) -> None:
    upwards = [(child, parent) for parent, child in downwards(edges)]
    assert Family(edges).ancestors(start) == closure(start, upwards)


@settings(max_examples=40)
@given(edges, models, models)
def test_one_descends_from_another_exactly_when_that_is_among_its_ancestors(
    edges: list[Edge], first: ModelVersion, second: ModelVersion
) -> None:
    if first != second:
        family = Family(edges)
        assert (second in family.descendants([first])) == (first in family.ancestors([second]))


@settings(max_examples=40)
@given(edges)
def test_having_the_same_weights_divides_versions_into_groups(edges: list[Edge]) -> None:
    family = Family(edges)
    for number in range(1, 7):
        twins = family.twins(one(number))
        assert one(number) in twins
        assert {family.twins(other) for other in twins} == {twins}


def test_it_is_said_how_each_came_to_be_by_the_shortest_way() -> None:
    family = Family([(one(1), one(2), "distilled"), (one(2), one(3), "copied"), (one(4), one(3), "copied")])
    assert family.descendants([one(1)]) == {
        one(2): "distilled from m/1",
        one(3): "copied from m/2",
        one(4): "the same as m/3",
    }
    assert family.twins(one(2)) == m(2, 3, 4)
    assert family.ancestors([one(4)]) == m(1, 2, 3, 4)


@settings(max_examples=50)
@given(st.sets(letters), st.dictionaries(letters, st.sets(letters)))
def test_what_is_reached_is_everything_that_edges_lead_to_with_the_start(
    start: set[str], edges: Mapping[str, set[str]]
) -> None:
    found = list(reached(start, lambda one: edges.get(one, ())))
    assert len(found) == len(set(found))
    assert start <= set(found) <= start | {target for targets in edges.values() for target in targets}
    assert all(edges.get(one, set()) <= set(found) for one in found)


def test_who_comes_from_whom_says_the_nearest_reason() -> None:
    family = Family([(A, B, "fine_tuned"), (B, C, "copied"), (A, C, "distilled"), (C, D, "quantised")])
    assert family.descendants([A]) == {B: "fine_tuned from a/1", C: "distilled from a/1", D: "quantised from c/1"}
    assert family.descendants([A, B]) == {C: "distilled from a/1", D: "quantised from c/1"}
    assert family.ancestors([D]) == {A, B, C, D}
    assert family.twins(B) == {B, C}
    assert family.descendants([C]) == {B: "the same as c/1", D: "quantised from c/1"}
