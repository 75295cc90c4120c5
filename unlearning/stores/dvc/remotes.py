"""Remotes that do not keep objects by hash: those that keep files by name, in versions, and those nobody here can search.

Part of the home of DVC, with `objects.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from unlearning.stores.dvc import origins, recognition, s3_versions
from unlearning.stores.dvc.objects import UNLISTED, ObjectStore, object_stores, remote_label

if TYPE_CHECKING:
    from dvc.repo import Repo

    from unlearning.stores.dvc.repository import DvcData

_VERSION = "?versionId="


@dataclass(frozen=True)
class NamedStore(ObjectStore):
    """A remote with `version_aware` or `worktree`: every file under its own name, an older content as an older version of it.

    Seen as a store whose files are all strays, and whose older versions are what a listing does not show.
    """

    inside: str = ""
    """The project's folder inside the DVC repository, as `folder/`; nothing when it is the repository itself."""

    def objects(self) -> Iterator[tuple[str, str]]:
        """None is kept by its hash. Raises Unavailable."""
        self.recognise()
        return iter(())

    def runs(self) -> Iterator[str]:
        """DVC keeps no run cache there."""
        return iter(())

    def strays(self) -> Iterator[str]:
        """Path of every file as it is now. Raises Unavailable."""
        return (f"{self.root}/{relative}" for relative in self._relative())

    def deleted(self) -> dict[str, str]:
        """Path, with the version said in it, of every older content → the version. Raises Unavailable."""
        if not self.versioned:
            return {}
        with self.answering():
            older = s3_versions.older(self.files, self.root)
        return {f"{path}{_VERSION}{version}": version for path, versions in older.items() for version in versions}

    @contextmanager
    def open(self, path: str, version: str | None = None) -> Iterator[IO[bytes]]:
        """As of any store; the version may be said in the path too."""
        name, _, said = path.partition(_VERSION)
        with super().open(name, version or said or None) as stream:
            yield stream

    def delete(self, path: str) -> bool:
        """Delete one version, or the file as it is now; the other versions of it stay. Raises Unavailable."""
        if not self.versioned:
            return super().delete(path)
        name, _, said = path.partition(_VERSION)
        with self.answering():
            return s3_versions.delete_version(self.files, name, said or None)

    def below(self, path: str, version: str | None) -> list[str]:
        """The files that a file or folder is there: the one of which a version is named, else all as they are now.

        Raises Unavailable.
        """
        if version is not None:
            return [path]
        return [one for one in self.strays() if one == path or one.startswith(f"{path}/")]

    def _paths(self, object_hash: str) -> tuple[str, ...]:
        del object_hash  # nothing is kept by its hash
        return ()


@dataclass(frozen=True)
class Unsearched:
    """A remote that is configured, or named, and that nobody here can search."""

    name: str
    why: str
    remedy: str


def named_stores(data: DvcData) -> list[NamedStore]:
    """Every configured remote that keeps files by name and can be opened."""
    with data.reading() as repo:
        found = [store for name in sorted(repo.config["remote"]) if (store := _by_name(repo, name)) is not None]
        inside = data.root.relative_to(Path(repo.root_dir).resolve()).as_posix()
    seen, folder = recognition.remembered(data.root), "" if inside == "." else f"{inside}/"
    return [replace(store, mark=seen.get(store.name), inside=folder) for store in found]


def every_store(data: DvcData) -> list[ObjectStore]:
    """The cache and every remote that can be searched."""
    return [*object_stores(data), *named_stores(data)]


def _by_name(repo: Repo, name: str) -> NamedStore | None:
    try:
        remote = repo.cloud.get_remote(name, "purge")
        by_name = remote.fs.version_aware or remote.worktree
        protocol = remote.fs.protocol
    except Exception:  # no driver here, or settings that do not parse: `unsearched` says which
        return None
    if not by_name or protocol in UNLISTED:
        return None
    return NamedStore(remote_label(name), remote.fs, str(remote.path).rstrip("/"), local=protocol == "local")


def unsearched(data: DvcData) -> list[Unsearched]:
    """Every other remote: configured at any level, named by an output, or used before and no longer configured."""
    with data.indexed() as repo:
        configured = sorted(repo.config["remote"])
        broken = [one for name in configured if (one := _broken(repo, name)) is not None]
        named = {name for out in repo.index.outs for name in _named_by(out)} - set(configured)
    known = {remote_label(name) for name in (*configured, *named)}
    gone = sorted(name for name in recognition.remembered(data.root) if name.startswith("DVC remote") and name not in known)
    return [*broken, *map(_unknown, sorted(named)), *map(_former, gone)]


def pushed_to(data: DvcData, remote: str | None) -> frozenset[str]:
    """What the remotes are called in reports that a push goes to: the named or default one, and those that outputs name."""
    with data.indexed() as repo:
        names = {remote or repo.config["core"].get("remote"), *(out.remote for out in repo.index.outs)}
    return frozenset(remote_label(name) for name in names if name)


def _broken(repo: Repo, name: str) -> Unsearched | None:
    from dvc_objects.fs import known_implementations

    label, address = remote_label(name), origins.without_secrets(str(repo.config["remote"][name].get("url", "")))
    scheme = address.partition("://")[0]
    try:
        protocol = repo.cloud.get_remote(name, "purge").fs.protocol
    except Exception as error:  # each kind of remote with errors of its own
        why = f"it cannot be opened here ({type(error).__name__}): a driver is missing, or its settings are wrong"
        driver = known_implementations.get(scheme, {}).get("class", "").partition(".")[0].replace("_", "-")
        install = f"install its driver (`pip install {driver}`) or " if driver not in ("", "dvc-objects") else ""
        remedy = f"{install}correct its settings, then `unlearn purge`"
        return Unsearched(label, why, remedy)
    if protocol in UNLISTED:
        remedy = "search it where its files lie, or give DVC an address that can be listed, then `unlearn purge`"
        return Unsearched(label, f"nothing can be listed over {protocol}", remedy)
    return None


def _named_by(out: Any) -> set[str]:
    """The remotes that an output names: where it is to be pushed, and where its versions are."""
    versions = [out.meta.remote if out.meta else None, *(item.get("remote") for item in out.files or ())]
    return {str(name) for name in (out.remote, *versions) if name}


def _unknown(name: str) -> Unsearched:
    return Unsearched(
        remote_label(name),
        "an output names it, and DVC's settings do not say where it is",
        f"add it with `dvc remote add {name} URL`, then `unlearn purge`",
    )


def _former(label: str) -> Unsearched:
    return Unsearched(
        label,
        "it was used before, and is no longer in DVC's settings",
        f"add it again and run `unlearn purge`; if it was destroyed, take {label!r} out of {recognition.FILE}",
    )
