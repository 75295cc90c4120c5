"""What Git keeps of people is said, and never rewritten."""

from __future__ import annotations

from pathlib import Path

from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores.git.repository import create
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.dvc_objects import Reader
from unlearning.traces.places.git_history import GitPlace

KEY, PERSON = bytes(32), "Zq-9999"
READER = Reader(Watch(("patient",), "text", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
TOKENS = frozenset({hashing.token(KEY, PERSON, "text")})


def test_names_are_found_by_token_and_contents_only_by_the_identifier_itself(tmp_path: Path) -> None:
    git = create(tmp_path, author="Ada", email="ada@example.org")
    for name, content in ((f"scans/{PERSON}.png", "x"), ("notes.txt", f"it is {PERSON}"), ("other.txt", "nobody")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        git.commit("add", [name])
    place, head = GitPlace(git, READER), git.head

    by_token = place.find(Wanted(TOKENS))
    by_bytes = place.find(Wanted(TOKENS, identifiers=(PERSON,)))

    assert [(one.place, one.count) for one in by_token.unclear] == [("Git history: names of files", 1)]
    contents = {one.place: one for one in by_bytes.unclear}["Git history: contents"]
    assert contents.count is not None
    assert contents.count >= 2  # the note, and the folder that names the scan
    assert by_token.traces == by_bytes.traces == ()
    assert PERSON not in str(by_bytes)
    assert place.erase(()) == ()
    assert git.head == head


def test_a_history_without_the_person_says_nothing_and_how_much_was_looked_at(tmp_path: Path) -> None:
    git = create(tmp_path, author="Ada", email="ada@example.org")
    (tmp_path / "a").write_text("nobody")
    git.commit("add", ["a"])
    found = GitPlace(git, READER).find(Wanted(TOKENS, identifiers=(PERSON,)))
    assert found.unclear == ()
    assert found.searched == 2 + 3  # a file and a branch by name; a commit, a tree and a blob by content
