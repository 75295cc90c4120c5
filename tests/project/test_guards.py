"""A registry, a checkpoint store or a book that is empty where something was expected is not the right one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_project import Project
from unlearning.domain.errors import KeyFileError, ProjectError, Unavailable
from unlearning.domain.versions import ModelVersion
from unlearning.project import guards
from unlearning.stores import keys
from unlearning.traces import sweep


def test_the_services_of_a_trained_project_are_its_own(project: Project) -> None:
    for guard in (guards.books, guards.checkpoints, guards.registry):
        guard(project.workspace)


def no_states(project: Project) -> None:
    (project.root / ".unlearning/checkpoints").rename(project.root / ".unlearning/away")


def empty_states(project: Project) -> None:
    no_states(project)
    (project.root / ".unlearning/checkpoints").mkdir()


def mistyped_states(project: Project) -> None:
    project.configure({"stores": {"checkpoints": ".unlearning/checkpoint"}})


def no_database(project: Project) -> None:
    (project.root / "mlflow.db").rename(project.root / "away.db")


def new_database(project: Project) -> None:
    no_database(project)
    project.workspace.models.names()


def mistyped_database(project: Project) -> None:
    project.configure({"stores": {"mlflow": "sqlite:///mlfow.db"}})


def no_artifacts(project: Project) -> None:
    (project.root / "mlruns").rename(project.root / "away")


def empty_artifacts(project: Project) -> None:
    no_artifacts(project)
    (project.root / "mlruns").mkdir()


def mistyped_lineage(project: Project) -> None:
    project.configure({"stores": {"lineage": "sqlite:///.unlearning/linage.db"}})


def mistyped_ledger(project: Project) -> None:
    project.configure({"stores": {"ledger": "sqlite:///.unlearning/leger.db"}})


CHANGES: list[tuple[Callable[[Project], None], str]] = [
    (no_states, "checkpoint store"),
    (empty_states, "checkpoint store"),
    (mistyped_states, "checkpoint store"),
    (no_database, "knows none of the 1 versions"),
    (new_database, "knows none of the 1 versions"),
    (mistyped_database, "knows none of the 1 versions"),
    (no_artifacts, "has no file of outcome/1"),
    (empty_artifacts, "has no file of outcome/1"),
    (mistyped_lineage, "stores.lineage"),
    (mistyped_ledger, "stores.ledger"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_what_is_empty_where_something_was_is_refused_with_what_to_correct(
    project: Project, change: Callable[[Project], None], said: str
) -> None:
    change(project)
    before = sorted(project.root.glob("*"))
    refused = []
    for guard in (guards.books, guards.checkpoints, guards.registry):
        try:
            guard(project.workspace)
        except Unavailable as error:
            refused.append(str(error))
    assert len(refused) >= 1
    assert said in refused[0]
    assert sorted(project.root.glob("*")) == before


@pytest.mark.parametrize(
    ("change", "place"),
    [(no_states, "checkpoint store"), (new_database, "MLflow"), (no_artifacts, "MLflow")],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_sweep_verifies_nothing_there(project: Project, change: Callable[[Project], None], place: str) -> None:
    change(project)
    rows = {row.place: row for row in sweep.sweep(project.workspace, ["ab" * 32]).places}
    assert rows[place].outcome == "unverified"
    assert rows[place].how.startswith("not searched")


def test_files_of_one_version_that_are_gone_are_no_missing_store(project: Project) -> None:
    workspace = project.workspace
    record = workspace.lineage.models()[0]
    with workspace.models.client() as client:
        client.create_model_version("outcome", "file:///nowhere")
    assert ModelVersion("outcome", 2) in {one.model for one in workspace.models.every_version()}
    assert workspace.lineage.models() == [record]
    guards.registry(workspace)


def test_a_project_that_trained_nothing_yet_has_nothing_to_miss(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.root / ".unlearning/checkpoints")
    for name in ("mlflow.db", ".unlearning/ledger.db", ".unlearning/lineage.db", ".unlearning/stores.json"):
        (project.root / name).unlink()
    for guard in (guards.books, guards.checkpoints, guards.registry):
        guard(project.workspace)


# --- what `unlearn init` may make -------------------------------------------------------------------------------------


def test_a_project_is_made_beside_another_and_in_a_folder_of_no_project_but_not_inside_one(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "beside").mkdir()
    for free in (tmp_path, tmp_path / "beside", project.root):
        guards.before_init(free, {})
    inner = project.root / "notebooks/2026"
    inner.mkdir(parents=True)
    for inside in (inner, inner.parent, project.root / ".unlearning"):
        with pytest.raises(ProjectError, match=f"go to {project.root}"):
            guards.before_init(inside, {})


def test_a_repository_inside_a_project_is_its_own(project: Project) -> None:
    inner = project.root / "vendored"
    inner.mkdir()
    (inner / ".git").mkdir()
    guards.before_init(inner, {})


def test_keys_that_the_environment_holds_are_not_lost(project: Project) -> None:
    folder = project.root / ".unlearning/keys"
    texts = {keys.variable(name): (folder / f"{name}.key").read_text().strip() for name in keys.TOKEN_KEYS}
    shutil.move(folder, project.root / "elsewhere")
    with pytest.raises(KeyFileError, match="index, partition, suppression, signing"):
        guards.before_init(project.root, {})
    guards.before_init(project.root, texts | {keys.variable("signing"): "given"})


def test_a_project_that_never_had_keys_may_get_them(tmp_path: Path) -> None:
    guards.before_init(tmp_path, {})
    guards.after_init(tmp_path)
    assert keys.remembered(tmp_path) == {}
