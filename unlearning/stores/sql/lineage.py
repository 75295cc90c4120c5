"""The lineage: which people are in which data versions, which data made which model versions, which models come from those.

People are keyed tokens, cut to 16 bytes. The membership index is described in `membership.py`; here is how it is kept in SQL.
Its positions count the versions of a path as they were recorded; which version follows which is kept beside it, as the parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from unlearning.domain import merkle
from unlearning.domain.codec import write
from unlearning.domain.derivation import EDGE_KINDS, Edge, Family
from unlearning.domain.entities import ModelRecord
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.domain.token_words import distinct
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.stores.sql import database, membership, records
from unlearning.stores.sql.membership import TOKEN_BYTES, Profile
from unlearning.stores.sql.schema import blocks, data_versions, edges, index_keys, layouts, models, paths, spans

_CHUNK = 5_000


@dataclass(frozen=True)
class _Histories:
    """Everything about data versions and profiles at one generation of the index: small, and kept between look-ups."""

    generation: int
    bits: int
    profiles: Mapping[int, Profile]
    versions: Mapping[int, Sequence[DataVersion]]
    """Path → its data versions by position."""
    held: dict[int, tuple[DataVersion, ...]]
    """Profile → its data versions, as they were asked for."""

    def of(self, profile: int) -> list[DataVersion]:
        if profile not in self.held:
            self.held[profile] = tuple(membership.versions_of(self.profiles[profile], self.versions))
        return list(self.held[profile])


class SqlLineage:
    """The lineage in a database. Everything may be recorded twice; the second time changes nothing."""

    def __init__(self, engine: sa.Engine, *, key_id: Callable[[], str] | None = None) -> None:
        """key_id: says the public name of the key that makes the tokens, to be noted with what they index."""
        self._engine = engine
        self._key_id = key_id
        self._histories: _Histories | None = None
        mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        self._one_block = (
            f"SELECT l.generation, b.payload FROM {layouts.name} l LEFT JOIN {blocks.name} b"
            f" ON b.id = (CAST({mark} AS BIGINT) >> (32 - l.bits))"
        )

    @property
    def engine(self) -> sa.Engine:
        """The database, for what looks after its free pages."""
        return self._engine

    # --- data versions and the people in them

    def record_data(
        self, version: DataVersion, tokens: Sequence[bytes] | NDArray[np.uint8], *, parent: str | None = None
    ) -> DataVersion:
        """Index one data version; returns it as it is kept, which may be as an earlier call recorded it.

        tokens: 32-byte index tokens of everyone in it, in any order, bytes or an (n, ≥16) array.
        parent: digest of the version of the same path that this one follows.
        Raises NotFound for an unknown parent, WrongUse when the version is known with other people.
        """
        present = membership.words(tokens)
        digest = membership.tokens_digest(*present)
        made_with = self._key_id() if self._key_id is not None else None
        with database.writing(self._engine, "lineage") as connection:
            path = _path_id(connection, version.path)
            known = connection.execute(
                sa.select(data_versions).where(data_versions.c.path == path, data_versions.c.digest == version.digest)
            ).first()
            if known is not None:
                return _record_again(connection, known, version, digest)
            before = _parent_id(connection, path, version.path, parent)
            position = _next(connection, data_versions.c.position, data_versions.c.path == path)
            row = write(version) | {
                "path": path,
                "parent": before,
                "position": position,
                "tokens": digest,
                "root": _root(present),
            }
            connection.execute(data_versions.insert().values(id=_next(connection, data_versions.c.id), **row))
            _index(connection, present, path=path, position=position)
            if made_with is not None:
                _note_key(connection, made_with)
        return version

    def index_keys(self) -> frozenset[str]:
        """Public names of the keys that made the tokens of the index: one, unless the key was replaced."""
        with database.reading(self._engine) as connection:
            return frozenset(connection.scalars(sa.select(index_keys.c.id)))

    def versions_holding(self, tokens: Iterable[bytes]) -> dict[bytes, list[DataVersion]]:
        """Every data version that holds each person, by path and as recorded; an empty list for a person in none."""
        wanted = list(dict.fromkeys(tokens))
        short = [token for token in wanted if len(token) < TOKEN_BYTES]
        if short:
            raise ValueError(f"a token has {len(short[0])} bytes; expected 32, at least {TOKEN_BYTES}")
        if len(wanted) == 1:
            return {wanted[0]: self._held_by_one(wanted[0])}
        found: dict[bytes, list[DataVersion]] = {}
        with database.reading(self._engine) as connection:
            histories = self._current(connection)
            for start in range(0, len(wanted), _CHUNK):
                found |= _held_by_many(connection, histories, wanted[start : start + _CHUNK])
        return found

    def everybody(self) -> NDArray[np.uint64]:
        """(n,) the first word of the token of everybody who was ever in a recorded version, sorted, each once."""
        with database.reading(self._engine) as connection:
            return distinct(_people(connection).high)

    def holders(self, digest: str) -> list[bytes]:
        """Tokens of everyone in a data version, cut to 16 bytes, sorted. Raises NotFound."""
        with database.reading(self._engine) as connection:
            row = connection.execute(sa.select(data_versions).where(data_versions.c.digest == digest)).first()
            if row is None:
                raise NotFound(f"data version {digest[:12]}… is not in the lineage; run `unlearn train`, or record it first")
            profiles = _profiles(connection)
            people = _people(connection)
        holding = [number for number, history in profiles.items() if membership.holds(history, row.path, row.position)]
        inside = np.isin(people.profile, holding)
        packed = membership.token_bytes(people.high[inside], people.low[inside])
        return [packed[at : at + TOKEN_BYTES] for at in range(0, len(packed), TOKEN_BYTES)]

    def data_versions(self, path: str | None = None) -> list[DataVersion]:
        """Every data version, in the order of recording, of one path when given."""
        query = _select_versions().order_by(data_versions.c.id)
        if path is not None:
            query = query.where(paths.c.path == path)
        with database.reading(self._engine) as connection:
            return [_data_version(row) for row in connection.execute(query)]

    def data_version(self, digest: str, path: str | None = None) -> DataVersion | None:
        """The data version of a digest, or None; of the path when given, since two paths may hold the same content."""
        query = _select_versions().where(data_versions.c.digest == digest).order_by(data_versions.c.id)
        if path is not None:
            query = query.where(paths.c.path == path)
        with database.reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _data_version(row)

    def root(self, version: DataVersion) -> str | None:
        """The commitment to everyone in a data version: the Merkle root over their tokens, cut to 16 bytes; None if unknown."""
        query = sa.select(data_versions.c.root).join(paths, data_versions.c.path == paths.c.id)
        with database.reading(self._engine) as connection:
            found = connection.scalar(query.where(data_versions.c.digest == version.digest, paths.c.path == version.path))
        return None if found is None else str(found)

    # --- model versions

    def record_model(self, record: ModelRecord) -> ModelRecord:
        """Keep what shaped a model version; returns what is kept, the first record of it.

        Raises WrongUse when it is known with other data or other constituents, unless that version was marked deleted.
        """
        name, version = record.model.name, record.model.version
        row = {"data_digest": record.data.digest, "record": records.dumps(record), "deleted": False}
        with database.writing(self._engine, "lineage") as connection:
            where = (models.c.name == name) & (models.c.version == version)
            known = connection.execute(sa.select(models).where(where)).first()
            if known is None:
                connection.execute(models.insert().values(name=name, version=version, **row))
                return record
            kept = records.loads(known.record)
            if records.same_model(kept, record):
                return kept
            if not known.deleted:
                raise WrongUse(
                    f"model version {record.model} is recorded with other data or constituents; mark it deleted first"
                )
            connection.execute(models.update().where(where).values(**row))
            return record

    def model(self, name: str, version: int) -> ModelRecord | None:
        """What shaped a model version, also after it was deleted; None for one that was never recorded."""
        query = sa.select(models.c.record).where(models.c.name == name, models.c.version == version)
        with database.reading(self._engine) as connection:
            text = connection.scalar(query)
        return None if text is None else records.loads(text)

    def models(self, name: str | None = None, *, deleted: bool | None = False, last: int | None = None) -> list[ModelRecord]:
        """Records by name and version: of those that exist, with deleted=True of those that are gone, with None of all.

        last: so many of the newest versions alone, of a model that is named.
        """
        newest_first = models.c.version if last is None else models.c.version.desc()
        query = sa.select(models.c.record).order_by(models.c.name, newest_first)
        if name is not None:
            query = query.where(models.c.name == name)
        if deleted is not None:
            query = query.where(models.c.deleted == deleted)
        with database.reading(self._engine) as connection:
            found = [records.loads(text) for text in connection.scalars(query.limit(last))]
        return found if last is None else found[::-1]

    def mark_deleted(self, model: ModelVersion) -> None:
        """The version is gone from the registry; its lineage stays. Raises NotFound for one that was never recorded."""
        where = (models.c.name == model.name) & (models.c.version == model.version)
        with database.writing(self._engine, "lineage") as connection:
            if connection.execute(models.update().where(where).values(deleted=True)).rowcount == 0:
                raise NotFound(f"model version {model} is not in the lineage; expected one of `unlearn lineage`")

    # --- models that come from models

    def add_edge(self, parent: ModelVersion, child: ModelVersion, kind: str) -> None:
        """Say that one model version was made from another. Raises WrongUse for an unknown kind or a version from itself."""
        self.add_edges([(parent, child, kind)])

    def add_edges(self, said: Iterable[Edge]) -> None:
        """Say so of many, all at once or not at all."""
        fresh = dict.fromkeys(said)
        for parent, child, kind in fresh:
            if kind not in EDGE_KINDS:
                raise WrongUse(f"edge {parent} → {child} has kind {kind!r}; expected one of {', '.join(EDGE_KINDS)}")
            if parent == child:
                raise WrongUse(f"edge {parent} → {child}: a model version cannot come from itself")
        with database.writing(self._engine, "lineage") as connection:
            known = {tuple(row) for row in connection.execute(sa.select(edges))}
            rows = [(parent.name, parent.version, child.name, child.version, kind) for parent, child, kind in fresh]
            if new := [dict(zip(edges.c.keys(), row, strict=True)) for row in rows if row not in known]:
                connection.execute(edges.insert(), new)

    def edges(self) -> list[Edge]:
        """Every (parent, child, kind), sorted."""
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(edges).order_by(*edges.c))
            return [
                (ModelVersion(row.parent_name, row.parent_version), ModelVersion(row.child_name, row.child_version), row.kind)
                for row in rows
            ]

    def descendants(self, models: Iterable[ModelVersion]) -> list[ModelVersion]:
        """Everything made from these model versions, directly or not, without themselves; sorted."""
        return sorted(Family(self.edges()).descendants(models), key=lambda model: (model.name, model.version))

    # --- look-ups

    def _held_by_one(self, token: bytes) -> list[DataVersion]:
        """One statement on a bare connection: SQLAlchemy's own round costs more than the look-up."""
        head = int.from_bytes(token[:4], "big")
        while True:
            with database.answering(self._engine):
                connection = self._engine.raw_connection()
                try:
                    cursor = connection.cursor()
                    cursor.execute(self._one_block, (head,))
                    [(generation, payload)] = cursor.fetchall()
                finally:
                    connection.close()
            profile = None if payload is None else membership.find(bytes(payload), token[:TOKEN_BYTES])
            if profile is None:
                return []
            histories = self._histories
            if histories is None or histories.generation != generation:
                with database.reading(self._engine) as view:
                    histories = self._current(view)
            if histories.generation == generation:
                return histories.of(profile)

    def _current(self, connection: sa.Connection) -> _Histories:
        """The histories of this view of the database."""
        layout = connection.execute(sa.select(layouts)).one()
        if self._histories is None or self._histories.generation != layout.generation:
            versions: dict[int, list[DataVersion]] = {}
            query = _select_versions().add_columns(paths.c.id.label("path_id")).order_by(data_versions.c.position)
            for row in connection.execute(query):
                versions.setdefault(row.path_id, []).append(_data_version(row))
            self._histories = _Histories(layout.generation, layout.bits, _profiles(connection), versions, {})
        return self._histories


