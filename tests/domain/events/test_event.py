"""Events as values: the bytes of yesterday, one codec for every kind, and what a body may not be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import example, golden
from unlearning.domain.errors import Damaged, WrongUse
from unlearning.domain.events import (
    KINDS,
    AliasMoved,
    CandidateValidated,
    Fact,
    ImpactAssessed,
    PlanMade,
    RequestHeld,
    RequestReceived,
    TracesFound,
    Unknown,
    decode,
    encode,
    kind_of,
)
from unlearning.domain.hashing import canonical, digest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("row", golden(), ids=lambda row: f"{row[2]}-{row[0]}")
def test_an_event_of_the_first_version_is_read_and_written_as_the_same_bytes(row: list[Any]) -> None:
    seq, at, kind, subject, body, previous, sealed = row
    fact = decode(kind, body)
    assert kind_of(fact) == kind
    assert type(fact) is KINDS[kind]
    assert canonical(encode(fact)) == canonical(body)
    assert digest([seq, at, kind, subject, encode(fact), previous]) == sealed


def test_the_golden_file_has_every_kind_and_no_other() -> None:
    assert {row[2] for row in golden()} == KINDS.keys()


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False) | st.integers()
    if hint is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if hasattr(hint, "__dataclass_fields__"):
        return instances(hint)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple) if inner[-1] is ... else st.tuples(*map(values, inner))
    if origin is Literal:
        return st.sampled_from(inner)
    if (origin is not None and issubclass(origin, dict)) or getattr(origin, "__name__", "") == "Mapping":
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    if inner:
        return st.one_of(*map(values, inner))
    return st.from_type(hint)


def instances(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__dataclass_fields__})


def read_as_written(kind: type[Fact], data: st.DataObject) -> None:
    fact = data.draw(instances(kind))
    assert decode(kind.__name__, encode(fact)) == fact


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_whatever_an_event_says_is_read_as_it_was_written(kind: type[Fact], data: st.DataObject) -> None:
    read_as_written(kind, data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=500)
@given(data=st.data())
def test_whatever_an_event_says_is_read_as_it_was_written_many_times(kind: type[Fact], data: st.DataObject) -> None:
    read_as_written(kind, data)


def test_what_an_earlier_version_did_not_say_reads_as_the_default() -> None:
    bodies = {kind: encode(example(KINDS[kind])) for kind in ("RequestReceived", "RequestHeld", "PlanMade", "TracesFound")}
    del bodies["RequestReceived"]["index_key"], bodies["PlanMade"]["adopted"], bodies["TracesFound"]["derived"]
    bodies["RequestHeld"].pop("data", None)
    read = {kind: decode(kind, body) for kind, body in bodies.items()}
    assert read["RequestReceived"] == example(RequestReceived, index_key=None)
    assert read["RequestHeld"] == example(RequestHeld, data=())
    planned, found = example(PlanMade), example(TracesFound)
    assert read["PlanMade"] == replace(planned, plan=replace(planned.plan, adopted=()))
    assert read["TracesFound"] == replace(found, inventory=replace(found.inventory, derived=()))


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (AliasMoved, {"to": "2"}, "to: a str where int was expected"),
        (AliasMoved, {"to": True}, "to: a bool where int was expected"),
        (AliasMoved, {"later": 1}, "this version knows no later; a newer mlflow-unlearning wrote it"),
        (RequestReceived, {"due_at": "soon"}, "due_at: expected a moment in ISO 8601"),
        (RequestReceived, {"due_at": "2026-03-01T12:00:00"}, "due_at: a moment has no time zone"),
        (RequestReceived, {"regulation": "lgpd"}, "regulation: expected one of gdpr, ccpa, none"),
        (CandidateValidated, {"checks": {}}, "checks: a dict where list was expected"),
        (ImpactAssessed, {"shards": [{}]}, "shards: shard is missing"),
    ],
)
def test_a_body_that_no_such_event_was_written_with_is_named_without_its_values(
    kind: type[Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(Damaged, match="event 7") as caught:
        decode(kind.__name__, {**encode(example(kind)), **change}, seq=7)
    assert f"ledger event 7 ({kind.__name__}) cannot be read: {said}" in str(caught.value)


def test_a_missing_key_is_named() -> None:
    body = encode(example(AliasMoved))
    del body["to"]
    with pytest.raises(Damaged, match="AliasMoved cannot be read: to is missing"):
        decode("AliasMoved", body)


def test_a_kind_of_a_newer_version_is_kept_as_it_was_written() -> None:
    fact = decode("PeopleMerged", {"into": "r1"})
    assert fact == Unknown("PeopleMerged", {"into": "r1"})
    assert (kind_of(fact), encode(fact)) == ("PeopleMerged", {"into": "r1"})


def test_a_known_kind_in_disguise_and_a_moment_without_a_zone_are_not_written() -> None:
    with pytest.raises(WrongUse, match="AliasMoved is a known kind"):
        encode(Unknown("AliasMoved", {}))
    with pytest.raises(ValueError, match="no time zone"):
        encode(example(RequestReceived, due_at=NOON.replace(tzinfo=None)))
