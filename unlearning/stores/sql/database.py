"""One database of ours: its address, its migrations, its transactions and locks, in SQLite or PostgreSQL."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc

from unlearning.domain.environ import CONSOLE_ROLE
from unlearning.domain.errors import Damaged, SettingsError, Unavailable
from unlearning.domain.hashing import seed_from
from unlearning.stores.sql.schema import MIGRATIONS, Migration, migrations_done

_BUSY_MS = 30_000


_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of a connection to a server, in seconds and, the last, milliseconds: one that vanished is noticed within half a minute, also
by whoever waits for its answer. Without them that takes two hours. An address may name others."""


_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did to a database, or would."""

    address: str
    was: int
    """Number of its schema; 0 for a new one."""
    now: int
    migrations: tuple[str, ...]


def connect(url: str, root: Path) -> sa.Engine:
    """The opened database with every migration applied; safe when several processes open a new one at once.

    url: `sqlite:///path`, relative paths are below `root`, or `postgresql://user@host/database`.
    Raises SettingsError for a URL that cannot be meant, or a server's database of another schema, Unavailable when the
    database does not answer.
    """
    engine = _opened(url, root)
    with exclusive(engine, "migrations", timeout=60):
        _migrate(engine)
    return engine


def _opened(url: str, root: Path) -> sa.Engine:
    address = _address(url, root)
    engine = _engine(address)
    if engine.dialect.name == "sqlite":
        _make_private(Path(address.database or ""), address)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def connect_to_read(url: str, root: Path, role: tuple[str, str] | None) -> sa.Engine:
    """The database as it is, for somebody who may only look: nothing is made, migrated or locked.

    role: (user, password) that reads PostgreSQL, to which only SELECT is granted; SQLite is opened read-only by itself.
    Raises SettingsError as `connect`, for a role that is missing, or that may do more than look; Unavailable for a database
    that does not answer, or is none of ours yet.
    """
    address = _address(url, root)
    if address.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            address.set(database=f"file:{quote(str(address.database))}", query={"mode": "ro", "uri": "true"})
        )
        event.listen(engine, "connect", _configure_reader)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if role is None:
        raise SettingsError(
            f"{say(address)} needs a role that may only look; expected {CONSOLE_ROLE}, `user:password` of one that only SELECT "
            "is granted to"
        )
    engine = _engine(address.set(username=role[0], password=role[1]))
    with reading(engine) as connection:
        tables = connection.scalars(sa.text(_MAY_CHANGE)).all()
    if tables:
        raise SettingsError(
            f"{say(engine.url)} may change {', '.join(sorted(tables))}; expected a role that only SELECT is granted to"
        )
    return engine


_MAY_CHANGE = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (current_schemas(false))
AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""


def _address(url: str, root: Path) -> sa.URL:
    try:
        address = sa.make_url(url)
    except exc.ArgumentError as error:
        raise SettingsError("a store's address is no database URL; expected sqlite:///path or postgresql://…") from error
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError(f"{say(address)}: expected a sqlite:///… or postgresql://… address")
    if address.drivername == "postgresql":
        return address.set(drivername="postgresql+psycopg2")
    if address.get_backend_name() == "postgresql":
        return address
    if not address.database or address.database == ":memory:":
        raise SettingsError(f"{say(address)} names no file; expected sqlite:///path/to/file.db")
    return address.set(database=str(root / address.database))


def _engine(address: sa.URL) -> sa.Engine:
    try:
        if address.get_backend_name() == "sqlite":
            return sa.create_engine(address)
        arguments = {name: value for name, value in _PATIENCE.items() if name not in address.query}
        return sa.create_engine(address, pool_pre_ping=True, connect_args=arguments)
    except (ModuleNotFoundError, exc.NoSuchModuleError) as error:
        raise SettingsError(
            f"{say(address)} needs a driver that is not installed ({error}); expected postgresql+psycopg2://…, "
            "run `pip install 'mlflow-unlearning[postgres]'`"
        ) from error


def _make_private(file: Path, address: sa.URL) -> None:
    """An empty file is a new SQLite database; its log takes over its mode, so nobody else ever reads either.

    One that is there is not opened: to close it again would end the locks of whoever in this process works with it, see
    `files.looked_at`.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if not file.is_file():
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            if not os.access(file, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
    except OSError as error:
        raise Unavailable(f"{say(address)} cannot be opened: {error.strerror}; expected a file that you may write") from error


def say(url: sa.URL) -> str:
    """The address for messages, its password hidden."""
    return url.render_as_string(hide_password=True)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent view of the database. Raises Unavailable when it does not answer."""
    with answering(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: sa.Engine, store: str) -> Iterator[sa.Connection]:
    """One transaction that excludes every other writer of the same store, in any process; all of it happens or none."""
    with answering(engine), engine.connect() as connection:
        connection.execution_options(unlearning_write=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_number(f"write/{store}"))))
                _require_held(engine, connection)
            yield connection


@contextmanager
def exclusive(engine: sa.Engine, name: str, *, timeout: float) -> Iterator[None]:
    """A lock across processes, held while the block runs and gone when its process dies.

    It is no transaction: others go on reading and writing. Raises Unavailable after `timeout` seconds. On PostgreSQL a lock
    ends with its connection: whoever lost one writes nothing more to that database inside the block, which raises Unavailable.
    """
    hold = _advisory_lock if engine.dialect.name == "postgresql" else _file_lock
    with hold(engine, name, timeout):
        yield


@contextmanager
def answering(engine: sa.Engine) -> Iterator[None]:
    """Turns a database that does not answer into Unavailable, and a broken one into Damaged, with what it said."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise Unavailable(f"{say(engine.url)} does not answer: {reason}; run again when it does") from error
    except exc.DatabaseError as error:
        if type(error) is not exc.DatabaseError:  # its subclasses are bugs of ours, it alone says that the file is broken
            raise
        raise Damaged(f"{say(engine.url)}: {error.orig}; restore it from a backup or name another file") from error


def _configure_sqlite(connection: object, _record: object) -> None:
    """WAL so that readers and the writer do not wait for each other; freed pages zeroed so that what is deleted is gone."""
    connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy begins the transactions, see below
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file: in another one, to say it writes
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        "journal_size_limit=16777216",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _configure_reader(connection: object, _record: object) -> None:
    """No statement of it changes anything, whatever was said."""
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the lock at once: one that reads first and upgrades later is turned away by SQLite without waiting."""
    immediate = connection.get_execution_options().get("unlearning_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def upgrade(url: str, root: Path, *, dry_run: bool = False) -> Upgraded:
    """Bring a database to the schema of this package, whatever it is in. Raises as `connect`.

    dry_run: say what is missing, and change nothing.
    """
    address = _address(url, root)
    if dry_run and address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return Upgraded(say(address), 0, MIGRATIONS[-1][0], tuple(name for _, name, _ in MIGRATIONS))
    engine = _opened(url, root)
    with exclusive(engine, "migrations", timeout=60):
        done = _done(engine)
        missing = _missing(engine, done)
        for migration in () if dry_run else missing:
            _apply(engine, migration)
    engine.dispose()
    return Upgraded(say(engine.url), max(done, default=0), MIGRATIONS[-1][0], tuple(name for _, name, _ in missing))


def _migrate(engine: sa.Engine) -> None:
    """A new database gets every table, and a file what it lacks; a server's is others' too, and is upgraded by decision."""
    done = _done(engine)
    missing = _missing(engine, done)
    if missing and done and engine.dialect.name == "postgresql":
        raise SettingsError(
            f"{say(engine.url)} is at schema {max(done)}, this package needs {MIGRATIONS[-1][0]}; back it up, upgrade this "
            "package wherever it uses that database, then run `unlearn db upgrade`"
        )
    for migration in missing:
        _apply(engine, migration)


def _done(engine: sa.Engine) -> set[int]:
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table(migrations_done.name):
            return set()
        return set(connection.scalars(sa.select(migrations_done.c.number)))


def _missing(engine: sa.Engine, done: Collection[int]) -> list[Migration]:
    newest = MIGRATIONS[-1][0]
    if done and max(done) > newest:
        raise SettingsError(
            f"{say(engine.url)} is at schema {max(done)}, this package knows up to {newest}; install a newer mlflow-unlearning"
        )
    return [migration for migration in MIGRATIONS if migration[0] not in done]


def _apply(engine: sa.Engine, migration: Migration) -> None:
    number, name, migrate = migration
    with writing(engine, "migrations") as connection:
        migrations_done.create(connection, checkfirst=True)
        migrate(connection)
        connection.execute(migrations_done.insert().values(number=number, name=name))


def _lock_number(name: str) -> int:
    return seed_from("unlearning/lock", name)


@contextmanager
def _file_lock(engine: sa.Engine, name: str, timeout: float) -> Iterator[None]:
    """A lock on a file next to the database; the system releases it with its last descriptor, however the process ends."""
    path = f"{engine.url.database}.{_lock_number(name):016x}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _poll(lambda: _try_flock(descriptor), engine, name, timeout)
        yield
    finally:
        os.close(descriptor)


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _advisory_lock(engine: sa.Engine, name: str, timeout: float) -> Iterator[None]:
    """PostgreSQL's own lock on a connection kept for it; the server releases it when the connection ends."""
    with answering(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    number = _lock_number(name)
    try:
        attempt = sa.select(sa.func.pg_try_advisory_lock(number))
        with answering(engine):
            for setting, value in _HEARTBEAT.items():
                connection.execute(sa.select(sa.func.set_config(setting, value, False)))
            backend = connection.scalar(sa.select(sa.func.pg_backend_pid()))
            _poll(lambda: bool(connection.scalar(attempt)), engine, name, timeout)
        before = _held.set((*_held.get(), _Lock(say(engine.url), name, backend or 0)))
        try:
            yield
        finally:
            _held.reset(before)
            try:
                connection.scalar(sa.select(sa.func.pg_advisory_unlock(number)))
            except exc.DBAPIError:  # whatever ails the connection, the lock ends with it
                connection.invalidate()
    finally:
        connection.close()


_HEARTBEAT = {"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""After these seconds the server asks a silent holder of a lock whether it is there, so often, and frees the lock if it is not:
else that of a machine that lost its power stays taken for hours."""


class _Lock(NamedTuple):
    """A lock of PostgreSQL that is held here."""

    database: str
    name: str
    backend: int
    """The server's process that holds it for as long as the connection lasts."""


_held: ContextVar[tuple[_Lock, ...]] = ContextVar("held", default=())

_IS_HELD = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = :backend "
    "AND ((classid::bigint << 32) | objid::bigint) = :number"
)


def _require_held(engine: sa.Engine, connection: sa.Connection) -> None:
    """Raises Unavailable where a lock was lost inside whose block somebody is about to write: another may hold it by now."""
    for lock in _held.get():
        if lock.database != say(engine.url):
            continue
        if not connection.scalar(_IS_HELD, {"backend": lock.backend, "number": _lock_number(lock.name)}):
            raise Unavailable(
                f"lock {lock.name!r} of {lock.database} was lost: its connection ended, and another process may go on with the "
                "same work; nothing more is written here, run again"
            )


def _poll(acquire: Callable[[], bool], engine: sa.Engine, name: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not acquire():
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"lock {name!r} of {say(engine.url)} is held by another process after {timeout:g} s; run again when it is done"
            )
        time.sleep(_POLL_SECONDS)
