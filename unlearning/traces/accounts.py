"""What may be believed of files that nobody can read: what they were made from, or what people say of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pathspec import PathSpec

from unlearning.domain.versions import Tracked

Folders = Mapping[str, Sequence[tuple[str, str]]]
"""Listing of a folder → (relative path, object) of what is in it."""

_Inside = Mapping[str, Mapping[str, str]]
"""Object → folder that lists it → its path there."""

NAMELESS = "a path that may name a person"


@dataclass(frozen=True)
class Declared:
    """What people say is free of people."""

    paths: str
    """A pattern as in `.gitignore`, of paths in the project."""
    reason: str

    def covers(self, path: str) -> bool:
        """A path is meant."""
        return self._pattern.match_file(path)

    @cached_property
    def _pattern(self) -> PathSpec[Any]:
        return PathSpec.from_lines("gitignore", [self.paths])


@dataclass(frozen=True)
class Accounts:
    """What is known of every object of a project besides its content."""

    contents: frozenset[Tracked] = frozenset()
    """Every path that an object ever had."""
    made: frozenset[tuple[str, str]] = frozenset()
    """(from, to) of everything that a stage made, at any revision."""
    declared: tuple[Declared, ...] = ()
    names_somebody: Callable[[str], bool] = field(default=lambda _path: False, repr=False)
    """A path says who somebody is, so that it is repeated nowhere."""

    def free(self, path: str) -> Declared | None:
        """What people say of a path, when they say that nobody is in it."""
        return next((one for one in self.declared if one.covers(path)), None)

    def unexplained(self, unread: Collection[str], answered: Collection[str], folders: Folders) -> list[str]:
        """Those of which nobody can say that no person is in them, sorted.

        An object is accounted for when every path it ever had is declared free of people; or when stages made it, only ever of
        what was read or is accounted for itself. answered: objects that were read.
        """
        inside = _folders_of(folders)
        settled = {name: True for name in answered}

        def accounted(name: str) -> bool:
            if name not in settled:
                settled[name] = False  # what is made of itself explains nothing
                settled[name] = self._declared(name, inside) or self._of_known(name, inside, folders, accounted)
            return settled[name]

        return sorted(name for name in unread if not accounted(name))

    def undeclared(self, objects: Collection[str], folders: Folders) -> list[str]:
        """Those that nobody declared free of people, sorted."""
        inside = _folders_of(folders)
        return sorted(name for name in objects if not self._declared(name, inside))

    def shown(self, objects: Collection[str], folders: Folders) -> tuple[str, ...]:
        """How these are called in a report: by every path they had, of files in a folder the folder's; no name of a person."""
        inside = _folders_of(folders)
        found = set()
        for name in objects:
            paths = {path for one in (name, *inside.get(name, ())) for path in self._paths.get(one, ())}
            found |= {NAMELESS if self.names_somebody(path) else path for path in paths or {name}}
        return tuple(sorted(found))

    def _declared(self, name: str, inside: _Inside) -> bool:
        paths = set(self._every_path(name, inside))
        return bool(paths) and all(self.free(path) for path in paths)

    def _every_path(self, name: str, inside: _Inside) -> Iterator[str]:
        yield from self._paths.get(name, ())
        for folder, relative in inside.get(name, {}).items():
            yield from (f"{path}/{relative}" for path in self._paths.get(folder, ()))

    def _of_known(self, name: str, inside: _Inside, folders: Folders, accounted: Callable[[str], bool]) -> bool:
        origins = {origin for one in (name, *inside.get(name, ())) for origin in self._makers.get(one, ())}
        return bool(origins) and all(self._known(origin, folders, accounted) for origin in origins)

    @staticmethod
    def _known(origin: str, folders: Folders, accounted: Callable[[str], bool]) -> bool:
        members = folders.get(origin)
        return all(accounted(one) for _, one in members) if members else accounted(origin)

    @cached_property
    def _paths(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for content in sorted(self.contents):
            found.setdefault(content.object, []).append(content.path)
        return found

    @cached_property
    def _makers(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for origin, made in self.made:
            found.setdefault(made, set()).add(origin)
        return {made: frozenset(origins) for made, origins in found.items()}


def _folders_of(folders: Folders) -> _Inside:
    found: dict[str, dict[str, str]] = {}
    for folder, members in folders.items():
        for relative, name in members:
            found.setdefault(name, {})[folder] = relative
    return found
