"""Remedies for a repository that is not ready: Git, DVC, `unlearn init`, what Git keeps."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History
from tests.remedied.conftest import trained_elsewhere
from tests.remedied.helping import asking, dvc, failing, git, helps, move_remote
from tests.small_project import Project
from unlearning.erasure.countersign import countersign
from unlearning.project.tables import current_version
from unlearning.stores.dvc import origins, pins, recognition, remotes
from unlearning.stores.dvc import repository as dvc_repository

pytestmark = pytest.mark.usefixtures("without_prefect")

TABLE = "data/patients.csv"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Git and DVC repository with a table that nobody tracks."""
    root = tmp_path / "project"
    dvc_repository.create(root, remote="../remote")
    (root / "data").mkdir()
    (root / TABLE).write_text("patient,age,ill\n" + "".join(f"Zq{n:04d},{30 + n},{n % 2}\n" for n in range(30)))
    return root


# --- unlearn init ----------------------------------------------------------------------------------------------------


def test_a_table_that_init_is_to_find_is_tracked_first(bare: Path) -> None:
    helps(asking(bare, "init", "--person", "patient"), bare, "dvc add", fill={"PATH": TABLE})
    assert f"source: {TABLE}" in (bare / "params.yaml").read_text()


def test_a_table_that_init_is_told_of_is_tracked_first(bare: Path) -> None:
    helps(asking(bare, "init", "--table", TABLE), bare, "dvc add")
    assert f"source: {TABLE}" in (bare / "params.yaml").read_text()


def test_a_table_without_a_target_is_for_a_project_that_trains_nothing(bare: Path) -> None:
    (bare / TABLE).write_text("patient,note,when\n" + "".join(f"Zq{n:04d},said {n},{n}.5\n" for n in range(30)))
    dvc(bare, "add", TABLE)
    helps(asking(bare, "init"), bare, "unlearn init")
    assert "recipe: null" in (bare / "params.yaml").read_text()


def test_tables_in_the_way_of_init_are_moved_and_it_runs_again(bare: Path) -> None:
    for one in ("data/train.csv", "data/unlearning/train.csv"):
        (bare / one).parent.mkdir(exist_ok=True)
        shutil.copy(bare / TABLE, bare / one)
    dvc(bare, "add", TABLE)
    helps(
        asking(bare, "init", "--table", TABLE),
        bare,
        "unlearn init",
        add=f" --table {TABLE}",
        before=lambda: (bare / "data/unlearning/train.csv").unlink(),
    )
    assert "data/unlearning/train.csv" in (bare / "params.yaml").read_text()


def test_a_project_that_trains_nothing_is_led_to_its_first_model(bare: Path) -> None:
    dvc(bare, "add", TABLE)
    said = unlearn(bare, "init", "--adopt-only").said
    trained_elsewhere(bare, "risk")
    fill = {"MODEL/VERSION": "risk/1", "PATH": TABLE, "COLUMN": "patient"}
    git(bare, "add", "--all")
    git(bare, "commit", "-q", "-m", "Begin")
    nowhere = asking(bare, "impact", "--subject", "Zq0001")
    assert "`unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN`" in nowhere()
    for command, add in (("unlearn follow", ""), ("unlearn adopt", " --policy none")):  # its run names no stage
        ask = iter([said, ""])
        helps(lambda ask=ask: next(ask), bare, command, fill=fill, add=add)
    assert TABLE in unlearn(bare, "lineage", "risk/1").said
    assert "unlearn adopt" not in nowhere()


# --- Git and DVC -----------------------------------------------------------------------------------------------------


def test_git_is_told_who_commits(project: Project) -> None:
    root = project.root
    for what in ("user.name", "user.email"):
        git(root, "config", "--unset", what)
    git(root, "config", "user.useConfigOnly", "true")
    helps(asking(root, "doctor"), root, "git config", fill={"NAME": "Ann", "ADDRESS": "ann@example.org"})


def test_a_branch_is_gone_back_to(project: Project) -> None:
    branch = git(project.root, "branch", "--show-current")
    git(project.root, "checkout", "-q", "--detach")
    helps(asking(project.root, "doctor"), project.root, "git switch", fill={"BRANCH": branch})


