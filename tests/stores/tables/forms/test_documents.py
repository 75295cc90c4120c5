"""Every value of a document is there with the key that it stands under, however a table was put into it."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.stores.tables import cells
from unlearning.stores.tables.encoding import Encoding
from unlearning.stores.tables.forms import documents
from unlearning.stores.tables.pieces import Piece, Rows, Scalars

FRAME = pd.DataFrame({"who": ["ann", "bob"], "x": [1.5, 2.5]})


def values(pieces: list[Piece]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for piece in pieces:
        if isinstance(piece, Rows):
            found += [("", name) for name in piece.names]
            found += [(piece.names[at], one) for at, column in piece.columns.items() for one in cells.distinct(column)]
        elif isinstance(piece, Scalars):
            found += piece.values
    return found


def read(text: str) -> list[tuple[str, object]]:
    return values(list(documents.document(documents.loads(text), lambda _: None)))


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_every_orientation_of_pandas_says_whose_a_value_is(orient: str) -> None:
    pieces = documents.document(
        documents.loads(FRAME.to_json(orient=orient)),  # type: ignore[arg-type]
        lambda names: [list(names).index("who")] if "who" in names else None,
    )
    assert {("who", "ann"), ("who", "bob")} <= set(values(list(pieces)))


def test_a_key_that_stands_there_twice_has_two_values() -> None:
    assert {("who", "ann"), ("who", "bob")} <= set(read('{"a": {"who": "ann", "who": "bob"}, "b": [1]}'))
    assert {("data", "ann"), ("data", "bob")} <= set(read('{"columns": ["x"], "data": "ann", "data": "bob"}'))


def test_numbers_of_any_length_and_any_depth_are_no_trouble() -> None:
    assert ("", "9" * 4400) in read("[" + "9" * 4400 + "]")
    assert ("", 7) in read("[" * 500 + "7" + "]" * 500)


documents_of = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def scalars_in(value: object) -> list[object]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in scalars_in(inner)] + list(value)
    return [one for inner in value for one in scalars_in(inner)] if isinstance(value, list) else [value]


@given(documents_of)
def test_no_value_of_any_document_is_lost(document: object) -> None:
    wanted = {cells.plain(one) for one in scalars_in(document)} - {None}
    found = {one for _, one in read(json.dumps(document))}
    assert wanted <= found | {cells.plain(one) for one in found}


def test_lines_are_read_in_batches_and_need_not_be_alike() -> None:
    content = b'{"who": "ann"}\n\n{"who": "bob", "x": 1}\n'
    pieces = list(documents.lines(io.BytesIO(content), Encoding(("utf-8",)), lambda _: None))
    assert {("who", "ann"), ("who", "bob"), ("x", 1)} <= set(values(pieces))


def test_yaml_is_a_document_and_a_plain_text_is_none() -> None:
    found = values(list(documents.scalars(documents.yaml("a: &one\n  who: [ann, 17]\nb: *one\n"))))
    assert {("who", "ann"), ("who", 17)} <= set(found)
    with pytest.raises(ValueError, match="plain text"):
        documents.yaml("just words")


def test_aliases_upon_aliases_do_not_explode() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
    assert len(values(list(documents.scalars(documents.yaml(bomb))))) < 5000
