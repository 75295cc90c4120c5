"""People named in the rows of MLflow's database, whatever table they stand in. Part of the home of MLflow.

Tables and keys are MLflow's own, read from its schema: a row that nothing hangs on is deleted, a trace goes whole, and of a
row that others need (a run, a version) only the cell is emptied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

_TRACES = "trace_info"
_DATASETS = "datasets"
_VALUE = "value"
_OWN = frozenset({"alembic_version"})


class Cell(NamedTuple):
    """A text in a column, wherever it stands there."""

    table: str
    column: str
    value: str
    key: str | None = None
    """What a value is of: the tag, the parameter."""

    @property
    def says(self) -> str:
        """As a sentence: `patient` says what `100042` is."""
        return self.value if self.key is None else json.dumps({self.key: self.value})


def cells(store: Any) -> Iterator[Cell]:
    """Every text in the database."""
    with store.engine.connect() as connection:
        for table, column in _columns(store.engine):
            yield from _cells(connection, table, column)


def _cells(connection: Any, table: sa.Table, column: Any) -> Iterator[Cell]:
    rows = connection.execute(sa.select(sa.cast(column, sa.Text), _key(table, column)).where(column.is_not(None)).distinct())
    yield from (Cell(table.name, column.name, value, key) for value, key in rows.all() if value)


def _key(table: sa.Table, column: Any) -> Any:
    return table.c.key if column.name == _VALUE and "key" in table.c else sa.null()


def searched(store: Any) -> int:
    """How many columns are read."""
    return len(list(_columns(store.engine)))


def erase(store: Any, wanted: Callable[[Cell], bool]) -> None:
    """Remove the cells for which `wanted` holds."""
    with store.engine.begin() as connection:
        for table, column in _columns(store.engine):
            for cell in filter(wanted, list(_cells(connection, table, column))):
                where = sa.cast(column, sa.Text) == cell.value
                _remove(connection, table, column, where if cell.key is None else where & (table.c.key == cell.key))


def _remove(connection: Any, table: sa.Table, column: Any, where: Any) -> None:
    if (trace := _trace_column(table)) is not None:
        _delete_traces(connection, connection.execute(sa.select(trace).where(where)).scalars().all())
    elif table.name == _DATASETS:
        owned = connection.execute(sa.select(table.c.dataset_uuid).where(where)).scalars().all()
        connection.execute(sa.delete(table).where(where))
        _delete_edges(connection, owned)
    elif table.name not in _referred():
        connection.execute(sa.delete(table).where(where))
    elif not column.primary_key:
        connection.execute(sa.update(table).where(where).values({column.name: "" if not _json(column) else None}))


def _delete_traces(connection: Any, traces: Collection[str]) -> None:
    """The traces with everything that is kept of them."""
    for table in reversed(_tables()):
        if (column := _trace_column(table)) is not None:
            connection.execute(sa.delete(table).where(column.in_(traces)))


def _delete_edges(connection: Any, datasets: Collection[str]) -> None:
    by_name = {table.name: table for table in _tables()}
    inputs, tags = by_name["inputs"], by_name["input_tags"]
    edges = sa.select(inputs.c.input_uuid).where(inputs.c.source_id.in_(datasets))
    connection.execute(sa.delete(tags).where(tags.c.input_uuid.in_(edges)))
    connection.execute(sa.delete(inputs).where(inputs.c.source_id.in_(datasets)))


def _columns(engine: sa.Engine) -> Iterator[tuple[sa.Table, Any]]:
    """Every column of text that this database has."""
    there = set(sa.inspect(engine).get_table_names()) - _OWN
    for table in _tables():
        if table.name in there:
            for column in table.columns:
                if isinstance(column.type, sa.String | sa.JSON) or _json(column):
                    yield table, column


def _trace_column(table: sa.Table) -> Any:
    if table.name == _TRACES:
        return table.c.request_id
    if table.name == "span_metrics":
        return table.c.trace_id
    return next((key.parent for key in table.foreign_keys if key.column.table.name == _TRACES), None)


def _json(column: Any) -> bool:
    return "JSON" in type(column.type).__name__.upper()


def _referred() -> set[str]:
    """Tables whose rows others hang on."""
    return {key.column.table.name for table in _tables() for key in table.foreign_keys}


def _tables() -> list[sa.Table]:
    """MLflow's tables, each after those it refers to."""
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.model_registry.dbmodels import models as _registry  # noqa: F401  the tables join `Base` when imported
    from mlflow.store.tracking.dbmodels import models as _tracking  # noqa: F401

    return list(Base.metadata.sorted_tables)
