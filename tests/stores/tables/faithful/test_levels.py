"""Which levels and which metadata stay when rows go."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import levels

FIRST_GOES = np.array([False, True, True])


def without(columns: dict[str, Any], keep: np.ndarray = FIRST_GOES, metadata: dict[str, str] | None = None) -> pa.Table:
    table = pa.table(columns).replace_schema_metadata(metadata)
    return levels.without(table, levels.Gone.of_table(table, keep))


def categories(codes: list[int | None], values: list[Any], ordered: bool = False) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(values), ordered=ordered)


def left(table: pa.Table, name: str = "c") -> list[Any]:
    values: list[Any] = table.column(name).chunk(0).dictionary.to_pylist()
    return values


def test_levels_keep_their_order_and_what_only_who_goes_used_goes() -> None:
    table = without({"c": categories([2, 0, 3], ["low", "middle", "gone", "high"], ordered=True)})
    assert left(table) == ["low", "middle", "high"]
    assert table.schema.field("c").type.ordered
    assert table.column("c").to_pylist() == ["low", "high"]


@pytest.mark.parametrize("spare", ["person-1", 100042])
@pytest.mark.parametrize(
    "wrap", [lambda cells: cells, lambda cells: [[cell] for cell in cells], lambda cells: [{"x": cell} for cell in cells]]
)
def test_a_level_that_nobody_used_goes_when_a_cell_of_who_goes_says_it(spare: Any, wrap: Any) -> None:
    others = [spare if isinstance(spare, str) else 7, "x" if isinstance(spare, str) else 8]
    who = wrap([spare, *([others[1]] * 2)])
    assert left(without({"c": categories([0, 0, 1], ["a", "b", str(spare), "free"]), "who": who})) == ["a", "b", "free"]


def test_a_level_that_nobody_used_stays_when_somebody_who_stays_says_it_too() -> None:
    assert left(without({"c": categories([0, 0, 0], ["a", "F"]), "sex": ["F", "F", "M"]})) == ["a", "F"]


@given(codes=st.lists(st.integers(0, 4), min_size=1), data=st.data())
def test_levels_after_two_redactions_are_those_after_one_with_both_decisions(codes: list[int], data: st.DataObject) -> None:
    masks = st.lists(st.booleans(), min_size=len(codes), max_size=len(codes)).map(np.array)
    first, second = data.draw(masks), data.draw(masks)
    words = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=len(codes), max_size=len(codes)))
    columns = {"c": categories(codes, list("abcdefg")), "word": words}
    once = without(columns, first & second)
    step = without(columns, first)
    twice = levels.without(step, levels.Gone.of_table(step, second[first]))
    assert left(once) == left(twice)


def test_a_counted_index_of_pandas_ends_with_the_rows_and_categories_are_counted_again() -> None:
    import pandas as pd

    frame = pd.DataFrame({"c": pd.Categorical(["x", "y", "z"])}, index=pd.RangeIndex(10, 16, 2))
    table = pa.Table.from_pandas(frame)
    after = levels.without(table, levels.Gone.of_table(table, FIRST_GOES)).to_pandas()
    assert after.index.equals(pd.RangeIndex(10, 14, 2))
    said = levels.without(table, levels.Gone.of_table(table, FIRST_GOES)).schema.pandas_metadata
    assert said["columns"][0]["metadata"]["num_categories"] == 2


def test_a_level_of_pandas_index_that_only_counts_keeps_each_row_s_number_or_is_refused() -> None:
    import pandas as pd

    index = pd.MultiIndex.from_arrays([["a", "b", "c", "d"], range(4)], names=["who", "visit"])
    table = pa.Table.from_pandas(pd.DataFrame({"x": range(4)}, index=index))
    half = levels.without(table, levels.Gone.of_table(table, np.array([False, True, False, True]))).to_pandas()
    assert list(half.index.get_level_values("visit")) == [1, 3]
    with pytest.raises(DataError, match="reset_index"):
        levels.without(table, levels.Gone.of_table(table, np.array([True, True, False, True])))


@pytest.mark.parametrize("text", ["see person-1", '{"who": "person-1"}', "person-1", "name=person-1;x", '[{"a": 100042}]'])
def test_metadata_that_names_who_goes_is_refused_without_saying_whom(text: str) -> None:
    with pytest.raises(DataError, match="names somebody") as refused:
        without({"who": ["person-1", "b", "c"], "n": [100042, 1, 2]}, metadata={"note": text})
    assert "person-1" not in str(refused.value)


def test_a_list_in_metadata_keeps_its_places_and_loses_the_name() -> None:
    said = '{"names": ["person-1", "b"], "n": 1}'
    after = without({"who": ["person-1", "b", "c"]}, metadata={"note": said})
    assert after.schema.metadata == {b"note": b'{"names": ["", "b"], "n": 1}'}


def test_what_polars_lists_of_an_enumeration_fits_the_dictionary() -> None:
    field = pa.field("c", pa.dictionary(pa.int8(), pa.string()), metadata={"_PL_ENUM_VALUES2": "3;low4;gone5;spare4;h\u00e4h"})
    table = pa.Table.from_arrays([categories([1, 0, 3], ["low", "gone", "spare", "h\u00e4h"])], schema=pa.schema([field]))
    after = levels.without(table, levels.Gone.of_table(table, FIRST_GOES))
    assert left(after) == ["low", "spare", "h\u00e4h"]
    assert after.schema.field(0).metadata == {b"_PL_ENUM_VALUES2": "3;low5;spare4;h\u00e4h".encode()}


def test_a_dictionary_inside_a_nested_value_is_refused() -> None:
    inner = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3]), categories([0, 1, 0], ["a", "b"]))
    with pytest.raises(DataError, match="column 'c'"):
        without({"c": inner})
