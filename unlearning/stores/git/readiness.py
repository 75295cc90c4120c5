"""Whether Git would take a commit now: asked before anything is rewritten that the commit would be about.

Hooks are not run: they are code of the user's that may change the work tree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from unlearning.domain.environ import GIT_ALTERNATE_OBJECT_DIRECTORIES, GIT_OBJECT_DIRECTORY
from unlearning.domain.errors import ProjectError, UnlearningError
from unlearning.stores.git import command
from unlearning.stores.git.repository import Git

_UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "git merge --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --abort"),
    "rebase-merge": ("a rebase", "git rebase --abort"),
    "rebase-apply": ("a rebase", "git rebase --abort"),
    "BISECT_LOG": ("a bisection", "git bisect reset"),
}


def obstacles(git: Git) -> Iterator[UnlearningError]:
    """Everything that would keep a commit from being made, or from staying on a branch."""
    for name in ("index.lock", "HEAD.lock"):
        if (lock := _path(git, name)).exists():
            yield command.locked(git.root, lock)
    for one, (what, step) in _UNDER_WAY.items():
        if _path(git, one).exists():
            yield ProjectError(f"{what} is under way in {git.root}, and Git commits no single file then; end it, or `{step}`")
    if command.text(git.root, "ls-files", "--unmerged"):
        yield ProjectError(f"files in {git.root} are unmerged; resolve them (`git status`) and commit")
    if git.head and command.ask(git.root, "symbolic-ref", "--quiet", "HEAD") is None:
        yield ProjectError(f"{git.root} is at a detached HEAD, so a commit would be on no branch; run `git switch BRANCH`")
    yield from _rehearsed(git)


def _path(git: Git, name: str) -> Path:
    """Where a file of the repository is, which differs in a linked work tree."""
    return Path(git.root, command.text(git.root, "rev-parse", "--git-path", name).strip())


def _rehearsed(git: Git) -> Iterator[UnlearningError]:
    """A commit of nothing, signed where the settings say so, into a folder that is thrown away."""
    step = 'run `git config user.name "NAME"` and `git config user.email "ADDRESS"`'
    try:
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            command.text(git.root, "var", who)
    except ProjectError:
        yield ProjectError(f"Git knows nobody as author of a commit in {git.root}; {step}")
        return
    signs = command.ask(git.root, "config", "--type=bool", "commit.gpgsign") == "true"
    failing = f"Git cannot {'sign' if signs else 'make'} a commit in {git.root}; put right what it says"
    with tempfile.TemporaryDirectory(prefix="unlearning-") as scratch:
        aside = {GIT_OBJECT_DIRECTORY: scratch, GIT_ALTERNATE_OBJECT_DIRECTORIES: str(_path(git, "objects").resolve())}
        tree = command.output(git.root, "mktree", environment=aside).decode().strip()
        how = ("--gpg-sign",) if signs else ()
        command.text(git.root, "commit-tree", *how, "-m", "rehearsal", tree, failing=failing, **aside)
