"""A tool without what it imports at its top and is never asked for here: pictures, statistics, other people's clouds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


class _Finder:
    """Answers before Python's own finders, to the thread that it was made in."""

    def __init__(self, late: Collection[str], absent: Collection[str]) -> None:
        self._late, self._absent, self._thread = frozenset(late), frozenset(absent), threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if threading.get_ident() != self._thread:
            return None
        if name in self._absent:
            raise ModuleNotFoundError(f"{name} is left out of this import", name=name)
        if name in self._late and (found := PathFinder.find_spec(name, path, target)) and found.loader:
            found.loader = LazyLoader(found.loader)
            return found
        return None


@contextmanager
def importing(*, late: Collection[str] = (), absent: Collection[str] = ()) -> Iterator[None]:
    """Within: a module of `late` runs when something in it is first asked for, and those of `absent` are not installed.

    Whatever was imported before stays what it is, and so does what other threads import. absent: only what the importing tool
    can do without, and says so when it is asked for it.
    """
    finder = _Finder(late, absent)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
