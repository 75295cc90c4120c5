"""What must hold before any table is rewritten: everything that the steps after it will need is there, and may be used.

A remote that is not mounted is made anew by a push, and then looks like one that holds nobody; a table that was imported comes
back with a colleague's `dvc pull`; a commit that Git refuses leaves the tables rewritten and nobody told. All of it is asked
while nothing is changed yet, and all that is wrong is said at once.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.addresses import without_password
from unlearning.domain.clocks import utc_now
from unlearning.domain.environ import MLFLOW_PATIENCE, MLFLOW_TIMEOUT
from unlearning.domain.errors import NotFound, ProjectError, Refused, SettingsError, Unavailable, UnlearningError, WrongUse
from unlearning.project import guards
from unlearning.project.holdings import Holdings, adoptions
from unlearning.stores import keys
from unlearning.stores.dvc import origins, recognition, remotes
from unlearning.stores.dvc import readiness as dvc
from unlearning.stores.dvc import stages as dvc_stages
from unlearning.stores.dvc.objects import CACHE
from unlearning.stores.git import readiness as git
from unlearning.stores.mlflow import readiness as mlflow

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.dvc.objects import ObjectStore


@dataclass(frozen=True)
class Diagnosis:
    """One check."""

    check: str
    passed: bool
    paths: Collection[str] = ()
    remedy: str = ""
    """What is wrong and how to mend it."""

    @property
    def line(self) -> str:
        """The same for people."""
        what = f": {', '.join(self.paths)}{'; ' if self.paths else ''}{self.remedy}" if not self.passed else ""
        return f"{'ok' if self.passed else 'mend':<4}  {self.check}{what}"


Check = Callable[["Workspace"], Iterator[UnlearningError]]
"""Yields, or raises, what is wrong."""


def examine(workspace: Workspace) -> list[Diagnosis]:
    """Every check, passed or not; changes nothing."""
    found = {name: list(_wrong(workspace, check)) for name, check in {**TRAINING, **ERASING, **ASIDE}.items()}
    return [Diagnosis(name, not wrong, remedy="; ".join(map(str, wrong))) for name, wrong in found.items()]


def require(workspace: Workspace, checks: Mapping[str, Check], *more: Check) -> None:
    """Raises one error that says everything that is wrong, of the class that all of it has; nothing is changed by then.

    What is in use and was never seen before, keys and stores, is remembered, to be known again.
    """
    wrong = [error for check in (*checks.values(), *more) for error in _wrong(workspace, check)]
    if wrong:
        raise _together(wrong)
    keys.note(workspace.root, workspace.keys.ids)
    recognition.note(workspace.data.root, remotes.every_store(workspace.data))


def _wrong(workspace: Workspace, check: Check) -> Iterator[UnlearningError]:
    try:
        yield from check(workspace)
    except UnlearningError as error:
        yield error


def said_at_once(messages: Collection[str]) -> str:
    """One message, or all of them line by line."""
    listed = "".join(f"\n  - {one}" for one in messages)
    return f"{len(messages)} things are in the way:{listed}" if len(messages) > 1 else "".join(messages)


def _together(wrong: Iterable[UnlearningError]) -> UnlearningError:
    """One error for all: wrong use if any is, since waiting does not mend that."""
    found = {str(error): error for error in wrong}
    kinds = {type(error) for error in found.values()}
    mixed = ProjectError if any(issubclass(kind, WrongUse) for kind in kinds) else Unavailable
    return (kinds.pop() if len(kinds) == 1 else mixed)(said_at_once(found))


# --- the checks ------------------------------------------------------------------------------------------------------


def _keys(workspace: Workspace) -> Iterator[UnlearningError]:
    """Raises KeyFileError as loading them does."""
    _ = workspace.keys
    yield from ()


def _books(workspace: Workspace) -> Iterator[UnlearningError]:
    """Ledger and lineage take what is written: an empty transaction shows it."""
    workspace.ledger.append_all([], at=utc_now())
    workspace.lineage.add_edges([])
    yield from ()


def _recipe(workspace: Workspace) -> Iterator[UnlearningError]:
    for one in workspace.each:
        try:
            _ = one.recipe, one.learner, one.metric
        except UnlearningError as error:
            yield error
    if workspace.each:
        Holdings.of(workspace)


def _validation(_: Workspace) -> Iterator[UnlearningError]:
    if find_spec("great_expectations") is None:
        yield ProjectError("great_expectations is not installed, and every table is checked with it; install it")


def _openlineage(workspace: Workspace) -> Iterator[UnlearningError]:
    check_openlineage(workspace)
    yield from ()


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False


def _registry(workspace: Workspace) -> Iterator[UnlearningError]:
    """A database that is not there would be made by asking; whether it should be there is asked by `guards.registry`."""
    file = _file(workspace.models.uri)
    if file is None or file.exists():
        workspace.models.names()
    yield from ()


def _file(address: str) -> Path | None:
    """Of a SQLite database."""
    return Path(address.removeprefix("sqlite:///")) if address.startswith("sqlite:") else None


def _folders(workspace: Workspace) -> Iterator[UnlearningError]:
    """Where every run writes: scratch, checkpoints, MLflow's files, reports."""
    stores = workspace.settings.stores
    local = [".unlearning/tmp", stores.reports, stores.checkpoints if "://" not in stores.checkpoints else ""]
    if file := _file(workspace.models.uri):
        local += ["mlruns", str(file.parent)]
    yield from _not_writable(workspace.path(one) for one in local if one)


