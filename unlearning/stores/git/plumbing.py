"""Commits made beside the history: other contents for some files of a commit, under a ref of its own.

Nothing here touches the work tree, the index, a branch or HEAD, except `switch`
and `linked`, which are told to.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from unlearning.domain.environ import GIT_INDEX_FILE
from unlearning.domain.errors import NotFound, ProjectError
from unlearning.stores import scratch
from unlearning.stores.git import command
from unlearning.stores.git.repository import Git

TWINS = "refs/unlearning/twins"
"""One ref for each commit that has a twin: `refs/unlearning/twins/<commit>`."""

_HALF, _OWNER = "unlearning-", ".owner"

MAP = "refs/unlearning/map"
"""The list of twins and its earlier versions, whatever is checked out."""

_EVERY = ("--exclude=refs/unlearning/*", "--all")

_AUTHOR = {"NAME": "unlearn", "EMAIL": "unlearn@localhost"}


def everywhere(git: Git) -> list[str]:
    """Every commit on any branch, tag or other ref, twins aside; parents come before their children."""
    head = ["HEAD"] if git.head else []
    out = command.text(git.root, "rev-list", "--topo-order", "--reverse", *_EVERY, *head)
    made = set(twins(git).values())
    return [rev for rev in out.split() if rev not in made]


def tips(git: Git) -> list[str]:
    """The commits that branches, tags and other refs are at, twins aside."""
    return command.text(git.root, "rev-list", "--no-walk", *_EVERY, *(["HEAD"] if git.head else [])).split()


def behind(git: Git, commits: Sequence[str]) -> frozenset[str]:
    """These commits, as far as they are here, and every one that they come from."""
    return frozenset(command.text(git.root, "rev-list", "--ignore-missing", *commits).split()) if commits else frozenset()


def dates(git: Git) -> dict[str, int]:
    """Commit → when it says that it was made, in seconds since 1970, of every one that a ref leads to."""
    head = ["HEAD"] if git.head else []
    lines = command.text(git.root, "log", "--format=%H %ct", *_EVERY, *head).splitlines()
    return {rev: int(at) for rev, at in (line.split() for line in lines)}


def resolve(git: Git, rev: str) -> str:
    """The commit that a name stands for. Raises NotFound."""
    commit = command.ask(git.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if commit is None:
        raise NotFound(f"no commit {rev!r} in {git.root}; name a branch, a tag or a commit")
    return commit


def files(git: Git, rev: str) -> dict[str, str]:
    """Path, from the top of the repository → blob, of every file of a commit."""
    lines = command.text(git.root, "ls-tree", "-r", "-z", "--full-tree", rev).split("\0")
    split = (line.split("\t", 1) for line in lines if line)
    return {path: facts.split()[2] for facts, path in split}


def blob(git: Git, name: str) -> bytes:
    """The content of a blob."""
    return command.output(git.root, "cat-file", "blob", name)


def commit_beside(git: Git, rev: str, changed: Mapping[str, bytes], *, message: str) -> str:
    """A commit that follows `rev` and differs from it in these files; the same one every time."""
    with scratch.folder(git.root) as aside:
        index = {GIT_INDEX_FILE: str(aside / "index")}
        command.text(git.root, "read-tree", rev, **index)
        for path, content in sorted(changed.items()):
            mode = command.text(git.root, "ls-files", "--stage", "--full-name", "--", f":(top){path}", **index).split()[0]
            name = _write(git, content)
            command.text(git.root, "update-index", "--cacheinfo", f"{mode},{name},{path}", **index)
        tree = command.text(git.root, "write-tree", **index).strip()
    at = command.text(git.root, "show", "--no-patch", "--format=%cI", rev).strip()
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (*_AUTHOR.items(), ("DATE", at))}
    return command.text(git.root, "commit-tree", tree, "-p", rev, "-m", message, **who).strip()


def set_twin(git: Git, rev: str, commit: str) -> None:
    """Name the twin of a commit."""
    command.text(git.root, "update-ref", f"{TWINS}/{rev}", commit)


def twins(git: Git) -> dict[str, str]:
    """Commit → its twin."""
    lines = command.text(git.root, "for-each-ref", "--format=%(refname) %(objectname)", TWINS).splitlines()
    return {name.rpartition("/")[2]: commit for name, commit in (line.split() for line in lines)}


def keep(git: Git, name: str, content: bytes, *, message: str) -> None:
    """A new version of one file under `MAP`, after those before it."""
    blob_name = _write(git, content)
    line = f"100644 blob {blob_name}\t{name}\n".encode()
    tree = command.output(git.root, "mktree", content=line).decode().strip()
    before = command.text(git.root, "for-each-ref", "--format=%(objectname)", MAP).strip()
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _AUTHOR.items()}
    commit = command.text(git.root, "commit-tree", tree, *(("-p", before) if before else ()), "-m", message, **who).strip()
    command.text(git.root, "update-ref", MAP, commit, *((before,) if before else ()))


def kept(git: Git, name: str) -> bytes | None:
    """The newest version of that file; None before the first."""
    if not command.text(git.root, "for-each-ref", MAP):
        return None
    return blob(git, f"{MAP}:{name}")


def changes(git: Git) -> list[str]:
    """Tracked files that differ from HEAD, one line each."""
    return command.text(git.root, "status", "--porcelain", "--untracked-files=no").splitlines()


def switch(git: Git, rev: str) -> None:
    """Check a revision out in the work tree: on its branch when it is one. Raises as `command.output` does."""
    command.text(git.root, "checkout", "--quiet", rev, "--")


def inside(git: Git) -> str:
    """Where `git.root` is in the repository: `model/`, or nothing when it is the top."""
    return command.text(git.root, "rev-parse", "--show-prefix").rstrip("\n")


def current(git: Git) -> str:
    """What is checked out: the branch, or the commit on no branch."""
    return command.ask(git.root, "symbolic-ref", "--quiet", "--short", "HEAD") or str(git.head)


@contextmanager
def linked(git: Git, commit: str, folder: Path) -> Iterator[Path]:
    """A commit in a linked work tree beside `folder`, which it becomes when the block ends well; otherwise it is taken away.

    A process that is killed leaves its own beside, and nothing at `folder`. Raises ProjectError, as `command.output` does.
    """
    _clear(git, folder)
    with _held(folder) as draft:
        try:
            command.text(git.root, "worktree", "add", "--quiet", "--detach", str(draft), commit)
            yield draft
            if folder.exists():  # Git would move into it
                _make_way(folder)
            command.text(git.root, "worktree", "move", str(draft), str(folder))
        except BaseException:
            _drop(git, draft)
            raise


@contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """A name beside the folder, in a folder of its own that is locked while its process lives."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-{_HALF}", dir=folder.parent))
    with (beside / _OWNER).open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield beside / folder.name
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _clear(git: Git, folder: Path) -> None:
    """Take away what killed processes left beside the folder."""
    for beside in folder.parent.glob(f".{glob.escape(folder.name)}-{_HALF}*"):
        with contextlib.suppress(OSError), (beside / _OWNER).open("r+") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _drop(git, beside / folder.name)
            shutil.rmtree(beside, ignore_errors=True)


def _make_way(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        raise ProjectError(f"{folder} is there already and not empty; name a new folder") from error


def _drop(git: Git, draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    command.text(git.root, "worktree", "prune")


def _write(git: Git, content: bytes) -> str:
    """The name of a blob that holds this."""
    return command.output(git.root, "hash-object", "-w", "--stdin", content=content).decode().strip()
