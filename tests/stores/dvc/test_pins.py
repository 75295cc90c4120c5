"""What a `dvc://` address means, in a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clones import V1, V2, md5, run, sha
from unlearning.domain.errors import NotFound, ProjectError, WrongUse
from unlearning.domain.versions import Pin
from unlearning.stores.dvc.pins import pin


def test_a_revision_means_its_commit_object_and_full_content_digest(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    commit = run(clone, "git", "rev-parse", "v1")
    expected = Pin("data/train.csv", commit, md5(V1), sha(V1), remote="store")
    assert pin("dvc://data/train.csv?rev=v1") == expected
    assert pin(expected.uri).digest == sha(V1)


def test_without_a_revision_the_working_content_counts_and_head_is_named_only_when_it_is_that_content(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    with pytest.raises(NotFound, match="dvc pull"):
        pin("dvc://data/train.csv")
    run(clone, "dvc", "pull", "-q")
    assert pin("dvc://data/train.csv") == Pin(
        "data/train.csv", run(clone, "git", "rev-parse", "HEAD"), md5(V2), sha(V2), "store"
    )
    (clone / "data" / "train.csv").unlink()
    (clone / "data" / "train.csv").write_text("age\n9\n")
    assert pin("dvc://data/train.csv") == Pin("data/train.csv", None, md5("age\n9\n"), sha("age\n9\n"), "store")


def test_a_folder_is_pinned_by_the_digest_that_the_project_gives_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearning.stores.tables import tables

    monkeypatch.chdir(clone)
    run(clone, "dvc", "pull", "-q")
    found = pin("dvc://data/notes?rev=HEAD")
    assert found.object.endswith(".dir")
    assert len(found.object) == 36  # MLflow's limit for a dataset digest
    assert found.digest == tables.digest(clone / "data" / "notes") == pin("dvc://data/notes").digest


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("dvc://data/train.csv?version=1", WrongUse, "rev="),
        ("dvc://", WrongUse, "dvc://path"),
        ("dvc://data/other.csv?rev=v1", NotFound, "not tracked"),
        ("dvc://data/train.csv?rev=nowhere", NotFound, "nowhere"),
    ],
)
def test_an_address_that_means_nothing_says_what_was_expected(
    origin: Path, monkeypatch: pytest.MonkeyPatch, uri: str, error: type[Exception], says: str
) -> None:
    monkeypatch.chdir(origin)
    with pytest.raises(error, match=says):
        pin(uri)


def test_outside_a_repository_the_next_step_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="repo="):
        pin("dvc://data/train.csv")


def test_a_version_whose_object_is_gone_everywhere_is_not_found(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(clone, "dvc", "remote", "modify", "store", "url", str(clone.parent / "empty"))
    run(clone, "git", "-c", "user.email=t@example.org", "-c", "user.name=t", "commit", "-q", "-am", "move")
    monkeypatch.chdir(clone)
    with pytest.raises(NotFound, match="dvc push"):
        pin("dvc://data/train.csv?rev=HEAD")
