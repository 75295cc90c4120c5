"""Values as plain JSON and back, by their type hints alone; whole events are in `events/test_event.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from unlearning.domain import codec
from unlearning.domain.chain import Part, Trained
from unlearning.domain.codec import AS, BESIDE, LEFT_OUT
from unlearning.domain.entities import CheckResult
from unlearning.domain.errors import Damaged
from unlearning.domain.versions import DataVersion

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    street: str
    house: int | None


@dataclass(frozen=True)
class Visit:
    origin: str = field(metadata={AS: "from"})
    place: Place = field(metadata=BESIDE)
    second: Place | None = None
    at: datetime | None = None
    kind: Literal["short", "long"] = "short"
    guests: Mapping[int, tuple[str, float]] = field(default_factory=dict)
    note: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Perhaps:
    name: str
    place: Place | None = field(metadata=BESIDE)


VISIT = Visit("home", Place("Elm", 3), Place("Oak", None), NOON, "long", {2: ("ann", 0.5)}, "late")


def test_a_field_says_how_it_is_written() -> None:
    body = codec.write(VISIT)
    assert body == json.loads(json.dumps(body))
    assert body == {
        "from": "home",
        "street": "Elm",
        "house": 3,
        "second": {"street": "Oak", "house": None},
        "at": "2026-03-01T12:00:00+00:00",
        "kind": "long",
        "guests": {"2": ["ann", 0.5]},
        "note": "late",
    }
    assert codec.read(Visit, body) == VISIT


def test_a_default_that_is_left_out_and_a_key_that_was_not_written_yet_read_as_the_default() -> None:
    plain = Visit("home", Place("Elm", 3))
    assert "note" not in codec.write(plain)
    assert codec.read(Visit, {"from": "home", "street": "Elm", "house": 3}) == plain


def test_what_stands_beside_and_is_not_there_is_none() -> None:
    for value in (Perhaps("a", None), Perhaps("a", Place("Elm", 1))):
        assert codec.read(Perhaps, codec.write(value)) == value


def test_a_candidate_comes_back_from_what_the_ledger_keeps() -> None:
    trained = Trained("sisa", "exact", (Part(0, "k", "d", 1, 4, 0.5, repaired=1), Part(2, "l", "e", 0, 0, 0.0)), dropped=(1,))
    assert codec.read(Trained, json.loads(json.dumps(codec.write(trained)))) == trained


def test_whether_a_check_passed_is_written_for_readers_and_not_read_back() -> None:
    check = CheckResult("utility", 0.9, "≥ 0.88", "failed", "on the holdout")
    body = codec.write(check)
    assert body["passed"] is False
    assert codec.read(CheckResult, {**body, "passed": True}) == check


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"street": 4}, "street: a int where str was expected"),
        ({"house": True}, "house: a bool where int was expected"),
        ({"kind": "wide"}, "kind: expected one of short, long"),
        ({"at": "noon"}, "at: expected a moment"),
        ({"at": "2026-03-01T12:00:00"}, "at: a moment has no time zone"),
        ({"guests": {"two": ["ann", 1]}}, "guests: a key is no int"),
        ({"guests": {"2": ["ann"]}}, "guests: expected a list of 2"),
        ({"second": {"street": "Oak"}}, "second: house is missing"),
        ({"colour": "red"}, "this version knows no colour; a newer mlflow-unlearning wrote it"),
    ],
)
def test_what_no_such_value_was_written_as_is_named_by_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Damaged, match="the visit cannot be read") as caught:
        codec.read(Visit, {**codec.write(VISIT), **change}, of="the visit")
    assert said in str(caught.value)


def test_a_moment_without_a_time_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        codec.write({"at": [NOON.replace(tzinfo=None)]})


def test_what_is_written_is_what_json_gives_back() -> None:
    data = DataVersion("data/a.csv", "d" * 64, "0" * 32, None, 4, 3)
    made = codec.write({"data": data, 1: (1, [2]), "at": datetime(2026, 3, 1, tzinfo=UTC), "none": None})
    assert made == json.loads(json.dumps(made))
    assert made["at"] == "2026-03-01T00:00:00+00:00"
    assert made["1"] == [1, [2]]
    assert made["data"]["rev"] is None
