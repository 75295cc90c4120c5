"""A user's own Great Expectations project."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.texts import GxPlace

KEY, PERSON = bytes(32), "Zq-9999"
WANTED = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}))
SETTINGS = """
stores:
  results:
    class_name: ValidationResultsStore
    store_backend: {base_directory: uncommitted/validations}
"""


@pytest.fixture
def gx(tmp_path: Path) -> Path:
    folder = tmp_path / "gx"
    (folder / "uncommitted/validations").mkdir(parents=True)
    (folder / "great_expectations.yml").write_text(SETTINGS)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> GxPlace:
    return GxPlace(tmp_path, Watch(("patient",), "text", KEY), label=lambda text: hashing.label(KEY, text))


def test_a_result_that_names_them_or_is_called_after_them_goes_and_the_others_stay(place: GxPlace, gx: Path) -> None:
    results = gx / "uncommitted/validations"
    (results / "one.json").write_text(f'{{"unexpected": ["{PERSON}"]}}')
    (results / f"{PERSON}.json").write_text("{}")
    (results / "other.json").write_text('{"unexpected": ["Zq-0001"]}')
    found = place.find(WANTED)
    assert len(found.traces) == 2
    assert PERSON not in str(found)
    place.erase(found.traces)
    assert [file.name for file in results.iterdir()] == ["other.json"]
    assert place.find(WANTED).traces == ()


def test_a_suite_that_names_them_is_left_to_its_owner(place: GxPlace, gx: Path) -> None:
    suite = gx / "expectations/suite.json"
    suite.parent.mkdir()
    suite.write_text(f'{{"value_set": ["{PERSON}"]}}')
    found = place.find(WANTED)
    assert found.traces == ()
    assert [(one.outcome, one.count) for one in found.unclear] == [("residual", 1)]
    assert place.erase(()) == ()
    assert suite.exists()


def test_a_folder_without_such_a_project_holds_nothing(place: GxPlace, tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text(PERSON)
    found = place.find(WANTED)
    assert (found.traces, found.searched, found.unclear) == ((), 0, ())
