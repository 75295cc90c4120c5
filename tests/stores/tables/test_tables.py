import os
import stat
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv

from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NotFound
from unlearning.stores.tables import tables

KEY = b"k" * 32


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def keep(*decisions):
    return np.array(decisions, dtype=bool)


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


@pytest.mark.parametrize("column", [pa.array([True, False]), pa.array([["a"], ["b"]])], ids=["bool", "list"])
def test_a_column_that_cannot_name_a_person_is_refused(column):
    with pytest.raises(DataError, match="has type"):
        tables.people(pa.table({"who": column}), "who")


def test_redacting_parquet_keeps_schema_metadata_and_each_column_s_compression(tmp_path):
    schema = pa.schema(
        [pa.field("who", pa.string(), metadata={"role": "person"}), ("x", pa.int16())], metadata={"owner": "ward 7"}
    )
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"who": ["a", "b"], "x": [1, 2]}, schema=schema), source, compression={"who": "zstd", "x": "none"})
    tables.redact(source, out, keep(False, True))
    after = pq.read_table(out)
    assert after.to_pydict() == {"who": ["b"], "x": [2]}
    assert after.schema.equals(schema, check_metadata=True)
    group = pq.read_metadata(out).row_group(0)
    assert [group.column(i).compression for i in range(2)] == ["ZSTD", "UNCOMPRESSED"]


@pytest.mark.parametrize("ordered", [False, True])
def test_no_byte_of_a_redacted_person_stays_in_a_dictionary_or_a_statistic(tmp_path, ordered):
    frame = pd.DataFrame(
        {"who": pd.Categorical(["MRN-AAAA", "MRN-BBBB", "MRN-CCCC"], ordered=ordered), "plain": ["MRN-AAAA", "x", "y"]}
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, compression=None)
    tables.redact(path, path, keep(False, True, True))
    assert b"MRN-AAAA" not in path.read_bytes()
    after = pd.read_parquet(path)
    assert after["who"].tolist() == ["MRN-BBBB", "MRN-CCCC"]
    assert after["who"].cat.ordered is ordered


def test_a_dictionary_inside_a_nested_column_is_refused_because_it_would_keep_the_person(tmp_path):
    inner = pa.array(["a", "b"]).dictionary_encode()
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"], "tags": pa.ListArray.from_arrays(pa.array([0, 1, 2]), inner)})
    with pytest.raises(DataError, match="column 'tags'"):
        tables.redact(path, path, keep(True, False))
    assert len(tables.read(path)) == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_redacting_csv_keeps_every_other_byte(tmp_path, newline, mark):
    lines = [f"{mark}who,note", 'a,"two\nlines, and a ""word"""', "", "b,plain", 'c,"x"']
    path, out = tmp_path / "t.csv", tmp_path / "out.csv"
    path.write_bytes(newline.join(lines).encode())
    tables.redact(path, out, keep(True, False, True))
    assert out.read_bytes() == newline.join([*lines[:3], lines[4]]).encode()
    assert tables.people(tables.read(out, person="who"), "who").values == ("a", "c")


def test_a_stray_quote_that_would_join_two_people_s_lines_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('who,note\na,5" pipe\nb,6" pipe\n')
    with pytest.raises(DataError, match="has 1 rows, the decision is about 2"):
        tables.redact(path, path, keep(True, False))


def test_a_decision_about_another_number_of_rows_changes_nothing(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    before = path.read_bytes()
    with pytest.raises(DataError, match="has 2 rows, the decision is about 3"):
        tables.redact(path, path, keep(True, True, False))
    assert path.read_bytes() == before


def test_a_table_does_not_change_its_kind(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a"]})
    with pytest.raises(DataError, match="suffixes differ"):
        tables.redact(path, tmp_path / "t.csv", keep(True))


def test_everyone_can_be_redacted_and_the_table_stays_readable(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a"], "x": [1.5]}, compression="gzip")
    tables.redact(path, path, keep(False))
    assert tables.read(path).num_rows == 0
    assert tables.people(tables.read(path), "who").values == ()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(allow_nan=False), st.booleans(), st.booleans()), min_size=1))
def test_redacting_twice_is_redacting_once_with_both_decisions(tmp_path, rows):
    who, x, first, second = map(list, zip(*rows, strict=True))
    source = parquet(tmp_path / "s.parquet", {"who": pa.array(who).dictionary_encode(), "x": x})
    first, second = np.array(first), np.array(second)
    tables.redact(source, tmp_path / "one.parquet", first)
    tables.redact(tmp_path / "one.parquet", tmp_path / "two.parquet", second[first])
    tables.redact(source, tmp_path / "both.parquet", first & second)
    assert (tmp_path / "two.parquet").read_bytes() == (tmp_path / "both.parquet").read_bytes()


def test_how_the_source_was_cut_into_row_groups_does_not_show(tmp_path):
    columns = {"who": pa.array(list("abcabc")).dictionary_encode(), "x": range(6)}
    for name, rows in (("whole", 6), ("cut", 2)):
        source = parquet(tmp_path / f"{name}.parquet", columns, row_group_size=rows)
        tables.redact(source, source, keep(True, False, True, True, True, False))
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "cut.parquet").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    before = path.read_bytes()

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        tables.redact(path, path, keep(True, False))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_what_a_killed_run_left_behind_is_overwritten(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    (tmp_path / ".t.parquet.part").write_bytes(b"x" * 10_000_000)
    tables.redact(path, path, keep(True, False))
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert tables.read(path).num_rows == 1


def test_the_new_file_is_as_private_as_the_old_one(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    path.chmod(0o440)
    tables.redact(path, tmp_path / "out.parquet", keep(True, False))
    assert stat.S_IMODE((tmp_path / "out.parquet").stat().st_mode) == 0o640


def test_the_digest_of_a_file_is_what_sha256sum_prints_and_a_folder_s_names_its_files(tmp_path):
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/deep/b").write_bytes(b"b")
    (tmp_path / "folder/a").write_bytes(b"a")
    sums = {name: hashing.bytes_digest(name.encode()) for name in "ab"}
    assert tables.digest(tmp_path / "folder/a") == sums["a"]
    assert tables.digest(tmp_path / "folder") == hashing.digest([["a", sums["a"]], ["deep/b", sums["b"]]])
    with pytest.raises(NotFound):
        tables.digest(tmp_path / "nothing")


def test_a_million_rows_are_redacted_in_seconds(tmp_path):
    rows = 1_000_000
    source = parquet(tmp_path / "t.parquet", {"who": [f"p{i // 4}" for i in range(rows)], "x": np.arange(rows) * 0.5})
    who = tables.people(tables.read(source), "who")
    assert len(who.values) == rows // 4
    tables.redact(source, source, np.arange(rows) % 7 != 0)
    assert pq.read_metadata(source).num_rows == rows - len(range(0, rows, 7))
