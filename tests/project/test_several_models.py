"""Laws of several models in `params.yaml`, and of the views of a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.several_models import OUTCOME_RECIPE
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.project import settings
from unlearning.project.holdings import Holdings
from unlearning.project.workspace import Workspace

TWO = """
unlearning:
  alias: live
  partition: {shards: 4, slices: 2}
  policy: {methods: [retrain], approval: true}
  models:
    risk:
      recipe: recipes/risk.py:recipe
    stay:
      recipe: recipes/stay.py:recipe
      alias: serving
      partition: {shards: 1}
      policy: {methods: [subtract]}
      checks: {metric: rmse}
      data: {train: data/stay/train.csv, holdout: data/stay/holdout.csv}
"""


def load(folder: Path, text: str) -> settings.Settings:
    (folder / settings.FILE).write_text(text)
    return settings.load(folder)


def test_where_a_model_is_silent_what_the_project_says_counts_for_it(tmp_path: Path) -> None:
    found = load(tmp_path, TWO)
    risk, stay = found.each
    assert [own.model for own in found.owns] == ["risk", "stay"]
    assert (risk.alias, risk.partition.shards, risk.policy.methods) == ("live", 4, ["retrain"])
    assert (stay.alias, stay.partition.shards, stay.partition.slices) == ("serving", 1, 2)
    assert (stay.policy.methods, stay.checks.metric, stay.data.source) == (["subtract"], "rmse", found.data.source)
    assert stay.policy.approval is risk.policy.approval is True
    assert found.owns[1].reports.train == "reports/stay/train.json"
    assert {"reports/stay/data.json", "reports/risk/metrics.json"} <= found.reports


def test_a_single_model_is_as_short_to_write_and_lies_where_it_lay(tmp_path: Path) -> None:
    found = load(tmp_path, "unlearning:\n  model: risk\n  recipe: recipes/risk.py:recipe\n")
    assert found.each == (found,)
    assert found.of("risk") is found
    assert found.owns == (settings.Own("risk", "champion", "recipes/risk.py:recipe", settings.Data()),)


def test_the_model_is_not_one_of_several_by_chance(tmp_path: Path) -> None:
    found = load(tmp_path, TWO)
    with pytest.raises(WrongUse, match=r"trains several models; expected one of risk, stay"):
        _ = found.own
    with pytest.raises(WrongUse, match=r"no model 'rsk'; did you mean risk\?"):
        found.of("rsk")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: {a: {recipe: 'r.py:r'}}\n  model: b\n  recipe: r.py:r", "model and recipe one more; expected either"),
        ("models: {}", r"unlearning.model: missing"),
        ("models: [{name: a}]", r"models: expected names with a recipe each"),
        ("models:\n    a: {recipe: 'r.py:r'}\n    a: {recipe: 's.py:s'}", r"line 4: a key stands twice.*two names"),
        ("models:\n    a:\n      recipe: r.py:r\n      alias: x\n      alias: y", r"line 6: a key stands twice.*one alias"),
        ("models: {a: {recipe: 'r.py:r'}, A: {recipe: 'r.py:r'}}", r"a and A differ by capitals alone"),
        ("models: {a/b: {recipe: 'r.py:r'}}", r"unlearning.models: expected a name of letters, digits, _ and -"),
        ("models: {a: {}}", r"unlearning.models.a.recipe: missing"),
        ("models: {a: null}", r"unlearning.models.a: expected keys below it"),
        ("models: {a: {recipe: r.py}}", r"unlearning.models.a.recipe: expected path/to/file.py:attribute"),
        ("models: {a: {recipe: 'r.py:r', aliases: [x, y]}}", r"models.a.aliases: unknown key; did you mean alias\?"),
        ("models: {a: {recipe: 'r.py:r', alias: [x, x]}}", r"models.a.alias: expected text"),
        ("models: {a: {recipe: 'r.py:r', policy: {approval: true}}}", r"policy.approval is .*the same for every model"),
        ("models: {a: {recipe: 'r.py:r', partition: {shards: 0}}}", r"models.a.partition.shards: expected at least 1, got 0"),
        (
            "models: {a: {recipe: 'r.py:r'}, b: {recipe: 'r.py:r', data: {holdout_share: 0.5}}}",
            r"models a and b make data/train.parquet of other data.*data/b/train.parquet",
        ),
    ],
)
def test_what_is_wrong_with_several_models_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(tmp_path, f"unlearning:\n  {text}\n")


def test_what_is_wrong_for_all_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load(tmp_path, TWO.replace("shards: 4", "shards: 0"))
    assert str(told.value).count("shards") == 1


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project whose recipes can be read as text; nothing of it is opened."""
    (tmp_path / "recipes").mkdir()
    for name, column in (("risk", "patient"), ("stay", "patient")):
        (tmp_path / f"recipes/{name}.py").write_text(OUTCOME_RECIPE.replace("patient", column))
    return Workspace(tmp_path, load(tmp_path, TWO))


def test_the_views_of_a_project_share_its_stores_and_nothing_else(workspace: Workspace) -> None:
    risk, stay = workspace.each
    assert (risk.own.model, stay.own.alias) == ("risk", "serving")
    assert risk.of("stay") is stay is workspace.of("stay")
    assert risk.lineage is stay.lineage is workspace.lineage
    assert risk.checkpoints is stay.checkpoints
    assert risk.learned is not stay.learned
    assert stay.each == workspace.each
    assert [one.own.model for one in workspace.among(["stay"])] == ["stay"]


def test_a_project_looks_after_the_tables_and_models_of_all(workspace: Workspace) -> None:
    found = Holdings.of(workspace.of("stay"))
    assert found.models == ("risk", "stay")
    assert list(found.tables) == [*workspace.of("risk").own.data.tables, "data/stay/train.csv", "data/stay/holdout.csv"]


def test_two_recipes_that_name_people_of_one_table_otherwise_are_refused(workspace: Workspace) -> None:
    (workspace.root / "recipes/stay.py").write_text(OUTCOME_RECIPE.replace("patient", "person_id"))
    with pytest.raises(SettingsError, match=r"in data/records.parquet, 'patient' says.*risk.*'person_id'.*stay"):
        Holdings.of(workspace)
