import os
import subprocess

import pytest

from unlearning.domain.errors import ProjectError
from unlearning.stores.git.repository import Git, create


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text("[user]\n  useConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def repository(tmp_path):
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def put(repository, name, text):
    (repository.root / name).write_text(text)
    repository.commit(text, [name])
    return repository.head


def git(repository, *arguments):
    done = subprocess.run(["git", *arguments], cwd=repository.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_an_empty_repository_has_no_head_and_no_commits(repository):
    assert repository.head is None
    assert repository.commits(["*"]) == []


def test_creating_it_again_keeps_commits_and_author(repository):
    head = put(repository, "a", "one")
    again = create(repository.root, author="Bob", email="bob@example.org")
    assert again.head == head
    assert git(repository, "config", "user.name") == "Ada"


def test_an_author_of_the_machine_is_not_overruled(tmp_path):
    (tmp_path / "gitconfig").write_text("[user]\n  name = Grace\n  email = grace@example.org\n")
    repository = create(tmp_path / "repository", author="Ada", email="ada@example.org")
    put(repository, "a", "one")
    assert git(repository, "log", "--format=%an %ae") == "Grace grace@example.org"


def test_a_folder_outside_any_repository_is_refused_and_so_is_one_that_is_not_there(tmp_path):
    with pytest.raises(ProjectError, match="run `git init`"):
        Git(tmp_path)
    with pytest.raises(ProjectError, match="does not exist"):
        Git(tmp_path / "nothing")


def test_a_file_is_committed_only_as_it_stands(repository):
    file = repository.root / "a"
    file.write_text("one")
    assert not repository.committed(file)
    repository.commit("one", ["a"])
    assert repository.committed(file)
    file.write_text("two")
    assert not repository.committed(file)


def test_an_ignored_file_is_not_taken_for_a_committed_one(repository):
    put(repository, ".gitignore", "a\n")
    (repository.root / "a").write_text("one")
    assert not repository.committed(repository.root / "a")
    with pytest.raises(ProjectError, match="ignored by one of your"):
        repository.commit("a", ["a"])


def test_committing_again_makes_no_second_commit(repository):
    head = put(repository, "a", "one")
    repository.commit("again", ["a"])
    assert repository.head == head


def test_commits_that_touched_a_path_are_found_across_branches_parents_first(repository):
    one = put(repository, "a", "one")
    put(repository, "b", "unrelated")
    two = put(repository, "a", "two")
    git(repository, "checkout", "--quiet", "-b", "side", one)
    side = put(repository, "a", "side")
    found = repository.commits(["a"])
    assert found[0] == one
    assert sorted(found) == sorted([one, two, side])
