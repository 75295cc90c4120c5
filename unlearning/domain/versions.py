"""Names of versions: of a table in DVC, of a registered model, of whatever a revision pins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

_SHOWN = 12
"""Digits of DVC's hash in a name: what a person compares by eye, and enough among the versions of one table."""


def data_name(path: str, object_hash: str) -> str:
    """What a data version is called wherever people read of it: `data/train.parquet@4b2dfe6915ed`.

    The digits are the first of its hash in `dvc.lock`; every version has one, also those of which only the history tells.
    """
    return f"{path}@{object_hash[:_SHOWN]}"


@dataclass(frozen=True, slots=True)
class DataVersion:
    """One content of one DVC-tracked table."""

    path: str
    """Relative to the repository, with `/`."""
    digest: str
    """SHA-256 of the content; for a folder, of its sorted (relative path, SHA-256) pairs."""
    object: str
    """DVC's object hash (md5, with `.dir` for a folder)."""
    rev: str | None
    """Git commit that names this object, or None while it is not committed."""
    rows: int
    people: int

    @property
    def name(self) -> str:
        """What people call it."""
        return data_name(self.path, self.object)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of one registered model."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


class Tracked(NamedTuple):
    """One content of one path, as DVC names it."""

    path: str
    """Relative to the project, with `/`."""
    object: str
    """DVC's object hash (md5, with `.dir` for a folder)."""

    @property
    def name(self) -> str:
        """What people call it."""
        return data_name(self.path, self.object)


SCHEME = "dvc"


_KNOWN = ("rev", "repo", "remote")


@dataclass(frozen=True, slots=True)
class Pin:
    """Which content a `dvc://` address means."""

    path: str
    """Relative to the repository, with `/`."""
    rev: str | None
    """Git commit that names the object, or None while it is not committed."""
    object: str
    """DVC's object hash (md5, with `.dir` for a folder)."""
    digest: str
    """SHA-256 of the content, as in `DataVersion`."""
    remote: str | None = None
    """The DVC remote that was named, or the repository's default one."""
    repo: str | None = None
    """Path or URL of the repository, when the address named one; else the one around the working folder."""

    @property
    def uri(self) -> str:
        """The address that means this content again."""
        return address(self.path, **{name: getattr(self, name) for name in _KNOWN})


def address(path: str, **query: str | None) -> str:
    """`dvc://path?…` with what is given of rev, repo and remote."""
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return f"{SCHEME}://{quote(path)}?{asked}"
