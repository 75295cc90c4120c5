"""A tool without what it imports at its top and is never asked for here: pictures, statistics, other people's clouds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_RUNNING = threading.RLock()
_ASKED_OF_ALL = frozenset({"__file__", "__path__", "__wrapped__", "__warningregistry__"})
"""What inspection and warnings ask of every module that there is."""


class Late(ModuleType):
    """A module that runs when something in it is asked for that an unrun one has not.

    `importlib.util.LazyLoader` runs it for any question at all, and `inspect` asks every module where its file lies.
    """

    def __getattr__(self, name: str) -> Any:
        """What running it put there."""
        with _RUNNING:
            loader = self.__spec__.loader if self.__spec__ else None
            if isinstance(loader, _Later) and loader.imported and name not in _ASKED_OF_ALL:
                loader.run(self)
        return object.__getattribute__(self, name)


class _Later(Loader):
    """Leaves a module as it is until it is run."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self.imported = loader, False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Late(spec.name)

    def exec_module(self, module: ModuleType) -> None:  # noqa: ARG002  the protocol names it
        """Nothing yet."""
        self.imported = True

    def run(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        module.__class__ = ModuleType


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
            found.loader = _Later(found.loader)
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
