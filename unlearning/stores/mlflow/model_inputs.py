"""Which logged models runs started from, many runs at once. Part of the home of MLflow, with `bulk_reader.py`.

No search of MLflow's shows it (mlflow 3.17). Its database says it in one query; a server, to its own pages, of ten runs at
once. Nothing here is ever an error: a run that is not answered for is asked for alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from unlearning.domain.errors import Unavailable
from unlearning.stores.mlflow.connection import knock, mlflow_exception

_A_SERVER = 10
"""Runs in one query; a server refuses more."""
_A_DATABASE = 500
_AT_ONCE = 8

Models = dict[str, tuple[str, ...]]
"""Run → logged models."""


def started_from(client: Any, ended: Mapping[str, int | None], database: str | None) -> Models:
    """What each run started from; without those that nobody answered for.

    ended: run → when it ended, as a search shows it. database: of the server, where it may be opened directly.
    """
    store = client._tracking_client.store
    if hasattr(store, "engine"):
        return _in_database(store.engine, ended)
    found = _in_named(database, ended) if database else {}
    if hasattr(store, "get_host_creds"):
        found |= _of_server(store, sorted(ended.keys() - found.keys()))
    return found


# --- its database ----------------------------------------------------------------------------------------------------


def _in_named(database: str, ended: Mapping[str, int | None]) -> Models:
    try:
        url = sa.make_url(database)
        if url.get_backend_name() != "sqlite":
            knock(database, "", attempts=1)
        elif not Path(url.database or "").is_file():
            return {}
        engine = sa.create_engine(url)
    except (sa.exc.SQLAlchemyError, ImportError, Unavailable, ValueError):
        return {}
    try:
        return _in_database(engine, ended)
    except sa.exc.SQLAlchemyError:
        return {}
    finally:
        engine.dispose()


def _in_database(engine: sa.Engine, ended: Mapping[str, int | None]) -> Models:
    """Of the runs that have a row there and ended when the server says: another database may stand under a wrong address."""
    from mlflow.store.tracking.dbmodels import models

    runs, edges = sa.inspect(models.SqlRun).local_table, sa.inspect(models.SqlInput).local_table
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for some in _portions(sorted(ended), _A_DATABASE):
            rows = connection.execute(sa.select(runs.c.run_uuid, runs.c.end_time).where(runs.c.run_uuid.in_(some)))
            found |= {run_id: [] for run_id, at in rows if at == ended[run_id]}
            asked = sa.select(edges.c.source_id, edges.c.destination_id).where(
                edges.c.source_type == "RUN_INPUT", edges.c.source_id.in_(some), edges.c.destination_type == "MODEL_INPUT"
            )
            for run_id, model in connection.execute(asked.order_by(edges.c.destination_id)):
                if run_id in found:
                    found[run_id].append(model)
    return {run_id: tuple(models) for run_id, models in found.items()}


# --- its server ------------------------------------------------------------------------------------------------------


def _of_server(store: Any, run_ids: Sequence[str]) -> Models:
    """Several queries at a time; after the first one that a server does not answer, no more are asked."""
    silent = threading.Event()

    def ask(some: Sequence[str]) -> Models:
        answer = {} if silent.is_set() else _answered(store, some)
        if not answer:
            silent.set()
        return answer

    portions = list(_portions(run_ids, _A_SERVER))
    found = ask(portions[0]) if portions else {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for answer in pool.map(ask, portions[1:]):
            found |= answer
    return found


def _answered(store: Any, run_ids: Sequence[str]) -> Models:
    """What a server says of these runs; nothing of those that it does not show."""
    from mlflow.utils import rest_utils

    request: Any = rest_utils.http_request  # untyped in MLflow
    fields = "{ run { inputs { modelInputs { modelId } } } }"
    asked = (f"r{at}: mlflowGetRun(input: {{runId: {json.dumps(run_id)}}}) {fields}" for at, run_id in enumerate(run_ids))
    try:
        said = request(store.get_host_creds(), "/graphql", "POST", json={"query": f"{{ {' '.join(asked)} }}"}).json()["data"]
        runs = {run_id: one["run"] for at, run_id in enumerate(run_ids) if (one := said.get(f"r{at}"))}
        return {run_id: tuple(model["modelId"] for model in run["inputs"]["modelInputs"]) for run_id, run in runs.items()}
    except (mlflow_exception(), OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # whatever came, it is no such answer


def _portions(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))
