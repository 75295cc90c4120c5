from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from pyarrow import csv

from tests.properties import drawn
from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NotFound, ParentMoved
from unlearning.stores import contents
from unlearning.stores.tables import tables

KEY = b"k" * 32


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_a_parquet_and_a_csv_file_read_alike(tmp_path):
    table = parquet(tmp_path / "t.parquet", {"who": ["a", "b"], "x": [1, 2]})
    text = tmp_path / "t.csv"
    text.write_text("who,x\na,1\nb,2\n")
    assert tables.read(table).equals(tables.read(text))


def test_an_identifier_in_csv_keeps_its_leading_zeros(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("who,x\n0042,1\n")
    assert tables.people(tables.read(path, person="who"), "who").values == ("0042",)


def test_a_cache_object_is_read_under_its_tracked_name(tmp_path):
    path = parquet(tmp_path / "d41d8c", {"who": ["a"]})
    assert len(tables.read(path, named="data/t.parquet")) == 1


@pytest.mark.parametrize(
    ("name", "content"), [("t.parquet", b"not parquet"), ("t.csv", b"a,b\n1\n"), ("t.csv", b"\xff\xfe\x00")]
)
def test_a_broken_file_is_a_data_error_that_names_the_file_and_no_cell(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=name):
        tables.read(path)


def test_a_cell_that_pyarrow_complains_about_stays_out_of_the_whole_error(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("who,x\na,1\nMRN-SECRET,1,2\n")
    with pytest.raises(pa.ArrowInvalid, match="MRN-SECRET"):
        csv.read_csv(path)
    with pytest.raises(DataError) as caught:
        tables.read(path)
    assert "MRN" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_missing_file_an_unknown_suffix_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(NotFound, match="does not exist"):
        tables.read(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"t\.xlsx: unknown kind"):
        tables.read(tmp_path / "t.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        tables.read(tmp_path / "folder.csv")


def test_people_are_the_distinct_values_and_their_row_codes():
    who = tables.people(pa.table({"who": ["b", "a", "b"]}), "who")
    assert who.values == ("b", "a")
    assert who.codes.tolist() == [0, 1, 0]


def test_chunks_share_one_numbering():
    table = pa.concat_tables([pa.table({"who": ["a", "b"]}), pa.table({"who": ["b", "c"]})])
    who = tables.people(table, "who")
    assert [who.values[code] for code in who.codes] == ["a", "b", "b", "c"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["4711", "12"]),
        pa.array(["4711", "12"]).dictionary_encode(),
        pa.array([4711, 12]),
        pa.array([4711.0, 12.0]),
        pa.array([b"4711", b"12"]),
        pa.array([Decimal(4711), Decimal(12)]),
        pa.array(["4711", "12"], pa.large_string()),
    ],
    ids=lambda column: str(column.type),
)
def test_one_person_has_one_token_however_the_column_is_stored(column):
    who = tables.people(pa.table({"who": column}), "who")
    (tokens,) = hashing.tokens(who.values, "text", keys=[KEY])
    assert tokens[who.codes[0]].hex() == hashing.token(KEY, "4711", "text")


def test_each_key_has_its_own_tokens():
    who = tables.people(pa.table({"who": ["a", "b"]}), "who")
    first, second = hashing.tokens(who.values, "text", keys=[KEY, b"j" * 32])
    assert len({*first, *second}) == 4


@pytest.mark.parametrize(
    ("column", "count"),
    [
        (pa.array(["a", None, "b"]), 1),
        (pa.array(["a", "", "  "]), 2),
        (pa.array([1.0, float("nan"), None]), 2),
        (pa.array(["a", None, "a"]).dictionary_encode(), 1),
        (pa.nulls(3), 3),
    ],
    ids=["null", "blank", "nan", "dictionary", "all null"],
)
def test_rows_without_a_person_are_refused_with_their_number(column, count):
    with pytest.raises(DataError, match=f"empty in {count} of 3 rows"):
        tables.people(pa.table({"who": column}), "who")


def test_a_missing_person_column_is_answered_with_the_columns_there_are():
    with pytest.raises(DataError, match="no person column 'who'; the table has patient, x"):
        tables.people(pa.table({"patient": ["a"], "x": [1]}), "who")


def test_a_csv_without_a_header_has_its_first_person_in_no_message(tmp_path):
    (tmp_path / "people.csv").write_text("patient-4711,63\npatient-4712,57\n")
    table = tables.read(tmp_path / "people.csv", person="patient")
    with pytest.raises(DataError, match="no person column 'patient'; the table has 2 columns in its first line") as raised:
        tables.people(table, "patient")
    assert "4711" not in str(raised.value)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False]),
        pa.array([["a"], ["b"]]),
        pa.array([20240101, 20240102], pa.int32()).cast(pa.date32()),
        pa.array([1, 2], pa.timestamp("s")),
        pa.array([1, 2], pa.duration("s")),
        pa.array([1, 2], pa.time64("us")),
        pa.array([b"0" * 16, b"1" * 16], pa.uuid()),
        pa.array([True, False]).dictionary_encode(),
        pa.array([{"id": 1}, {"id": 2}]),
        pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]),
    ],
    ids=lambda column: str(column.type).partition(":")[0],
)
def test_a_column_that_cannot_name_a_person_is_refused(column):
    with pytest.raises(DataError, match="has type"):
        tables.people(pa.table({"who": column}), "who")


