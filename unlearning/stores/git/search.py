"""What a Git repository keeps of any time: names of files and refs, and every object's content, unreachable ones included."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

from unlearning.domain.errors import ProjectError
from unlearning.stores.git import command
from unlearning.stores.git.repository import Git

Kind = Literal["blob", "commit", "tag", "tree"]

_MISSING = "--missing=allow-any"
"""A clone that left objects out is read as far as it goes: what is not here is not asked for over the network."""


@dataclass(frozen=True)
class Content:
    """One object."""

    name: str
    kind: Kind
    path: str
    """Of a file, at the first commit that has it there; empty where no commit and no index names it."""
    body: bytes = field(repr=False)

    @property
    def said(self) -> bytes:
        """What people wrote in a commit or tag: its message, and who they are; no hash and no time."""
        head, _, message = self.body.partition(b"\n\n")
        return b"\n".join([*re.findall(rb"(?m)^(?:author|committer|tagger) (.*?>)", head), message])

    @property
    def entries(self) -> list[str]:
        """The names in a folder."""
        found = re.findall(rb"\d+ ([^\0]+)\0.{%d}" % (len(self.name) // 2), self.body, re.DOTALL)
        return [name.decode("utf-8", "surrogateescape") for name in found]


def refs(git: Git) -> list[str]:
    """The name of every branch, tag and other ref."""
    return command.text(git.root, "for-each-ref", "--format=%(refname)").splitlines()


def contents(git: Git) -> Iterator[Content]:
    """Every object once, one at a time in memory. Raises ProjectError for a repository that cannot be read to its end."""
    listed = command.text(git.root, "cat-file", "--batch-all-objects", "--unordered", "--batch-check").splitlines()
    paths = _paths(git, [name for name, kind, *_ in map(str.split, listed) if kind == "commit"])
    everything = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
    failing = f"`git cat-file` failed in {git.root}; run `git fsck` there"
    with command.stream(git.root, *everything, failing=failing) as objects:
        # Of an object that it cannot read Git says `<name> missing`, and goes on.
        while (head := objects.readline().decode().split()) and head[-1] != "missing":
            name, kind, size = head
            body = objects.read(int(size) + 1)[:-1]
            yield Content(name, cast("Kind", kind), paths.get(name, ""), body)
    if head:
        raise ProjectError(failing)


def everywhere(git: Git, blobs: Collection[str]) -> dict[str, list[str]]:
    """Every path at which these blobs ever were, in any commit that a ref or the reflog names."""
    found: dict[str, list[str]] = {blob: [] for blob in blobs}
    if not found:
        return {}
    raw = ("log", "--all", "--reflog", "-m", "--root", "--no-renames", "--raw", "--no-abbrev", "-z", "--format=")
    lines = iter(command.text(git.root, *raw).split("\0"))
    for facts in lines:
        if (blob := facts.strip().split(" ")[3:4]) and blob[0] in found:
            found[blob[0]].append(next(lines))
        elif blob:
            next(lines)
    return {blob: sorted(set(at)) for blob, at in found.items()}


def _paths(git: Git, commits: Collection[str]) -> dict[str, str]:
    """Object → a path that a commit, these ones too, or the index has it at."""
    listed = ("rev-list", "--objects", "--all", "--reflog", "--indexed-objects", _MISSING, "--stdin")
    out = command.output(git.root, *listed, content="".join(f"{name}\n" for name in commits).encode())
    lines = (line.partition(" ") for line in out.decode("utf-8", "surrogateescape").splitlines())
    return {name: path for name, _, path in lines}
