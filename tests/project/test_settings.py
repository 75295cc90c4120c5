"""params.yaml as settings, with every finding at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain.errors import ProjectError, SettingsError
from unlearning.project import settings

OWN = "unlearning:\n  model: m\n  recipe: recipes/r.py:recipe\n"
ADOPTS = "unlearning:\n  model: null\n  recipe: null\n"


def load(folder: Path, text: str | bytes) -> settings.Settings:
    (folder / settings.FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return settings.load(folder)


def test_a_model_and_its_recipe_are_enough_and_other_sections_are_somebody_else_s(tmp_path: Path) -> None:
    found = load(tmp_path, OWN + "train:\n  lr: 0.1\n")
    assert found.own == settings.Own("m", "champion", "recipes/r.py:recipe", settings.Data())
    assert found.policy.methods == ["sisa", "retrain"]
    assert found.data.tables == ("data/records.parquet", "data/train.parquet", "data/holdout.parquet")


def test_every_finding_is_told_at_once_with_its_place_and_what_came(tmp_path: Path) -> None:
    text = OWN + "  partition: {shards: 0, slicez: 2}\n  data: {holdout_share: 1}\n  run: {runner: ray}\n"
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    for words in (
        "unlearning.partition.shards:",
        "unlearning.partition.slicez: unknown key",
        "data.holdout_share:",
        "run.runner:",
    ):
        assert words in said
    assert "got 0" in said
    assert "got 'ray'" in said


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("unlearning: [", SettingsError, "not valid YAML"),
        (b"\xff", SettingsError, "not valid YAML"),
        ("", ProjectError, "no section"),
        ("- a list", ProjectError, "no section"),
        ("unlearning: 7", ProjectError, "no section"),
        ("unlearning: {model: m, recipe: null}", SettingsError, "model and recipe, or null for both"),
        ("unlearning: {model: m, recipe: r.py}", SettingsError, "path/to/file.py:attribute"),
        (OWN + "  subject: {column: who}\n", SettingsError, "for projects without a recipe"),
        (OWN + "  subject: {spellings: ['P-']}\n", SettingsError, "exactly one place"),
        (OWN + "  subject: {spellings: ['{}-{}']}\n", SettingsError, "exactly one place"),
        (OWN + "  subject: {spellings: ['{:x}']}\n", SettingsError, "exactly one place"),
        (OWN + "  subject: {identifier: iban}\n", SettingsError, "subject.identifier"),
        (OWN + "  openlineage: {}\n", SettingsError, "file or url"),
        (OWN + "  openlineage: {file: a, url: 'http://b'}\n", SettingsError, "file or url"),
        (ADOPTS + "  alias: live\n  partition: {shards: 2}\n", SettingsError, "alias, partition says something of a model"),
        (ADOPTS + "  policy: {on_return: drop}\n", SettingsError, "needs `unlearn prepare`"),
        (ADOPTS + "  subject: {column: a/b}\n", SettingsError, "one kind a column"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        load(tmp_path, text)


def test_a_folder_without_the_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="run `unlearn init` there"):
        settings.load(tmp_path)


def test_a_project_that_only_adopts_has_no_model_of_its_own_and_may_name_people_by_several_columns(tmp_path: Path) -> None:
    found = load(tmp_path, ADOPTS + "  subject: {column: clinic/patient, identifier: text/integer}\n")
    assert found.own is None
    found.subject.check_fits("region/number", named="a table")
    with pytest.raises(SettingsError, match="a table names people by 'patient'"):
        found.subject.check_fits("patient", named="a table")


def test_a_table_that_is_named_twice_is_one_table(tmp_path: Path) -> None:
    found = load(tmp_path, OWN + "  data: {source: data/a.csv, train: data/a.csv}\n")
    assert found.data.tables == ("data/a.csv", "data/holdout.parquet")


def test_spellings_of_identifiers_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, OWN + "  subject: {spellings: ['P-{}', '{:06d}']}\n").subject.spellings == ("P-{}", "{:06d}")
