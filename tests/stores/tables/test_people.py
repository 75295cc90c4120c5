"""Who is in a table, whatever it is called and however it is written."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import DataError, IdentifierError
from unlearning.stores.tables import people, tables
from unlearning.stores.tables.people import nearest, told_apart

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
KEY = bytes(32)


def test_rows_that_name_somebody_in_whatever_column_are_told_apart_from_the_others():
    table = pa.table(
        {
            "who": ["zq0001", "zq0002", None, "zq0001 too"],
            "friend": pa.array(["zq0003", "zq0001", "zq0003", None]).dictionary_encode(),
            "visits": [["zq0001"], [], [], []],
            "age": [1.5, 2.0, None, 4.0],
            "nothing": pa.nulls(4),
            "view": pa.array(["a", "b", "c", "d"], pa.string_view()),
            "half": pa.array([1, 2, 3, 4], pa.float16()),
        }
    )
    wanted = frozenset({hashing.token(KEY, "zq0001", "text")})
    assert people.rows_naming(table, wanted, kind="text", key=KEY).tolist() == [True, True, False, False]
    numbers = pa.table({"n": pa.array([4711, 4712, None], pa.int64()), "x": pa.array([1.0, 4711.0, 4711.5])})
    wanted = frozenset({hashing.token(KEY, "4711", "integer")})
    assert people.rows_naming(numbers, wanted, kind="integer", key=KEY).tolist() == [True, True, False]


# --- who is told apart -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        ("text", ["zq1", "zq1 "], "1 person is spelled in several ways (spaces)"),
        ("text", ["zq1", "\u00a0zq1"], "spelled in several ways (spaces)"),
        ("text", ["Zo\u00e9", "Zoe\u0301"], "spelled in several ways (Unicode form)"),
        ("text", ["\u2126-1", "\u03a9-1"], "spelled in several ways (Unicode form)"),
        ("integer", ["0042", "42", "7"], "spelled in several ways (zero padding)"),
        ("integer", ["42.0", "42"], "spelled in several ways (number format)"),
        ("integer", ["042", "42", "7", "007"], "2 people are spelled in several ways"),
        ("email", ["Ann@x.org", "ann@X.org"], "spelled in several ways (case)"),
        ("phone", ["+49 30 1", "+49301", "7"], "spelled in several ways (spaces"),
        ("phone", ["12-3", "123"], "spelled in several ways (punctuation)"),
        ("text/integer", ["a\x1f07", "a\x1f7"], "spelled in several ways (zero padding)"),
        ("text", ["Ann Lee", "Ann\u00a0Lee"], "1 person looks like another"),
        ("text", ["Ann Lee", "Ann  Lee"], "looks like another, who is spelled with other characters (spaces)"),
        ("text", ["ﬁona", "fiona"], "looks like another, who is spelled with other characters (Unicode form)"),
        ("text", ["Ａ1", "A1"], "looks like another"),
        ("text", [UUID, UUID.upper()], "looks like another, who is spelled with other characters (case)"),
        ("text", [UUID, f"{{{UUID}}}"], "looks like another, who is spelled with other characters (punctuation)"),
        ("text", [f"urn:uuid:{UUID}", UUID], "looks like another, who is spelled with other characters (in other ways)"),
        ("text", ["a1", "nan"], "1 of 2 identifiers: each is a word for a value that is missing"),
        ("email", ["a@x.org", "Ann <a@x.org>"], "1 of 2 identifiers: each is not one plain e-mail address"),
        ("email", ["mailto:a@x.org", "b@x.org"], "1 of 2 identifiers: each is not one plain e-mail address"),
        ("email", ["ﬁ@x.org", "fi@x.org"], "looks like another"),
        ("text", ["ann\u200b", "bob"], "1 of 2 identifiers: each holds a control character"),
        ("text", ["ann\0", "b\u202eob"], "2 of 2 identifiers: each holds a control character"),
        ("text", ["m\ufffdller", "m\ufffdler"], "2 of 2 identifiers: each holds"),
        ("text", ["1.2345678901234567e+18", "7"], "1 of 2 identifiers: each is a rounded number"),
        ("integer", ["1234567890123456768.0", "7"], "1 of 2 identifiers: each is a rounded number"),
        ("phone", ["4.93012E+11", "7"], "1 of 2 identifiers: each is a rounded number"),
        ("integer", ["100.000", "7"], "1 of 2 identifiers: each is not a whole number in plain digits"),
        ("phone", ["12 ext 3", "7"], "1 of 2 identifiers: each is not one phone number"),
    ],
)
def test_what_may_merge_or_split_people_is_refused_with_their_number(kind, values, says):
    with pytest.raises(DataError) as refused:
        told_apart(values, kind).certain()
    assert says in str(refused.value)
    assert not any(len(one) > 2 and one in str(refused.value) for one in values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", ["strasse@x.org", "straße@x.org", "ann+a@x.org", "ann@x.org", "ann@x.org."]),
        ("text", ["AB12", "ab12", "007", "7", "7.0", "strasse", "straße", "x²"]),
        ("integer", [1, 2, "3", "4.0"]),
        ("phone", ["+4930", "4930", "(0)30 1"]),
    ],
)
def test_people_who_only_resemble_each_other_stay_apart(kind, values):
    assert len(set(told_apart(values, kind).certain())) == len(values)


def test_what_one_person_s_spellings_may_differ_in_can_be_declared():
    values = ["Ann@x.org", "ann@x.org", "bob@x.org"]
    first, second, _ = told_apart(values, "email", same_but_for=["case"]).certain()
    assert first == second
    for other in (["spaces"], []):
        with pytest.raises(DataError, match=r"subject\.same_but_for"):
            told_apart(values, "email", same_but_for=other).certain()
    with pytest.raises(DataError):
        told_apart([*values, "ANN@x.org "], "email", same_but_for=["case"]).certain()
    told_apart([*values, "ANN@x.org "], "email", same_but_for=["case", "spaces"]).certain()


LETTERS = "aAbßsſKK1٣0 \u00a0\u200be\u0301éﬁfiﬂ.+-@x"
IDENTIFIERS = st.lists(st.text(LETTERS, min_size=1, max_size=5), min_size=1, max_size=6, unique=True)


@given(IDENTIFIERS, st.sampled_from(["text", "integer", "email", "phone"]))
def test_no_two_people_of_a_table_ever_get_one_token(values, kind):
    try:
        found = told_apart(values, kind).certain()
    except DataError:
        return
    assert len(set(found)) == len(values)


@given(IDENTIFIERS, st.text(LETTERS, min_size=1, max_size=5), st.sampled_from(["text", "integer", "email", "phone"]))
def test_an_accepted_spelling_selects_nobody_whom_a_reader_would_not_call_so(values, typed, kind):
    try:
        found = told_apart(values, kind).certain()
        [asked] = spellings.asked([typed], kind)
    except (DataError, IdentifierError):
        return
    wanted = hashing.fingerprint(asked, kind)
    selected = [one for one, inner in zip(values, found, strict=True) if inner == wanted]
    assert len(selected) <= 1
    for one in selected:
        assert _read(one, kind) == _read(typed, kind)
        assert _read(typed, kind) not in [_read(other, kind) for other in values if other != one]


def _read(text, kind):
    """As somebody reads it who knows what kind of identifier it is."""
    seen = " ".join(unicodedata.normalize("NFKC", text).split())
    if kind == "integer":
        return int(seen.removesuffix(".0"))
    if kind == "phone":
        return "".join(sign for sign in seen if sign in "+0123456789")
    return seen.lower() if kind == "email" else seen


@given(IDENTIFIERS.filter(lambda one: len(one) > 1))
def test_whoever_is_spelled_nearly_so_is_found(values):
    first, *others = values
    words = nearest(first, others)
    assert set(words) <= set(spellings.DIFFERENCES)
    for word in words:
        at = spellings.DIFFERENCES.index(word)
        assert spellings.folds(first)[at] in [spellings.folds(one)[at] for one in others]


def test_the_nearest_spelling_is_said_by_what_it_differs_in():
    values = tables.people(pa.table({"who": ["AB-1", "cd-2", "é f"]}), "who").values
    assert nearest("ab-1", values) == ("case",)
    assert nearest("cd2", values) == ("punctuation",)
    assert nearest(" CD2", values) == ("several of these",)
    assert nearest("gh-3", values) == ()
    assert nearest(42, [7, 42.0, "0042"]) == ("zero padding", "number format")
