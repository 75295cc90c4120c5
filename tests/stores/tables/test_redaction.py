import gzip
import os
import stat

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unlearning.domain.errors import DataError, NotFound
from unlearning.stores.tables import redaction, tables

KEY = b"k" * 32


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def keep(*decisions):
    return np.array(decisions, dtype=bool)


def test_redacting_parquet_keeps_schema_metadata_and_each_column_s_compression(tmp_path):
    schema = pa.schema(
        [pa.field("who", pa.string(), metadata={"role": "person"}), ("x", pa.int16())], metadata={"owner": "ward 7"}
    )
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"who": ["a", "b"], "x": [1, 2]}, schema=schema), source, compression={"who": "zstd", "x": "none"})
    redaction.redact(source, out, keep(False, True))
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
    redaction.redact(path, path, keep(False, True, True))
    assert b"MRN-AAAA" not in path.read_bytes()
    after = pd.read_parquet(path)
    assert after["who"].tolist() == ["MRN-BBBB", "MRN-CCCC"]
    assert after["who"].cat.ordered is ordered


def test_a_dictionary_inside_a_nested_column_is_refused_because_it_would_keep_the_person(tmp_path):
    inner = pa.array(["a", "b"]).dictionary_encode()
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"], "tags": pa.ListArray.from_arrays(pa.array([0, 1, 2]), inner)})
    with pytest.raises(DataError, match="column 'tags'"):
        redaction.redact(path, path, keep(True, False))
    assert len(tables.read(path)) == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_redacting_csv_keeps_every_other_byte(tmp_path, newline, mark):
    lines = [f"{mark}who,note", 'a,"two\nlines, and a ""word"""', "", "b,plain", 'c,"x"']
    path, out = tmp_path / "t.csv", tmp_path / "out.csv"
    path.write_bytes(newline.join(lines).encode())
    redaction.redact(path, out, keep(True, False, True))
    assert out.read_bytes() == newline.join([*lines[:3], lines[4]]).encode()
    assert tables.people(tables.read(out, person="who"), "who").values == ("a", "c")


def test_a_stray_quote_that_would_join_two_people_s_lines_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('who,note\na,5" pipe\nb,6" pipe\n')
    with pytest.raises(DataError, match="has 1 rows, the decision is about 2"):
        redaction.redact(path, path, keep(True, False))


def test_a_decision_about_another_number_of_rows_changes_nothing(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    before = path.read_bytes()
    with pytest.raises(DataError, match="has 2 rows, the decision is about 3"):
        redaction.redact(path, path, keep(True, True, False))
    assert path.read_bytes() == before


def test_a_table_does_not_change_its_kind(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a"]})
    with pytest.raises(DataError, match="suffixes differ"):
        redaction.redact(path, tmp_path / "t.csv", keep(True))


@pytest.mark.parametrize(
    ("content", "called", "ending"),
    [
        (b"PAR1...", "data/x", ".parquet"),
        (b"PAR1...", "data/x.csv", ".parquet"),
        (b"who,x\na,1\n", "", ".csv"),
        (b"who;x\na;1\n", "data/x.txt", ".txt"),
        (b"who,x\na,1\n", "data/x.parquet", ".csv"),
        (b'[{"who": "a"}]', "", ".json"),
        (b'{"who": "a"}\n', "data/x.jsonl", ".jsonl"),
        (b"\x1f\x8b\x08", "data/x.csv.gz", ".csv.gz"),
        (b"BZh9", "data/x.json.bz2", ".json.bz2"),
    ],
)
def test_a_file_without_a_name_is_called_by_its_content_and_by_what_it_was_called(tmp_path, content, called, ending):
    path = tmp_path / "0f3a"
    path.write_bytes(content)
    assert redaction.ending(path, called) == ending


def test_content_decides_where_it_can_and_the_name_where_it_cannot(tmp_path):
    arrow, packed = tmp_path / "t.csv", tmp_path / "t.csv.gz"
    pq.write_table(pa.table({"who": ["a", "b"]}), arrow)
    redaction.redact(arrow, arrow, keep(False, True))
    assert pq.read_table(arrow).to_pydict() == {"who": ["b"]}
    packed.write_bytes(gzip.compress(b"who,x\na,1\nb,2\n"))
    redaction.redact(packed, packed, keep(False, True))
    assert gzip.decompress(packed.read_bytes()) == b"who,x\nb,2\n"


def test_a_file_that_loses_nothing_stays_byte_for_byte_however_it_was_made(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]}, compression="zstd", compression_level=19)
    before = path.read_bytes()
    redaction.redact(path, path, keep(True, True))
    assert path.read_bytes() == before


