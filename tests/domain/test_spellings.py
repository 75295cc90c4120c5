"""What is spelled in a declared way is turned back into the identifier, and certain only where more than a number stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import IdentifierError
from unlearning.domain.spellings import DIFFERENCES, Given, asked


def found(text: str, *patterns: str, whole_numbers: bool = True) -> set[tuple[str, bool]]:
    return set(spellings.turned_back(text, patterns, whole_numbers=whole_numbers))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("P-{}", "of P-4711.", ("4711", True)),
        ("MRN{}", "(MRN17)", ("17", True)),
        ("{:06d}", "row 000042", ("42", True)),
        ("{:06d}", "row 100042", ("100042", False)),
        ("P{:06d}", "P000042_x", ("42", True)),
        ("{}@clinic.example", "to 4711@clinic.example", ("4711", True)),
        ("Patient no. {}", "Patient no. 7!", ("7", True)),
    ],
)
def test_a_spelling_is_turned_back(pattern: str, text: str, expected: tuple[str, bool]) -> None:
    assert expected in found(text, pattern)


@pytest.mark.parametrize("text", ["XP-4711", "P-4711a", "P-x", "P4711"])
def test_a_longer_word_is_another(text: str) -> None:
    assert not found(text, "P-{}")


def test_texts_have_their_place_too() -> None:
    assert ("ann-1", True) in found("see P-ann-1, please", "P-{}", whole_numbers=False)


@pytest.mark.parametrize("pattern", ["", "P-", "{}{}", "{x}", "{:6d}", "{}", "{:06d}-{}", "{{}}", "{"])
def test_what_is_no_pattern_has_a_fault(pattern: str) -> None:
    assert spellings.fault(pattern)


@pytest.mark.parametrize("pattern", ["P-{}", "{:06d}", "MRN{}", "no. {:03d}/x", "{} (id)"])
def test_a_pattern_has_none(pattern: str) -> None:
    assert spellings.fault(pattern) is None


# --- what nobody may take for a person ------------------------------------------------------------------------------

NOT_100 = (
    "100.000",
    "1e2",
    "100,0",
    "+100",
    "100.0",
    "1_00",
    "1 00",
    "1OO",
    "１００",
    "٣",
    "100\u200b",
    "0x64",
    "100-",
    "#100",
)


@pytest.mark.parametrize("typed", NOT_100)
def test_no_other_way_to_write_a_number_is_taken_for_it(typed: str) -> None:
    with pytest.raises(IdentifierError, match=r"^line 3 of list: ") as refused:
        asked([Given(typed, "line 3 of list")], "integer")
    assert typed not in str(refused.value)


def test_a_declared_spelling_is_taken_for_what_it_says() -> None:
    assert asked(["P-100", "MRN 7", "00042", " 5 "], "integer", ["P-{}", "MRN {}"]) == ["100", "7", "00042", "5"]
    for typed in ("P-100.0", "P-1 P-2", "see P-1"):
        with pytest.raises(IdentifierError):
            asked([typed], "integer", ["P-{}"])


UNSEEN = tuple("\0\x07\x1b\x7f\x85\u00ad\u200b\u200d\u200e\u2028\u202e\u2066\u3164\ufeff\ufffd")


@pytest.mark.parametrize("sign", UNSEEN, ids=lambda sign: f"U+{ord(sign):04X}")
@pytest.mark.parametrize(("kind", "one"), [("text", "ann"), ("email", "ann@x.org"), ("phone", "+49301"), ("integer", "471")])
def test_what_nobody_sees_is_in_no_identifier(kind: str, one: str, sign: str) -> None:
    for typed in (f"{one[:2]}{sign}{one[2:]}", f"{sign}{one}", f"{one}{sign}"):
        with pytest.raises(IdentifierError):
            asked([typed], kind)
    assert asked([one], kind) == [one]


@pytest.mark.parametrize("typed", ["1.2345678901234567e18", "1.2E+11", "1e+18", "1234567890123456768.0", "-1.5e3"])
@pytest.mark.parametrize("kind", ["text", "integer", "phone"])
def test_a_rounded_number_is_nobody(typed: str, kind: str) -> None:
    assert spellings.doubt(typed, kind)
    assert spellings.doubt(typed, kind, cell=True)


@pytest.mark.parametrize("one", ["12e45678", "1e10", "ann.1e5", "v1.5e", "1.5"])
def test_a_text_that_only_resembles_one_is_somebody(one: str) -> None:
    assert asked([one], "text") == [one]


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("email", "Ann <ann@x.org>"),
        ("email", "mailto:ann@x.org"),
        ("email", "a@x.org,b@x.org"),
        ("email", "ann lee@x.org"),
        ("phone", "+49 30 1 or 2"),
        ("phone", "030 12 ext 3"),
        ("phone", "٠٣٠١"),
        ("phone", "30+1"),
    ],
)
def test_more_than_one_plain_address_or_number_is_refused(kind: str, typed: str) -> None:
    with pytest.raises(IdentifierError):
        asked([typed], kind)


def test_every_bad_one_is_said_by_its_place_in_one_message() -> None:
    lines = [Given(text, f"line {n} of list") for n, text in enumerate(["1", "x", "2", "+3", "\u200b4"], 1)]
    with pytest.raises(IdentifierError) as refused:
        asked(lines, "integer")
    assert "line 2 of list, line 4 of list: is not a whole number" in str(refused.value)
    assert "line 5 of list: holds a control character" in str(refused.value)
    assert "line 1" not in str(refused.value)


@given(st.text(max_size=8) | st.from_regex(r"[-+]?[0-9.,eE ]{1,6}", fullmatch=True))
def test_an_accepted_number_is_the_only_number_that_it_reads_as(typed: str) -> None:
    try:
        [read] = asked([typed], "integer")
    except IdentifierError:
        return
    assert hashing.normalise(read, "integer") == str(int(typed.strip(" \t")))
    assert typed.strip(" \t").lstrip("-").isascii()


# --- how near two spellings are -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ("ann-1", "ANN-1", "case"),
        ("Ann Lee", "AnnLee", "spaces"),
        ("P-0042", "P-42", "zero padding"),
        ("100.0", "100", "number format"),
        ("1e2", "+100", "number format"),
        ("100,0", "100", "number format"),
        ("ﬁona", "fiona", "Unicode form"),
        ("Zoe\u0301", "Zoé", "Unicode form"),
        ("ann\u200b", "ann", "Unicode form"),
        ("ann@x.org.", "ann@x.org", "punctuation"),
        ("49-30-1", "49301", "punctuation"),
        ("ann+news@x.org", "ann@x.org", "plus tag"),
        ("strasse@x.org", "straße@x.org", "letters"),
        ("Zoe", "zoë", "letters"),
        (" P-007", "p7", "several of these"),
    ],
)
def test_what_two_spellings_differ_in_has_a_word(one: str, other: str, differs: str) -> None:
    pairs = zip(DIFFERENCES, spellings.folds(one), spellings.folds(other), strict=True)
    found = [word for word, here, there in pairs if here == there]
    assert found[0] == differs
    assert found[-1] == "several of these"


@pytest.mark.parametrize(
    ("one", "other"), [("ann", "anna"), ("100.0", "1000"), ("P-100", "P-101"), ("1e2", "12"), ("4.5", "45")]
)
def test_another_person_is_not_near(one: str, other: str) -> None:
    assert not any(a == b for a, b in zip(spellings.folds(one), spellings.folds(other), strict=True))


@given(st.text(max_size=6) | st.from_regex(r"[0-9]{1,5}[.,][0-9]{1,3}([eE][0-9]{1,30})?", fullmatch=True))
def test_every_text_has_every_fold(text: str) -> None:
    assert len(spellings.folds(text)) == len(DIFFERENCES)


def test_how_near_is_said_without_the_spelling() -> None:
    assert spellings.said(("case", "letters")) == "another spelling of it is there: case, letters"
    assert spellings.said(()) == "no other spelling of it is there"
    assert "looked for" in spellings.said(None)
