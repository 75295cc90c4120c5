"""What is spelled in a declared way is turned back into the identifier, and certain only where more than a number stands."""

from __future__ import annotations

import pytest

from unlearning.domain import spellings


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
