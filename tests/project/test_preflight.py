"""Before a table is rewritten: the stores are those that were used before, and what is taken out stays out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import buckets, warm
from tests.erasure.steps.begun import planned
from tests.small_project import SOURCE, TABLES, Project
from tests.untouched import state
from unlearning.domain.errors import Refused, Unavailable
from unlearning.domain.events import DataRedacted, PlanMade
from unlearning.erasure.steps.redact import redact_step
from unlearning.project import preflight
from unlearning.stores.dvc import recognition
from unlearning.stores.tables import redaction, tables
from unlearning.traces import sweep
from unlearning.traces.places.remotes import CLONE


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([warm.python(), "-m", "dvc", *arguments], cwd=root, check=True, capture_output=True)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


# --- stores ----------------------------------------------------------------------------------------------------------


def unmounted(project: Project) -> None:
    (project.root / ".dvc-remote").rename(project.root / ".away")


def an_empty_folder(project: Project) -> None:
    unmounted(project)
    (project.root / ".dvc-remote").mkdir()


def another_address(project: Project) -> None:
    config = project.root / ".dvc/config"
    config.write_text(config.read_text().replace("../.dvc-remote", "../.dvc-remot"))


def another_cache(project: Project) -> None:
    """Filled again by a pull, as somebody does who finds it empty; the old one holds everything still."""
    dvc(project.root, "config", "cache.dir", str(project.root / ".cache-new"))
    dvc(project.root, "pull", "-q")


def no_checkpoints(project: Project) -> None:
    (project.root / ".unlearning/checkpoints").rename(project.root / ".unlearning/away")


def no_artifacts(project: Project) -> None:
    (project.root / "mlruns").rename(project.root / "away")


CHANGES = [unmounted, an_empty_folder, another_address, another_cache, no_checkpoints, no_artifacts]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_a_store_that_is_not_the_one_that_was_used_ends_the_erasure_before_it_changes_anything(
    project: Project, change: Callable[[Project], None]
) -> None:
    person = project.cells()[0, 1][0]
    project.request(person)
    change(project)
    before = files(project)
    with pytest.raises(Unavailable):
        project.erase()
    assert files(project) == before
    assert not {"PlanMade", "DataRedacted"} & set(project.kinds())


@pytest.mark.parametrize("change", [unmounted, an_empty_folder], ids=lambda one: one.__name__)
def test_a_store_that_went_away_after_the_plan_stops_the_redaction(project: Project, change: Callable[[Project], None]) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    change(project)
    before = {path: (project.root / path).read_bytes() for path in TABLES}
    with pytest.raises(Unavailable, match="DVC remote 'store'"):
        redact_step(erasure)
    assert {path: (project.root / path).read_bytes() for path in TABLES} == before
    shutil.rmtree(project.root / ".dvc-remote", ignore_errors=True)
    (project.root / ".away").rename(project.root / ".dvc-remote")
    redact_step(erasure)


def test_an_erasure_goes_on_when_the_remote_is_there_again_and_a_remote_without_a_driver_stops_none(project: Project) -> None:
    """Both hold nobody afterwards; the certificate names the one that nobody could look into, and nothing else is left."""
    dvc(project.root, "remote", "add", "--local", "google", "gs://bucket/store")
    person = project.cells()[0, 1][0]
    project.request(person)
    unmounted(project)
    with pytest.raises(Unavailable, match="mount it"):
        project.erase()
    assert not (project.root / ".dvc-remote").exists()
    (project.root / ".away").rename(project.root / ".dvc-remote")
    [done] = project.erase()
    assert list(project.states().values()) == ["completed_with_residuals"], done
    assert done["residuals"]
    assert all("google" in json.dumps(one) for one in done["residuals"]), done["residuals"]
    page = next((project.root / ".unlearning/certificates").glob("*.html")).read_text()
    assert "google" in page, done


def test_an_empty_remote_in_the_place_of_one_is_unverified_in_a_sweep(project: Project) -> None:
    an_empty_folder(project)
    rows = {row.place: row for row in sweep.sweep(project.workspace, [project.token("nobody")]).places}
    assert rows["DVC remote 'store'"].outcome == "unverified"
    assert rows["DVC cache"].outcome == "verified"


def test_every_finding_is_said_at_once(project: Project) -> None:
    unmounted(project)
    no_checkpoints(project)
    with pytest.raises(Unavailable, match=r"2 things are in the way:\n  - DVC remote 'store'.*\n  - the checkpoint store"):
        preflight.check_stores(project.workspace)


def test_a_remote_that_was_never_used_is_made_by_the_first_push_and_known_from_then_on(project: Project) -> None:
    dvc(project.root, "remote", "add", "-d", "new", str(project.root / ".new-remote"))
    preflight.check_stores(project.workspace)
    redact_step(planned(project, project.cells()[0, 1][0]))
    assert "DVC remote 'new'" in recognition.remembered(project.root)
    shutil.rmtree(project.root / ".new-remote")
    with pytest.raises(Unavailable, match="DVC remote 'new'"):
        preflight.check_stores(project.workspace)


# --- what comes back -------------------------------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path: Path, project: Project) -> Path:
    """A repository of somebody else with the same source table."""
    root = tmp_path / "theirs"
    (root / "data").mkdir(parents=True)
    shutil.copy(project.root / SOURCE, root / SOURCE)
    git(root, "init", "-q")
    dvc(root, "init", "-q")
    dvc(root, "add", "-q", SOURCE)
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", "theirs")
    return root


def files(project: Project) -> dict[str, str]:
    """Its state, but for what is noted in the ledger and the lineage."""
    return {name: one for name, one in state(project.root).items() if ".db" not in name}


def imported(project: Project, *command: str) -> Project:
    """The same project whose source came from elsewhere."""
    for path in (SOURCE, f"{SOURCE}.dvc"):
        (project.root / path).unlink()
    dvc(project.root, *command, *(["-o"] if command[0] == "import" else []), SOURCE)
    project.workspace.data.git.commit("Import the records", ["."])
    return project


@pytest.mark.parametrize("how", ["dvc import", "dvc import-url"])
def test_a_source_that_is_imported_is_refused_with_whose_it_is_and_the_way_out(
    project: Project, theirs: Path, how: str
) -> None:
    command = ("import", str(theirs), SOURCE) if how == "dvc import" else ("import-url", str(theirs / SOURCE))
    imported(project, *command)
    project.request(project.cells()[0, 1][0])
    before = files(project)
    for _ in range(2):
        with pytest.raises(Refused, match=f"{SOURCE} is imported from .*{theirs}") as caught:
            project.erase()
    assert caught.value.exit_code == 1
    assert how in str(caught.value)
    assert f"dvc update {SOURCE}.dvc" in str(caught.value)
    assert files(project) == before
    assert "PlanMade" not in project.kinds()


def test_a_source_that_is_owned_again_is_redacted(project: Project, theirs: Path) -> None:
    person = project.cells()[0, 1][0]
    imported(project, "import", str(theirs), SOURCE)
    with pytest.raises(Refused):
        preflight.check_owned(project.workspace, [SOURCE])
    (project.root / f"{SOURCE}.dvc").unlink()
    dvc(project.root, "add", "-q", SOURCE)
    dvc(project.root, "push", "-q")
    project.workspace.data.git.commit("Own the records", ["."])
    redact_step(planned(project, person))
    assert not [path for path in TABLES if person in project.people(path)]


def test_an_import_that_came_after_the_plan_is_refused_by_the_redaction(project: Project, theirs: Path) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    imported(project, "import", str(theirs), SOURCE)
    with pytest.raises(Refused, match="is imported from"):
        redact_step(erasure)


def test_an_import_that_holds_nobody_of_them_hinders_nothing(project: Project, theirs: Path) -> None:
    person = project.cells()[0, 1][0]
    table = tables.read(theirs / SOURCE)
    redaction.redact(theirs / SOURCE, theirs / SOURCE, [one != person for one in table["patient"].to_pylist()])
    dvc(theirs, "commit", "-q", "--force")
    git(theirs, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-a", "-m", "without")
    imported(project, "import", str(theirs), SOURCE)
    redact_step(planned(project, person))
    assert not [path for path in TABLES if person in project.people(path)]


# --- versions of files -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    with buckets.serving() as served:
        yield served


@pytest.mark.slow
def test_an_erasure_leaves_nobody_in_any_version_of_a_remote_that_keeps_files_by_name(
    project: Project, s3: tuple[str, Any], tmp_path: Path
) -> None:
    address, client = s3
    bucket = buckets.versioned(client)
    settings = {"endpointurl": address, "version_aware": "true"}
    buckets.add_remote(project.root, "s3", url=f"s3://{bucket}/store", default=True, **settings)
    project.workspace.data.push(TABLES)
    project.workspace.data.git.commit("Push to the bucket", ["."])
    person = project.cells()[0, 1][0]
    assert _holding(client, bucket, tmp_path, person) == {f"store/{path}" for path in TABLES[:2]}
    project.request(person)
    [report] = project.erase()
    assert report["residuals"] == []
    assert list(project.states().values()) == ["completed"]
    assert _holding(client, bucket, tmp_path, person) == set()
    [redacted] = [event.fact for event in project.events() if isinstance(event.fact, DataRedacted)]
    assert redacted.clone == ()
    rows = {row.place: row for row in sweep.sweep(project.workspace, [project.token(person)]).places}
    assert rows["DVC remote 's3'"].outcome == rows[CLONE].outcome == "verified"
    assert rows["DVC remote 's3'"].searched == len(TABLES)
    git(tmp_path, "clone", "-q", str(project.root), "fresh")
    dvc(tmp_path / "fresh", "pull", "-q", *TABLES)
    for path in TABLES:
        assert (tmp_path / "fresh" / path).read_bytes() == (project.root / path).read_bytes()


def _holding(client: Any, bucket: str, tmp_path: Path, person: str) -> set[str]:
    """Keys of which any version holds a person."""
    found = set()
    for key, versions in buckets.contents(client, bucket).items():
        for content in versions if key.endswith(".parquet") else ():
            (tmp_path / "one.parquet").write_bytes(content)
            found |= {key} if person in tables.read(tmp_path / "one.parquet")["patient"].to_pylist() else set()
    return found


def test_what_is_left_to_people_is_said_with_the_redaction(project: Project) -> None:
    project.configure({"versioning": {"commit": False}})
    done = redact_step(planned(project, project.cells()[0, 1][0]))
    [said] = done.clone
    assert "versioning.commit is false" in said
    assert json.dumps(said)
    assert os.fspath(project.root) not in said
    assert [event.kind for event in project.events() if isinstance(event.fact, PlanMade)] == ["PlanMade"]


def test_a_version_that_does_not_work_with_the_others_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere: Any = None
    assert list(preflight._versions(nowhere)) == []
    real = preflight.version
    monkeypatch.setattr(preflight, "version", lambda name: "0.1" if name == "mlflow" else real(name))
    [said] = preflight._versions(nowhere)
    assert "mlflow 0.1 is installed, expected mlflow" in str(said)
    monkeypatch.setattr(preflight, "requires", lambda _: ['mlflow>=1; extra == "dev"', 'mlflow>=2; extra == "some"'])
    [said] = preflight._versions(nowhere)
    assert "expected mlflow>=2" in str(said)


def test_a_server_that_takes_half_of_the_time_it_is_given_is_said_to_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 3.9, 0.0, 4.1])
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "8")
    monkeypatch.setattr(preflight.time, "monotonic", lambda: next(clock))
    server: Any = SimpleNamespace(models=SimpleNamespace(uri="http://mlflow:5000", names=list))
    assert list(preflight._pace(server)) == []
    [said] = preflight._pace(server)
    assert "took 4.1 s" in str(said)
    file: Any = SimpleNamespace(models=SimpleNamespace(uri="sqlite:///mlflow.db"))
    assert list(preflight._pace(file)) == []
