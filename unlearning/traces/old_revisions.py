"""Old revisions after an erasure: which twin stands in for which erased object, committed, checked out and verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import NotFound, ProjectError
from unlearning.stores.dvc import twin_files, twin_map
from unlearning.stores.dvc.objects import ObjectStore, object_stores
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git import plumbing
from unlearning.stores.keys import PUBLIC

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.git.repository import Git


_READ = ": dependency "
"""In a line of `DvcData.status`, after a stage that read something else than DVC recorded."""


def known(workspace: Workspace) -> TwinMap:
    """Every twin so far. Raises VerificationFailed for a map that was changed; a clone without a key takes it as it is."""
    return twin_map.read(workspace.data.git, workspace.root, public_keys=workspace.trusted_keys)


def commit_twins(workspace: Workspace, twins: TwinMap) -> int:
    """A twin commit, under its own ref, for every commit that names an erased object; how many were made or renewed."""
    git, made = workspace.data.git, 0
    if not twins.twins:
        return 0
    present, rename = plumbing.twins(git), _renaming(git, twins)
    for rev in plumbing.everywhere(git):
        made += _commit_twin(git, rev, rename, present.get(rev)) is not None
    return made


def _renaming(git: Git, twins: TwinMap) -> Callable[[str], bytes | None]:
    """Blob of a DVC file → what its twin says; each blob is read once, however many commits have it."""
    return cache(lambda blob: twin_files.renamed(plumbing.blob(git, blob), twins))


def _commit_twin(git: Git, rev: str, rename: Callable[[str], bytes | None], present: str | None) -> str | None:
    """The new twin of a commit; None when it needs none or has it already."""
    found = {path: rename(blob) for path, blob in plumbing.files(git, rev).items() if twin_files.is_metadata(path)}
    changed = {path: content for path, content in found.items() if content is not None}
    if not changed:
        return None
    commit = plumbing.commit_beside(git, rev, changed, message=f"Twin of {rev} without erased people")
    if commit == present:
        return None
    plumbing.set_twin(git, rev, commit)
    return commit


@dataclass(frozen=True)
class CheckedOut:
    """An old revision that was brought back."""

    rev: str
    commit: str
    twin: bool
    """Whether `commit` is a twin of `rev`."""
    folder: str
    missing: Sequence[str]
    """Outputs that are nowhere."""
    stale: Sequence[str]
    """Stages that made something of erased people which nobody could take out."""


@dataclass(frozen=True)
class Listing:
    """The map of twins, and whether its signature was checked."""

    signature: str
    twins: Sequence[Twin]
    stale: Sequence[str]
    commits: int
    """That have a twin."""


def checkout(workspace: Workspace, rev: str, *, into: Path | None = None) -> CheckedOut:
    """Bring back an old revision, or its twin when it named erased objects.

    Here, on no branch, when nothing is uncommitted; or in a new linked work tree, which is there whole or not at all.
    `dvc repro` makes what is missing or stale. Raises NotFound, ProjectError: nothing has changed then.
    """
    git = workspace.data.git
    commit = plumbing.resolve(git, rev)
    _require_project(git, commit, rev)
    if into is None:
        _refuse_dirty(workspace)
    else:
        _refuse_taken(into)
    _commit_twin(git, commit, _renaming(git, known(workspace)), plumbing.twins(git).get(commit))
    chosen = plumbing.twins(git).get(commit, commit)
    bring = partial(_bring, rev=commit, commit=chosen, folder=str(into or workspace.root))
    if into is None:
        return _here(workspace, rev if chosen == commit else chosen, bring)
    with plumbing.linked(git, chosen, into.resolve()) as tree:
        root = tree / plumbing.inside(git)
        twin_files.share_cache(workspace.data, root)
        return bring(DvcData(root))


def _here(workspace: Workspace, rev: str, bring: Callable[[DvcData], CheckedOut]) -> CheckedOut:
    before = plumbing.current(workspace.data.git)
    plumbing.switch(workspace.data.git, rev)
    try:
        return bring(workspace.data)
    except BaseException:
        plumbing.switch(workspace.data.git, before)
        twin_files.checkout(workspace.data)
        raise


def _bring(data: DvcData, *, rev: str, commit: str, folder: str) -> CheckedOut:
    """The data that the DVC files of a work tree name; what is nowhere, and what has to be made again."""
    missing, twin = twin_files.checkout(data), commit != rev
    stale = sorted({line.split(_READ)[0] for line in data.status() if _READ in line}) if twin else []
    return CheckedOut(rev, commit, twin, folder, missing, stale)


def _require_project(git: Git, commit: str, rev: str) -> None:
    folder = f"{plumbing.inside(git)}.dvc"
    if not any(path.startswith(f"{folder}/") for path in plumbing.files(git, commit)):
        raise NotFound(
            f"{rev!r} has no {folder}, so it is no DVC project yet; `git log -- :/{folder}` lists revisions that have"
        )


def _refuse_taken(folder: Path) -> None:
    taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    if taken:
        raise ProjectError(f"{folder} is there already and not empty; name a new folder with --into")


def _refuse_dirty(workspace: Workspace) -> None:
    rewritten = [line for line in workspace.data.status() if ": output " in line and line.endswith(" modified")]
    changed = [*plumbing.changes(workspace.data.git), *rewritten]
    if changed:
        raise ProjectError(
            f"{len(changed)} files differ from what Git or DVC recorded ({changed[0].strip()}); "
            "commit or restore them first, or check out elsewhere with --into FOLDER"
        )


def listing(workspace: Workspace) -> Listing:
    """The map, whether its signature was checked, and how many commits have a twin. Raises VerificationFailed."""
    twins = known(workspace)
    return Listing(
        signature="unchecked" if not workspace.trusted_keys else "valid",
        twins=sorted(twins.twins.values(), key=lambda twin: (twin.path, twin.old)),
        stale=sorted(twins.stale),
        commits=len(plumbing.twins(workspace.data.git)),
    )


def verify(workspace: Workspace) -> list[str]:
    """What is wrong with the map, in words: a twin that is nowhere or is another file, an erased object that came back."""
    twins = known(workspace)
    stores = object_stores(workspace.data)
    where = f"{workspace.settings.stores.keys}/{PUBLIC}"
    unsigned = [f"the signature was not checked, for want of a key; copy the project's {PUBLIC} to {where}"]
    return [
        *(unsigned if not workspace.trusted_keys else ()),
        *_every_wrong(twins, stores),
    ]


def _every_wrong(twins: TwinMap, stores: Sequence[ObjectStore]) -> list[str]:
    return [
        finding
        for twin in sorted(twins.twins.values(), key=lambda twin: twin.old)
        for finding in _wrong(twin, stores, needed=twin.new not in twins.twins)
    ]


def _wrong(twin: Twin, stores: Sequence[ObjectStore], *, needed: bool) -> Iterator[str]:
    yield from (f"{store.name} holds the erased object {twin.old}" for store in stores if store.holds(twin.old))
    holding = [store for store in stores if store.holds(twin.new)]
    if needed and not holding:
        yield f"the twin {twin.new} of {twin.old} is in no cache or remote"
    for store in holding if needed else ():
        if store.digest(twin.new) != twin.digest:
            yield f"{store.name} holds another file under the name of the twin {twin.new}"