IDS = [1234567890123456000 + number for number in range(60)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(map(float, IDS)),
        pa.array(map(float, IDS)).dictionary_encode(),
        pa.array(map(float, range(2**24, 2**24 + 60)), pa.float32()),
        pa.array(np.arange(2**11, 2**11 + 60).astype(np.float16)),
        pa.array([-float(one) for one in IDS]),
        pa.array([*map(float, range(30)), *map(float, IDS[:30])]),
        pa.array([float("inf")] * 60),
        pa.array([f"{float(one):.6E}" for one in IDS]),
        pa.array([f" {float(one)}" for one in IDS], pa.large_string()),
        pa.array([f"{float(one):f}" for one in IDS]).dictionary_encode(),
    ],
    ids=["double", "dictionary", "float", "half", "negative", "some", "infinite", "text", "spaced", "long"],
)
def test_numbers_that_lost_their_last_digits_are_nobody(column):
    lost = 30 if column[0].as_py() == 0 else 60
    with pytest.raises(DataError, match=f"holds {lost} of 60 numbers that lost their last digits") as refused:
        tables.people(pa.table({"who": column}), "who")
    assert "123456" not in str(refused.value)


@pytest.mark.parametrize(
    "kind", [pa.float16(), pa.float32(), pa.float64(), pa.decimal128(19, 2), pa.decimal256(50, 1)], ids=str
)
def test_whole_numbers_of_any_type_are_people_and_others_are_not(kind):
    numbers = pa.array([4.0, 711.0], pa.float32()).cast(kind)
    assert tables.people(pa.table({"who": numbers}), "who").values == (4, 711)
    broken = pa.array([4.5, 711.0], pa.float32()).cast(kind)
    with pytest.raises(DataError, match="holds 1 of 2 numbers that are not whole"):
        tables.people(pa.table({"who": broken}), "who")


def test_whole_numbers_that_a_type_holds_exactly_are_told_apart():
    largest = pa.array([2.0**53 - 1, 2.0**53 - 2])
    assert tables.people(pa.table({"who": largest}), "who").values == (2**53 - 1, 2**53 - 2)
    assert tables.people(pa.table({"who": pa.array(IDS)}), "who").values == tuple(IDS)
    exact = pa.array([Decimal(one) for one in IDS], pa.decimal128(25, 2))
    assert tables.people(pa.table({"who": exact}), "who").values == tuple(IDS)
    parts = pa.table({"clinic": ["a"] * 60, "who": exact})
    assert tables.people(parts, "clinic/who").values == tuple(f"a{hashing.PART}{one}" for one in IDS)


def test_parts_that_only_together_lose_digits_are_refused(tmp_path):
    for name, column in (("a", pa.array(IDS)), ("b", pa.array([1.0, 2.0]))):
        pq.write_table(pa.table({"who": column}), tmp_path / f"{name}.parquet")
    with pytest.raises(DataError):
        tables.people(tables.read(tmp_path, named="folder.parquet"), "who")


