"""What is asked of a new data version, before anybody puts the questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unlearning.checks.canary_search import Absent, persons
from unlearning.checks.data_profile import profile
from unlearning.checks.data_questions import Asked, DataQuestion, asked
from unlearning.domain import hashing

KEY = b"k" * 32
OLD = pd.DataFrame(
    {"who": ["ann-1", "bob-2", "cid-3", "dan-4"] * 5, "age": np.arange(20.0), "ill": ["yes", "no"] * 10, "note": "x"}
)
NEW = OLD[OLD["who"] != "ann-1"].reset_index(drop=True)


def tokenise(people: Sequence[object]) -> list[str]:
    return [hashing.token(KEY, one, "text") for one in people]


def absent(*people: str, canary: str | None = None) -> Absent:
    return Absent(frozenset(tokenise(people)), tokenise, tokenise([canary])[0] if canary else None)


QUESTION = DataQuestion(
    table=NEW,
    person="who",
    features=["age"],
    target="ill",
    labels=["yes", "no"],
    redacted=absent("ann-1", canary="bob-2"),
    before=profile(OLD, features=["age"], target="ill"),
    removed=5,
)


def answers(question: DataQuestion) -> dict[str, Asked]:
    return {one.name.removeprefix("data."): one for one in asked(question, persons(question.table, question.person))}


def test_everything_is_asked_of_a_version_that_follows_another_in_the_order_of_the_report() -> None:
    assert list(answers(QUESTION)) == [
        "people_present",
        "redacted_absent",
        "columns",
        "labels",
        "types",
        "missing",
        "rows",
        "drift",
    ]


def test_without_a_version_before_nothing_is_compared_and_shared_cells_are_asked_for() -> None:
    first = answers(replace(QUESTION, before=None))
    assert list(first) == ["people_present", "people_alone", "redacted_absent", "columns", "labels"]
    together = QUESTION.table.assign(who=["bob-2;cid-3", *NEW["who"][1:]])
    assert answers(replace(QUESTION, before=None, table=together))["people_alone"].value == 1


def test_a_table_of_which_only_the_people_are_declared_is_asked_for_no_shares() -> None:
    bare = replace(QUESTION, features=(), target=None, labels=(), before=profile(OLD, features=(), target=None))
    assert list(answers(bare)) == ["people_present", "redacted_absent", "columns", "types", "rows"]


def test_people_are_counted_where_they_are_found_and_the_canary_says_where_it_comes_from() -> None:
    found = answers(replace(QUESTION, table=OLD))["redacted_absent"]
    assert (found.value, found.details["searched"], found.details["canary"]) == (1, 1, "with the list")
    alone = answers(replace(QUESTION, redacted=absent("ann-1")))["redacted_absent"]
    assert (alone.value, alone.details["canary"]) == (0, "from the table")
    both = answers(replace(QUESTION, suppressed=absent("cid-3")))
    assert (both["redacted_absent"].value, both["suppressed_absent"].value) == (0, 1)


@pytest.mark.parametrize(("removed", "value"), [(5, 15), (0, 20)])
def test_as_many_rows_are_expected_as_there_were_without_the_removed(removed: int, value: int) -> None:
    rows = answers(replace(QUESTION, removed=removed))["rows"]
    assert rows.expected[0].arguments == {"value": value}
    assert rows.value == 15


def test_a_label_counts_by_its_spelling_whatever_type_the_column_has() -> None:
    coded = replace(QUESTION, table=NEW.assign(ill=[1.0, 0.0] * 7 + [2.0]), labels=["0", "1"])
    labels = answers(coded)["labels"]
    assert labels.value == 1
    assert set(labels.expected[1].arguments["value_set"]) == {1.0, 0.0}


def test_nothing_that_is_handed_to_the_tool_in_the_open_names_anybody_or_gives_their_values_away() -> None:
    secret = {*OLD["who"], *tokenise(sorted(set(OLD["who"]))), str(float(OLD["age"].mean()))}
    for one in answers(replace(QUESTION, suppressed=absent("cid-3"))).values():
        said = [one.name, one.threshold, one.how, json.dumps(dict(one.details))]
        said += [f"{each.says} {each.unmet} {json.dumps(dict(each.arguments))}" for each in one.expected]
        assert not [word for word in secret for text in said if word in text], one.name
