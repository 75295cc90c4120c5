"""Rows in MLflow's database that its own deletion leaves: part of the home of MLflow, with `models.py`.

MLflow deletes neither `inputs`, `input_tags` and `datasets` of a collected run, nor the tags of a deleted version, nor the
bytes on free pages (mlflow 3.17). The rows are reached through MLflow's own tables, so they follow its schema.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

_COLUMNS = {
    "run": ("SqlRun", "run_uuid"),
    "logged model": ("SqlLoggedModel", "model_id"),
    "data set": ("SqlDataset", "dataset_uuid"),
}
_DATASET_SOURCE = "DATASET"


def exists(store: Any, kind: str, name: str) -> bool:
    """A run, a logged model or a data set still has its row, marked as deleted or not."""
    table, column = _COLUMNS[kind]
    with _session(store) as session:
        found = session.query(_model(table)).filter(getattr(_model(table), column) == name).first()
        return found is not None


def location(store: Any, model_id: str) -> str:
    """Where the files of a logged model lie, also of one that is marked as deleted; empty without a row."""
    table = _model("SqlLoggedModel")
    with _session(store) as session:
        found = session.query(table.artifact_location).filter(table.model_id == model_id).first()
        return "" if found is None else str(found[0] or "")


def own_datasets(store: Any, run_id: str) -> list[str]:
    """Data sets that went into this run and into no other."""
    inputs = _model("SqlInput")
    with _session(store) as session:
        rows = session.query(inputs.source_id, inputs.destination_id).filter(inputs.source_type == _DATASET_SOURCE).all()
    theirs = {source for source, destination in rows if destination == run_id}
    return sorted(theirs - {source for source, destination in rows if destination != run_id})


def delete_inputs(store: Any, owners: Collection[str], datasets: Sequence[str]) -> None:
    """Delete the edges of runs and logged models, and data sets that no edge needs any more."""
    inputs, tags, data = _model("SqlInput"), _model("SqlInputTag"), _model("SqlDataset")
    with _session(store, write=True) as session:
        edge = sa.or_(inputs.source_id.in_(owners), inputs.destination_id.in_(owners))
        edges = [row[0] for row in session.query(inputs.input_uuid).filter(edge)]
        session.query(tags).filter(tags.input_uuid.in_(edges)).delete(synchronize_session=False)
        session.query(inputs).filter(inputs.input_uuid.in_(edges)).delete(synchronize_session=False)
        needed = {row[0] for row in session.query(inputs.source_id).filter(inputs.source_type == _DATASET_SOURCE)}
        gone = sorted(set(datasets) - needed)
        session.query(data).filter(data.dataset_uuid.in_(gone)).delete(synchronize_session=False)


def delete_version_tags(store: Any, versions: Collection[str]) -> None:
    """Delete tags that outlived their version (`name/number`). The version's row stays: its number is not given again."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag

    tag: Any = SqlModelVersionTag
    with _session(store, write=True) as session:
        for named in versions:
            name, _, number = named.rpartition("/")
            session.query(tag).filter(tag.name == name, tag.version == int(number)).delete(synchronize_session=False)


def compact(store: Any) -> None:
    """Give free pages back, zeroed: SQLite keeps what was deleted in them and in its log; PostgreSQL in dead rows."""
    if store.engine.dialect.name not in ("sqlite", "postgresql"):
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.exec_driver_sql("VACUUM")
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _session(store: Any, *, write: bool = False) -> Any:
    return store.ManagedSessionMaker(read_only=not write)


def _model(name: str) -> Any:
    from mlflow.store.tracking.dbmodels import models

    return getattr(models, name)
