"""What watching and adopting write down."""

from __future__ import annotations

from tests.examples import example
from unlearning.domain.events import AliasReverted, ModelAdopted, TracesReturned, decode, encode


def test_an_alias_that_was_withdrawn_went_nowhere_and_says_so() -> None:
    withdrawn = example(AliasReverted, from_version=3, to_version=None)
    body = encode(withdrawn)
    assert (body["from"], body["to"]) == (3, None)
    assert decode("AliasReverted", body) == withdrawn


def test_an_adoption_stands_among_the_other_keys() -> None:
    adopted = example(ModelAdopted)
    body = encode(adopted)
    assert {"model", "data", "tables", "policy", "stage"} <= body.keys()
    assert decode("ModelAdopted", body) == adopted


def test_what_returned_is_told_place_by_place() -> None:
    found = example(TracesReturned, count={"DVC cache": 2}, names={"DVC cache": ("a", "b")})
    assert encode(found) == {"count": {"DVC cache": 2}, "names": {"DVC cache": ["a", "b"]}}
    assert decode("TracesReturned", encode(found)) == found
