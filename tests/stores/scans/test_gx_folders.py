"""Great Expectations projects of a user, read from their settings alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.stores.scans import gx_folders

SETTINGS = """
stores:
  validations:
    class_name: ValidationResultsStore
    store_backend: {class_name: TupleFilesystemStoreBackend, base_directory: uncommitted/validations/}
  suites:
    class_name: ExpectationsStore
    store_backend: {class_name: TupleFilesystemStoreBackend, base_directory: expectations/}
  cloud:
    class_name: ValidationResultsStore
    store_backend: {class_name: TupleS3StoreBackend, bucket: somewhere}
data_docs_sites:
  site:
    class_name: SiteBuilder
    store_backend: {class_name: TupleFilesystemStoreBackend, base_directory: uncommitted/docs/}
  lost:
    class_name: SiteBuilder
    store_backend: {class_name: TupleFilesystemStoreBackend, base_directory: never/made/}
"""


def project(folder: Path, settings: str = SETTINGS) -> Path:
    folder.mkdir(parents=True)
    (folder / gx_folders.SETTINGS).write_text(settings, "utf-8")
    return folder


def test_results_and_pages_are_found_where_the_settings_say_and_suites_are_not_among_them(tmp_path: Path) -> None:
    gx = project(tmp_path / "gx")
    for made in ("uncommitted/validations", "uncommitted/docs", "expectations"):
        (gx / made).mkdir(parents=True)
    assert gx_folders.results(gx) == [gx / "uncommitted/validations", gx / "uncommitted/docs"]


def test_a_folder_outside_the_project_counts_too_and_one_of_two_stores_counts_once(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    settings = SETTINGS.replace("uncommitted/validations/", "../shared").replace("uncommitted/docs/", "../shared")
    assert gx_folders.results(project(tmp_path / "gx", settings)) == [shared]


@pytest.mark.parametrize("settings", ["", "stores: [", "stores: 7", "- a list", "stores: {one: 7}\ndata_docs_sites: {two: {}}"])
def test_settings_that_the_tool_could_not_read_either_name_no_folder(settings: str, tmp_path: Path) -> None:
    assert gx_folders.results(project(tmp_path / "gx", settings)) == []


def test_settings_that_are_no_text_name_no_folder(tmp_path: Path) -> None:
    gx = project(tmp_path / "gx")
    (gx / gx_folders.SETTINGS).write_bytes(b"\xff\xfe\x00")
    assert gx_folders.results(gx) == []


def test_projects_are_found_a_few_levels_deep_but_in_no_hidden_or_foreign_folder(tmp_path: Path) -> None:
    found = [project(tmp_path / place) for place in ("gx", "a/b/gx", "a/b/c/gx")]
    for place in (".venv/gx", "node_modules/gx", "mlruns/gx", "a/b/c/d/gx"):
        project(tmp_path / place)
    assert sorted(gx_folders.projects(tmp_path)) == sorted(found)
