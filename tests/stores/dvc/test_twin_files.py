"""DVC's files with twins in place of erased objects."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from unlearning.stores.dvc.twin_files import is_metadata, renamed
from unlearning.stores.dvc.twin_map import Twin, TwinMap

OLD, NEW, LATER, OUT = "a" * 32, "b" * 32, "c" * 32, "d" * 32
TWINS = TwinMap([Twin(OLD, NEW, "data/raw.csv", "1" * 64, 90)])
SINGLE = f"""\
# the user's own comment
outs:
- md5: {OLD}
  size: 100
  hash: md5
  path: raw.csv
meta: {{owner: ada}}
"""
LOCK = f"""\
schema: '2.0'
stages:
  clean:
    cmd: python clean.py
    deps:
    - path: clean.py
      hash: md5
      md5: {"9" * 32}
      size: 7
    - path: data/raw.csv
      hash: md5
      md5: {OLD}
      size: 100
    params:
      params.yaml:
        lr: {OLD}
    outs:
    - path: data/clean.csv
      hash: md5
      md5: {OUT}
      size: 50
"""


def load(content: bytes | None) -> object:
    assert content is not None
    return YAML(typ="safe").load(content)


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("data/raw.csv.dvc", True), ("dvc.lock", True), ("sub/dvc.lock", True), ("dvc.yaml", False), ("my-dvc.lock", False)],
)
def test_metadata_is_where_dvc_writes_hashes_down(path: str, is_one: bool) -> None:
    assert is_metadata(path) is is_one


def test_only_the_hash_and_the_size_of_an_erased_object_change() -> None:
    assert renamed(SINGLE.encode(), TWINS) == SINGLE.replace(OLD, NEW).replace("size: 100", "size: 90").encode()
    expected = YAML(typ="safe").load(LOCK)
    expected["stages"]["clean"]["deps"][1] |= {"md5": NEW, "size": 90}
    assert load(renamed(LOCK.encode(), TWINS)) == expected


def test_a_file_that_names_no_erased_object_has_no_other_form() -> None:
    assert renamed(SINGLE.replace(OLD, OUT).encode(), TWINS) is None
    assert renamed(b"", TWINS) is None
    assert renamed(SINGLE.encode(), TwinMap()) is None


def test_what_was_renamed_is_renamed_no_further() -> None:
    once = renamed(LOCK.encode(), TWINS)
    assert once is not None
    assert renamed(once, TWINS) is None


def test_the_twin_of_today_is_named_and_not_one_that_was_erased_since() -> None:
    later = TWINS.with_twins([Twin(NEW, LATER, "data/raw.csv", "2" * 64, 80)])
    assert renamed(SINGLE.encode(), later) == SINGLE.replace(OLD, LATER).replace("size: 100", "size: 80").encode()


def test_a_stage_with_an_output_that_nobody_could_redact_keeps_what_it_read_so_that_dvc_runs_it_again() -> None:
    assert renamed(LOCK.encode(), TWINS.with_twins((), stale=[OUT])) is None
    made = TWINS.with_twins([Twin(OUT, LATER, "data/clean.csv", "3" * 64, 40)], stale=[LATER])
    expected = YAML(typ="safe").load(LOCK)
    expected["stages"]["clean"]["outs"][0] |= {"md5": LATER, "size": 40}
    assert load(renamed(LOCK.encode(), made)) == expected


def test_a_folder_says_how_many_files_it_has_now() -> None:
    folder = SINGLE.replace("  size: 100", "  size: 100\n  nfiles: 3")
    twins = TwinMap([Twin(OLD, NEW, "data", "1" * 64, 90, files=2)])
    assert renamed(folder.encode(), twins) == folder.replace(OLD, NEW).replace("100", "90").replace("3", "2").encode()


@pytest.mark.parametrize("broken", [f"outs: [{OLD}", f"- {OLD}", f"{OLD}", f"stages: {{a: {OLD}}}", f"outs: {{md5: {OLD}}}"])
def test_a_file_that_dvc_cannot_read_either_is_left_as_it_is(broken: str) -> None:
    assert renamed(broken.encode(), TWINS) is None