def _held_by_many(connection: sa.Connection, histories: _Histories, tokens: Sequence[bytes]) -> dict[bytes, list[DataVersion]]:
    numbers = [int.from_bytes(token[:4], "big") >> (32 - histories.bits) for token in tokens]
    listed = ",".join(
        map(str, sorted(set(numbers)))
    )  # whole numbers only: thousands of bound parameters cost more than the query
    rows = connection.exec_driver_sql(f"SELECT id, payload FROM {blocks.name} WHERE id IN ({listed})").all()
    payloads = {number: bytes(payload) for number, payload in rows}
    found = {}
    for token, number in zip(tokens, numbers, strict=True):
        profile = membership.find(payloads.get(number, b""), token[:TOKEN_BYTES])
        found[token] = [] if profile is None else histories.of(profile)
    return found


# --- recording data ------------------------------------------------------------------------------------------------


def _path_id(connection: sa.Connection, path: str) -> int:
    known = connection.scalar(sa.select(paths.c.id).where(paths.c.path == path))
    if known is not None:
        return int(known)
    number = _next(connection, paths.c.id)
    connection.execute(paths.insert().values(id=number, path=path))
    return number


def _note_key(connection: sa.Connection, key_id: str) -> None:
    if connection.execute(sa.select(index_keys.c.id).where(index_keys.c.id == key_id)).first() is None:
        connection.execute(index_keys.insert().values(id=key_id))


