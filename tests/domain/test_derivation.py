"""Chains of things that come from one another: one walk for all of them."""

from __future__ import annotations

from unlearning.domain.derivation import Family, reached
from unlearning.domain.versions import ModelVersion

A, B, C, D = (ModelVersion(name, 1) for name in "abcd")


def test_a_walk_reaches_everything_once_nearest_first_also_in_a_circle() -> None:
    following = {1: [2, 3], 2: [4], 3: [4, 1], 4: [2]}
    asked: list[int] = []

    def ask(one: int) -> list[int]:
        asked.append(one)
        return following[one]

    assert list(reached([1], ask)) == [1, 2, 3, 4]
    assert asked == [1, 2, 3, 4]
    assert list(reached([], ask)) == []


def test_who_comes_from_whom_says_the_nearest_reason() -> None:
    family = Family([(A, B, "fine_tuned"), (B, C, "copied"), (A, C, "distilled"), (C, D, "quantised")])
    assert family.descendants([A]) == {B: "fine_tuned from a/1", C: "distilled from a/1", D: "quantised from c/1"}
    assert family.descendants([A, B]) == {C: "distilled from a/1", D: "quantised from c/1"}
    assert family.ancestors([D]) == {A, B, C, D}
    assert family.twins(B) == {B, C}
    assert family.descendants([C]) == {B: "the same as c/1", D: "quantised from c/1"}
