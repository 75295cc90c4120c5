import json

import pytest

from unlearning.domain import hashing
from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.words import Watch

KEY = bytes(32)


def watch(*people, kind="text", raw=False):
    tokens = frozenset(hashing.token(KEY, one, kind) for one in people)
    return Watch(("patient",), kind, KEY, tokens, raw_bytes.pattern(people) if raw else None)


@pytest.mark.parametrize(
    "text",
    [
        "MRN-4711",
        "note about MRN-4711.",
        "rows/MRN-4711/table.json",
        "who=MRN-4711;what=dose",
        '{"a": ["x", "MRN-4711"]}',
        json.dumps({"request": json.dumps({"patient": "MRN-4711"})}),
        "<td>MRN-4711</td>",
        "scans/MRN-4711.png",
        "MRN-4711.csv.gz",
    ],
)
def test_an_identifier_is_a_word_of_a_text(text):
    assert watch("MRN-4711").in_text(text)
    assert not watch("MRN-4712").in_text(text)


def test_a_name_of_several_words_counts_between_quotes_or_alone_and_a_plain_word_does_not():
    assert watch("Zoë van 4 Holm").in_text(json.dumps({"who": "Zoë van 4 Holm"}))
    assert watch("Zoë van 4 Holm").in_text("Zoë van 4 Holm")
    assert not watch("positive").in_text("the result was positive")
    assert not watch("a1").in_text("a1")


def test_people_who_are_numbers_are_found_under_their_column_only():
    seven = watch(17, kind="integer")
    assert seven.in_text('{"patient": 17, "age": 50}')
    assert seven.in_text('{"inputs": {"patient": "17"}}')
    assert seven.in_text(json.dumps({"columns": ["age", "patient"], "data": [[17, 3], [50, 17]]}))
    assert not seven.in_text('{"patient": 18, "age": 17}')
    assert not seven.in_text("17 of 17")
    assert not seven.in_text(json.dumps({"columns": ["age", "patient"], "data": [[17, 3]]}))


def test_addresses_and_telephone_numbers_are_compared_as_they_are_normalised():
    assert watch("anna@example.org", kind="email").in_text("from Anna@Example.org, today")
    assert watch("+49 170 1234567", kind="phone").in_text('{"call": "+49 (170) 1234567"}')
