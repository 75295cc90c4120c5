"""Opening data versions to see who is in them: each object once, and what could not be opened said in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.derivation import reached
from unlearning.domain.errors import Damaged, DataError, IdentifierError, NotFound, Unavailable
from unlearning.domain.versions import DataVersion, Tracked
from unlearning.project.people import known_people, people_of
from unlearning.stores.dvc.snapshots import PART
from unlearning.stores.sql.followed import EVERY_PATH, Opened, State
from unlearning.stores.tables import parts, tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Tokens

Derivation = tuple[Tracked, Tracked, str]
"""(from, to, stage)."""

DOUBT = "; "
"""Between the person column of an indexed table and what somebody should look at."""
LOOKED_FOR = "; looked for "
"""Between what a table without a known person column has and the columns that were tried: it is opened again for others."""
_AGAIN: Collection[State] = ("gone", "unanswered", "unreadable")
"""What may be otherwise the next time."""


@dataclass
class Opening:
    """One round of opening objects: what was known before it, and what it adds."""

    workspace: Workspace
    known: dict[Tracked, Opened]
    parents: dict[Tracked, set[Tracked]]
    """Content → what it was made from."""
    revs: Mapping[Tracked, str]
    """Content → the first commit that names it."""
    columns: Mapping[str, Sequence[str]]
    """Path, or `EVERY_PATH`, → columns that may say whose record it is."""
    fresh: list[Opened] = field(default_factory=list)
    folders: list[Derivation] = field(default_factory=list)
    """What was found to lie in a tracked folder."""

    def open(self, wanted: Iterable[Tracked]) -> None:
        """Open these contents; those that cannot say who is in them lead on to what they were made from."""
        reached(wanted, self._leads_to)

    def _leads_to(self, content: Tracked) -> Collection[Tracked]:
        """Open one content, unless it is known; what it was made from, when it cannot say who is in it."""
        before = self.known.get(content)
        if before is None or self._may_differ(before):
            self.known[content] = self._open(content)
            self.fresh.append(self.known[content])
        return () if self.known[content].state == "indexed" else self.parents.get(content, ())

    def _may_differ(self, before: Opened) -> bool:
        asked = before.detail.rpartition(LOOKED_FOR)[2].split(", ")
        return before.state in ("unopened", *_AGAIN) or (
            before.state == "no person column" and not set(self._columns(before.content)) <= set(asked)
        )

    def _columns(self, content: Tracked) -> tuple[str, ...]:
        return (*self.columns.get(content.path, ()), *self.columns.get(EVERY_PATH, ()))

    def _open(self, content: Tracked) -> Opened:
        try:
            if content.object.endswith(".dir"):
                return self._open_folder(content)
            if not parts.is_table_name(content.path) and not self._holds_rows(content):
                return self._said(content, "no table")
            return self._open_table(content, self.workspace.data.content(*content))
        except NotFound as error:
            return self._said(content, "gone", str(error))
        except Unavailable as error:
            return self._said(content, "unanswered", str(error))
        except (DataError, IdentifierError, Damaged) as error:
            return self._said(content, "unreadable", str(error))

    def _holds_rows(self, content: Tracked) -> bool:
        """A file whose name may be that of a table is one; a report that Git keeps is in no cache, and none."""
        if not content.path.lower().endswith(tables.SUFFIXES):
            return False
        try:
            return parts.holds_rows(self.workspace.data.content(*content))
        except NotFound:
            return False

    def _open_folder(self, content: Tracked) -> Opened:
        for inside in self.workspace.data.inside(*content):
            self.folders.append((inside, content, PART))
            self.parents.setdefault(content, set()).add(inside)
        return self._said(content, "no table", "a folder")

    def _open_table(self, content: Tracked, file: Path) -> Opened:
        candidates, workspace = self._columns(content), self.workspace
        column = candidates[0] if candidates else ""
        who = known_people(workspace, file, column, named=content.path) if column else None
        if who is None:
            here = tables.column_names(file, person=column or None, named=content.path)
            found = next((name for name in candidates if tables.names_people(here, name)), None)
            if found is None:
                asked = f"{LOOKED_FOR}{', '.join(candidates)}"
                table = tables.read(file, person=column or None, named=content.path)
                return self._said(content, "no person column", f"it has {tables.said_columns(table)}{asked}")
            column, who = found, people_of(workspace, file, found, named=content.path, past=True)
        digest, rev = workspace.rolls.content(file), self.revs.get(content)
        version = DataVersion(content.path, digest, content.object, rev, len(who.codes), who.people)
        record(workspace, version, who.everyone)
        return self._said(content, "indexed", _doubts(column, len(who.shared), who.doubts), version.digest)

    def _said(self, content: Tracked, state: State, detail: str = "", digest: str | None = None) -> Opened:
        return Opened(content, self.revs.get(content), state, detail, digest)


def _doubts(column: str, shared: int, spelled: Sequence[str]) -> str:
    """The person column, and what somebody should look at."""
    together = f"{shared} people are named in one cell together with others" if shared else ""
    return DOUBT.join(filter(None, (column, together, *(one.replace(DOUBT, ", ") for one in spelled))))


def record(workspace: Workspace, version: DataVersion, tokens: Tokens) -> None:
    """Index a data version after the newest one of its path."""
    before = workspace.lineage.data_versions(version.path)
    workspace.lineage.record_data(version, tokens, parent=before[-1].digest if before else None)


def resolved(
    content: Tracked, opened: Mapping[Tracked, Opened], parents: Mapping[Tracked, Collection[Tracked]]
) -> frozenset[Tracked]:
    """The indexed contents that say who is in one: itself, or all that it was made from. Empty when nobody can say."""
    return frozenset(one for one in _asked(content, opened, parents) if _indexed(one, opened))


def loose_ends(
    content: Tracked, opened: Mapping[Tracked, Opened], parents: Mapping[Tracked, Collection[Tracked]]
) -> frozenset[Tracked]:
    """What keeps the answer about one content from being whole: gone or unreadable on the way, or made from nothing known."""
    silent = (one for one in _asked(content, opened, parents) if not _indexed(one, opened))
    return frozenset(one for one in silent if one not in opened or opened[one].state in _AGAIN or not parents.get(one))


def _asked(
    content: Tracked, opened: Mapping[Tracked, Opened], parents: Mapping[Tracked, Collection[Tracked]]
) -> Iterable[Tracked]:
    """A content and all that it was made from, up to those that say who is in them."""
    return reached([content], lambda one: () if _indexed(one, opened) else parents.get(one, ()))


def _indexed(content: Tracked, opened: Mapping[Tracked, Opened]) -> bool:
    return content in opened and opened[content].state == "indexed"


def upwards(contents: Iterable[Tracked], parents: Mapping[Tracked, Iterable[Tracked]]) -> frozenset[Tracked]:
    """These contents and all they were made from."""
    return frozenset(reached(contents, lambda one: parents.get(one, ())))


def parents_of(derivations: Iterable[Derivation]) -> dict[Tracked, set[Tracked]]:
    """Content → what it was made from, directly."""
    found: dict[Tracked, set[Tracked]] = {}
    for origin, made, _ in derivations:
        found.setdefault(made, set()).add(origin)
    return found


def merged(opened: Mapping[Tracked, Opened], versions: Iterable[DataVersion]) -> dict[Tracked, Opened]:
    """What was opened, and what the index knows besides."""
    settled = {content: one for content, one in opened.items() if one.state == "indexed"}
    return dict(opened) | as_indexed(versions) | settled


def as_indexed(versions: Iterable[DataVersion]) -> dict[Tracked, Opened]:
    """Data versions that the index knows, however it came to know them."""
    opened = (Opened(Tracked(one.path, one.object), one.rev, "indexed", "", one.digest) for one in versions)
    return {one.content: one for one in opened}