def test_the_digest_of_a_file_is_what_sha256sum_prints_and_a_folder_s_names_its_files(tmp_path):
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/deep/b").write_bytes(b"b")
    (tmp_path / "folder/a").write_bytes(b"a")
    sums = {name: hashing.bytes_digest(name.encode()) for name in "ab"}
    assert tables.digest(tmp_path / "folder/a") == sums["a"]
    assert tables.digest(tmp_path / "folder") == hashing.digest([["a", sums["a"]], ["deep/b", sums["b"]]])
    with pytest.raises(NotFound):
        tables.digest(tmp_path / "nothing")


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_people_are_read_from_text_of_any_layout(kind):
    who = tables.people(pa.table({"who": pa.array(["a", "b", "a"]).cast(kind)}), "who")
    assert (who.values, who.codes.tolist()) == (("a", "b"), [0, 1, 0])


@pytest.mark.parametrize(
    "values",
    [
        pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]),
        pa.array([2**62, 1], pa.timestamp("s")),
        pa.array([2**31 - 1, 1], pa.date32()),
        pa.array([b"0123456789abcdef"] * 2, pa.uuid()),
        pa.array([["a"], ["b"]], pa.list_view(pa.string())),
    ],
    ids=lambda values: str(values.type),
)
def test_a_type_that_no_identifier_is_read_from_is_a_data_error_that_names_the_column_and_no_value(values):
    with pytest.raises(DataError, match=r"^person column 'who' .*expected text, whole numbers or bytes"):
        tables.people(pa.table({"who": values}), "who")


def test_the_names_of_columns_are_those_of_the_table_that_is_read_in_every_form(tmp_path):
    table = pa.table({"who": ["a", "b"], "a.b": [1, 2], "nested": [{"x": 1, "y": 2}, None], "": [1.0, None]})
    pq.write_table(table, tmp_path / "t.parquet")
    pq.write_table(pa.Table.from_pandas(table.to_pandas().set_index("who")), tmp_path / "indexed.parquet")
    (tmp_path / "t.csv").write_text("who;x\na;1\n")
    (tmp_path / "folder/year=2026").mkdir(parents=True)
    pq.write_table(pa.table({"who": ["a"]}), tmp_path / "folder/year=2026/1.parquet")
    for name in ("t.parquet", "indexed.parquet", "t.csv", "folder"):
        assert tables.column_names(tmp_path / name, person="who") == tables.read(tmp_path / name, person="who").column_names
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"no readable parquet table"):
        tables.column_names(tmp_path / "broken.parquet")
    with pytest.raises(NotFound):
        tables.column_names(tmp_path / "nothing.parquet")


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.int64()), pa.list_(pa.float64(), 2)], ids=["list", "large", "fixed"]
)
def test_a_list_of_numbers_is_measured_by_its_length_as_an_arrow(kind: pa.DataType) -> None:
    lists = [[3, 4], None, [0, 0], [6, 8]]
    table = pa.table({"other": range(4), "post": pa.array(lists, kind)})
    for one in (table, pa.concat_tables([table.slice(0, 1), table.slice(1)])):
        measured = tables.measurable(one, "post")
        assert measured.column_names == ["other", "post"]
        assert measured.column("post").to_pylist() == [5.0, None, 0.0, 10.0]
    assert tables.measurable(table.slice(1, 1), "post").column("post").to_pylist() == [None]


def test_what_has_no_length_as_an_arrow_is_missing_and_what_is_no_list_of_numbers_stays() -> None:
    table = pa.table({"post": pa.array([[], [1.0, None], [2.0]], pa.list_(pa.float64())), "words": [["a"], [], None]})
    assert tables.measurable(table, "post").column("post").to_pylist() == [None, None, 2.0]
    assert tables.measurable(table, "words").equals(table)


def _one(table: pa.Table, folder, form: str):
    file = folder / f"a{form}"
    pq.write_table(table, file, row_group_size=3) if form == ".parquet" else csv.write_csv(table, file)
    return file