def _record_again(connection: sa.Connection, known: sa.Row[Any], version: DataVersion, digest: str) -> DataVersion:
    """What is kept already, now with its Git commit if that came later."""
    if known.tokens != digest:
        raise WrongUse(
            f"data version {version.name} is recorded with {known.people} people, now with others; "
            "same content means same people: was another person column or another key used?"
        )
    if version.rev is not None and known.rev != version.rev:
        connection.execute(data_versions.update().where(data_versions.c.id == known.id).values(rev=version.rev))
        connection.execute(layouts.update().values(generation=layouts.c.generation + 1))
    return _data_version(connection.execute(_select_versions().where(data_versions.c.id == known.id)).one())


def _parent_id(connection: sa.Connection, path: int, name: str, parent: str | None) -> int | None:
    if parent is None:
        return None
    number = connection.scalar(
        sa.select(data_versions.c.id).where(data_versions.c.path == path, data_versions.c.digest == parent)
    )
    if number is None:
        raise NotFound(f"the parent {parent[:12]}… of a data version of {name} is not in the lineage; record it first")
    return int(number)


def _index(connection: sa.Connection, present: tuple[membership.Words, membership.Words], *, path: int, position: int) -> None:
    bits = connection.scalar(sa.select(layouts.c.bits)) or 0
    before = _profiles(connection)
    change = membership.add_version(_people(connection), before, present, path=path, position=position)
    wider = membership.bits_for(len(change.people), bits)
    touched = change.touched if wider == bits else np.ones_like(change.touched)
    packed = membership.pack(change.people, wider, touched)
    _replace_blocks(connection, packed, everything=wider != bits)
    _replace_spans(connection, before, change.profiles)
    connection.execute(layouts.update().values(bits=wider, generation=layouts.c.generation + 1))


