"""The `git` command: the one place where it is run, and the one error when it fails."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from unlearning.domain.environ import GIT_QUIETLY
from unlearning.domain.errors import ProjectError, Unavailable, UnlearningError

_LOCK = re.compile(r"'([^'\n]+\.lock)'")


def text(root: Path, *arguments: str, failing: str = "", **environment: str) -> str:
    """What Git prints when it is run in a folder. Raises as `output` does."""
    return output(root, *arguments, failing=failing, environment=environment).decode("utf-8", "surrogateescape")


def ask(root: Path, *arguments: str, content: bytes = b"", patience_s: float | None = None) -> str | None:
    """What Git answers to `content`, without spaces around it; None when its answer is no. Raises as `output` does."""
    done = _run(root, *arguments, content=content, patience_s=patience_s)
    if done.returncode == 1:
        return None
    return _checked(root, arguments, done).decode("utf-8", "surrogateescape").strip()


def output(
    root: Path, *arguments: str, content: bytes = b"", failing: str = "", environment: Mapping[str, str] | None = None
) -> bytes:
    """The bytes that Git prints when it reads `content`.

    Raises Unavailable where another Git process holds a lock, and ProjectError, which starts with `failing` and ends with Git's
    own words, for anything else.
    """
    return _checked(root, arguments, _run(root, *arguments, content=content, environment=environment), failing)


@contextmanager
def stream(root: Path, *arguments: str, failing: str) -> Iterator[IO[bytes]]:
    """What Git prints, as it comes: for more than fits in memory. Raises ProjectError at the end, when Git says it failed."""
    command = ["git", *arguments]
    with subprocess.Popen(
        command, cwd=root, env={**os.environ, **GIT_QUIETLY}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield cast("IO[bytes]", process.stdout)
    if process.returncode:
        raise ProjectError(failing)


def locked(root: Path, lock: str | Path) -> Unavailable:
    """The error about a lock that another process holds, or left behind."""
    return Unavailable(
        f"another Git process holds {root}, or one was killed there: {lock} exists; run again when it is done, or delete that "
        "file when no Git is at work"
    )


def _run(
    root: Path,
    *arguments: str,
    content: bytes = b"",
    environment: Mapping[str, str] | None = None,
    patience_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            env={**os.environ, **GIT_QUIETLY, **(environment or {})},
            input=content,
            capture_output=True,
            timeout=patience_s,
            check=False,
        )
    except OSError as error:
        raise ProjectError(f"{root} does not exist, or the command `git` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"`git {arguments[0]}` took longer than {patience_s} s in {root}") from error


def _checked(root: Path, arguments: tuple[str, ...], done: subprocess.CompletedProcess[bytes], failing: str = "") -> bytes:
    if done.returncode:
        raise _failure(root, failing or f"`git {arguments[0]}` failed in {root}", done)
    return done.stdout


def _failure(root: Path, failing: str, done: subprocess.CompletedProcess[bytes]) -> UnlearningError:
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    if (found := _LOCK.search(said)) and (Path(root, found[1]).exists() or "File exists" in said):
        return locked(root, found[1])
    return ProjectError(f"{failing}: {said}" if said else failing)
