"""Families of model versions against the slow truth: following every edge until nothing new comes."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.domain.derivation import EDGE_KINDS, SAME_WEIGHTS, Edge, Family
from unlearning.domain.versions import ModelVersion

models = st.integers(1, 6).map(lambda number: ModelVersion("m", number))
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
