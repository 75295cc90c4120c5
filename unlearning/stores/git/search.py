"""People in a Git history: names of files at any commit, and every object's content."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unlearning.domain.errors import ProjectError
from unlearning.stores.git import command
from unlearning.stores.git.repository import Git


def names(git: Git) -> Iterator[str]:
    """The path of every file and folder at any commit, and the name of every ref."""
    for line in command.text(git.root, "rev-list", "--all", "--objects").splitlines():
        _, _, path = line.partition(" ")
        if path:
            yield path
    yield from command.text(git.root, "for-each-ref", "--format=%(refname)").splitlines()


def holding(git: Git, wanted: re.Pattern[bytes]) -> tuple[int, int]:
    """(objects in which something is found, objects that were read), unreachable ones included; one at a time in memory."""
    found = read = 0
    everything = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
    failing = f"`git cat-file` failed in {git.root}; run `git fsck` there"
    with command.stream(git.root, *everything, failing=failing) as objects:
        # Of an object that it cannot read Git says `<name> missing`, and goes on.
        while (head := objects.readline().split()) and head[-1] != b"missing":
            content = objects.read(int(head[2]) + 1)
            read, found = read + 1, found + bool(wanted.search(content))
    if head:
        raise ProjectError(failing)
    return found, read
