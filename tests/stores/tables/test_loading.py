"""Whatever form a table has, it loads as the same rows, and its people are those that a search finds in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import forms
from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.stores.scans.looking import look
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables import parts, tables

PEOPLE = ["zq0001-7", "0042", "zq0003-7"]
ROWS = forms.rows_of(PEOPLE, "who")
KEY = bytes(32)

SUFFIX = {"CSV": ".csv", "Parquet": ".parquet", "Feather": ".feather", "Arrow": ".arrow", "ORC": ".orc", "JSON": ".json"}
LOADED = [form for form in forms.TABLES if form.split()[0] in SUFFIX and "from pandas" not in form]


def written(folder: Path, form: str) -> Path:
    file = folder / f"visits{SUFFIX[form.split()[0]]}"
    file.write_bytes(forms.TABLES[form](ROWS, "who"))
    return file


@pytest.mark.parametrize("form", LOADED)
def test_every_table_loads_and_its_people_are_those_of_the_search(form: str, tmp_path: Path) -> None:
    file = written(tmp_path, form)
    table = tables.read(file, person="who")
    assert table["who"].to_pylist() == PEOPLE
    assert table["age"].to_pylist() == [31.5, 32.5, 33.5]
    assert parts.is_table(file)
    who = tables.people(table, "who")
    with file.open("rb") as stream:
        wanted = frozenset(token.hex() for token in hashing.tokens(who.values, "text", keys=[KEY])[0])
        seen = look(Watch(("who",), "text", KEY, wanted), stream)
    assert (seen.compared, seen.found) == ("people", wanted)


@pytest.mark.parametrize("form", LOADED[:2])
def test_the_same_file_loads_from_a_cache_that_knows_no_suffix(form: str, tmp_path: Path) -> None:
    file = written(tmp_path, form)
    bare = file.rename(tmp_path / "0123")
    assert tables.read(bare, person="who", named="data/visits.csv.gz")["who"].to_pylist() == PEOPLE


@pytest.mark.parametrize("text", ['{"metrics": {"auc": 0.9, "by": [1, 2]}}', "[1, 2]", '"x"', "{", "[[1]]"])
def test_json_that_holds_no_rows_is_no_table(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    assert not parts.is_table(tmp_path / "a.json")


def test_json_s_name_says_nothing_and_other_names_do() -> None:
    assert not parts.is_table_name("params.json")
    assert not parts.is_table_name("train.py")
    assert all(map(parts.is_table_name, ("a.csv", "A.CSV.GZ", "b.parquet", "c.tsv.zst", "d.feather")))


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PAR1 torn", b"{", b"[1, 2]", b"a,b\n1\n"])
def test_what_is_no_table_is_refused_without_its_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"no readable csv table") as raised:
        tables.read(tmp_path / "a.csv")
    assert "torn" not in str(raised.value)


def test_records_need_not_have_the_same_keys(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"who": "a"}\n\n{"who": "b", "x": {"y": [1]}}\n')
    table = tables.read(tmp_path / "a.jsonl")
    assert table["who"].to_pylist() == ["a", "b"]
    assert table["x"].to_pylist() == [None, {"y": [1]}]


@pytest.mark.parametrize("form", LOADED)
def test_the_column_of_the_people_alone_is_what_it_is_in_the_whole_table(form: str, tmp_path: Path) -> None:
    file = written(tmp_path, form)
    alone = tables.read(file, person="who", only=True)
    assert alone.column_names == ["who"]
    assert alone.column(0).equals(tables.read(file, person="who").column("who"))
    assert tables.rows(file) == len(alone)
    assert "age" in tables.read(file, person="nobody", only=True).column_names  # a message says which columns there are
