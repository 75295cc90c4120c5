"""`mlflow.data.load_dvc`: a version by its path or by its address."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from tests.clones import V1, V2, md5, run
from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource


def test_a_path_and_its_address_mean_the_same_data_set_and_its_digest_is_dvc_s_hash(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    by_path, by_address = mlflow.data.load_dvc("data/train.csv", rev="v1"), mlflow.data.load_dvc("dvc://data/train.csv?rev=v1")
    assert by_path.name == by_address.name == "data/train.csv"
    assert by_path.digest == by_address.digest == md5(V1)
    assert isinstance(by_path.source, DVCDatasetSource)
    assert by_path.source.to_dict() == by_address.source.to_dict()


def test_a_name_of_the_user_s_own_wins_and_a_path_may_have_any_sign_in_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    (clone / "data/a b?.csv").write_text(V2)
    run(clone, "dvc", "add", "-q", "data/a b?.csv")
    found = mlflow.data.load_dvc("data/a b?.csv", name="cohort", digest="mine")
    assert (found.name, found.digest) == ("cohort", "mine")
    assert found.source.to_dict()["path"] == "data/a b?.csv"
    assert found.source.to_dict()["object"] == md5(V2)
