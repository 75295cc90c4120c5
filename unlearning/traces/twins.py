"""Redaction twins: every old data version without the people who were erased, so that old revisions stay reproducible.

Before an object that holds them is deleted, the same object without them is stored under its own hash, wherever the old one
was; a signed map in the repository says which stands in for which; and every commit that names an old one gets a twin commit,
under `refs/unlearning/twins/<commit>`, whose DVC files name the new ones. History and work tree stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NeedsReview, NotFound
from unlearning.domain.token_words import ordered
from unlearning.domain.versions import DataVersion
from unlearning.project.people import people_of, without
from unlearning.stores import contents, spool
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.objects import ObjectStore, object_stores
from unlearning.stores.dvc.twin_map import FILE, Twin, TwinMap
from unlearning.stores.rolls import Roll
from unlearning.stores.scans.looking import look
from unlearning.stores.tables import people as table_people
from unlearning.stores.tables import redaction, tables
from unlearning.traces.old_revisions import commit_twins, known
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Made:
    """What one purge has made."""

    twins: tuple[Twin, ...]
    commits: int
    without: tuple[str, ...]
    """Objects that have none, because they are no tables: revisions that name them make them again with `dvc repro`."""


def make(
    reach: Reach,
    objects: Collection[str],
    tokens: Collection[str],
    *,
    stale: Collection[str] = (),
    redacted: Mapping[str, DataVersion] | None = None,
    rows: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Made:
    """Twins of these objects, stored, mapped and committed beside the history; again is once. Raises Unavailable.

    objects: hashes that hold people of `tokens`. stale: of what stages made of those, and nobody can redact. redacted: object →
    the version that this erasure made of it, which is its twin where the same rows left. rows: object → (n,) true for the rows
    that leave it, in place of people.
    """
    workspace = reach.workspace
    before = known(workspace)
    maker = _Maker(reach, frozenset(tokens), frozenset(objects), before.stale.union(stale), redacted or {}, rows or {})
    missing = sorted(set(objects) - before.twins.keys(), key=lambda one: (one.endswith(".dir"), one))
    without = [name for name in missing if not maker.add(name, before)]
    after = before.with_twins(maker.made.values(), maker.stale)
    if after.twins or after.stale:
        _write(workspace, after)
    commits = commit_twins(workspace, after)
    return Made(tuple(maker.made.values()), commits, tuple(without))


def _write(workspace: Workspace, twins: TwinMap) -> None:
    twin_map.write(workspace.data.git, workspace.root, twins, signing_key=workspace.keys.signing)
    if workspace.settings.versioning.commit:
        workspace.data.git.commit("Keep old revisions reproducible without erased people", [str(workspace.root / FILE)])


class _Maker:
    """Makes the twins of one purge; files before the folders that hold them."""

    def __init__(
        self,
        reach: Reach,
        tokens: frozenset[str],
        objects: frozenset[str],
        stale: frozenset[str],
        redacted: Mapping[str, DataVersion],
        rows: Mapping[str, NDArray[np.bool_]],
    ) -> None:
        self.workspace, self.tokens, self.objects, self.stale = reach.workspace, tokens, objects, stale
        self.redacted, self.rows = redacted, rows
        self.columns, self.names, self.kept = reach.holdings.people_columns, reach.past.first_paths, reach.kept
        self.admitted = reach.admitted
        self.stores = object_stores(reach.workspace.data)
        self.reader = reach.reader
        self.made: dict[str, Twin] = {}
        self.sizes: dict[str, int] = {}

    def add(self, name: str, before: TwinMap) -> bool:
        """Make the twin of one object and store it wherever that one is; False when it cannot have one, or is nowhere."""
        holding = [store for store in self.stores if store.holds(name)]
        for store in holding:
            with _draft(self.workspace) as draft:
                try:
                    twin, file = self._draw(store, name, draft, before)
                except (DataError, NeedsReview):  # no table, or one with a row that nobody can halve
                    return False
                except (FileNotFoundError, NotFound):
                    continue  # somebody deleted it meanwhile; another store may still have it
                for each in holding:
                    each.put(twin.new, file)
                self.made[name] = twin
                self._index(twin, file)
                return True
        return False

    def _draw(self, store: ObjectStore, name: str, draft: Path, before: TwinMap) -> tuple[Twin, Path]:
        """The twin of an object, and the file that it is."""
        with self._file(store, name) as old:
            if name.endswith(".dir"):
                return self._folder(name, old, draft, before), draft
            return self._table(name, old, draft)

    def _table(self, name: str, old: Path, draft: Path) -> tuple[Twin, Path]:
        named = f"{name}{redaction.ending(old, self.names.get(name, ''))}"
        gone = self.tokens - self.kept.get(name, frozenset()) - self.admitted.get(name, frozenset())
        columns = self._columns(old, named)
        people = self._people(old, named, columns)
        keep = ~(self.rows[name] if name in self.rows else self._theirs(old, named, people, gone))
        if len(people) == 1 and (made := self._made(name, people[0], keep, named, columns[0])) is not None:
            return self._twin(name, self.redacted[name].object, made, size=made.stat().st_size), made
        out = draft.with_suffix(Path(named).suffix)
        redaction.redact(old, out, keep, named=named)
        out.replace(draft)
        for column in columns:
            without(self.workspace, old, keep, draft, column, named=named)
        if not columns and name not in self.rows:
            self._check_gone(draft, name, gone)
        return self._twin(name, hashing.file_md5(draft), draft, size=draft.stat().st_size), draft

    def _theirs(self, old: Path, named: str, people: Sequence[Roll], gone: frozenset[str]) -> NDArray[np.bool_]:
        theirs = [one.mask(gone) for one in people] or [self._naming(old, named, gone)]
        made: NDArray[np.bool_] = np.logical_or.reduce(theirs)
        return made

    def _made(self, name: str, old: Roll, keep: NDArray[np.bool_], named: str, column: str) -> Path | None:
        """What this erasure made of an object, when it lies here and just these rows left: to draw it again gives its bytes."""
        done, rest = self.redacted.get(name), old.without(keep)
        file = next((here for each in self.stores if done and (here := each.local_file(done.object)) is not None), None)
        if done is None or rest is None or file is None or not file.is_file() or tables.digest(file) != done.digest:
            return None
        now = people_of(self.workspace, file, column, named=named, past=True)
        return file if now.agrees(rest) else None

    def _columns(self, file: Path, named: str) -> tuple[str, ...]:
        """The person columns that a table has, of those that are known."""
        here = tables.column_names(file, named=named)
        return tuple(one for one in self.columns if tables.names_people(here, one))

    def _people(self, file: Path, named: str, columns: Sequence[str]) -> list[Roll]:
        """Who is in a table, by each of these columns."""
        return [people_of(self.workspace, file, one, named=named, past=True) for one in columns]

    def _naming(self, file: Path, named: str, gone: frozenset[str]) -> NDArray[np.bool_]:
        """(n,) true where a cell of a table whose person column nobody knows is one of them."""
        watch = self.reader.watch
        return table_people.rows_naming(tables.read(file, named=named), gone, kind=watch.kind, key=watch.key)

    def _check_gone(self, draft: Path, name: str, gone: frozenset[str]) -> None:
        """Raises DataError when they are in it all the same: in a longer text, in what describes the table."""
        with draft.open("rb") as stream:
            seen = look(replace(self.reader.watch, tokens=gone), stream)
        if seen.found or seen.maybe or not seen.read:
            raise DataError(f"object {name} names people elsewhere than in a cell of their own")

    def _folder(self, name: str, old: Path, draft: Path, before: TwinMap) -> Twin:
        twins, listed = before.with_twins(self.made.values()), []
        for item in json.loads(old.read_bytes()):
            if not self.reader.named(item["relpath"]).isdisjoint(self.tokens - self.admitted.get(name, frozenset())):
                continue
            if item["md5"] in self.objects and twins.last(item["md5"]) is None:
                continue
            twin = twins.last(item["md5"])
            listed.append({**item, "md5": twin.new} if twin else item)
        draft.write_bytes(json.dumps(listed, sort_keys=True).encode())
        new, size = f"{hashing.file_md5(draft)}.dir", sum(self._size(item["md5"]) for item in listed)
        if not self.stale.isdisjoint(item["md5"] for item in listed):
            self.stale |= {new}
        return self._twin(name, new, draft, size=size, files=len(listed))

    def _twin(self, name: str, new: str, draft: Path, *, size: int, files: int | None = None) -> Twin:
        return Twin(name, new, self.names.get(name, ""), contents.file_digest(draft), size, files)

    def _size(self, name: str) -> int:
        if name not in self.sizes:
            self.sizes[name] = next((size for store in self.stores if (size := store.size(name)) is not None), 0)
        return self.sizes[name]

    @contextmanager
    def _file(self, store: ObjectStore, name: str) -> Iterator[Path]:
        """An object as a file on this machine: where it lies, or a copy for a moment."""
        if (here := store.local_file(name)) is not None:
            yield here
            return
        with _draft(self.workspace) as copy:
            store.fetch(name, copy)
            yield copy

    def _index(self, twin: Twin, draft: Path) -> None:
        """Remember who is in a table's twin, so that the next erasure finds it without opening it."""
        if (
            twin.new.endswith(".dir")
            or not twin.path
            or self.workspace.lineage.data_version(twin.digest, twin.path) is not None
        ):
            return
        named = f"{twin.new}{redaction.ending(draft, twin.path)}"
        if not (found := self._people(draft, named, self._columns(draft, named))):
            return  # nobody can say whose the rows are that stay
        tokens = ordered(np.concatenate([people.everyone for people in found]))
        version = DataVersion(twin.path, twin.digest, twin.new, None, len(found[0].codes), len(tokens))
        self.workspace.lineage.record_data(version, tokens)


# --- files ----------------------------------------------------------------------------------------------------------


@contextmanager
def _draft(workspace: Workspace) -> Iterator[Path]:
    """A private file for a moment: it holds rows of people, so what a killed run leaves of it is swept as a spool is."""
    with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
        yield folder / "object"
