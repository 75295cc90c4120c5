"""A real PostgreSQL server for tests: the one that pgserver brings, else the system's."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.servers import free_port


@contextmanager
def postgres_server(extension: str = "plpgsql") -> Iterator[str]:
    """The URL of a server that lives as long as the session; `{database}` stands for the database.

    extension: one that it must have; the server that pgserver brings has few.
    """
    reasons = []
    for binaries, user in itertools.product(_binaries(), _users()):
        stack = ExitStack()
        try:
            url = stack.enter_context(_server(binaries, user))
        except (subprocess.SubprocessError, OSError) as error:
            reasons.append(f"{binaries} as {user or 'myself'}: {getattr(error, 'stderr', None) or error}")
            continue
        with stack:
            if not _has(url, extension):
                reasons.append(f"{binaries} has no {extension}")
                continue
            yield url
        return
    pytest.skip(f"no PostgreSQL server starts here: {'; '.join(reasons) or 'no binaries found'}")


def _has(url: str, extension: str) -> bool:
    engine = sa.create_engine(url.format(database="postgres"))
    with engine.connect() as connection:
        found = connection.scalar(
            sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = :name"), {"name": extension}
        )
    engine.dispose()
    return bool(found)


def _binaries() -> list[Path]:
    """Where `initdb` is: the package pgserver brings its own, else the system's."""
    spec = find_spec("pgserver")
    bundled = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    found = shutil.which("initdb")
    system = [Path(found).resolve().parent] if found else []
    return [folder for folder in bundled + system if (folder / "initdb").exists()]


def _users() -> list[str | None]:
    """PostgreSQL refuses to run as root, so root lends it another user."""
    if os.geteuid() != 0:
        return [None]
    known = {entry.pw_name for entry in pwd.getpwall()}
    return [name for name in ("postgres", "nobody") if name in known]


@contextmanager
def _server(binaries: Path, user: str | None) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)  # short: the path of a Unix socket has at most 107 bytes
        if user is not None:
            shutil.chown(folder, user)
        call = partial(_call, binaries, user, folder)
        call("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync")
        port = free_port()  # for who asks over the network; the socket is called by it too
        call("pg_ctl", "-w", "-o", f"-h 127.0.0.1 -p {port} -k {folder} -F", "start")
        try:
            yield f"postgresql+psycopg2://postgres@/{{database}}?host={folder}&port={port}"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")


def _call(binaries: Path, user: str | None, folder: Path, program: str, *arguments: str) -> None:
    command = [str(binaries / program), "-D", str(folder / "data"), *arguments]
    with (folder / "log").open("a+") as log:  # a file: the server inherits its output and would keep a pipe open
        done = subprocess.run(command, user=user, cwd=folder, stdout=log, stderr=log, timeout=120)
        if done.returncode:
            log.seek(0)
            raise subprocess.CalledProcessError(done.returncode, program, stderr=log.read()[-500:])


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database on a server."""
    name = f"test_{uuid.uuid4().hex}"
    admin = sa.create_engine(server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.format(database=name)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()
