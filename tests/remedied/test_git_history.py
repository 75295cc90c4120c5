"""Remedies that rewrite the history of Git, with git-filter-repo itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.remedied.helping import asking, git, helps, printed, run
from tests.remedied.test_searching_and_erasing import READER, WANTED
from tests.small_project import Project
from unlearning.domain.traces import Residual
from unlearning.stores.git import repository
from unlearning.traces.places.git_history import GitPlace

PERSON, OTHER = "Zq-9999", "Zq-1234"
TABLE = f"patient,age\n{OTHER},1\n{PERSON},2\n"

pytestmark = pytest.mark.usefixtures("without_prefect")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of somebody's, with a commit that has nothing to do with people."""
    made = repository.create(tmp_path / "repository", author="Ada", email="ada@example.org")
    put(made.root, "readme.md", "# A ward\n")
    return made.root


def put(root: Path, name: str, content: str | bytes, message: str = "Add") -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    git(root, "add", name)
    git(root, "commit", "-q", "-m", message)


def left(root: Path) -> tuple[Residual, ...]:
    return GitPlace(repository.Git(root), READER).find(WANTED).unclear


def said(root: Path) -> str:
    return " ".join(one.remedy for one in left(root))


def test_a_table_is_taken_out_of_every_commit(root: Path) -> None:
    for name in ("export.csv", "old exports/of may.csv"):
        put(root, name, TABLE)
        git(root, "mv", name, f"{name}.moved.csv")
        git(root, "commit", "-q", "-m", "Move")
    helps(lambda: said(root), root, "git filter-repo")
    assert "readme.md" in git(root, "ls-files")


def test_many_tables_are_taken_out_by_their_list(root: Path, tmp_path: Path) -> None:
    for number in range(25):
        put(root, f"exports/{number}.csv", f"{TABLE}{OTHER},{number}\n")
    [one] = left(root)
    (tmp_path / "paths").write_text("\n".join(one.names) + "\n")
    helps(lambda: said(root), root, "git filter-repo", fill={"FILE": str(tmp_path / "paths")})


def test_what_lies_at_a_path_that_names_somebody_is_taken_out_by_its_object_and_the_path_renamed(
    root: Path, tmp_path: Path
) -> None:
    put(root, f"exports/{PERSON}.csv", TABLE)
    objects = [name.removeprefix("object ") for one in left(root) for name in one.names if name.startswith("object ")]
    (tmp_path / "objects").write_text("\n".join(objects) + "\n")
    fill = {"OLD": f"exports/{PERSON}.csv", "NEW": "exports/one.csv", "FILE": str(tmp_path / "objects")}
    helps(lambda: said(root), root, "git filter-repo", fill=fill)
    assert left(root) == ()


def test_a_file_of_unknown_form_is_taken_out(root: Path) -> None:
    put(root, "model.bin", b"\x00\x01\x02")
    helps(lambda: said(root), root, "git filter-repo")


@pytest.mark.parametrize("where", ["a text", "a message"])
def test_words_are_taken_out_of_texts_and_messages(root: Path, tmp_path: Path, where: str) -> None:
    if where == "a text":
        put(root, "notes.md", f"# Ward\n\nSee {PERSON}.\n")
    else:
        put(root, "notes.md", "# Ward\n", message=f"Without {PERSON}")
    (tmp_path / "expressions").write_text(f"{PERSON}==>\n")
    helps(lambda: said(root), root, "git filter-repo", fill={"EXPRESSIONS": str(tmp_path / "expressions")})


def test_a_table_that_was_committed_leaves_the_history_of_a_project(project: Project) -> None:
    root = project.root
    put(root, "export.csv", "patient,age\nZq-1,5\n", message="oops")
    doctor = asking(root, "doctor")
    [rewrite] = printed(doctor(), "git filter-repo")
    helps(doctor, root, "git rm", "unlearn init", after=lambda: git(root, "commit", "-q", "-a", "-m", "Out"))
    run(root, rewrite)
    assert git(root, "log", "--all", "--format=%H", "--", "export.csv") == ""
    assert "export.csv" not in doctor()
