"""A project opened from its folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.project.holdings import Holdings
from unlearning.project.settings import Settings, Subject
from unlearning.project.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def without_own(workspace: Workspace, **subject: str) -> Workspace:
    return Workspace(workspace.root, Settings(model=None, recipe=None, subject=Subject(**subject)))


def test_a_project_that_trains_nothing_says_so_and_looks_for_people_by_the_column_that_is_named(workspace: Workspace) -> None:
    bare = without_own(workspace)
    with pytest.raises(WrongUse, match="trains no model of its own"):
        _ = bare.own
    with pytest.raises(WrongUse, match="no column is known"):
        _ = Holdings.of(bare).people_columns
    assert Holdings.of(without_own(workspace, column="customer")).people_columns == ("customer",)
    assert Holdings.of(bare).tables == {}


def test_a_recipe_that_names_people_otherwise_than_subject_says_is_refused(workspace: Workspace) -> None:
    subject = workspace.settings.model_copy(update={"subject": Subject(identifier="text/integer")})
    with pytest.raises(SettingsError, match="one kind a column"):
        _ = replace(workspace, settings=subject).recipe


def test_addresses_are_relative_to_the_project_and_an_environment_fills_in_what_is_not_set(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workspace.checkpoints_url == str(workspace.root / ".unlearning/checkpoints")
    assert workspace.mlflow_database is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///x.db")
    again = open_workspace(workspace.root)
    assert (again.models.uri, again.mlflow_database) == ("http://127.0.0.1:9", "sqlite:///x.db")


def test_a_folder_is_opened_by_any_of_its_names(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root.parent)
    assert open_workspace(Path(workspace.root.name)).root == workspace.root == Path(os.path.realpath(workspace.root))
