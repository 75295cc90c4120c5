"""Draws: everybody draws the same again, nobody chooses, and what was tampered with is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.properties import drawn as examples
from unlearning.certificate.draw import Draw, Drawn, by_beacon, by_key, constituents, drawn, read
from unlearning.domain.codec import write
from unlearning.domain.errors import WrongUse

CERTIFICATE, OTHER = "ab" * 32, "cd" * 32
AMONG = [Drawn("models:/churn/8", shard) for shard in range(20)]
BEACON = "a value that came out later"


@examples(few=10, many=300, count=st.integers(1, 20), value=st.text(min_size=16, max_size=60))
def test_everybody_draws_the_same_again(count: int, value: str) -> None:
    made = drawn(by_beacon(CERTIFICATE, value), AMONG, count)
    assert len(set(made.drawn)) == count == len(made.drawn)
    assert read(json.dumps(write(made)), CERTIFICATE, AMONG[::-1]) == made
    by_auditor = drawn(by_key(CERTIFICATE, value.encode().ljust(16, b"0")), AMONG, count)
    assert read(json.dumps(write(by_auditor)), CERTIFICATE, AMONG) == by_auditor
    assert by_auditor.value is None


def test_another_certificate_value_or_key_draws_other_shards_and_each_as_often() -> None:
    counts = [0] * 20
    for number in range(2000):
        [one] = drawn(by_beacon(CERTIFICATE, f"round {number:012d}"), AMONG, 1).drawn
        counts[one.shard] += 1
    assert 60 < min(counts) <= max(counts) < 145
    assert by_beacon(CERTIFICATE, BEACON).seed != by_beacon(OTHER, BEACON).seed
    assert by_key(CERTIFICATE, b"k" * 32).seed != by_key(CERTIFICATE, b"l" * 32).seed


def _gone(made: Draw) -> Any:
    return replace(made, drawn=(*made.drawn, Drawn("models:/churn/8", 20)))


def _chosen(made: Draw) -> Any:
    chosen = next(one for one in AMONG if one not in made.drawn)
    return replace(made, drawn=(chosen, *made.drawn[1:]))


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (_gone, "shard 20 of models:/churn/8, which the certificate does not state"),
        (_chosen, "draws other shards"),
        (lambda made: replace(made, certificate=OTHER), "is of certificate"),
        (lambda made: replace(made, value="another value of a beacon"), "not made of the certificate"),
        (lambda made: replace(made, seed="00"), "64 lower-case hex digits"),
        (lambda made: {"drawn": 3}, "is no draw"),  # noqa: ARG005
    ],
)
def test_a_draw_that_is_none_is_refused(tamper: Callable[[Draw], Any], why: str) -> None:
    made = drawn(by_beacon(CERTIFICATE, BEACON), AMONG, 3)
    with pytest.raises(WrongUse, match=why):
        read(json.dumps(write(tamper(made))), CERTIFICATE, AMONG)


@pytest.mark.parametrize("count", [0, 21])
def test_more_shards_than_there_are_cannot_be_drawn(count: int) -> None:
    with pytest.raises(WrongUse, match="expected 1 to 20"):
        drawn(by_beacon(CERTIFICATE, BEACON), AMONG, count)


def test_what_could_be_guessed_draws_nothing() -> None:
    with pytest.raises(WrongUse, match="16 or more"):
        by_beacon(CERTIFICATE, "1")
    with pytest.raises(WrongUse, match="16 random bytes"):
        by_key(CERTIFICATE, b"short")


def test_a_certificate_of_several_models_states_the_constituents_of_each() -> None:
    def part(to: str) -> dict[str, Any]:
        return {"unlearning": {"constituents": [{"shard": 0, "digest": to}]}, "promotion": {"to": to}}

    found = constituents({**part("churn/8"), "models": [part("fraud/2")]})
    assert found == {Drawn("models:/churn/8", 0): "churn/8", Drawn("models:/fraud/2", 0): "fraud/2"}
    with pytest.raises(WrongUse, match="states no constituent"):
        constituents({"unlearning": "the project trains no model of its own"})
