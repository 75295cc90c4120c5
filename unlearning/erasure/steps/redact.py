"""Step 4, redact: the tables without the people, as new DVC versions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError, NotFound, ParentMoved
from unlearning.domain.events import DataRedacted
from unlearning.domain.versions import DataVersion
from unlearning.erasure import decisions
from unlearning.project import people, preflight
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.project.tables import current_version, index_table
from unlearning.stores import spool
from unlearning.stores.dvc import clones, recognition, remotes
from unlearning.stores.tables import parts, redaction, tables

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.workspace import Workspace


def check_unmoved(erasure: Erasure) -> None:
    """Raises ParentMoved when another erasure, or a user, changed a table after this erasure redacted it."""
    holdings = Holdings.of(erasure.workspace)
    for after in erasure.after.values():
        if current_version(erasure.workspace, after.path, holdings.person_in(after.path)).digest != after.digest:
            raise ParentMoved(f"{after.path} changed since {erasure.erasure_id} redacted it; it will be planned again")


def redact_step(erasure: Erasure) -> DataRedacted:
    """4: the tables without the people, as new DVC versions. Made from the planned versions, so that it can run again."""
    with erasure.workspace.ledger.exclusive(decisions.LOCK):

        def body() -> DataRedacted:
            _check_batch(erasure)
            preflight.check_stores(erasure.workspace)
            return _redact(erasure)

        return erasure.once(DataRedacted, body)


def _check_batch(erasure: Erasure) -> None:
    """Raises ParentMoved when a request was withdrawn or exempted since the plan was made."""
    if left := set(erasure.plan.tokens) - set(erasure.tokens):
        raise ParentMoved(f"{len(left)} requests left {erasure.erasure_id} since it was planned; it will be planned again")


def _redact(erasure: Erasure) -> DataRedacted:
    workspace, plan = erasure.workspace, erasure.plan
    with workspace.ledger.exclusive("data"):
        holdings = Holdings.of(workspace)
        keep = {before.path: _keep(erasure, before, holdings.person_in(before.path)) for before in plan.before}
        changed = [before for before in plan.before if not keep[before.path].all()]
        preflight.check_owned(workspace, [before.path for before in changed])
        for before in plan.before:
            index_table(workspace, before, planned(workspace, before), holdings.person_in(before.path))
        for before in changed:
            check_folders(planned(workspace, before), before.path, holdings.person_in(before.path))
        for before in changed:
            write_redacted(workspace, before, keep[before.path], holdings.person_in(before.path))
        after = record_tables(workspace, plan.before, changed, holdings, f"Redact data for {erasure.erasure_id}")
        clone = _fresh_clone(workspace, after, {before.path for before in changed})
    removed = {path: int((~kept).sum()) for path, kept in keep.items()}
    return DataRedacted(removed=removed, after=tuple(after), clone=clone)


def planned(workspace: Workspace, before: DataVersion) -> Path:
    """The file of a planned version; raises ParentMoved when it was purged since."""
    try:
        return workspace.data.fetch(before)
    except NotFound as error:
        raise ParentMoved(f"{before.path} was purged since this was planned; it will be planned again") from error


def _keep(erasure: Erasure, before: DataVersion, person: str) -> NDArray[np.bool_]:
    """(n,) true for the rows of a planned version that stay."""
    who = people_of(erasure.workspace, planned(erasure.workspace, before), person, named=before.path)
    return ~who.mask(erasure.plan.tokens)


def check_folders(path: Path, named: str, person: str) -> None:
    """Raises DataError where folders are called by people: their names would stay, whatever becomes of the rows."""
    if parts.is_folder(path) and tables.folder_columns(parts.parts(path, named=named)).keys() & set(tables.columns_of(person)):
        raise DataError(
            f"{named}: its folders are called by people (`{person}=…/`), and those names would stay; write the person as a "
            "column of the parts, record the new version with DVC, and run again"
        )


def write_redacted(workspace: Workspace, before: DataVersion, keep: NDArray[np.bool_], person: str) -> None:
    """Replace the file in the workspace, or the parts of a folder that change, unless someone else changed it meanwhile.

    keep: (n,) true for the rows of a planned version that stay. person: the column that says whose they are. Twice is once.
    Raises ParentMoved.
    """
    old, out = planned(workspace, before), workspace.path(before.path)
    with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
        draft = folder / out.name
        redaction.redact(old, draft, keep, named=before.path, changed=True)
        if not parts.put_in_place(draft, out, before=old):
            raise ParentMoved(f"{before.path} changed since this was planned; it will be planned again")
    people.without(workspace, old, keep, out, person, named=before.path)


def record_tables(
    workspace: Workspace, before: Sequence[DataVersion], changed: Sequence[DataVersion], holdings: Holdings, message: str
) -> list[DataVersion]:
    """The tables as they are now, recorded with DVC, pushed and committed as the settings say: those that changed."""
    versioning = workspace.settings.versioning
    paths = [before.path for before in changed]
    if paths:
        workspace.data.record(paths)
        if versioning.push:  # first: it notes in DVC's files which version of a file a remote keeps
            workspace.data.push(paths, remote=versioning.remote)
            recognition.note(workspace.data.root, remotes.every_store(workspace.data))
        if versioning.commit:
            workspace.data.commit(message, paths)
    person = {one.path: holdings.person_in(one.path) for one in before}
    after = [current_version(workspace, path, column) for path, column in person.items()]
    for old, version in zip(before, after, strict=True):
        index_table(workspace, version, workspace.path(version.path), person[version.path], parent=old.digest)
    return after


def _fresh_clone(workspace: Workspace, after: Sequence[DataVersion], changed: Collection[str]) -> tuple[str, ...]:
    """What a fresh clone gets that is not these tables, in words; the search after the purge looks there again."""
    versioning = workspace.settings.versioning
    left = [name for name, done in (("commit", versioning.commit), ("push", versioning.push)) if not done]
    if left or not changed:
        return tuple(f"not looked at: versioning.{name} is false, so it is left to people" for name in left if changed)
    expected = [(version.path, version.object) for version in after if version.path in changed]
    return tuple(clones.differences(workspace.data, expected, remotes.every_store(workspace.data)))
