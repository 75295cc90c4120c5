"""What Git keeps of people is found in files, messages and names of any commit, said with its command, and never rewritten."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Found, Residual, Wanted
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git.repository import Git, create
from unlearning.stores.git.search import Content
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.dvc_objects import Reader
from unlearning.traces.places.git_history import TRAINED, GitPlace, _known

KEY, PERSON, OTHER = bytes(32), "Zq-9999", "Zq-1234"
READER = Reader(Watch(("patient",), "text", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
TOKENS = frozenset({hashing.token(KEY, PERSON, "text")})


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def put(git: Git, name: str, content: str | bytes, message: str = "Add") -> None:
    file = git.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    git.commit(message, [name])


def run(git: Git, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=git.root, check=True, capture_output=True)


def parquet(*people: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"patient": list(people), "age": [50] * len(people)}), out)
    return out.getvalue()


def find(git: Git, **more: object) -> Found:
    return GitPlace(git, READER, **more).find(Wanted(TOKENS))  # type: ignore[arg-type]


def left(git: Git) -> dict[str, Residual]:
    return {one.place.removeprefix("Git history: "): one for one in find(git).unclear}


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("data/train.parquet", parquet(OTHER, PERSON), "tables"),
        ("export.csv", f"patient,age\n{OTHER},1\n{PERSON},2\n", "tables"),
        ("no-suffix", parquet(PERSON), "tables"),
        ("notes.md", f"# Ward\n\nSee {PERSON}.\n", "texts"),
        ("explore.ipynb", json.dumps({"cells": [{"outputs": [f"row of {PERSON}"]}]}), "texts"),
        ("query.sql", f"SELECT * FROM t WHERE patient = '{PERSON}'", "texts"),
        ("dvc.yaml", f"stages:\n  a:\n    cmd: python a.py --without {PERSON}\n", "texts"),
        ("dvc.lock", f"stages:\n  a:\n    cmd: python a.py --without {PERSON}\n", "texts"),
        ("reports/metrics.json", json.dumps({"worst": PERSON}), "texts"),
    ],
)
def test_a_file_of_any_commit_that_holds_the_person_is_listed_with_its_command(
    git: Git, name: str, content: str | bytes, part: str
) -> None:
    put(git, name, content)
    run(git, "rm", "--quiet", name)
    run(git, "commit", "--quiet", "--message", "gone")
    [one] = left(git).values()
    assert (one.place, one.outcome, one.count) == (f"Git history: {part}", "residual", 1)
    assert one.names == (name,)
    said = (
        f"git filter-repo --force --invert-paths --path {name}"
        if part == "tables"
        else "git filter-repo --force --replace-text"
    )
    assert said in one.remedy


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pkl", pickle.dumps({"who": PERSON})),
        ("scan.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)),
        ("weights.bin", bytes(range(256)) * 4),
        ("things.npy", b"\x93NUMPY\x01\0v\0" + bytes(128)),
    ],
)
def test_what_no_reader_knows_is_unverified_with_its_path_and_the_way_out(git: Git, name: str, content: bytes) -> None:
    put(git, name, content)
    [one] = left(git).values()
    assert one.outcome in ("unverified", "residual")  # a reader that knows more may find the person
    assert (one.count, one.names) == (1, (name,))
    assert f"--path {name}" in one.remedy
    free = find(git, free=lambda path: path == name)
    assert one.outcome == "residual" or free.unclear == ()


def test_every_path_at_which_a_table_ever_was_is_in_the_command_and_quoted(git: Git) -> None:
    put(git, "first name.csv", f"patient\n{PERSON}\n")
    run(git, "mv", "first name.csv", "second.csv")
    run(git, "commit", "--quiet", "--message", "moved")
    run(git, "checkout", "--quiet", "-b", "side")
    run(git, "mv", "second.csv", "third$.csv")
    run(git, "commit", "--quiet", "--message", "moved again")
    one = left(git)["tables"]
    command = one.remedy.split("`")[1]
    assert shlex.split(command)[4:] == ["--path", "first name.csv", "--path", "second.csv", "--path", "third$.csv"]
    assert one.count == 1


def test_a_path_that_names_a_person_is_not_printed_and_its_object_is(git: Git) -> None:
    put(git, f"exports/{PERSON}.csv", f"patient\n{PERSON}\n")
    found = left(git)
    assert PERSON not in str(found)
    assert found["names of files"].count == 1
    [name] = found["tables"].names
    assert name.startswith("object ")
    assert "--strip-blobs-with-ids" in found["tables"].remedy


def test_neither_is_one_that_names_somebody_else(git: Git) -> None:
    put(git, f"exports/{OTHER}.csv", f"patient\n{PERSON}\n")
    known = hashing.token(KEY, OTHER, "text")
    reader = Reader(
        Watch(("patient",), "text", KEY), indexed=lambda who: {"object": known in who}, derived=lambda _: frozenset()
    )
    found = GitPlace(git, reader).find(Wanted(TOKENS))
    assert OTHER not in str(found)


def test_messages_names_refs_and_what_nothing_reaches_count(git: Git) -> None:
    put(git, "a", "nobody", message=f"Take {PERSON} out")
    run(git, "tag", "-a", "-m", f"without {PERSON}", "v1")
    run(git, "branch", PERSON)
    put(git, "b.csv", f"patient\n{PERSON}\n")
    run(git, "reset", "--quiet", "--hard", "HEAD~1")
    run(git, "reflog", "expire", "--expire=now", "--all")
    (git.root / "staged.csv").write_text(f"patient\n{PERSON}\nZq-1\n")
    run(git, "add", "staged.csv")
    found = left(git)
    assert {part: one.count for part, one in found.items()} == {"messages": 2, "names of files": 1, "tables": 2}
    assert found["tables"].names == ("b.csv", "staged.csv")
    assert "--replace-message" in found["messages"].remedy


def test_a_number_in_a_message_may_be_a_person_and_is_said(git: Git) -> None:
    reader = Reader(Watch(("patient",), "integer", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
    put(git, "a", "nobody", message="Fix row 100042")
    run(git, "tag", "-a", "-m", "after 100042", "v1")
    found = GitPlace(git, reader).find(Wanted(frozenset({hashing.token(KEY, 100042, "integer")})))
    [one] = found.unclear
    assert (one.place, one.outcome, one.count) == ("Git history: messages that may name them", "unverified", 2)
    assert "--replace-message" in one.remedy


def test_hashes_and_sizes_in_files_of_dvc_and_in_the_map_of_twins_are_nobody(git: Git) -> None:
    name = "4d46ac40f41c8bcbfb4a5ab2c3e2ab17"
    put(git, "a.csv.dvc", f"outs:\n- md5: {name}\n  size: 1234567\n  hash: md5\n  path: a.csv\n")
    put(
        git,
        "dvc.lock",
        f"schema: '2.0'\nstages:\n  x:\n    outs:\n    - path: m\n      md5: {name}.dir\n      nfiles: 7654321\n",
    )
    twin_map.write(git, git.root, TwinMap([Twin(name, name[::-1], "a.csv", "0" * 64, 5)]), signing_key=_signing_key())
    git.commit("Twins", [twin_map.FILE])
    for kind, people in (("text", [name, f"{name}.dir", name[::-1]]), ("phone", ["1234567", "7654321"])):
        tokens = frozenset(hashing.token(KEY, one, kind) for one in people)  # type: ignore[arg-type]
        watch = Watch(("patient",), kind, KEY)
        reader = Reader(watch, indexed=lambda _: {}, derived=lambda _: frozenset())
        assert GitPlace(git, reader).find(Wanted(tokens)).unclear == ()


def test_paths_in_files_of_dvc_and_in_the_map_of_twins_count(git: Git) -> None:
    put(git, "scan.dvc", f"outs:\n- md5: {'a' * 32}\n  path: {PERSON}.png\n")
    twin_map.write(git, git.root, TwinMap([Twin("a" * 32, "b" * 32, PERSON, "0" * 64, 5)]), signing_key=_signing_key())
    git.commit("Twins", [twin_map.FILE])
    assert left(git)["texts"].count == 2


def test_with_the_identifier_itself_bytes_of_any_form_are_searched(git: Git) -> None:
    put(git, "model.bin", b"\0\0" + PERSON.encode() + b"\0\0")
    put(git, "packed.gz", gzip.compress(b"nobody"))
    found = GitPlace(git, READER).find(Wanted(TOKENS, identifiers=(PERSON,)))
    other = next(one for one in found.unclear if one.place == "Git history: other files")
    assert (other.count, other.names) == (1, ("model.bin",))
    assert PERSON not in str(found)


def test_nothing_is_rewritten(git: Git) -> None:
    put(git, "a.csv", f"patient\n{PERSON}\n")
    place, head = GitPlace(git, READER), git.head
    assert find(git).traces == ()
    assert place.erase(()) == ()
    assert git.head == head


def test_a_history_without_the_person_says_nothing_and_how_much_was_looked_at(git: Git) -> None:
    put(git, "a", "nobody")
    put(git, "b.parquet", parquet(OTHER))
    found = find(git)
    assert found.unclear == ()
    assert found.searched == 4 + 3  # two commits and two files by content; two files and a branch by name


def test_a_repository_that_cannot_be_read_stops_nothing_and_is_unverified(git: Git) -> None:
    put(git, "a.csv", f"patient\n{PERSON}\n")
    for file in (git.root / ".git/objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(b"broken")
    [one] = find(git).unclear
    assert (one.outcome, one.count) == ("unverified", None)
    assert "git fsck" in one.remedy


def _signing_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_the_fields_of_our_reports_are_those_that_are_known() -> None:
    from unlearning.project.training.stage_reports import TrainedVersion

    assert frozenset(one.name for one in fields(TrainedVersion)) == TRAINED


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ({"accuracy": 0.9, "log_loss": 1.5, "records": 100042, "constituents": 4}, True),
        ({"data/a.csv": {"complete": "passed"}}, True),
        ({"accuracy": 0.9, "log_loss": 1.5, "records": "100042", "constituents": 4}, False),
        ({"accuracy": 0.9, "log_loss": 1.5, "records": 7, "constituents": 4, "worst": 100042}, False),
        ({"worst": 100042}, False),
        ({"accuracy": 0.9, "worst": {"id": 100042}}, False),
        ({"data/a.csv": {"complete": 100042}}, False),
        ([100042], False),
    ],
)
def test_numbers_are_counts_in_reports_of_ours_alone(content: object, known: bool) -> None:
    one = Content("ab12", "blob", "reports/metrics.json", json.dumps(content).encode())
    said = _known(one)
    assert (said is not None) == known
    assert said is None or b"100042" not in said