def test_a_decision_may_be_a_plain_list(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    redaction.redact(path, path, [True, False])
    assert tables.people(tables.read(path), "who").values == ("a",)


def test_a_table_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(NotFound, match="dvc pull"):
        redaction.redact(tmp_path / "t.parquet", tmp_path / "out.parquet", keep(True))


def test_everyone_can_be_redacted_and_the_table_stays_readable(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a"], "x": [1.5]}, compression="gzip")
    redaction.redact(path, path, keep(False))
    assert tables.read(path).num_rows == 0
    assert tables.people(tables.read(path), "who").values == ()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(allow_nan=False), st.booleans(), st.booleans()), min_size=1))
def test_redacting_twice_is_redacting_once_with_both_decisions(tmp_path, rows):
    who, x, first, second = map(list, zip(*rows, strict=True))
    source = parquet(tmp_path / "s.parquet", {"who": pa.array(who).dictionary_encode(), "x": x})
    first, second = np.array(first), np.array(second)
    redaction.redact(source, tmp_path / "one.parquet", first)
    redaction.redact(tmp_path / "one.parquet", tmp_path / "two.parquet", second[first])
    redaction.redact(source, tmp_path / "both.parquet", first & second)
    assert (tmp_path / "two.parquet").read_bytes() == (tmp_path / "both.parquet").read_bytes()


def test_each_row_group_keeps_its_own_rows_and_goes_when_none_is_left(tmp_path):
    """How the source was cut shows: what a group says of its rows (that they are sorted) stays true only of its own."""
    columns = {"who": pa.array(list("abcabc")).dictionary_encode(), "x": range(6)}
    source = parquet(tmp_path / "t.parquet", columns, row_group_size=2, sorting_columns=[pq.SortingColumn(1)])
    redaction.redact(source, source, keep(True, False, True, True, False, False))
    after = pq.read_metadata(source)
    assert [after.row_group(number).num_rows for number in range(after.num_row_groups)] == [1, 2]
    assert after.row_group(1).sorting_columns == (pq.SortingColumn(1),)


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    before = path.read_bytes()

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        redaction.redact(path, path, keep(True, False))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_what_a_killed_run_left_behind_is_overwritten(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    (tmp_path / ".t.parquet.part").write_bytes(b"x" * 10_000_000)
    redaction.redact(path, path, keep(True, False))
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert tables.read(path).num_rows == 1


def test_the_new_file_is_as_private_as_the_old_one(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"who": ["a", "b"]})
    path.chmod(0o440)
    redaction.redact(path, tmp_path / "out.parquet", keep(True, False))
    assert stat.S_IMODE((tmp_path / "out.parquet").stat().st_mode) == 0o640


def test_a_million_rows_are_redacted_in_seconds(tmp_path):
    rows = 1_000_000
    source = parquet(tmp_path / "t.parquet", {"who": [f"p{i // 4}" for i in range(rows)], "x": np.arange(rows) * 0.5})
    who = tables.people(tables.read(source), "who")
    assert len(who.values) == rows // 4
    redaction.redact(source, source, np.arange(rows) % 7 != 0)
    assert pq.read_metadata(source).num_rows == rows - len(range(0, rows, 7))
