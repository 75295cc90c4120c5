"""The project's Git and DVC repository: which version of a table is here, older versions, and recording a new one.

The one home of dvc; Git is in `stores/git/`. DVC's objects, lock and metadata files are used as DVC 3 documents them
(https://dvc.org/doc/user-guide/project-structure); how recorded hashes are renewed is in `recorded_hashes.py`.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import Damaged, NotFound, ProjectError, Unavailable, raised_here
from unlearning.domain.versions import DataVersion, Tracked
from unlearning.stores import yaml_bombs
from unlearning.stores.contents import file_digest
from unlearning.stores.dvc import in_use, kept, origins, recorded_hashes, snapshots, twin_map
from unlearning.stores.dvc.kept import KeptRepo
from unlearning.stores.dvc.snapshots import Snapshot
from unlearning.stores.git import command, plumbing
from unlearning.stores.git import repository as git_repository
from unlearning.stores.git.repository import Git
from unlearning.stores.tables import parts, tables

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.repo import Repo
    from dvc.stage import Stage

_CHATTY = ("dvc", "dvc_data", "dvc_objects")
"""Loggers that also decide whether DVC draws progress bars; their messages may quote paths of the user's machine."""
_PARSERS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What DVC lets through of the parsers that it reads its files with."""
_READ = ("dvc.yaml", "dvc.lock", "params.yaml", ".dvc/config", ".dvc/config.local", ".dvcignore")
_PATIENCE: Mapping[str, Mapping[str, int]] = {
    **{scheme: {"connect_timeout": 5, "read_timeout": 20} for scheme in ("s3", "http", "https")},
    "azure": {"connection_timeout": 5, "read_timeout": 20},
    "ssh": {"timeout": 20},
}
"""Scheme → seconds for which an address that never answers is waited for, at each try, unless the remote says others."""
_COMMIT = re.compile("[0-9a-f]{40}")
_METADATA = (":(top,glob)**/*.dvc", ":(top,glob)**/dvc.lock", ":(top,glob)**/dvc.yaml")


class DvcData:
    """The tables of one project, by their paths relative to `root`. Every operation may be run again."""

    def __init__(self, root: Path) -> None:
        """Raises ProjectError when the folder is in no Git or in no DVC repository."""
        self.root = root.resolve()
        self._snapshots: dict[str, Snapshot] = {}
        self._kept: deque[KeptRepo] = deque()
        _silence()
        self.git = Git(self.root)
        with self.reading():
            pass

    def current(self, path: str, *, measured: Callable[[Path], tuple[str, int, int]]) -> DataVersion:
        """The version in the workspace; `rev` is HEAD when HEAD names this object, else None.

        measured: content digest, rows and people of a clean table.

        Raises ProjectError when the table is untracked, missing, or differs from what DVC recorded.
        """
        file = self.root / path
        with self.indexed() as repo:
            out = self._tracked(repo, path)
            if not out.hash_info:
                _must_be_ours(out, path)
            if not out.use_cache:
                raise ProjectError(
                    f"{path} is not kept by DVC (cache: false), so no old version could be had; let DVC cache it"
                )
            _must_be_clean(out, path, exists=file.exists(), maker=self.stage_name(out.stage))
            held: str = out.hash_info.value
            holder = recorded_hashes.holder(out.stage)
        rev = self.git.head
        if rev is not None and not self.git.committed(holder):
            rev = rev if Tracked(path, held) in self.snapshot(rev).outs else None
        digest, rows, people = measured(file)
        return DataVersion(path=path, digest=digest, object=held, rev=rev, rows=rows, people=people)

    def fetch(self, version: DataVersion) -> Path:
        """The file of any version, from the local cache, or else pulled into it from a remote; the workspace stays as it is.

        Of a version that was erased, its twin: the same table without the people who are gone.
        The file has no suffix, or is a folder's listing: read it with `tables.read(file, named=version.path)`.
        Raises NotFound, saying where it looked; Unavailable when a remote did not answer; Damaged when the content is not what
        the version says.
        """
        found: Callable[[Path], str] = tables.digest
        try:
            file, digest = self.content(version.path, version.object), version.digest
        except NotFound:
            twin = twin_map.read(self.git, self.root).last(version.object)
            if twin is None:
                raise
            file, digest, found = self.content(version.path, twin.new), twin.digest, file_digest
        if digest != found(file):
            raise Damaged(f"{version.path}, object {version.object}: content is not {digest}; restore the object")
        return file

    def content(self, path: str, object_hash: str) -> Path:
        """The file of any object, as `fetch`, for one whose digest nobody noted; DVC checks it against its hash.

        Of a folder its listing, with every file that it names beside it in the cache, as `tables.read` takes it.
        """
        (file,) = self._had({object_hash: path})
        if object_hash.endswith(parts.LISTING):
            self._had({one: f"a file of {path}" for _, one in parts.listing(file.read_bytes())})
        return file

    def inside(self, folder: str, object_hash: str) -> list[Tracked]:
        """What lies in a tracked folder. Raises as `fetch` does when its listing is nowhere."""
        self._had({object_hash: folder})
        with self.reading() as repo:
            return snapshots.inside(repo, folder, object_hash)

    def snapshots(self, revs: Sequence[str]) -> list[Snapshot]:
        """What DVC tracks, and what was made from what, at each of these commits; each is read once, since none changes.

        A branch or a tag may move, so it is looked up each time. Raises NotFound for a name that means no commit.
        """
        commits = [rev if _COMMIT.fullmatch(rev) else plumbing.resolve(self.git, rev) for rev in revs]
        if missing := [rev for rev in commits if rev not in self._snapshots]:
            with self.opened() as repo:
                inside = self.root.relative_to(repo.scm.root_dir).as_posix()
                read = snapshots.read(repo, missing, "" if inside == "." else f"{inside}/")
                self._snapshots |= {snapshot.rev: snapshot for snapshot in read}
        return [self._snapshots[rev] for rev in commits]

    def snapshot(self, rev: str) -> Snapshot:
        """The same of one commit. Raises NotFound."""
        return self.snapshots([rev])[0]

    def present(self) -> Snapshot:
        """The same of the work tree, committed or not."""
        with self.indexed() as repo:
            return snapshots.present(repo, str(self.root))

    def tracked_at(self, path: str, rev: str) -> Tracked:
        """What a path was at a commit. Raises NotFound where DVC did not track it then."""
        for out in self.snapshot(rev).outs:
            if out.path == path:
                return out
        raise NotFound(f"{path} is not tracked by DVC at {rev}; check `dvc list . --dvc-only -R --rev {rev}`")

    def commits(self) -> list[str]:
        """Every commit, on any branch or tag, that changed what DVC tracks; parents come before their children."""
        return self.git.commits(_METADATA)

    def record(self, paths: Sequence[str]) -> list[str]:
        """Tell DVC that these tables, or other outputs, were rewritten: objects go into the cache, hashes into DVC's files.

        Stages that read a table get its new hash too, so `dvc status` is clean if it was before. Returns the metadata files
        that changed, relative to `root`; none on a second call. Raises Unavailable while another DVC process uses a table.
        """
        files = [str(self.root / path) for path in paths]
        with self.opened() as repo, in_use.using(repo, writes=files):
            for path in paths:
                self._tracked(repo, path)
            changed = [recorded_hashes.holder(stage) for stage in repo.index.stages if recorded_hashes.record(stage, files)]
        return sorted({Path(os.path.relpath(file, self.root)).as_posix() for file in changed})

    def push(self, paths: Sequence[str], *, remote: str | None = None) -> int:
        """Copy the recorded versions of these tables to a remote (None: the default one); the number of objects sent."""
        from dvc.exceptions import DvcException, UploadError

        with self.opened() as repo:
            try:
                return int(repo.push(targets=[str(self.root / path) for path in paths], remote=remote))
            except Exception as error:  # remotes of all kinds, each with errors of its own
                if isinstance(error, DvcException) and not isinstance(error, UploadError):
                    raise
                name, what = remote or repo.config["core"].get("remote"), ", ".join(paths)
                raise Unavailable(
                    f"DVC remote {name!r} did not take {what} ({type(error).__name__}); check it and run again"
                ) from error

    def commit(self, message: str, paths: Sequence[str]) -> str:
        """Commit the DVC files that name these outputs, and those outputs that DVC leaves to Git; nothing else.

        Returns the commit, or HEAD when nothing was left to commit. Raises ProjectError with Git's own words when a hook
        refuses or nobody is configured as author.
        """
        with self.indexed() as repo:
            stages = [
                stage
                for stage in repo.index.stages
                if recorded_hashes.entries(stage, [str(self.root / path) for path in paths])
            ]
            left = {out.fs_path for stage in stages for out in stage.outs if not out.use_cache}
            files = sorted(
                {str(recorded_hashes.holder(stage)) for stage in stages} | left & {str(self.root / path) for path in paths}
            )
        self.git.commit(message, files)
        head = self.git.head
        if head is None:
            raise ProjectError(f"nothing to commit for {', '.join(paths)} in a repository without a commit; run `dvc add`")
        return head

    def status(self) -> list[str]:
        """What differs from what DVC recorded, one line each; empty when `dvc status` is clean."""
        with self.indexed() as repo:
            return [
                f"{self.stage_name(stage)}: {self._relative(line)}"
                for stage in sorted(repo.index.stages, key=self.stage_name)
                for line in _differences(stage)
            ]

    def outputs(self) -> list[str]:
        """Every file or folder that DVC caches, whether a stage makes it or not."""
        with self.indexed() as repo:
            return sorted(self._relative(out.fs_path) for out in repo.index.outs if out.use_cache)

    def declares(self, path: str) -> bool:
        """Some stage or `.dvc` file has this file as its output, cached or not."""
        with self.indexed() as repo:
            return any(out.fs_path == str(self.root / path) for out in repo.index.outs)

    def add(self, paths: Sequence[str]) -> None:
        """Track files that no stage makes, as `dvc add` does."""
        with self.opened() as repo:
            repo.add([str(self.root / path) for path in paths])

    def adopt(self, stages: Collection[str]) -> None:
        """Take what these stages read and made as it stands, as if `dvc repro` had just run them (`dvc commit --force`).

        The run cache is left out: it would keep hashes and parameters that no erasure of ours looks for.
        """
        from dvc.repo import lock_repo

        with self.opened() as repo, lock_repo(repo):
            found = {self.stage_name(stage): stage for stage in repo.index.stages}
            if missing := sorted(set(stages) - set(found)):
                raise NotFound(f"dvc.yaml has no stage {', '.join(missing)}; it has {', '.join(sorted(found))}")
            for name in stages:
                found[name].save(run_cache=False)
                found[name].commit()
                found[name].dump(update_pipeline=False)

    @contextmanager
    def opened(self) -> Iterator[Repo]:
        """DVC's view of the repository, opened afresh: for who changes something, or looks at other commits with it."""
        with self._errors(), self._fresh() as repo:
            in_use.forget_the_dead(repo)
            yield repo

    @contextmanager
    def reading(self) -> Iterator[Repo]:
        """DVC's view of the repository, as it is now: its settings, cache and remotes; nothing is changed through it."""
        with self._errors(), self._lent() as one:
            one.lend()
            yield one.repo

    @contextmanager
    def indexed(self) -> Iterator[Repo]:
        """The same, with what is tracked now in `index`; nothing is changed through it."""
        with self._errors(), self._lent() as one:
            one.lend_index()
            yield one.repo

    @contextmanager
    def _lent(self) -> Iterator[KeptRepo]:
        """One that nobody else reads with; it holds nothing open while it is kept."""
        now = kept.settings(self.root)
        try:
            one = self._kept.pop()
        except IndexError:
            one = None
        if one is None or not one.is_current(now):
            with self._fresh() as repo:
                one = KeptRepo(repo, now)
        try:
            yield one
        finally:
            one.repo.close()
        self._kept.append(one)

    @contextmanager
    def _fresh(self) -> Iterator[Repo]:
        from dvc.repo import Repo

        for name in _READ:  # by DVC, which expands what they stand for, and waits for a pipe
            yaml_bombs.check(self.root / name)
        try:
            opened = Repo(str(self.root))
        except FileNotFoundError as error:  # a folder that it made for that index vanished before it was used
            raise self._cleared(error) from error
        with opened as repo:
            for remote in repo.config["remote"].values():
                for name, seconds in _PATIENCE.get(str(remote.get("url")).partition("://")[0], {}).items():
                    remote.setdefault(name, seconds)
            yield repo

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """DVC's errors become ours."""
        from dulwich.file import FileLocked
        from dvc.config import ConfigError, NoRemoteError, RemoteNotFoundError
        from dvc.exceptions import DvcException, NotDvcRepoError
        from dvc.lock import LockError
        from dvc.utils.serialize import ParseError
        from dvc.utils.strictyaml import YAMLValidationError

        try:
            yield
        except sqlite3.OperationalError as error:  # of DVC's index of names and hashes, which a purge removes
            raise self._cleared(error) from error
        except NotDvcRepoError as error:
            raise ProjectError(f"{self.root} is in no DVC repository; run `dvc init` there") from error
        except LockError as error:
            raise Unavailable(f"another DVC process holds {self.root}; run again when it is done") from error
        except FileLocked as error:  # by `core.autostage`, without the command `git`
            raise command.locked(self.root, os.fsdecode(error.lockfilename)) from error
        except (NoRemoteError, RemoteNotFoundError) as error:
            step = "run `dvc remote add --default NAME URL`, or set versioning.push: false in params.yaml"
            raise ProjectError(f"{self.root} has no such DVC remote, or no default one; {step}") from error
        except (ParseError, YAMLValidationError, ConfigError, *_PARSERS) as error:
            if raised_here(error):
                raise
            which = getattr(error, "path", None) or "one of its files: dvc.yaml, dvc.lock, a .dvc file or .dvc/config"
            raise ProjectError(
                f"DVC in {self.root} cannot read {which} ({type(error).__name__}); `dvc status` says what is wrong with it, "
                "restore it with `git checkout HEAD -- FILE`"
            ) from None
        except DvcException as error:
            raise ProjectError(f"DVC in {self.root}: {error}") from error

    def _cleared(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"DVC's index of {self.root} cannot be used ({error}): a purge may be clearing it; run again when it is done"
        )

    def _had(self, objects: Mapping[str, str]) -> list[Path]:
        """Where objects lie in the local cache, pulled into it when they were not there. objects: hash → what it is."""
        with self.reading() as repo:
            files = [Path(repo.cache.local.oid_to_path(one)) for one in objects]
            missing = [one for one in objects if not _cached(repo, one)]
        if missing:
            with self.opened() as repo:
                for one in missing:
                    _pull(repo, objects[one], one)
        return files

    def _tracked(self, repo: Repo, path: str) -> Output:
        """The DVC output that is this table."""
        target = str(self.root / path)
        for out in repo.index.outs:
            if out.fs_path == target:
                return out
            if target.startswith(f"{out.fs_path}/"):
                _must_be_ours(out, self._relative(out.fs_path))
                raise ProjectError(f"{path} is tracked only as part of the folder {out}; track the table itself")
        raise ProjectError(f"{path} is not tracked by DVC; run `dvc add {path}`, or make it the output of a stage")

    def stage_name(self, stage: Stage) -> str:
        """As `dvc repro` takes it in `root`; DVC's own addressing depends on the current folder."""
        file = self._relative(stage.path)
        name = getattr(stage, "name", None)
        return file if name is None else str(name) if file == "dvc.yaml" else f"{file}:{name}"

    def _relative(self, path: str) -> str:
        return path.replace(f"{self.root}/", "")


