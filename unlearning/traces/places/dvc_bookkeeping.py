"""What DVC writes down beside the objects: the run cache and the site cache (TRACES 6, 7). Names and hashes, no rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.dvc.objects import ObjectStore, drop_site_cache, site_cache
from unlearning.stores.files import looked_at
from unlearning.stores.scans import raw_bytes
from unlearning.traces.places.dvc_objects import OBJECTS

if TYPE_CHECKING:
    import re

    from unlearning.stores.dvc.repository import DvcData


@dataclass(frozen=True)
class RunCachePlace:
    """Entries of one run cache: which command made which object from which."""

    store: ObjectStore
    level: Level = "logical"
    how: str = "every entry read for the hash of an erased object"

    @property
    def name(self) -> str:
        """The store's run cache."""
        return f"{self.store.name}: run cache"

    def find(self, wanted: Wanted) -> Found:
        """Entries that name an erased object, or one of the people. Raises Unavailable."""
        asked, paths, found = _pattern(wanted), list(self.store.runs()), []
        for path in paths if asked else ():
            try:
                with self.store.open(path) as stream:
                    found += [Trace(path)] if asked and raw_bytes.occurs(stream, asked) else []
            except FileNotFoundError:
                continue
        return Found(tuple(found), searched=len(paths), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete the entries: `dvc repro` runs such a stage again when it is asked to. Raises Unavailable."""
        for trace in traces:
            self.store.delete(trace.name)
        return ()


@dataclass(frozen=True)
class SiteCachePlace:
    """DVC's index of names and hashes, outside the project."""

    data: DvcData = field(repr=False)
    name: str = "DVC site cache"
    level: Level = "logical"
    how: str = "every file read for the hash of an erased object"

    def find(self, wanted: Wanted) -> Found:
        """Files that name an erased object, or one of the people."""
        asked, folder = _pattern(wanted), site_cache(self.data)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        found = []
        for file in files if asked else ():
            with suppress(FileNotFoundError), looked_at(file) as stream:  # another purge took it away meanwhile
                found += [Trace(file.name)] if asked and raw_bytes.occurs(stream, asked) else []
        return Found(tuple(found), searched=len(files), remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Make the index anew, whatever was found: making twins may have named objects in it since."""
        drop_site_cache(self.data)
        return ()


def _pattern(wanted: Wanted) -> re.Pattern[bytes] | None:
    objects = {trace.name for trace in wanted.known.get(OBJECTS, frozenset())}
    return raw_bytes.pattern([*objects, *wanted.identifiers])
