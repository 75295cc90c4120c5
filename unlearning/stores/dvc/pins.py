"""One DVC-tracked file or folder at one revision of any repository, described so that any clone can bring it back.

Beside `repository.py`, which changes the project's own repository, the only place that opens DVC; nothing is changed here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from unlearning.domain.errors import Damaged, NotFound, ProjectError, Unavailable, WrongUse
from unlearning.domain.versions import _KNOWN, SCHEME, Pin
from unlearning.stores import scratch
from unlearning.stores.dvc import twin_map
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from dvc.repo import Repo


def pin(uri: str) -> Pin:
    """What `dvc://path?rev=…&repo=…&remote=…` means now; without a rev, the content in the working folder.

    Raises WrongUse for an address that is none, ProjectError outside a repository, NotFound for what is not tracked.
    """
    path, asked = _parsed(uri)
    where = asked.get("repo")
    with _opened(where, asked.get("rev"), asked.get("remote")) as repo, scratch.folder(Path(where or ".")) as aside:
        remote = asked.get("remote") or repo.config["core"].get("remote")
        if "rev" not in asked:
            object_hash, file = _here(repo, path)
            rev = _head_that_names(repo, path, object_hash)
        else:
            object_hash, rev = _object(repo, path), repo.get_rev()
            file = _copied(repo, path, aside)
        return Pin(path, rev, object_hash, tables.digest(file), remote, where)


def fetch(wanted: Pin, folder: Path) -> Path:
    """The pinned content, from the working folder's clone or the named repository, written into `folder` under its own name.

    Raises NotFound when no cache or remote has it, Damaged when the content is another one.
    """
    with _opened(wanted.repo, wanted.rev, wanted.remote) as repo:
        file = _copied(repo, wanted.path, folder)
    if (found := tables.digest(file)) != wanted.digest:
        raise Damaged(f"{wanted.path} at {wanted.rev or 'the working folder'} is {found}; expected {wanted.digest}")
    return file


def _parsed(uri: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(uri)
    path = unquote(parts.netloc + parts.path).strip("/")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    strangers = sorted(set(asked) - set(_KNOWN))
    if parts.scheme != SCHEME or not path or strangers:
        raise WrongUse(f"{uri!r} is no DVC address; expected dvc://path/in/repository?rev=…&repo=…&remote=…")
    return path, asked


@contextlib.contextmanager
def _opened(where: str | None, rev: str | None, remote: str | None) -> Iterator[Repo]:
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import CloneError, RevError, SCMError

    shown = where or f"the working folder {Path.cwd()}"
    try:
        with Repo.open(where, rev=rev, remote=remote) as repo:
            yield repo
    except (NotDvcRepoError, CloneError) as error:
        raise ProjectError(f"{shown} is no DVC repository; run there, or name one with ?repo=") from error
    except RevError as error:
        raise NotFound(f"revision {rev!r} is not in {shown}; run `git fetch` there, or correct ?rev=") from error
    except SCMError as error:
        raise ProjectError(f"{shown} has no Git history, so ?rev= means nothing there") from error
    except DvcException as error:
        raise Unavailable(f"DVC could not read {shown}: {type(error).__name__}") from error


def _object(repo: Repo, path: str) -> str:
    try:
        found: dict[str, Any] = repo.dvcfs.info(path).get("dvc_info", {})
    except FileNotFoundError:
        found = {}
    if not found.get("md5"):
        raise NotFound(
            f"{path} is not tracked by DVC at {repo.get_rev() or 'the working folder'}; check `dvc list . --dvc-only -R`"
        )
    return str(found["md5"])


def _here(repo: Repo, path: str) -> tuple[str, Path]:
    """Object hash and place of what lies in the working folder, whether or not DVC has recorded it yet."""
    from dvc_data.hashfile.build import build

    _object(repo, path)
    file = Path(repo.root_dir, path)
    if not file.exists():
        raise NotFound(f"{path} is tracked by DVC but missing here; run `dvc pull {path}`, or name a ?rev=")
    _, _, built = build(repo.cache.local, str(file), repo.fs, "md5", dry_run=True)
    return str(built.hash_info.value), file


def _head_that_names(repo: Repo, path: str, object_hash: str) -> str | None:
    from dvc.scm import SCMError

    try:
        with _opened(repo.root_dir, "HEAD", None) as committed:
            return committed.get_rev() if _object(committed, path) == object_hash else None
    except (NotFound, ProjectError, SCMError):
        return None  # nothing committed yet, or no Git at all


def _copied(repo: Repo, path: str, folder: Path) -> Path:
    from dvc.exceptions import DvcException

    target = folder / Path(path).name
    try:
        repo.dvcfs.get(path, str(target), recursive=True)
    except (FileNotFoundError, DvcException) as error:
        raise NotFound(
            f"{path} at {repo.get_rev() or 'the working folder'}: neither the cache nor a remote has the content;"
            f" {twin_map.way_back(Path(repo.scm.root_dir), _object(repo, path))}"
        ) from error
    return target