def create(root: Path, *, remote: str, author: str = "unlearn", email: str = "unlearn@localhost") -> DvcData:
    """A new Git and DVC repository whose default DVC remote is `remote`; what is there already is kept.

    remote: a URL, or a folder relative to `root`. author, email: of its commits, where the machine's Git configuration
    names nobody.
    """
    from dvc.repo import Repo

    git_repository.create(root, author=author, email=email)
    _silence()
    if not (root / ".dvc").is_dir():
        with Repo.init(str(root)) as repo, repo.config.edit() as config:
            config["core"] |= {"remote": "store", "analytics": False}
            config["remote"] = {"store": {"url": remote if "://" in remote else str((root / remote).resolve())}}
    return DvcData(root)


def _silence() -> None:
    """No logs, progress bars or warnings of DVC on the terminal of this process."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="_NoneStep.value", category=DeprecationWarning)  # DVC's use of pygtrie


def _must_be_ours(out: Output, path: str) -> None:
    """Raises ProjectError for an import that can be no table here: never downloaded, or a folder that a table lies in."""
    if out.stage.is_import:
        one = origins.import_of(out.stage, path)
        raise ProjectError(f"{one}, so no table of it can be redacted here; {one.remedy}")


def _must_be_clean(out: Output, path: str, *, exists: bool, maker: str) -> None:
    if not exists:
        step = "dvc pull" if out.hash_info else "dvc repro"
        raise ProjectError(f"{path} is tracked by DVC but missing here; run `{step} {path if out.hash_info else maker}`")
    _must_be_files(Path(out.fs_path), path)
    state = next(iter(out.status().values()), None) if out.hash_info else "new"
    steps = {
        "modified": f"differs from what DVC recorded; to keep it `dvc commit {path}`, to drop it `dvc checkout {path}`",
        "new": f"was never recorded; run `dvc repro {maker}`, or `dvc commit {path}`",
        "not in cache": f"is not in the DVC cache; run `dvc commit {path}`, or `dvc pull {path}`",
    }
    if state is not None:
        raise ProjectError(f"{path} {steps.get(state, f'is {state}; see `dvc status`')}")


def _must_be_files(place: Path, path: str) -> None:
    """Raises ProjectError for a pipe, a socket or a device, which DVC would open, and wait for whoever writes into it."""
    for one in (place, *place.rglob("*")) if place.is_dir() else (place,):
        if one.exists() and not (one.is_file() or one.is_dir()):
            raise ProjectError(
                f"{path} holds something that is no file, and cannot be read; remove it, then `dvc checkout {path}`"
            )


def _cached(repo: Repo, object_hash: str) -> bool:
    """The object is in the local cache and is what its name says; DVC drops a damaged one."""
    from dvc_objects.errors import ObjectFormatError

    try:
        repo.cache.local.check(object_hash)
    except (FileNotFoundError, ObjectFormatError):
        return False
    return True


def _pull(repo: Repo, path: str, object_hash: str) -> None:
    """Copy one object from the first remote that has it into the local cache."""
    from dvc.config import RemoteConfigError
    from dvc_data.hashfile.hash_info import HashInfo

    looked, silent = [f"the cache {repo.cache.local.path}"], []
    for name in _remotes(repo):
        try:
            if _holds(repo, name, object_hash):
                repo.cloud.pull([HashInfo("md5", object_hash)], remote=name)
        except RemoteConfigError:
            silent.append(f"{name} (keeps files by name, not by object)")
        except Exception as error:  # remotes of all kinds, each with errors of its own; none of them is swallowed
            silent.append(f"{name} ({type(error).__name__})")
        if _cached(repo, object_hash):
            return
        looked.append(f"remote {name}")
    what = f"{path}, object {object_hash}"
    if silent:
        raise Unavailable(f"{what}: no answer from {', '.join(silent)}; check it and run again")
    raise NotFound(f"{what} is in none of {', '.join(looked)}; {twin_map.way_back(Path(repo.root_dir), object_hash)}")


def _holds(repo: Repo, remote: str, object_hash: str) -> bool:
    """The remote has the object; raises when it did not answer, which fsspec's `exists` takes for a no."""
    odb = repo.cloud.get_remote_odb(remote, "pull")
    try:
        odb.fs.info(odb.oid_to_path(object_hash))
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from error
        return False
    return True


def _remotes(repo: Repo) -> list[str]:
    """Configured remotes, the default one first."""
    default = repo.config["core"].get("remote")
    return sorted(repo.config["remote"], key=lambda name: (name != default, name))


def _differences(stage: Stage) -> Iterator[str]:
    for role, entries in (("dependency", () if stage.frozen else stage.deps), ("output", stage.outs)):
        for entry in entries:
            if entry.protocol == "local":
                _must_be_files(Path(entry.fs_path), str(entry))
            for state in entry.status().values():
                states = [f"{name} {kind}" for name, kind in state.items()] if isinstance(state, dict) else [state]
                yield from (f"{role} {entry.fs_path} {each}" for each in states)
    if stage.changed_stage():
        yield "command or stage definition changed"
