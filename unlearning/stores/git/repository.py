"""A project's Git repository, through the `git` command: what a commit holds, and new commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unlearning.stores.git import command

_ALL = ("--exclude=refs/unlearning/*", "--all")
"""Every ref but our own: a twin of a commit is no history."""


class Git:
    """The repository that a folder is in."""

    def __init__(self, root: Path) -> None:
        """Raises ProjectError when the folder is in no repository."""
        self.root = root
        command.text(root, "rev-parse", "--git-dir", failing=f"{root} is in no Git repository; run `git init` there")

    @property
    def head(self) -> str | None:
        """The current commit; None before the first one."""
        return command.ask(self.root, "rev-parse", "--verify", "--quiet", "HEAD")

    @property
    def shallow(self) -> bool:
        """Older commits were left out when this clone was made."""
        return command.ask(self.root, "rev-parse", "--is-shallow-repository") == "true"

    def committed(self, file: Path) -> bool:
        """The current commit holds this file as it is."""
        return not command.text(self.root, "status", "--porcelain", "--ignored", "--", str(file))

    def commits(self, pathspecs: Sequence[str]) -> list[str]:
        """Every commit, on any branch or tag, that touched one of the paths; parents come before their children."""
        head = ["HEAD"] if self.head else []
        order = ("--topo-order", "--reverse", "--full-history", "--parents", "--format=%H")
        return command.text(self.root, "log", *_ALL, *head, *order, "--", *pathspecs).split()

    def commit(self, message: str, files: Sequence[str]) -> None:
        """Commit these files or folders and nothing else that is staged; does nothing when they are committed already.

        Raises ProjectError with Git's own words when a hook refuses or nobody is configured as author.
        """
        changed = [file for file in files if not self.committed(Path(file))]
        if changed:
            failing = "Git did not commit; put right what it says and run again"
            command.text(self.root, "add", "--", *changed, failing=failing)
            command.text(self.root, "commit", "--quiet", "--message", message, "--only", "--", *changed, failing=failing)


def create(root: Path, *, author: str, email: str) -> Git:
    """A repository in a folder that is none yet; the author is set in it where the machine names none."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():
        command.text(root, "init", "--quiet", "--initial-branch=main")
    repository = Git(root)
    for name, value in (("user.name", author), ("user.email", email)):
        if command.ask(root, "config", name) is None:
            command.text(root, "config", name, value)
    return repository
