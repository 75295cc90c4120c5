"""Every row of a PostgreSQL database as it stands, whatever it is for."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa


def of(url: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    """(table, row) of every table that is no system's. Raises OSError when the database does not answer."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            for table in sa.inspect(engine).get_table_names():
                name = engine.dialect.identifier_preparer.quote(table)
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}"):
                    yield table, tuple(row)
    except sa.exc.SQLAlchemyError as error:
        raise OSError(f"the database did not answer ({type(error).__name__})") from error
    finally:
        engine.dispose()