@pytest.mark.parametrize("what", ["merge", "cherry-pick", "revert", "rebase", "bisect"])
def test_what_is_under_way_in_git_is_ended(project: Project, what: str) -> None:
    root, main = project.root, git(project.root, "branch", "--show-current")

    def noted(text: str) -> None:
        (root / "notes.txt").write_text(f"{text}\n")
        git(root, "add", "notes.txt")
        git(root, "commit", "-q", "-m", text)

    git(root, "switch", "-q", "-c", "theirs")
    noted("one")
    noted("two")
    if what != "revert":
        git(root, "switch", "-q", main)
        noted("ours")
    words = {"bisect": ["start"], "revert": ["HEAD~1"]}.get(what, ["theirs"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_EDITOR", "true")
        subprocess.run(["git", what, *words], cwd=root, check=False, capture_output=True)
        helps(asking(root, "doctor"), root, f"git {what}")


def test_what_git_tracks_of_dvc_s_is_taken_out(project: Project) -> None:
    root = project.root
    (root / "curve.txt").write_text("1 2 3\n")
    dvc(root, "add", "--quiet", "curve.txt")
    git(root, "add", "--force", "curve.txt", "curve.txt.dvc")
    said = helps(
        asking(root, "doctor"), root, "git rm", "unlearn init", after=lambda: git(root, "commit", "-q", "-a", "-m", "Out")
    )
    assert "curve.txt" not in said


def test_data_that_git_would_take_is_ignored_again(project: Project) -> None:
    (project.root / "data/.gitignore").write_text("")
    (project.root / ".gitignore").write_text("/.unlearning/\n/.dvc-remote/\n/mlflow.db\n/mlruns/\n")
    helps(asking(project.root, "doctor"), project.root, "unlearn init")


def test_a_project_without_a_remote_gets_one(project: Project, tmp_path: Path) -> None:
    dvc(project.root, "remote", "remove", "store")
    place = tmp_path / "other"
    helps(asking(project.root, "doctor"), project.root, "dvc remote", fill={"NAME": "other", "URL": str(place)})


@pytest.mark.parametrize("file", ["dvc.lock", "dvc.yaml", ".dvc/config"])
def test_a_file_of_dvc_that_is_broken_is_restored(project: Project, file: str) -> None:
    (project.root / file).write_text("{ broken")
    helps(asking(project.root, "doctor"), project.root, "git checkout", fill={"FILE": file})


def test_a_remote_that_only_dvc_has_used_and_that_is_empty_takes_a_push(project: Project, tmp_path: Path) -> None:
    recognition.remember(project.root, {"DVC remote 'store'": recognition.UNMARKED})
    move_remote(project.root, str(tmp_path / "new"))
    (tmp_path / "new").mkdir()
    [store] = [one for one in remotes.every_store(project.workspace.data) if "remote" in one.name]
    helps(failing(lambda: list(store.objects())), project.root, "dvc push")


def test_nobody_is_told_to_push_into_a_store_that_took_the_place_of_another(project: Project, tmp_path: Path) -> None:
    move_remote(project.root, str(tmp_path / "new"))
    (tmp_path / "new").mkdir()
    recognition.remember(project.root, {"DVC remote 'store'": "00" * 16})
    [store] = [one for one in remotes.every_store(project.workspace.data) if "remote" in one.name]
    assert "dvc push" not in failing(lambda: list(store.objects()))()


def test_a_revision_that_came_later_is_fetched(origin: Path, clone: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(origin, mine, symlinks=True)
    git(clone, "remote", "set-url", "origin", str(mine))
    git(mine, "tag", "v2")
    git(mine, "commit", "-q", "--allow-empty", "-m", "Later")
    git(mine, "tag", "v3")
    helps(failing(lambda: pins.pin(f"dvc://data/train.csv?rev=v3&repo={clone}")), clone, "git fetch")


# --- imports ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    """Another team's repository with a table of people."""
    root = tmp_path / "owner"
    dvc_repository.create(root, remote="../theirs")
    (root / "data").mkdir()
    (root / "data/people.csv").write_text("patient,x\nann-1,1\nbob-2,2\n")
    for words in (["add", "data/people.csv"], ["push"]):
        dvc(root, *words)
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "People")
    return root


def test_an_import_is_erased_at_its_source_and_taken_anew(history: History, owner: Path) -> None:
    root = history.root
    dvc(root, "import", str(owner), "data/people.csv", "-o", "data/people.csv", "--no-download")
    said = failing(lambda: current_version(history.workspace, "data/people.csv", "patient"))
    assert "is imported from" in said()

    def erased() -> None:
        (owner / "data/people.csv").write_text("patient,x\nbob-2,2\n")
        dvc(owner, "add", "data/people.csv")
        dvc(owner, "push")
        git(owner, "commit", "-q", "-a", "-m", "Without Ann")

    shown = iter([said(), ""])
    helps(lambda: next(shown), root, "dvc update", before=erased)
    assert (root / "data/people.csv").read_text() == "patient,x\nbob-2,2\n"


def test_an_import_is_owned_from_now_on(history: History, owner: Path) -> None:
    root = history.root
    dvc(root, "import", str(owner), "data/people.csv", "-o", "data/people.csv")
    ask = asking(root, "doctor")

    def disowned() -> None:
        (root / "data/people.csv.dvc").unlink()
        (root / "data/.gitignore").write_text((root / "data/.gitignore").read_text().replace("/people.csv\n", ""))

    shown = iter([origins.imports(history.repository)[0].remedy, ""])
    helps(lambda: next(shown), root, "dvc add", before=disowned, after=lambda: history.commit("Ours"))
    assert origins.imports(history.repository) == []
    assert "import" not in ask()


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["index.key", "signing.pem"])
def test_a_key_that_others_can_read_is_made_private(project: Project, key: str) -> None:
    (project.root / ".unlearning/keys" / key).chmod(0o644)
    helps(asking(project.root, "doctor"), project.root, "chmod 600")


def test_a_project_that_never_had_keys_gets_them(project: Project) -> None:
    shutil.rmtree(project.root / ".unlearning")
    ask = failing(lambda: project.workspace.keys)
    helps(ask, project.root, "unlearn init")
    assert project.workspace.keys.index


def test_whoever_countersigns_makes_a_key(tmp_path: Path) -> None:
    key = tmp_path / "theirs.pem"
    ask = failing(lambda: countersign(tmp_path / "certificate.json", key, operator=tmp_path / "signing.pub"))
    said = helps(ask, tmp_path, "openssl genpkey", "chmod 600")
    assert "signing.pub cannot be read" in said  # the next thing that is asked for
