"""Free pages of a database of ours."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from unlearning.domain.traces import Trace, Wanted
from unlearning.stores.sql import database
from unlearning.traces.places.databases import DatabasePlace

NOBODY = Wanted(frozenset())


def test_a_database_of_ours_leaves_nothing_and_may_be_compacted_again_and_again(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    place = DatabasePlace("ledger database", engine)
    for _ in range(2):
        assert place.find(NOBODY).traces == place.find(NOBODY).unclear == ()
        assert place.erase(()) == ()
    assert str(tmp_path) not in repr(place)
    engine.dispose()


def test_a_database_that_does_not_zero_what_it_frees_is_a_trace(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/store.db")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
    assert DatabasePlace("somebody's", engine).find(NOBODY).traces == (Trace("free pages"),)
    engine.dispose()
