"""One opened database, new for every test, of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from unlearning.stores.sql import database


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = database.connect(database_url, tmp_path)
    yield engine
    engine.dispose()
