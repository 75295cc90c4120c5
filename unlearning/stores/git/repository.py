"""A project's Git repository, through the `git` command: what a commit holds, and new commits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unlearning.domain.environ import GIT_ONLY_READS
from unlearning.domain.errors import ProjectError, Unavailable

_ALL = ("--exclude=refs/unlearning/*", "--all")
"""Every ref but our own: a twin of a commit is no history."""


@dataclass(frozen=True)
class Commit:
    """One commit; among the commits that were asked for, those it follows."""

    rev: str
    parents: tuple[str, ...]
    at: datetime
    """Committer date, UTC."""


class Git:
    """The repository that a folder is in."""

    def __init__(self, root: Path) -> None:
        """Raises ProjectError when the folder is in no repository."""
        self.root = root
        self._run("rev-parse", "--git-dir", failing=f"{root} is in no Git repository; run `git init` there")

    @property
    def head(self) -> str | None:
        """The current commit; None before the first one."""
        return self._run("rev-parse", "--verify", "--quiet", "HEAD", failing=None).strip() or None

    @property
    def shallow(self) -> bool:
        """Older commits were left out when this clone was made."""
        return self._run("rev-parse", "--is-shallow-repository", failing="cannot read the Git history").strip() == "true"

    def committed(self, file: Path) -> bool:
        """The current commit holds this file as it is."""
        return not self._run(
            "status", "--porcelain", "--ignored", "--", str(file), failing="cannot read the Git status"
        ).strip()

    def commits(self, pathspecs: Sequence[str]) -> list[Commit]:
        """Every commit, on any branch or tag, that touched one of the paths; parents come before their children."""
        head = ["HEAD"] if self.head else []
        order = ("--topo-order", "--reverse", "--full-history", "--parents", "--format=%H %P|%ct")
        lines = self._run("log", *_ALL, *head, *order, "--", *pathspecs, failing="cannot read the Git history").splitlines()
        split = [(revs.split(), int(seconds)) for revs, seconds in (line.split("|") for line in lines)]
        return [Commit(revs[0], tuple(revs[1:]), datetime.fromtimestamp(seconds, UTC)) for revs, seconds in split]

    def commit(self, message: str, files: Sequence[str]) -> None:
        """Commit these files or folders and nothing else that is staged; does nothing when they are committed already.

        Raises ProjectError with Git's own words when a hook refuses or nobody is configured as author.
        """
        changed = [file for file in files if not self.committed(Path(file))]
        if changed:
            failing = "Git did not commit; put right what it says and run again"
            self._run("add", "--", *changed, failing=failing)
            self._run("commit", "--quiet", "--message", message, "--only", "--", *changed, failing=failing)

    def _run(self, *arguments: str, failing: str | None) -> str:
        """Git's standard output; when it fails, a ProjectError that starts with `failing` (None: the output all the same)."""
        try:
            done = _git(self.root, *arguments)
        except FileNotFoundError as error:
            raise ProjectError(f"{self.root} does not exist, or the command `git` is not installed") from error
        if done.returncode and failing is not None:
            said = (done.stderr or done.stdout).strip()
            if "index.lock" in said:
                raise Unavailable(f"another Git process holds {self.root}, or one was killed there: {said}")
            raise ProjectError(f"{failing}: {said}" if said else failing)
        return done.stdout


def create(root: Path, *, author: str, email: str) -> Git:
    """A repository in a folder that is none yet; the author is set in it where the machine names none."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():
        _git(root, "init", "--quiet", "--initial-branch=main")
    repository = Git(root)
    for name, value in (("user.name", author), ("user.email", email)):
        if _git(root, "config", name).returncode:
            _git(root, "config", name, value)
    return repository


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **GIT_ONLY_READS},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
