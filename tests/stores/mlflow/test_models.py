"""The registry on SQLite and behind a real server: versions, aliases, files, and the same attempt twice."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ensembles import client, registered
from unlearning.domain.errors import NotFound, ParentMoved, ProjectError
from unlearning.domain.versions import ModelVersion
from unlearning.stores.mlflow.models import CANDIDATE_TAG, MlflowModels
from unlearning.stores.mlflow.packaging import Candidate


def test_the_files_are_digested_and_the_chain_is_one_of_them(models: MlflowModels, candidate: Candidate) -> None:
    logged = models.log_candidate(candidate)
    version = models.register(logged, candidate.model, tags={}, idempotency=candidate.idempotency)
    assert models.files_digest(version) == logged.files_digest
    manifest = models.manifest(version)
    assert manifest["artifacts/ensemble/chain.json"] == hashlib.sha256(b'{"seed":0}').hexdigest()
    assert "artifacts/ensemble/constituents.safetensors" in manifest


@pytest.mark.services
def test_files_that_a_server_lost_are_not_found(registry_server: tuple[str, str], candidate: Candidate, tmp_path: Path) -> None:
    models = MlflowModels(registry_server[0], tmp_path.name, tmp_path)
    version = registered(models, candidate)
    model_id = models.version(version.name, version.version).source.removeprefix("models:/")
    client(models)._tracking_client._get_artifact_repo(model_id, resource="logged_model").delete_artifacts()
    for reading in (models.manifest, models.load):
        with pytest.raises(NotFound, match="model version"):
            reading(version)


def test_a_changed_file_changes_the_digest_and_a_lost_folder_is_not_found(local: MlflowModels, candidate: Candidate) -> None:
    import shutil

    logged = local.log_candidate(candidate)
    version = local.register(logged, candidate.model, tags={}, idempotency=candidate.idempotency)
    with local._files(version) as folder:
        (folder / "serving.py").write_text("")
        assert local.files_digest(version) != logged.files_digest
        shutil.rmtree(folder)
    with pytest.raises(NotFound, match="model version"):
        local.files_digest(version)


def test_the_files_of_a_copied_version_are_those_of_its_original(models: MlflowModels, candidate: Candidate) -> None:
    version = registered(models, candidate)
    copied = client(models).copy_model_version(f"models:/{version.name}/{version.version}", f"{version.name}-copy")
    copy = ModelVersion(copied.name, int(copied.version))
    assert models.files_digest(copy) == models.files_digest(version)


def test_logging_and_registering_the_same_attempt_again_changes_nothing(models: MlflowModels, candidate: Candidate) -> None:
    first = models.log_candidate(candidate)
    assert models.log_candidate(candidate) == first
    versions = {models.register(first, candidate.model, tags={}, idempotency=candidate.idempotency) for _ in range(2)}
    assert versions == {ModelVersion(candidate.model, 1)}
    other = models.register(
        models.log_candidate(replace(candidate, idempotency="other")), candidate.model, tags={}, idempotency="other"
    )
    assert other == ModelVersion(candidate.model, 2)


def test_what_a_killed_attempt_left_is_removed_and_the_attempt_made_again(models: MlflowModels, candidate: Candidate) -> None:
    api = client(models)
    models.log_candidate(replace(candidate, idempotency="another"))
    experiment = api.get_experiment_by_name(models.experiment).experiment_id
    tags = {CANDIDATE_TAG: candidate.idempotency}
    run = api.create_run(experiment, tags=tags)
    model = api.create_logged_model(experiment, source_run_id=run.info.run_id, tags=tags)
    logged = models.log_candidate(candidate)
    assert logged.run_id != run.info.run_id
    assert api.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    left = api.search_logged_models([experiment], f"tags.`{CANDIDATE_TAG}` = '{candidate.idempotency}'")
    assert [each.model_id for each in left] == [logged.model_id] != [model.model_id]


def test_an_alias_moves_only_from_the_version_it_was_expected_at(models: MlflowModels, candidate: Candidate) -> None:
    one = registered(models, candidate)
    two = registered(models, replace(candidate, idempotency="second"))
    name = candidate.model
    assert models.alias(name, "champion") is None
    models.move_alias(name, "champion", expected=None, to=one)
    assert models.alias(name, "champion") == one
    with pytest.raises(ParentMoved, match=str(one)):
        models.move_alias(name, "champion", expected=None, to=two)
    models.move_alias(name, "champion", expected=one, to=two)
    models.move_alias(name, "champion", expected=one, to=two)  # the same step again after a crash
    assert models.aliases(name) == {"champion": 2}
    assert models.behind(name, "champion") == two
    models.withdraw_alias(name, "champion")
    models.withdraw_alias(name, "champion")
    assert models.aliases(name) == {}


def test_what_is_not_there_is_named_with_the_next_step(models: MlflowModels, candidate: Candidate) -> None:
    name = candidate.model
    with pytest.raises(NotFound, match="unlearn train"):
        models.behind(name, "champion")
    assert models.versions(name) == []
    assert models.aliases(name) == {}
    registered(models, candidate)
    with pytest.raises(NotFound, match=r"points nowhere; versions are \[1\]"):
        models.behind(name, "champion")
    with pytest.raises(NotFound, match="version 9"):
        models.version(name, 9)
    with pytest.raises(NotFound, match="9"):
        models.tag(ModelVersion(name, 9), {"a": "b"})
    with pytest.raises(NotFound, match="9"):
        models.load(ModelVersion(name, 9))


def test_versions_are_numbers_in_order_and_take_tags(models: MlflowModels, candidate: Candidate) -> None:
    for attempt in "ab":
        registered(models, replace(candidate, idempotency=attempt))
    models.tag(ModelVersion(candidate.model, 1), {"unlearning.superseded_by": "2", "unlearning.state": "superseded"})
    one, two = models.versions(candidate.model)
    assert (one.model.version, two.model.version) == (1, 2)
    assert one.tags["unlearning.state"] == "superseded"
    assert "unlearning.state" not in two.tags
    assert models.version(candidate.model, 1) == one
    assert candidate.model in models.names()


def test_a_model_may_have_a_quote_in_its_name(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, model="children's ward"))
    assert version == registered(local, replace(candidate, model="children's ward"))
    assert [each.model for each in local.versions("children's ward")] == [version]


def test_a_store_of_another_mlflow_says_how_to_upgrade(local: MlflowModels) -> None:
    import sqlite3

    with sqlite3.connect(local.root / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")
    database.close()
    with pytest.raises(ProjectError, match="mlflow db upgrade"):
        local.names()
