"""What an erasure needs and does not find is said before it changes anything, all of it at once; nothing later is exit 2."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from tests.entrypoints.cli.commands import Answer, unlearn
from tests.faults.disks import read_only
from tests.small_project import SOURCE, TABLES, TRAIN, Project, copy
from tests.untouched import changes, state

pytestmark = pytest.mark.usefixtures("without_prefect")

Change = Callable[[Project], None]


def git(project: Project, *words: str) -> None:
    subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True)


def dvc(project: Project, *words: str) -> None:
    subprocess.run([warm.python(), "-m", "dvc", *words], cwd=project.root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def asked_once(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Somebody asked; to be copied, never to be changed."""
    project = copy(template, tmp_path_factory.mktemp("asked") / "project")
    project.request(project.cells()[0, 1][0])
    return project


@pytest.fixture
def asked(asked_once: Project, tmp_path: Path) -> Project:
    return copy(asked_once, tmp_path / "project")


# --- what may be missing ---------------------------------------------------------------------------------------------


def nobody(project: Project) -> None:
    git(project, "config", "--unset", "user.name")
    git(project, "config", "--unset", "user.email")
    git(project, "config", "user.useConfigOnly", "true")


def detached(project: Project) -> None:
    git(project, "checkout", "--quiet", "--detach")


def merging(project: Project) -> None:
    (project.root / ".git/MERGE_HEAD").write_text(f"{project.workspace.data.git.head}\n")


def unsigned(project: Project) -> None:
    git(project, "config", "commit.gpgsign", "true")
    git(project, "config", "gpg.program", "/bin/false")


def index_locked(project: Project) -> None:
    (project.root / ".git/index.lock").touch()


def output_in_git(project: Project) -> None:
    """No table, so that nobody sees it by its content: a report that some stage makes and DVC caches."""
    (project.root / "curve.txt").write_text("1 2 3\n")
    dvc(project, "add", "--quiet", "curve.txt")
    git(project, "add", "--force", "curve.txt", "curve.txt.dvc")


def no_remote(project: Project) -> None:
    dvc(project, "remote", "remove", "store")


def unknown_remote(project: Project) -> None:
    project.configure({"versioning": {"remote": "elsewhere"}})


def no_index_key(project: Project) -> None:
    (project.root / ".unlearning/keys/index.key").unlink()


def another_partition_key(project: Project) -> None:
    (project.root / ".unlearning/keys/partition.key").write_text(secrets.token_hex(32))


def no_recipe(project: Project) -> None:
    (project.root / "recipes/outcome.py").write_text("import nothing_of_the_kind\n")


def no_alias(project: Project) -> None:
    with project.workspace.models.client() as client:
        client.delete_registered_model_alias("outcome", "champion")


def edited_table(project: Project) -> None:
    (project.root / TRAIN).write_bytes((project.root / SOURCE).read_bytes())


MISSING: list[tuple[Change, int, str]] = [
    (nobody, 2, "git config user.email"),
    (detached, 2, "git switch BRANCH"),
    (merging, 2, "a merge is under way"),
    (unsigned, 2, "cannot sign a commit"),
    (index_locked, 1, "index.lock exists"),
    (output_in_git, 1, "git rm --cached curve.txt"),
    (no_remote, 2, "dvc remote add --default"),
    (unknown_remote, 2, "no DVC remote 'elsewhere', only ['store']"),
    (no_index_key, 2, "restore it from your backup"),
    (another_partition_key, 2, "Restore partition.key from your backup"),
    (no_recipe, 2, "ModuleNotFoundError at recipes/outcome.py:1"),
    (no_alias, 2, "points nowhere"),
    (edited_table, 2, "dvc checkout"),
]


@pytest.mark.parametrize(("change", "code", "says"), MISSING, ids=[change.__name__ for change, _, _ in MISSING])
def test_what_an_erasure_will_need_is_missed_before_anything_is_changed(
    asked: Project, change: Change, code: int, says: str
) -> None:
    change(asked)
    before = state(asked.root)
    answer = unlearn(asked.root, "erase", "--json")
    assert (answer.code, changes(before, state(asked.root))) == (code, [])
    assert says in answer.document["message"]


def test_everything_that_is_missing_is_said_at_once_and_by_the_doctor_too(asked: Project) -> None:
    for change in (nobody, no_remote, no_recipe):
        change(asked)
    answer, told = unlearn(asked.root, "erase"), unlearn(asked.root, "doctor", "--json")
    assert answer.code == 2
    for one in ("git config user.email", "dvc remote add --default", "ModuleNotFoundError at recipes/outcome.py:1"):
        assert one in answer.err
        assert one in told.out
    assert told.code == 1
    assert {one["check"] for one in told.document if not one["passed"]} >= {
        "Git can commit",
        "DVC can record new versions and push them",
        "recipe can be used",
    }


