"""Every row of a PostgreSQL database, by code that the sweep does not use."""

from __future__ import annotations

import pytest

from unlearning.stores.sql import every_row


def test_every_row_of_every_table_is_read(tmp_path) -> None:
    import sqlalchemy as sa

    url = f"sqlite:///{tmp_path / 'a.db'}"
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql('CREATE TABLE "odd name" (a TEXT)')
        connection.exec_driver_sql("INSERT INTO \"odd name\" VALUES ('one'), ('two')")
    assert list(every_row.of(url)) == [("odd name", ("one",)), ("odd name", ("two",))]


def test_a_database_that_does_not_answer_is_an_outage() -> None:
    with pytest.raises(OSError, match="did not answer"):
        list(every_row.of("postgresql+psycopg2://nobody@127.0.0.1:1/none"))