def _parts(table: pa.Table, folder, form: str):
    for number, low in enumerate(range(0, len(table), 4)):
        part = folder / f"a/region={number % 2}"
        part.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(low, 4), part / f"{number}{form}", row_group_size=2)
    return folder / "a"


@pytest.mark.parametrize(("lay", "form"), [(_one, ".parquet"), (_one, ".csv"), (_parts, ".parquet")])
@pytest.mark.parametrize("rows", [[], [0], [3, 4], [8], range(9)])
def test_some_rows_are_those_of_the_whole_table(tmp_path, lay, form, rows):
    table = pa.table(
        {"person": list("abcabcabd"), "x": np.arange(9.0), "kind": pa.array(list("uvwuvwuvw")).dictionary_encode()}
    )
    path, keep = lay(table, tmp_path, form), np.isin(np.arange(9), list(rows))
    found = tables.read_rows(path, keep, person="person", named=f"a{form}")
    assert found.combine_chunks().equals(tables.read(path, person="person").filter(pa.array(keep)).combine_chunks())


@pytest.mark.parametrize(("lay", "form"), [(_one, ".parquet"), (_one, ".csv"), (_parts, ".parquet")])
@pytest.mark.parametrize("rows", [8, 10])
def test_rows_of_a_table_that_has_others_are_not_taken(tmp_path, lay, form, rows):
    path = lay(pa.table({"person": list("abcabcabd")}), tmp_path, form)
    with pytest.raises(ParentMoved, match="run again"):
        tables.read_rows(path, np.ones(rows, bool), person="person", named=f"a{form}")


def test_a_table_says_its_types_where_its_form_does(tmp_path):
    table = pa.table({"person": ["a", "b"], "x": [1, 2]})
    for form in (".parquet", ".csv"):
        _one(table, tmp_path, form)
    (tmp_path / "false.parquet").write_text("person,x\na,1\n")
    assert tables.schemas(tmp_path / "a.parquet", named="a.parquet") == {"": table.schema}
    assert tables.schemas(tmp_path / "a.csv", named="a.csv") is None
    assert tables.schemas(tmp_path / "false.parquet", named="false.parquet") is None


COLUMNS = {
    "who": st.just([1, 2]) | st.just(["a", None]),
    "x": st.sampled_from([[1, 2], [1.5, None], [None, None], ["t", "u"]]),
    "a.b": st.sampled_from([[1, 2], [[1], []]]),
    "year": st.just([2020, 2021]),
}
NAMES = ("1.parquet", "2.parquet", "year=2026/3.parquet", "year=x/4.parquet", "year=2026/clinic=n/5.parquet")
SOME = st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1).map(sorted)
PART = SOME.flatmap(lambda names: st.fixed_dictionaries({one: COLUMNS[one] for one in names}))
PARTS = st.dictionaries(st.sampled_from(NAMES), PART, min_size=1)


@drawn(few=40, many=600, parts=PARTS)
def test_a_folder_column_by_column_is_the_folder_as_it_is_read(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("t") / "t.parquet"
    for name, columns in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet(folder / name, columns)
    try:
        whole = tables.read(folder, named="t")
    except DataError:
        with pytest.raises(DataError), tables.by_column(folder, person="who", named="t"):
            pass
        return
    with tables.by_column(folder, person="who", named="t") as table:
        assert (table.schema, table.rows) == (whole.schema, len(whole))
        for name in whole.column_names:
            assert table.column(name).equals(whole.select([name]))
            if pieces := table.pieces(name):
                assert pa.concat_tables([one.read() for one in pieces]).equals(whole.select([name]))
                assert [one.content for one in pieces] == [contents.file_digest(folder / part) for part in sorted(parts)]


def test_a_part_that_came_or_was_rewritten_while_columns_are_read_is_told(tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    parquet(folder / "1.parquet", {"who": [1]})
    with pytest.raises(ParentMoved), tables.by_column(folder, person="who", named="t"):
        parquet(folder / "2.parquet", {"who": [1]})
    with pytest.raises(ParentMoved), tables.by_column(folder, person="who", named="t"):
        (folder / "1.parquet").write_bytes((folder / "2.parquet").read_bytes() + b" ")
