"""What Git tracks now: the files of its index and of the current commit, and what is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from unlearning.stores.git import command, plumbing
from unlearning.stores.git.repository import Git

_LINK = ("120000", "160000")
"""Modes of a link and of another repository: neither has content here."""


def index(git: Git) -> dict[str, str]:
    """Path from the project folder → blob, of every file below it that the next commit holds."""
    lines = command.text(git.root, "ls-files", "--stage", "-z").split("\0")
    split = (line.split("\t", 1) for line in lines if line)
    return {path: facts.split()[1] for facts, path in split if facts.split()[0] not in _LINK}


def staged(git: Git) -> dict[str, str]:
    """Those of the index that differ from the current commit."""
    changed = command.text(git.root, "diff", "--cached", "--name-only", "--relative", "--diff-filter=d", "-z")
    return {path: blob for path, blob in index(git).items() if path in set(changed.split("\0"))}


def head(git: Git) -> dict[str, str]:
    """Path from the project folder → blob, of every file below it that the current commit holds."""
    if not git.head:
        return {}
    inside = command.text(git.root, "rev-parse", "--show-prefix").strip()
    return {path.removeprefix(inside): blob for path, blob in plumbing.files(git, "HEAD").items() if path.startswith(inside)}


def contents(git: Git, blobs: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """(blob, content) of each, one call of Git for all of them."""
    if not blobs:
        return
    out = memoryview(command.output(git.root, "cat-file", "--batch", content="".join(f"{blob}\n" for blob in blobs).encode()))
    while out:
        first = bytes(out[:200]).split(b"\n", 1)[0]
        if (facts := first.decode().split())[-1] == "missing":
            out = out[len(first) + 1 :]
            continue
        start, size = len(first) + 1, int(facts[2])
        yield facts[0], bytes(out[start : start + size])
        out = out[start + size + 1 :]
