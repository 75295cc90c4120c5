"""Whatever form a file has, looking finds a person in it, may have found one, or says that it was not read."""

from __future__ import annotations

import io

import pytest

from tests import forms
from unlearning.domain import hashing
from unlearning.stores.scans.looking import Look, look
from unlearning.stores.scans.words import Watch

KEY = b"k" * 32
PEOPLE: dict[str, list[object]] = {
    "text": ["zq0001-7", "zq0002-7", "zq0003-7"],
    "integer": [100042, 100043, 100044],
    "email": ["anna.b@example.org", "bob@example.org", "cid@example.org"],
}
STRANGERS: dict[str, object] = {"text": "zq0009-7", "integer": 100049, "email": "zoe@example.org"}


def watch(*people: object, kind: str = "text", **more: object) -> Watch:
    return Watch(("patient",), kind, KEY, frozenset(hashing.token(KEY, one, kind) for one in people), **more)  # type: ignore[arg-type]


def looked(form: str, kind: str, column: str = "patient", whom: object | None = None) -> tuple[Look, str]:
    """(what looking for one person shows, their token) in a file with all of them."""
    one = PEOPLE[kind][0] if whom is None else whom
    content = forms.FORMS[form](forms.rows_of(PEOPLE[kind], column), column)
    return look(watch(one, kind=kind), io.BytesIO(content)), hashing.token(KEY, one, kind)


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.TABLES)
def test_a_table_with_the_person_column_says_who_is_in_it_and_who_is_not(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert (seen.found, seen.maybe, seen.compared, seen.why) == ({token}, set(), "people", "")
    seen, _ = looked(form, kind, whom=STRANGERS[kind])
    assert (seen.found, seen.maybe, seen.compared, seen.why) == (set(), set(), "people", "")


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", [*forms.TABLES, *forms.DOCUMENTS])
def test_under_a_column_that_nobody_knows_every_cell_is_compared(form: str, kind: str) -> None:
    seen, token = looked(form, kind, column="who")
    assert token in (seen.maybe if kind == "integer" else seen.found)
    assert seen.compared in ("cells", "words")
    assert not seen.why
    seen, _ = looked(form, kind, column="who", whom=STRANGERS[kind])
    assert not seen.found | seen.maybe


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.DOCUMENTS)
def test_what_stands_under_the_person_s_name_in_a_document_is_found(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in seen.found
    assert seen.compared in ("people", "cells", "words")
    assert seen.read


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.LOOSE)
def test_a_loose_mention_is_found_and_a_number_may_be_one(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in (seen.maybe if kind == "integer" else seen.found)
    assert seen.compared in ("cells", "words")
    assert seen.read
    seen, _ = looked(form, kind, whom=STRANGERS[kind])
    assert not seen.found | seen.maybe


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.OPAQUE)
def test_bytes_are_never_said_to_be_compared(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert (seen.compared, seen.read) == ("nothing", False)
    assert not seen.maybe - {token}
    assert str(PEOPLE[kind][0]) not in repr(seen)


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("form", forms.ODD)
def test_an_odd_table_is_compared_or_unread_and_never_an_error(form: str, kind: str) -> None:
    seen, token = looked(form, kind)
    assert token in seen.found | seen.maybe
    assert seen.read