def test_what_a_setting_switches_off_is_not_asked_for(asked: Project) -> None:
    for change in (nobody, detached, no_remote):
        change(asked)
    asked.configure({"versioning": {"commit": False, "push": False}})
    assert all(one["passed"] for one in unlearn(asked.root, "doctor", "--json").document)


@pytest.mark.parametrize("folder", [".dvc/cache", ".dvc-remote", "data", ".unlearning/checkpoints"])
def test_a_folder_that_takes_no_file_is_named_before_anything_is_changed(asked: Project, folder: str) -> None:
    (asked.root / folder).mkdir(parents=True, exist_ok=True)
    with read_only(asked.root / folder):
        before = state(asked.root)
        answer = unlearn(asked.root, "erase", "--json")
        assert (answer.code, changes(before, state(asked.root))) == (1, [])
        assert folder in answer.document["message"]
        assert "make it writable" in answer.document["message"]


def test_a_training_asks_for_what_it_needs_and_no_more(asked: Project) -> None:
    for change in (nobody, no_remote):
        change(asked)
    assert unlearn(asked.root, "train").code == 0
    no_index_key(asked)
    assert "restore it from your backup" in unlearn(asked.root, "train").err


def test_a_round_of_following_that_is_refused_keeps_no_column_and_reads_nothing(asked: Project) -> None:
    no_index_key(asked)
    before = state(asked.root)
    assert unlearn(asked.root, "follow", "--subject-column", "holder").code == 2
    assert changes(before, state(asked.root)) == []


# --- what shows only later -------------------------------------------------------------------------------------------


def test_a_hook_that_refuses_the_commit_stops_the_erasure_with_exit_code_1_and_the_way_on(asked: Project) -> None:
    hook = asked.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits on Fridays >&2\nexit 1\n")
    hook.chmod(0o755)
    before = {path: (asked.root / path).read_bytes() for path in TABLES}
    answer = unlearn(asked.root, "erase", "--json")
    assert (answer.code, answer.document["error"]) == (1, "Halted")
    assert "no commits on Fridays" in answer.document["message"]
    assert "run `unlearn erase`: it goes on there" in answer.document["message"]
    assert {path: (asked.root / path).read_bytes() for path in TABLES} != before
    hook.unlink()
    assert unlearn(asked.root, "erase").code == 0
    assert list(asked.states().values()) == ["completed"]


# --- keys, and where a project is -------------------------------------------------------------------------------------


KEYS = ("index.key", "partition.key", "suppression.key", "signing.pem")


def initialise(root: Path) -> Answer:
    return unlearn(root, "init", "--model", "outcome")


@pytest.mark.parametrize("gone", [*((key,) for key in KEYS), KEYS], ids=["index", "partition", "suppression", "signing", "all"])
@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "an earlier version"])
def test_a_key_that_is_lost_is_never_replaced_by_init(asked: Project, gone: tuple[str, ...], remembered: bool) -> None:
    for key in gone:
        (asked.root / ".unlearning/keys" / key).unlink()
    if not remembered:
        (asked.root / ".unlearning/keys.json").unlink()
    answer = initialise(asked.root)
    assert answer.code == 2
    assert "Restore them from your backup" in answer.err
    assert not any((asked.root / ".unlearning/keys" / key).exists() for key in gone)


def test_a_key_that_is_put_away_on_purpose_is_replaced_by_init(asked: Project) -> None:
    folder = asked.root / ".unlearning/keys"
    (folder / "retired").mkdir()
    (folder / "partition.key").rename(folder / "retired/partition-2026.key")
    assert initialise(asked.root).code == 0
    assert asked.workspace.keys.partition != bytes.fromhex((folder / "retired/partition-2026.key").read_text().strip())


def test_a_project_remembers_its_keys_from_the_first_init_on(beginning: object, tmp_path: Path) -> None:
    root = tmp_path / "new"
    root.mkdir()
    for words in (["git", "init", "--quiet"], [warm.python(), "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, cwd=root, check=True)
    assert initialise(root).code == 0
    (root / ".unlearning/keys/index.key").unlink()
    assert "Restore them from your backup" in initialise(root).err


def test_a_command_in_a_subfolder_is_about_the_project_around_it_and_init_makes_none_there(asked: Project) -> None:
    inner = asked.root / "notebooks/deep"
    inner.mkdir(parents=True)
    assert unlearn(inner, "status", "--json").out == unlearn(asked.root, "status", "--json").out
    answer = initialise(inner)
    assert answer.code == 2
    assert f"go to {asked.root}" in answer.err
    assert os.listdir(inner) == []


def test_outside_a_project_the_message_names_the_top_of_the_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    inner = tmp_path / "inner"
    inner.mkdir()
    answer = unlearn(inner, "status", "--json")
    assert answer.code == 2
    assert f"no params.yaml in {tmp_path}; run `unlearn init` there" in json.loads(answer.out)["message"]
