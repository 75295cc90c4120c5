"""Methods, learners, checks and readers by name: the built-ins and everyone else's, found through the same entry points."""

from __future__ import annotations

import difflib
import os
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, cast

from unlearning.domain.errors import SettingsError

if TYPE_CHECKING:
    from unlearning.domain.protocols import Check, Learner, Method, Reader

Family = Literal["methods", "learners", "checks", "readers"]


def names(family: Family) -> tuple[str, ...]:
    """The installed members of a family, in alphabetical order."""
    return tuple(sorted({point.name for point in _points(family)}))


def method(name: str) -> Method:
    """The method of forgetting with this name; raises SettingsError listing the known ones."""
    found = _load("methods", name)
    return cast("Method", found() if isinstance(found, type) else found)


def learner(name: str) -> type[Learner]:
    """The learner with this name, to be called with (recipe, device=…); raises SettingsError listing the known ones."""
    return cast("type[Learner]", _load("learners", name))


def check(name: str) -> Check:
    """The check with this name; raises SettingsError listing the known ones."""
    return cast("Check", _load("checks", name))


def readers() -> tuple[tuple[str, Reader], ...]:
    """Every installed reader of files, with its name; raises SettingsError for one that cannot be loaded."""
    return tuple((name, cast("Reader", _load("readers", name))) for name in names("readers"))


def _points(family: Family) -> list[EntryPoint]:
    return _installed(family, tuple((folder, _changed_ns(folder)) for folder in sys.path))


@lru_cache(maxsize=4)
def _installed(family: Family, _where: tuple[tuple[str, int], ...]) -> list[EntryPoint]:
    """Read again when a package comes or goes: at each question, reading those of every package is a tenth of an erasure."""
    return list(entry_points(group=f"unlearning.{family}"))


def _changed_ns(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


def _load(family: Family, name: str) -> Any:
    found = {point.value: point for point in _points(family) if point.name == name}
    if not found:
        known = (
            ", ".join(names(family))
            or "none; reinstall the package (`pip install --force-reinstall --no-deps mlflow-unlearning`)"
        )
        near = difflib.get_close_matches(name, names(family), n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise SettingsError(f"{name!r} is none of the installed {family}; known: {known}{meant}")
    if len(found) > 1:
        raise SettingsError(f"{name!r} of {family} is offered by {' and '.join(sorted(found))}; uninstall all but one")
    (point,) = found.values()
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{name!r} of {family} ({point.value}) cannot be loaded ({type(error).__name__}); reinstall its package"
        ) from error