def _replace_blocks(connection: sa.Connection, packed: Sequence[tuple[int, bytes]], *, everything: bool) -> None:
    if everything:
        connection.execute(blocks.delete())
    for start in range(0, len(packed), _CHUNK):
        some = packed[start : start + _CHUNK]
        if not everything:
            listed = ",".join(str(number) for number, _ in some)
            connection.exec_driver_sql(f"DELETE FROM {blocks.name} WHERE id IN ({listed})")
        connection.execute(blocks.insert(), [{"id": number, "payload": payload} for number, payload in some])


def _replace_spans(connection: sa.Connection, before: Mapping[int, Profile], after: Mapping[int, Profile]) -> None:
    """Write what differs: most histories only gain or close a span."""
    old = {(number, *span) for number, history in before.items() for span in history}
    new = {(number, *span) for number, history in after.items() for span in history}
    gone = [{"n": profile, "p": path, "f": first} for profile, path, first, _ in sorted(old - new)]
    if gone:
        named = (spans.c.profile == sa.bindparam("n"), spans.c.path == sa.bindparam("p"), spans.c.first == sa.bindparam("f"))
        connection.execute(spans.delete().where(*named), gone)
    if new - old:
        connection.execute(spans.insert(), [dict(zip(spans.c.keys(), row, strict=True)) for row in sorted(new - old)])


def _next(connection: sa.Connection, column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> int:
    highest = connection.scalar(sa.select(sa.func.max(column)).where(*where))
    return 0 if highest is None else int(highest) + 1


def _people(connection: sa.Connection) -> membership.People:
    return membership.unpack(connection.scalars(sa.select(blocks.c.payload).order_by(blocks.c.id)))


def _profiles(connection: sa.Connection) -> dict[int, Profile]:
    found: dict[int, set[membership.Span]] = {}
    for profile, path, first, last in connection.execute(sa.select(spans)):
        found.setdefault(profile, set()).add((path, first, last))
    return {number: frozenset(history) for number, history in found.items()}


def _root(present: tuple[membership.Words, membership.Words]) -> str:
    # The words are sorted and distinct already: ten million tokens are not sorted again.
    return merkle.sorted_root(membership.token_bytes(*present), TOKEN_BYTES)


# --- rows and values ------------------------------------------------------------------------------------------------


def _select_versions() -> sa.Select[Any]:
    named = [column for column in data_versions.c if column.name != "path"]
    return sa.select(*named, paths.c.path).join(paths, data_versions.c.path == paths.c.id)


def _data_version(row: sa.Row[Any]) -> DataVersion:
    return DataVersion(row.path, row.digest, row.object, row.rev, row.rows, row.people)
