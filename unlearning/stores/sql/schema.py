"""The tables of ledger and lineage, the migrations that make them, and how to open the database that holds them.

Both stores may live in one database or in two; SQLite by default, PostgreSQL by URL. No secret and no raw identifier is ever
stored: people appear as keyed tokens only.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

metadata = sa.MetaData()

events = sa.Table(
    "ledger_event",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("ledger_event_subject", "subject", "seq"),
    sa.Index("ledger_event_kind", "kind", "seq"),
)

# What follows from the events, kept in the transaction that appends them: `projection.py` writes it and makes it again.

requests = sa.Table(
    "ledger_request",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, comment="of the event that received it"),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("regulation", sa.Text, nullable=False),
    sa.Column("received_at", sa.Text, nullable=False),
    sa.Column("due_at", sa.Text, comment="as received"),
    sa.Column("of", sa.Text, nullable=False, comment="the request that it joined, or its own id"),
    sa.Column("reference", sa.Text, comment="what the house calls it elsewhere"),
    sa.Column("channel", sa.Text, comment="the way it came"),
    sa.Index("ledger_request_of", "of"),
    sa.Index("ledger_request_reference", "channel", "reference"),
)

groups = sa.Table(
    "ledger_group",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="of a person's requests that are decided together, their first one"),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("hidden", sa.Text, nullable=False, comment="suppression token"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("regulation", sa.Text, nullable=False),
    sa.Column("received_at", sa.Text, nullable=False),
    sa.Column("due_at", sa.Text),
    sa.Column("due_s", sa.BigInteger, comment="the same in whole seconds since 1970, to be compared"),
    sa.Column("erasure", sa.Text),
    sa.Column("certificate", sa.Text),
    sa.Column("nearest", sa.Text),
    sa.Column("hold", sa.Text),
    sa.Column("redacted", sa.Boolean, nullable=False),
    sa.Column("extended", sa.Boolean, nullable=False),
    sa.Column("joined_due_at", sa.Text),
    sa.Column("suppressed_at", sa.BigInteger),
    sa.Column("lifted_at", sa.BigInteger),
    sa.Column("readmitted", sa.Text),
    sa.Index("ledger_group_token", "token", "seq"),
    # All that the list of people to be left out is read from: of a long one no row is opened.
    sa.Index("ledger_group_hidden", "hidden", "suppressed_at", "lifted_at"),
    sa.Index("ledger_group_suppressed", "lifted_at", "suppressed_at"),
    sa.Index("ledger_group_erasure", "erasure"),
    sa.Index("ledger_group_state", "state", "erasure", "certificate"),
    sa.Index("ledger_group_due", "state", "due_s"),
    sa.Index("ledger_group_hold", "id", sqlite_where=sa.text("hold IS NOT NULL"), postgresql_where=sa.text("hold IS NOT NULL")),
    sa.Index(
        "ledger_group_readmitted",
        "id",
        sqlite_where=sa.text("readmitted IS NOT NULL"),
        postgresql_where=sa.text("readmitted IS NOT NULL"),
    ),
)

erasures = sa.Table(
    "ledger_erasure",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("groups", sa.Text, nullable=False, comment="JSON list, in order"),
)

projections = sa.Table(
    "ledger_projection",
    metadata,
    sa.Column("position", sa.BigInteger, nullable=False, comment="of the last event that the tables above follow from"),
    sa.Column("head", sa.Text, nullable=False, comment="its hash"),
    sa.Column("finding", sa.Text, comment="what an audit found to differ from the events"),
)

layouts = sa.Table(
    "lineage_layout",
    metadata,
    sa.Column("bits", sa.Integer, nullable=False, comment="leading token bits that choose a block"),
    sa.Column("generation", sa.BigInteger, nullable=False, comment="grows with every change of blocks, spans or data versions"),
)

blocks = sa.Table(
    "lineage_block",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("payload", sa.LargeBinary, nullable=False, comment="see membership.py"),
)

spans = sa.Table(
    "lineage_span",
    metadata,
    sa.Column("profile", sa.BigInteger, primary_key=True),
    sa.Column("path", sa.Integer, primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False, comment="-1 while the person is in the newest version"),
    sqlite_with_rowid=False,
)

paths = sa.Table(
    "lineage_path",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, nullable=False, unique=True),
)

data_versions = sa.Table(
    "lineage_data_version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Integer, sa.ForeignKey("lineage_path.id"), nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("rev", sa.Text),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("people", sa.BigInteger, nullable=False),
    sa.Column("tokens", sa.Text, nullable=False, comment="SHA-256 of the sorted truncated tokens"),
    sa.Column("root", sa.Text, nullable=False, comment="Merkle root over the truncated tokens, see merkle.py"),
    sa.Column("parent", sa.Integer, sa.ForeignKey("lineage_data_version.id")),
    sa.Column("position", sa.Integer, nullable=False, comment="among the versions of its path, as recorded"),
    sa.UniqueConstraint("path", "digest"),
    sa.UniqueConstraint("path", "position"),
    sa.Index("lineage_data_version_digest", "digest"),
)

index_keys = sa.Table(
    "lineage_index_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="public name of a key that made tokens of the index"),
)

models = sa.Table(
    "lineage_model",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("data_digest", sa.Text, nullable=False, index=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
)

edges = sa.Table(
    "lineage_edge",
    metadata,
    sa.Column("parent_name", sa.Text, primary_key=True),
    sa.Column("parent_version", sa.Integer, primary_key=True),
    sa.Column("child_name", sa.Text, primary_key=True),
    sa.Column("child_version", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
)

attempts = sa.Table(
    "attempt",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False, index=True),
    sa.Column("chain", sa.Text, nullable=False),
)

# What `unlearn follow` found, in the registry and in the DVC history.

followed_models = sa.Table(
    "followed_model",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Text),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False, comment="nothing about it can change while updated_ms stays"),
    sa.Column("deleted", sa.Boolean, nullable=False),
)

followed_sources = sa.Table(
    "followed_source",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("how", sa.Text, nullable=False),
    sa.Index("followed_source_object", "object"),
)

followed_derivations = sa.Table(
    "followed_derivation",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("from_path", sa.Text, primary_key=True),
    sa.Column("from_object", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, nullable=False),
)

followed_commits = sa.Table("followed_commit", metadata, sa.Column("rev", sa.Text, primary_key=True))

followed_objects = sa.Table(
    "followed_object",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("rev", sa.Text, comment="the first commit that names it, if any"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("digest", sa.Text),
)

person_columns = sa.Table(
    "person_column",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
)

followed_runs = sa.Table(
    "followed_run",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("experiment", sa.Text, nullable=False, comment="empty for a run that was gone"),
    sa.Column("shown", sa.Text, nullable=False, comment="SHA-256 of what a search shows of it"),
    sa.Column(
        "models", sa.Text, nullable=False, comment="JSON list of the logged models it started from, which no search shows"
    ),
)

gaps = sa.Table(
    "lineage_gap",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
)

migrations_done = sa.Table(
    "unlearning_migration",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
)


def _first_tables(connection: sa.Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    connection.execute(layouts.insert().values(bits=0, generation=0))


def _index_keys(connection: sa.Connection) -> None:
    index_keys.create(connection, checkfirst=True)


def _followed_runs(connection: sa.Connection) -> None:
    followed_runs.create(connection, checkfirst=True)


def _projections(connection: sa.Connection) -> None:
    metadata.create_all(connection, tables=[requests, groups, erasures, projections], checkfirst=True)


def _origins(connection: sa.Connection) -> None:
    """Requests of before have none, so nothing is made again."""
    if "reference" not in {one["name"] for one in sa.inspect(connection).get_columns(requests.name)}:
        for name in ("reference", "channel"):
            connection.exec_driver_sql(f"ALTER TABLE {requests.name} ADD COLUMN {name} TEXT")
        next(one for one in requests.indexes if one.name == "ledger_request_reference").create(connection)


Migration = tuple[int, str, Callable[[sa.Connection], None]]

MIGRATIONS: tuple[Migration, ...] = (
    (1, "first tables", _first_tables),
    (2, "keys of the index", _index_keys),
    (3, "runs that following read", _followed_runs),
    (4, "what follows from the ledger", _projections),
    (5, "where requests came from", _origins),
)
"""Numbered, in order, never edited once released; each runs in one transaction with its own record."""
