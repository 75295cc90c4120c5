"""How MLflow is spoken to: its address, its silence, its patience, and its first database.

Part of the home of MLflow, with `models.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from unlearning.domain.environ import MLFLOW_PATIENCE, MLFLOW_QUIET
from unlearning.domain.errors import Unavailable, WrongUse

_ONE_AT_A_TIME = threading.RLock()  # what is silenced belongs to the whole process


def address(uri: str | None, root: Path) -> str:
    """The tracking address: by default a SQLite file in the project; a relative SQLite path is relative to the project."""
    if uri is None:
        return f"sqlite:///{root.resolve() / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{root.resolve() / uri.removeprefix('sqlite:///')}"
    if urlsplit(uri).scheme.partition("+")[0] in ("http", "https", "postgresql", "mysql", "mssql"):
        return uri.rstrip("/")
    raise WrongUse(f"stores.mlflow is {uri!r}; expected an http(s) address or a database URL such as sqlite:///mlflow.db")


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """MLflow without telemetry, logs, warnings and progress bars; everything as before afterwards."""
    with _ONE_AT_A_TIME, _environment(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.models.model as served  # importing MLflow sets up its logging, so this comes before it is turned down

        model = served.__mlflow_model__
        with quiet():
            try:
                yield
            finally:
                served.__mlflow_model__ = model  # set by every "model from code" that MLflow loads


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """MLflow's logs turned down, once it is imported; around many `silence`s, which then leave the levels as they are.

    Setting a level takes a millisecond: Python forgets for every logger there is what it is to log.
    """
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3.connectionpool")]
    levels = {each: each.level for each in loggers if each.level != logging.CRITICAL}
    for each in levels:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for each, level in levels.items():
            each.setLevel(level)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    ours = {**MLFLOW_QUIET, **{key: value for key, value in MLFLOW_PATIENCE.items() if key not in os.environ}}
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


@contextlib.contextmanager
def global_address(uri: str) -> Iterator[None]:
    """For the one call, registering a version in a database, where MLflow asks for its global address and not its client's.

    Assigned and not set: `mlflow.set_tracking_uri` would also reset the caller's tracing and environment.
    """
    from mlflow.tracking._tracking_service import utils

    service: Any = utils  # untyped in MLflow
    before, service._tracking_uri = service._tracking_uri, uri
    try:
        yield
    finally:
        service._tracking_uri = before


def mlflow_exception() -> type[Any]:
    """MLflow's exception class, imported when it is first needed."""
    from mlflow.exceptions import MlflowException

    return MlflowException


def how_silent(said: str) -> str:
    """What a server did that gave MLflow's client no answer, after all its tries; never what it was asked, nor by whom."""
    if "timed out" in said:
        return "did not answer in time"
    if refused := re.search(r"(?:too many|failed with error code) (\d{3})", said):
        return f"answers {refused[1]} again and again"
    return "answers, but not as MLflow does (with a login page?)" if "JSON format" in said else "did not answer"


@contextlib.contextmanager
def already_there() -> Iterator[None]:
    """Someone else creating the same thing first is success."""
    try:
        yield
    except mlflow_exception() as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def create_sqlite(path: Path, *, lock: Path) -> None:
    """MLflow's tables in a new file, made beside it and renamed, one process at a time: a crash leaves nothing half-made."""
    from mlflow.store.db import utils

    tools: Any = utils  # untyped in MLflow
    for folder in (path.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if path.exists():
            return
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as scratch:
            engine = tools.create_sqlalchemy_engine(f"sqlite:///{scratch}/new.db")
            tools._initialize_tables(engine)
            engine.dispose()
            Path(scratch, "new.db").replace(path)


def knock(uri: str, shown: str, *, attempts: int = 3) -> None:
    """Return when the database's host accepts a connection. Raises Unavailable naming the address as `shown`."""
    parts = urlsplit(uri)
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}  # libpq takes both there as well
    usual = {"postgresql": 5432, "mysql": 3306}.get(parts.scheme.split("+")[0], 0)
    port = parts.port or (int(said["port"]) if said.get("port", "").isdecimal() else usual)
    host = said.get("host") or parts.hostname or "localhost"
    socket_folder = host if host.startswith("/") else None
    for attempt in range(attempts):
        try:
            _connect(host, port, socket_folder)
        except OSError as error:
            if attempt == attempts - 1:
                raise Unavailable(f"MLflow's database at {shown} did not answer; start it, or correct stores.mlflow") from error
            time.sleep(0.5)
        else:
            return


def _connect(host: str, port: int, socket_folder: str | None) -> None:
    """Reach the database once. socket_folder: where PostgreSQL's Unix socket lies, when it is reached through one."""
    if socket_folder is None:
        socket.create_connection((host, port), timeout=3).close()
        return
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(3)
        door.connect(f"{socket_folder}/.s.PGSQL.{port}")
