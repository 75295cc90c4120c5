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
    text = OWN + "  partition: {shards: 0, slicez: 2}\n  data: {holdout_share: 1}\n  run: {runner: slurm}\n"
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
    assert "got 'slurm'" in said


MISTAKES = {
    "policy: {regulation: gpdr}": "policy.regulation: expected gdpr | ccpa | none, got 'gpdr'; did you mean gdpr?",
    "policy: {on_failure: wthdraw}": "policy.on_failure: expected keep | withdraw, got 'wthdraw'; did you mean withdraw?",
    "run: {runner: thread}": "run.runner: expected threads | processes | dask | ray, got 'thread'; did you mean threads?",
    "subject: {identifier: Integer}": "subject.identifier: expected text | integer | email | phone, or one a column",
    "out_of_reach: [{place: a, why: b, remedy: c, level: logic}]": "out_of_reach.0.level: expected logical | physical | model",
    "polcy: {}": "polcy: unknown key; did you mean policy?",
    "partition: {shard: 4}": "partition.shard: unknown key; did you mean shards?",
    "backups: [{nam: x, name: a}]": "backups.0.nam: unknown key; did you mean name?",
    "openlineage: {fil: x, file: y}": "openlineage.fil: unknown key; did you mean file?",
    "approval: true": "approval: unknown key; it belongs in unlearning.policy",
    "run: {xyz: 1}": "run.xyz: unknown key; the keys here are runner, workers, device",
    "run: {workers: many}": "run.workers: expected a whole number, got 'many'",
    "run: {workers: 0}": "run.workers: expected at least 1, got 0",
    "data: {holdout_share: 1}": "data.holdout_share: expected less than 1",
    "versioning: {push: flase}": "versioning.push: expected true | false, got 'flase'",
    "partition: 3": "partition: expected keys below it, got 3",
    "issuer: [a, b]": "issuer: expected text",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_place_the_allowed_words_and_the_one_that_was_meant(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, f"{OWN}  {text}\n")
    assert f"unlearning.{MISTAKES[text]}" in str(refused.value)


def test_what_came_is_told_in_a_size_to_read(tmp_path: Path) -> None:
    text = f"unlearning:\n  recipe: a.py:b\n  alias: {list(range(9999))}\n  run: {{runner: {'x' * 9999}}}\n"
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, text)
    assert "unlearning.model: missing" in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("name", ["unlearnin", "unlearningg", "un-learning"])
def test_a_section_that_is_almost_called_so_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match=f"call `{name}:` so"):
        load(tmp_path, OWN.replace("unlearning", name))


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
        (OWN + "  further_tables: [data/train.parquet]\n", SettingsError, "further_tables names data/train.parquet, which"),
        (OWN + "  further_tables: [{a: b}]\n", SettingsError, "further_tables: expected keys below it"),
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


def test_further_tables_are_paths_or_paths_with_their_column(tmp_path: Path) -> None:
    assert load(tmp_path, OWN + "  further_tables: [a.csv]\n").further_tables == {"a.csv": None}
    assert load(tmp_path, ADOPTS + "  further_tables: {a.csv: author}\n").further_tables == {"a.csv": "author"}


def test_a_table_that_is_named_twice_is_one_table(tmp_path: Path) -> None:
    found = load(tmp_path, OWN + "  data: {source: data/a.csv, train: data/a.csv}\n")
    assert found.data.tables == ("data/a.csv", "data/holdout.parquet")


def test_spellings_of_identifiers_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, OWN + "  subject: {spellings: ['P-{}', '{:06d}']}\n").subject.spellings == ("P-{}", "{:06d}")
