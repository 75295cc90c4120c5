"""People in a Git history: names of files at any commit, and every object's content. Part of the home of Git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from unlearning.domain.errors import ProjectError
from unlearning.stores.git.repository import Git


def names(git: Git) -> Iterator[str]:
    """The path of every file and folder at any commit, and the name of every ref."""
    for line in _run(git, "rev-list", "--all", "--objects").splitlines():
        _, _, path = line.partition(" ")
        if path:
            yield path
    yield from _run(git, "for-each-ref", "--format=%(refname)").splitlines()


def holding(git: Git, wanted: re.Pattern[bytes]) -> tuple[int, int]:
    """(objects in which something is found, objects that were read), unreachable ones included; one at a time in memory."""
    found = read = 0
    command = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered"]
    with subprocess.Popen(command, cwd=git.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        stream = process.stdout
        # Of an object that it cannot read Git says `<name> missing`, and goes on.
        while stream is not None and (head := stream.readline().split()) and head[-1] != b"missing":
            content = stream.read(int(head[2]) + 1)
            read, found = read + 1, found + bool(wanted.search(content))
    if head or process.returncode:
        raise ProjectError(f"`git cat-file` failed in {Path(git.root)}; run `git fsck` there")
    return found, read


def _run(git: Git, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=git.root, capture_output=True, check=False)
    if done.returncode:
        raise ProjectError(f"`git {arguments[0]}` failed in {git.root}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode("utf-8", "surrogateescape")
