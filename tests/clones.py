"""A Git and DVC repository with two versions of a table and a stage, as a user has it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tests import warm

V1, V2 = "age\n1\n2\n", "age\n1\n2\n3\n"


def run(folder: Path, *command: str) -> str:
    if command[0] == "dvc":
        command = (warm.python(), "-m", *command)
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def create(folder: Path, *, remote: Path) -> Path:
    """Tag v1: two rows; HEAD: three rows, a folder, and a stage that copies the table. Everything is pushed."""
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "git", "config", "user.email", "tester@example.org")
    run(folder, "git", "config", "user.name", "tester")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "remote", "add", "-q", "-d", "store", str(remote))
    table = folder / "data" / "train.csv"
    table.parent.mkdir()
    table.write_text(V1)
    run(folder, "dvc", "add", "-q", "data/train.csv")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "two rows")
    run(folder, "git", "tag", "v1")
    table.write_text(V2)
    (folder / "data" / "notes").mkdir()
    (folder / "data" / "notes" / "a.txt").write_text("a")
    run(folder, "dvc", "add", "-q", "data/train.csv", "data/notes")
    (folder / "params.yaml").write_text("epochs: 3\n")
    run(
        folder,
        "dvc",
        "stage",
        "add",
        "-q",
        "--run",
        "-n",
        "copy",
        "-d",
        "data/train.csv",
        "-o",
        "out.csv",
        "cp data/train.csv out.csv",
    )
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "three rows")
    run(folder, "dvc", "push", "-q", "-a", "-T")
    return folder


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
