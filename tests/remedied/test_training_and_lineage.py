"""Remedies for models and lineage: what was never trained, followed or said."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History
from tests.registry import Elsewhere
from tests.remedied.conftest import PATH, trained_elsewhere
from tests.remedied.helping import asking, failing, helps
from tests.small_project import RECIPE, TRAIN, MadeProject, Project, copy, create
from unlearning.domain.errors import ProjectError
from unlearning.entrypoints.flows import train
from unlearning.lineage import follow as following
from unlearning.project.tables import current_version
from unlearning.project.training import registration

pytestmark = pytest.mark.usefixtures("without_prefect")


@pytest.fixture(scope="module")
def untrained_once(made_project: MadeProject) -> Project:
    return made_project("untrained", partial(create, train=False))


@pytest.fixture
def untrained(untrained_once: Project, tmp_path: Path) -> Project:
    """Before its first training."""
    return copy(untrained_once, tmp_path / "project")


def elsewhere(root: Path) -> Elsewhere:
    return Elsewhere.at(f"sqlite:///{root / 'mlflow.db'}", root)


def test_a_model_that_nobody_trained_is_trained(untrained: Project) -> None:
    workspace = untrained.workspace
    data = current_version(workspace, TRAIN, "patient")
    about_data = failing(lambda: workspace.lineage.holders(data.digest))
    assert "`unlearn train`" in about_data()
    assert "`unlearn train`" in failing(lambda: registration.parent_of(workspace))()
    helps(asking(untrained.root, "lineage", "outcome"), untrained.root, "unlearn train")
    assert about_data() == ""
    assert str(registration.parent_of(workspace)) == "outcome/1"


def test_an_alias_that_points_nowhere_is_set_by_training(project: Project) -> None:
    with project.workspace.models.client() as client:
        client.delete_registered_model_alias("outcome", "champion")
    helps(failing(lambda: registration.parent_of(project.workspace)), project.root, "unlearn train")


def test_an_alias_of_what_nobody_trained_here_is_moved_by_training(project: Project) -> None:
    late = elsewhere(project.root).train("outcome")
    with project.workspace.models.client() as client:
        client.set_registered_model_alias("outcome", "champion", str(late.version))
    unlearn(project.root, "request", project.people(TRAIN)[0])
    helps(asking(project.root, "erase"), project.root, "unlearn train", codes=(0, 1))


def test_a_training_that_stopped_goes_on(project: Project) -> None:
    recipe, step, stopped = project.root / "recipes/outcome.py", train.step, []
    recipe.write_text(RECIPE.replace("epochs=12", "epochs=13"))

    def stop(name: str, do: Any, **said: Any) -> Any:
        if name == "judge" and not stopped:
            stopped.append(name)
            raise ProjectError("something is in the way")
        return step(name, do, **said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "step", stop)
        helps(asking(project.root, "train"), project.root, "unlearn train", codes=(0, 1))
    assert stopped
    assert [one.model.version for one in project.workspace.lineage.models("outcome")] == [1, 2]


# --- following and adopting ------------------------------------------------------------------------------------------


def test_a_run_that_names_no_data_is_explained_by_adopting(history: History) -> None:
    trained_elsewhere(history.root, "risk")
    unlearn(history.root, "follow", "--subject-column", f"{PATH}:patient")
    ask = asking(history.root, "follow", "--all")
    fill = {"MODEL/VERSION": "risk/1", "PATH": PATH, "REV": "HEAD", "COLUMN": "patient"}
    helps(ask, history.root, "unlearn adopt", fill=fill, add=" --policy none")


def test_a_round_of_following_that_stopped_goes_on(history: History) -> None:
    begin, stopped = following._open, []

    def stop(*given: Any, **named: Any) -> Any:
        if not stopped:
            stopped.append(given)
            raise ProjectError("something is in the way")
        return begin(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "_open", stop)
        helps(asking(history.root, "follow", "--subject-column", f"{PATH}:patient"), history.root, "unlearn follow")
    assert stopped


def test_the_lineage_is_made_anew_under_another_key(history: History) -> None:
    unlearn(history.root, "follow", "--all", "--subject-column", f"{PATH}:patient")
    (history.root / ".unlearning/keys/index.key").write_text("ab" * 32 + "\n")
    moved = [history.root / f".unlearning/{name}" for name in ("lineage.db", "lineage.db-wal", "lineage.db-shm")]
    helps(
        asking(history.root, "impact", "--subject", "ann-1"),
        history.root,
        "unlearn follow",
        before=lambda: [one.rename(one.with_suffix(".old")) for one in moved if one.exists()],
    )


def test_a_request_under_another_key_is_taken_back_and_made_again(history: History) -> None:
    unlearn(history.root, "follow", "--all", "--subject-column", f"{PATH}:patient")
    [request] = unlearn(history.root, "request", "--file", "-", "--json", stdin="ann-1\n").document
    (history.root / ".unlearning/keys/index.key").write_text("ab" * 32 + "\n")
    said = helps(
        asking(history.root, "impact"),
        history.root,
        "unlearn cancel",
        fill={"REQUEST": request["request_id"]},
        after=lambda: unlearn(history.root, "request", "--file", "-", stdin="ann-1\n"),
    )
    assert "came under another index key" not in said
