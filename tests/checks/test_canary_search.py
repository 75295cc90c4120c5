import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.checks.canary_search import Absent, Persons, persons, search, tokens_of
from unlearning.domain.errors import DataError


def shout(people):
    """A tokeniser that a reader can follow."""
    return [str(person).upper() for person in people]


def looked_for(listed, cells, **more):
    people = persons(pd.DataFrame({"who": cells}), "who")
    return people, search(Absent(frozenset(listed), shout, **more), tokens_of(people, shout))


names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=20)


@given(names, st.frozensets(st.sampled_from("ABCDEFGH")))
def test_exactly_those_rows_are_found_whose_person_is_listed(cells, listed):
    people, answer = looked_for(listed, cells)
    assert answer.found[people.codes].tolist() == [cell.upper() in listed for cell in cells]
    assert answer.searched == len(listed)


@given(names, st.frozensets(st.sampled_from("ABCDEFGH")))
def test_a_canary_from_the_table_is_somebody_who_is_not_listed(cells, listed):
    _, answer = looked_for(listed, cells)
    assert answer.canary.sum() == any(cell.upper() not in listed for cell in cells)
    assert not (answer.canary & answer.found).any()
    assert answer.independent is False


def test_a_canary_that_came_with_the_list_must_be_in_the_table_to_be_seen():
    assert looked_for("C", ["a", "b"], canary="A")[1].canary.tolist() == [True, False]
    assert looked_for("C", ["a", "b"], canary="Z")[1].canary.tolist() == [False, False]
    assert looked_for("C", ["a", "b"], canary="A")[1].independent is True


CELLS = {
    "str": st.sampled_from(["a", "b", " ", "", "0042", " a", None]),
    "object": st.sampled_from(["a", 7, 7.0, None, "  ", float("nan"), b"x", "7"]),
    "float64": st.sampled_from([1.0, 2.5, float("nan"), 0.0, 4711.0]),
    "Int64": st.sampled_from([1, 2, None]),
    "int64": st.sampled_from([1, 2, -3]),
    "category": st.sampled_from(["a", "b", "", None]),
}


@pytest.mark.parametrize("kind", CELLS)
@given(data=st.data())
def test_whatever_holds_the_cells_people_are_told_apart_as_among_python_s_objects(kind, data):
    column = pd.Series(data.draw(st.lists(CELLS[kind], max_size=12)), dtype=kind)
    people = persons(pd.DataFrame({"who": column}), "who")
    cells = [None if pd.isna(one) or not str(one).strip() else one for one in column.astype(object)]
    assert [None if code < 0 else people.values[code] for code in people.codes] == [
        one.decode() if isinstance(one, bytes) else one for one in cells
    ]
    assert len(people.values) == len(set(people.codes[people.codes >= 0]))


def test_missing_and_blank_cells_are_nobody():
    people = persons(pd.DataFrame({"who": ["a", None, " ", float("nan"), "", "a"]}), "who")
    assert people.values == ("a",)
    assert people.codes.tolist() == [0, -1, -1, -1, -1, 0]
    assert people.nobody == 4


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ([7, 8], (7, 8)),
        ([7.0, None], (7,)),
        (pd.array([7, None], dtype="Int64"), (7,)),
        (pd.Categorical(["x", "y"]), ("x", "y")),
        ([b"x", b"y"], ("x", "y")),
        (["0042", "42"], ("0042", "42")),
    ],
)
def test_identifiers_are_as_they_were_before_pandas(cells, values):
    assert persons(pd.DataFrame({"who": cells}), "who").values == values


def test_people_are_tokenised_once_each_and_in_one_call():
    calls = []
    tokens = tokens_of(
        persons(pd.DataFrame({"who": ["a", "b"] * 50}), "who"), lambda people: calls.append(people) or shout(people)
    )
    assert calls == [("a", "b")]
    assert tokens.tolist() == [b"A", b"B"]


def test_a_tokeniser_that_loses_people_is_refused():
    with pytest.raises(ValueError, match="expected one each"):
        tokens_of(Persons(("a", "b"), np.array([0, 1])), lambda _: ["A"])


@pytest.mark.parametrize("columns", [["someone"], ["who", "who"]])
def test_no_person_column_or_two_are_refused(columns):
    table = pd.DataFrame([["a"] * len(columns)], columns=columns)
    with pytest.raises(DataError, match=r"no person column|are called as another") as refused:
        persons(table, "who")
    assert "someone" not in str(refused.value), "a header line that is missing is somebody's record"