def _spool(workspace: Workspace) -> Iterator[UnlearningError]:
    """Workers elsewhere find the records of their jobs, and a place for what they train."""
    run, checkpoints = workspace.settings.run, workspace.settings.stores.checkpoints
    if run.spool is None:
        return
    if run.cluster and "://" in run.spool and "://" not in checkpoints:
        yield SettingsError(
            f"workers of {run.cluster} read records from {without_password(run.spool)}, and stores.checkpoints is "
            f"{checkpoints!r}, a folder of this machine; expected an address that they reach too, as s3://bucket/checkpoints"
        )
    workspace.sealed_spool(run.spool).probe()


def _stores(workspace: Workspace) -> Iterator[UnlearningError]:
    """Every store is the one that was used before."""
    versioning, stores = workspace.settings.versioning, remotes.every_store(workspace.data)
    pushed = remotes.pushed_to(workspace.data, versioning.remote) if versioning.push else frozenset()
    asks = [
        *(partial(_ask, store, pushed) for store in stores),
        *(partial(guard, workspace) for guard in (guards.books, guards.checkpoints, guards.registry)),
    ]
    for ask in asks:
        try:
            ask()
        except Unavailable as error:
            yield error


def _ask(store: ObjectStore, pushed: Collection[str]) -> None:
    """A folder that was never used may be missing only where the first push, or the first version, makes it."""
    if store.mark is not None or store.name not in (CACHE, *pushed):
        store.recognise()
    if store.mark is None:
        store.used()


def _dvc(workspace: Workspace) -> Iterator[UnlearningError]:
    with workspace.ledger.exclusive("data"):  # a redaction of ours is waited for, another DVC is not
        dvc.free(workspace.data)
    yield from dvc.outputs_in_git(workspace.data)
    if workspace.settings.versioning.push:
        yield from dvc.remote(workspace.data, workspace.settings.versioning.remote)


def _git(workspace: Workspace) -> Iterator[UnlearningError]:
    if workspace.settings.versioning.commit:
        with workspace.ledger.exclusive("data"):
            found = list(git.obstacles(workspace.data.git))
        yield from found


def _room(workspace: Workspace) -> Iterator[UnlearningError]:
    """The folders of tables, cache and remote take files, and have room for each table once more."""
    versioning, tables = workspace.settings.versioning, [workspace.path(path) for path in Holdings.of(workspace).tables]
    objects = dvc.folders(workspace.data, push=versioning.push, named=versioning.remote)
    places = {_existing(one) for one in (*objects, *(table.parent for table in tables), workspace.path(".dvc"))}
    yield from _not_writable([*places, workspace.path(workspace.settings.stores.certificates)])
    needed = sum(_size(table) for table in tables)
    for device, folder in {place.stat().st_dev: place for place in sorted(places)}.items():
        wanted = needed * sum(_existing(one).stat().st_dev == device for one in (workspace.path(".unlearning/tmp"), *objects))
        if (left := shutil.disk_usage(folder).free) < wanted:
            yield Unavailable(
                f"{folder}: {left} bytes are free, and redacted tables need about {wanted}; make room and run again"
            )


