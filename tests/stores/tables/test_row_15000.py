"""Two data versions that differ only in row 15,000: MLflow says they are the same, the lineage does not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from unlearning.domain import hashing, merkle
from unlearning.domain.versions import DataVersion
from unlearning.stores.sql import database
from unlearning.stores.sql.lineage import SqlLineage
from unlearning.stores.tables import redaction, tables

KEY = b"k" * 32


@pytest.mark.filterwarnings("ignore")
def test_a_person_in_row_15000_is_seen_though_mlflow_digests_the_first_10000_rows_only(tmp_path: Path) -> None:
    import mlflow

    lineage, digests, roots = SqlLineage(database.connect("sqlite:///lineage.db", tmp_path)), [], []
    versions = {}
    for person in ("ann", "bob"):
        file = tmp_path / f"{person}.parquet"
        people = [f"person-{row}" if row != 15_000 else person for row in range(20_000)]
        redaction.write({"patient": people, "x": list(range(20_000))}, file)
        digests.append(mlflow.data.from_pandas(pd.read_parquet(file), source=str(file)).digest)
        tokens = [bytes.fromhex(hashing.token(KEY, one, "text")) for one in people]
        versions[person] = DataVersion("data.parquet", tables.digest(file), person, None, 20_000, 20_000)
        lineage.record_data(versions[person], tokens)
        roots.append(lineage.root(versions[person]))
        assert roots[-1] == merkle.root(token[:16] for token in tokens)
    # The reason why MLflow's digest names no data version here.
    assert digests[0] == digests[1]
    assert versions["ann"].digest != versions["bob"].digest
    assert roots[0] != roots[1]
    for person in versions:
        token = bytes.fromhex(hashing.token(KEY, person, "text"))
        assert lineage.versions_holding([token])[token] == [versions[person]]
