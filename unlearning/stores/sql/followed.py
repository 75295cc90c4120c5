"""What following found: registered model versions, what fed each, what was made from what, and what nobody can say.

Beside `stores/sql/lineage.py`, which knows the people and the full record of versions trained here; one database may hold both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from unlearning.domain.codec import AS
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.stores.sql import database
from unlearning.stores.sql.schema import (
    followed_commits,
    followed_derivations,
    followed_models,
    followed_objects,
    followed_runs,
    followed_sources,
    gaps,
    person_columns,
)

State = Literal["indexed", "no person column", "no table", "unreadable", "gone", "unanswered", "unopened"]
"""What became of opening an object; only an indexed one says by itself who is in it."""

EVERY_PATH = "*"
"""In place of a path: a person column to look for in any table."""


@dataclass(frozen=True)
class Followed:
    """A registered model version, wherever it was trained."""

    model: ModelVersion
    run_id: str | None
    source: str
    updated_ms: int
    settled: bool
    """Nothing is missing, so it is read again only when the registry changed it."""
    deleted: bool = False


@dataclass(frozen=True)
class Source:
    """One content that fed a model version."""

    model: ModelVersion
    content: Tracked
    how: str
    """How it is known: `dataset input`, `tag`, `stage train`, `beside the run`, `adopted`, …"""


@dataclass(frozen=True)
class RunRead:
    """What a run that had ended said when it was asked for alone."""

    run_id: str
    experiment: str
    """Empty for a run that was gone."""
    shown: str
    """Digest of what a search shows of it: while that stays, so does what only asking for it alone tells."""
    models: tuple[str, ...]
    """Logged models it started from: no search shows them."""


@dataclass(frozen=True, order=True)
class Gap:
    """What the lineage cannot say: never hidden, with the way to close it."""

    what: str
    why: str
    remedy: str = field(metadata={AS: "how_to_close"})

    @property
    def line(self) -> str:
        """For people, with the way to close it."""
        return f"  {self.what}: {self.why}\n      → {self.remedy}"


@dataclass(frozen=True)
class Opened:
    """What became of opening one object."""

    content: Tracked
    rev: str | None
    """The first commit that names it; None when no known commit does."""
    state: State
    detail: str = ""
    digest: str | None = None
    """Of its content, when it is indexed."""


@dataclass(frozen=True)
class Findings:
    """What one round of following found; kept all at once or not at all."""

    models: Sequence[Followed]
    sources: Mapping[ModelVersion, Sequence[Source]]
    """For every version that was read in this round, all of its sources."""
    deleted: Collection[ModelVersion]
    runs: Sequence[RunRead]
    derivations: Iterable[tuple[Tracked, Tracked, str]]
    commits: Collection[str]
    opened: Sequence[Opened]
    gaps: Sequence[Gap]


class SqlFollowed:
    """The findings in a database. Everything may be kept twice; the second time changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def models(self) -> dict[ModelVersion, Followed]:
        """Every version that was ever seen, deleted ones included."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(followed_models)).mappings()
            return {one.model: one for one in map(_followed, rows)}

    def sources(self) -> list[Source]:
        """What fed which version, sorted."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(followed_sources).order_by(*followed_sources.c))
            return [Source(ModelVersion(row.name, row.version), Tracked(row.path, row.object), row.how) for row in rows]

    def runs(self) -> dict[str, RunRead]:
        """What the runs said that were asked for alone."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(followed_runs))
            found = (RunRead(row.run_id, row.experiment, row.shown, tuple(json.loads(row.models))) for row in rows)
            return {one.run_id: one for one in found}

    def derivations(self) -> list[tuple[Tracked, Tracked, str]]:
        """(from, to, stage) of everything that was made from something."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(followed_derivations))
            return [(Tracked(row.from_path, row.from_object), Tracked(row.path, row.object), row.stage) for row in rows]

    def commits(self) -> frozenset[str]:
        """The commits that were walked."""
        with database.reading(self._engine) as connection:
            return frozenset(connection.scalars(sa.select(followed_commits.c.rev)))

    def opened(self) -> dict[Tracked, Opened]:
        """What became of every object that was looked at."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(followed_objects))
            return {
                Tracked(row.path, row.object): Opened(Tracked(row.path, row.object), row.rev, row.state, row.detail, row.digest)
                for row in rows
            }

    def gaps(self) -> list[Gap]:
        """What the last round could not say."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(gaps).order_by(gaps.c.number))
            return [Gap(row.what, row.why, row.remedy) for row in rows]

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Path, or `EVERY_PATH`, → columns that may say whose record it is."""
        found: dict[str, tuple[str, ...]] = {}
        with database.reading(self._engine) as connection:
            for row in connection.execute(sa.select(person_columns).order_by(*person_columns.c)):
                found[row.path] = (*found.get(row.path, ()), row.name)
        return found

    def keep(self, found: Findings) -> None:
        """Keep one round: in one transaction, so a killed run leaves the round before."""
        with database.writing(self._engine, "lineage") as connection:
            _delete(connection, followed_sources, map(asdict, found.sources))
            _delete(connection, followed_models, (asdict(one.model) for one in found.models))
            _delete(connection, followed_runs, ({"run_id": one.run_id} for one in found.runs))
            for model in found.deleted:
                connection.execute(followed_models.update().where(_of(followed_models, model)).values(deleted=True))
            _delete(connection, followed_objects, (opened.content._asdict() for opened in found.opened))
            connection.execute(gaps.delete())
            _insert(connection, followed_models, map(_model_row, found.models))
            _insert(connection, followed_runs, ({**asdict(one), "models": json.dumps(one.models)} for one in found.runs))
            _insert(connection, followed_sources, (_source_row(one) for each in found.sources.values() for one in each))
            _insert(connection, followed_objects, map(_opened_row, found.opened))
            _insert_new(connection, followed_derivations, {(*to, *origin): stage for origin, to, stage in found.derivations})
            walked = set(connection.scalars(sa.select(followed_commits.c.rev)))
            _insert(connection, followed_commits, ({"rev": rev} for rev in set(found.commits) - walked))
            _insert(connection, gaps, ({"number": number, **asdict(gap)} for number, gap in enumerate(found.gaps)))

    def add_column(self, path: str, name: str) -> None:
        """A column that says whose record it is, in one table or, with `EVERY_PATH`, in any."""
        with database.writing(self._engine, "lineage") as connection:
            where = (person_columns.c.path == path) & (person_columns.c.name == name)
            if connection.execute(sa.select(person_columns).where(where)).first() is None:
                connection.execute(person_columns.insert().values(path=path, name=name))

    def mark_deleted(self, model: ModelVersion) -> None:
        """The version is gone from the registry; what is known of it stays."""
        with database.writing(self._engine, "lineage") as connection:
            gone = connection.execute(followed_models.update().where(_of(followed_models, model)).values(deleted=True))
            if gone.rowcount == 0:
                row = _model_row(Followed(model, None, "", 0, settled=False, deleted=True))
                connection.execute(followed_models.insert().values(**row))

    def add_source(self, source: Source) -> None:
        """Say what fed a version that the registry itself knows nothing about; the next round keeps it."""
        with database.writing(self._engine, "lineage") as connection:
            row = _source_row(source)
            same = sa.and_(*(followed_sources.c[name] == row[name] for name in ("name", "version", "path", "object")))
            connection.execute(followed_sources.delete().where(same))
            connection.execute(followed_sources.insert().values(**row))


def _of(table: sa.Table, model: ModelVersion) -> sa.ColumnElement[bool]:
    return (table.c.name == model.name) & (table.c.version == model.version)


def _delete(connection: sa.Connection, table: sa.Table, keys: Iterable[Mapping[str, Any]]) -> None:
    """The rows that any of these keys names, column by column."""
    if listed := list(keys):
        same = sa.and_(*(table.c[name] == sa.bindparam(f"old_{name}") for name in listed[0]))
        connection.execute(table.delete().where(same), [{f"old_{name}": key[name] for name in key} for key in listed])


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    if listed := list(rows):
        connection.execute(table.insert(), listed)


def _insert_new(connection: sa.Connection, table: sa.Table, rows: Mapping[tuple[str, ...], str]) -> None:
    """Derivations by key; one that is there already stays as it is."""
    known = {tuple(row)[:4] for row in connection.execute(sa.select(table))}
    names = table.c.keys()
    _insert(
        connection, table, (dict(zip(names, (*key, stage), strict=True)) for key, stage in rows.items() if key not in known)
    )


def _followed(row: sa.RowMapping) -> Followed:
    facts = {str(name): value for name, value in row.items() if name not in ("name", "version")}
    return Followed(ModelVersion(row["name"], row["version"]), **facts)


def _model_row(one: Followed) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(one).items() if name != "model"}
    return {"name": one.model.name, "version": one.model.version, **facts}


def _source_row(one: Source) -> dict[str, Any]:
    name, version = astuple(one.model)
    return {"name": name, "version": version, **one.content._asdict(), "how": one.how}


def _opened_row(one: Opened) -> dict[str, Any]:
    return {**one.content._asdict(), "rev": one.rev, "state": one.state, "detail": one.detail, "digest": one.digest}