def _size(table: Path) -> int:
    files = table.rglob("*") if table.is_dir() else (table,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _not_writable(folders: Iterable[Path]) -> Iterator[UnlearningError]:
    for folder in sorted({_existing(one) for one in folders}):
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            yield Unavailable(f"{folder}: {error.strerror}; make it writable for you, and run again")


def _existing(folder: Path) -> Path:
    """Itself or, while it is not made, the folder that it will be made in."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _stages(workspace: Workspace) -> Iterator[UnlearningError]:
    """The commands that make adopted models again are there; the shell of DVC is asked, which knows its own words too."""
    again = {each.stage for each in adoptions(workspace).values() if each.stage}
    for stage, line in dvc_stages.commands(workspace.data, again).items():
        word = next((word for word in _words(line) if "=" not in word), "")
        asked = ["sh", "-c", 'command -v -- "$0"', word]
        if word and subprocess.run(asked, cwd=workspace.root, capture_output=True, check=False).returncode:
            yield ProjectError(f"DVC stage {stage!r} runs {word!r}, which is not found here; install it, or correct the stage")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # the shell will say more of it
        return []


def _deleting(workspace: Workspace) -> Iterator[UnlearningError]:
    """What the purge will need of MLflow: to be allowed, and its database where it is named."""
    yield from mlflow.undeletable(workspace.models, Holdings.of(workspace).models)
    file = _file(workspace.mlflow_database or "")
    if file and not os.access(file, os.R_OK | os.W_OK):
        yield NotFound(f"MLFLOW_BACKEND_STORE_URI names {file}, which cannot be opened for writing; correct or unset it")


def _versions(_: Workspace) -> Iterator[UnlearningError]:
    """What is installed is what this package says it works with; an extra counts where it is installed, what only its own
    development needs never.
    """
    from packaging.requirements import Requirement

    for line in requires("mlflow-unlearning") or ():
        wanted = Requirement(line)
        if wanted.marker and wanted.marker.evaluate({"extra": "dev"}) and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            found = ""
        if found and not wanted.specifier.contains(found, prereleases=True):
            line = f"{wanted.name}{wanted.specifier}"
            yield ProjectError(f"{wanted.name} {found} is installed, expected {line}; run `pip install '{line}'`")


def _pace(workspace: Workspace) -> Iterator[UnlearningError]:
    """MLflow answers well within the time after which it counts as away."""
    if _file(workspace.models.uri) is not None:
        return
    limit_s = float(os.environ.get(MLFLOW_TIMEOUT, MLFLOW_PATIENCE[MLFLOW_TIMEOUT]))
    began = time.monotonic()
    workspace.models.names()
    if (took_s := time.monotonic() - began) > limit_s / 2:
        yield Unavailable(
            f"MLflow took {took_s:.1f} s to answer, and after {limit_s:g} s it counts as away; find out what slows it down, or "
            f"set {MLFLOW_TIMEOUT} to more seconds"
        )


def _clock(workspace: Workspace) -> Iterator[UnlearningError]:
    """Deadlines count from what it says."""
    last = workspace.ledger.events(last=1)
    if last and (now := utc_now()) < last[0].at:
        yield ProjectError(f"this machine's clock says {now:%Y-%m-%d %H:%M}, before the last event of the ledger; set it right")


TRAINING: Mapping[str, Check] = {
    "keys are there and those of this project": _keys,
    "ledger and lineage can be written": _books,
    "recipe can be used": _recipe,
    "tables can be checked": _validation,
    "OpenLineage events can be made": _openlineage,
    "MLflow answers": _registry,
    "folders can be written": _folders,
    "records can be spooled": _spool,
}
ERASING: Mapping[str, Check] = {
    "stores are those that were used before": _stores,
    "DVC can record new versions and push them": _dvc,
    "Git can commit": _git,
    "there is room": _room,
    "stages of adopted models can run": _stages,
    "MLflow lets versions be deleted": _deleting,
}
ASIDE: Mapping[str, Check] = {
    "the clock is right": _clock,
    "packages are versions that work together": _versions,
    "MLflow answers in good time": _pace,
}
"""What stops nothing."""


def check_stores(workspace: Workspace) -> None:
    """Raises Unavailable, naming every store, server or database that does not answer or is not the one that was used before.

    Those that are in use and were never seen before are marked, to be known again.
    """
    if wrong := list(_stores(workspace)):
        raise _together(wrong)
    recognition.note(workspace.data.root, remotes.every_store(workspace.data))


def check_owned(workspace: Workspace, paths: Collection[str]) -> None:
    """Raises Refused for tables that are imported: what is taken out of them here comes back from whoever owns them."""
    if found := origins.imported(workspace.data, paths):
        said = "; ".join(f"{one}: {one.remedy}" for one in found)
        raise Refused(
            "no table was changed, because a redaction here would not last: `dvc pull` and `dvc update` bring the rows back. "
            f"{said}"
        )


def check_openlineage(workspace: Workspace) -> None:
    """Raises SettingsError when there is a target for events, and nothing to make them with."""
    if workspace.settings.openlineage is not None and not _importable("openlineage.client.facet_v2"):
        raise SettingsError(
            "openlineage in params.yaml names a target, but OpenLineage's client is not installed; "
            "run `pip install 'mlflow-unlearning[openlineage]'`, or set openlineage: null"
        )
