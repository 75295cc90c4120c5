"""Remedies that name MLflow's own commands, run against its databases and a started server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lineage.test_run_trees import Searched, searched
from tests.registry import Elsewhere
from tests.remedied.helping import asking, helps
from tests.remedied.test_searching_and_erasing import WATCH, Erased, erased
from tests.small_project import SOURCE, TRAIN, tracked
from unlearning.domain.hashing import token
from unlearning.domain.traces import Wanted
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import run_trees
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.mentions import MlflowMentions
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.traces.places.mlflow_mentions import MentionsPlace
from unlearning.traces.places.mlflow_versions import MlflowPlace

__all__ = ["erased", "searched"]

pytestmark = [pytest.mark.usefixtures("without_prefect"), pytest.mark.filterwarnings("ignore")]


def test_a_version_that_came_late_is_deleted_with_its_run(erased: Erased, monkeypatch: pytest.MonkeyPatch) -> None:
    project = erased.project
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    late = Elsewhere.at(uri, project.root)
    run_id = late.run(data=[Tracked(TRAIN, erased.old)])
    late.register("theirs", late.logged(run_id), run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    fill = {"RUN": run_id, "DATABASE": uri, "SERVER": uri}
    helps(
        asking(project.root, "watch"),
        project.root,
        "mlflow runs",
        "mlflow gc",
        fill=fill,
        before=lambda: late.client.delete_model_version("theirs", "1"),
    )
    assert run_id not in [one.info.run_id for one in late.client.search_runs([late.experiment], run_view_type=3)]


def test_a_run_of_others_that_they_shaped_is_deleted(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, uri = searched.project.workspace, searched.project.workspace.models.uri
    failed = searched.others.run(data=[Tracked(SOURCE, tracked(searched.project.root, SOURCE))])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def listed() -> str:
        found = run_trees.around(workspace, searched.tokens).unclear
        return " ".join(one.remedy for one in found if one.place == run_trees.SHAPED)

    fill = {"RUN": failed, "DATABASE": uri, "SERVER": uri}
    helps(listed, searched.project.root, "mlflow runs", "mlflow gc", fill=fill)


@pytest.fixture
def server(registry_server: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry_server[0])
    assert "MLFLOW_BACKEND_STORE_URI" not in os.environ
    return registry_server


@pytest.mark.services
def test_what_a_server_only_marks_as_deleted_is_collected_by_whoever_has_its_database(
    server: tuple[str, str], tmp_path: Path
) -> None:
    address, database = server
    others = Elsewhere(address, Elsewhere._client(address).create_experiment("versions of remedies"), tmp_path)
    run_id = others.run()
    version = others.register("remedied", others.logged(run_id), run_id)
    place = MlflowPlace(
        MlflowGarbage(MlflowModels(address, "unlearning", tmp_path)),
        shaped=lambda _: [(ModelVersion(version.name, version.version), run_id)],
        serving=lambda: (),
        forgotten=lambda _: None,
    )
    fill = {"DATABASE": database, "SERVER": address}

    def erase() -> str:
        return " ".join(one.remedy for one in place.erase(place.find(Wanted(frozenset())).traces))

    assert "unless named" in erase()  # whatever else is marked as deleted goes too, and is said
    helps(erase, tmp_path, "mlflow gc", fill=fill)


@pytest.mark.services
def test_what_was_logged_about_people_on_a_server_goes_with_its_deleted_run(server: tuple[str, str], tmp_path: Path) -> None:
    address, database = server
    models = MlflowModels(address, "mentions of remedies", tmp_path)
    client = Elsewhere._client(address)
    run_id = client.create_run(client.create_experiment("mentions of remedies")).info.run_id
    client.log_param(run_id, "worst", "Zq-9999")
    place = MentionsPlace(
        MlflowMentions(MlflowGarbage(models), runs=lambda: [run_id], label=str.title), WATCH, erased=lambda: wanted.tokens
    )
    wanted = Wanted(frozenset({token(WATCH.key, "Zq-9999", "text")}))

    def erase() -> str:
        return " ".join(one.remedy for one in place.erase(place.find(wanted).traces))

    fill = {"RUN": run_id, "DATABASE": database, "SERVER": address}
    helps(erase, tmp_path, "mlflow runs", "mlflow gc", fill=fill)
