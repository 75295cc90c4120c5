"""The schema of the databases, brought up to date by decision."""

from __future__ import annotations

from pathlib import Path

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History
from tests.stores.sql.examples import tamper


def test_an_upgrade_of_a_db_says_what_is_missing_before_it_does_it(beginning: History, tmp_path: Path) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    tamper(workspace.ledger.engine, "DROP TABLE followed_run")
    tamper(workspace.ledger.engine, "DELETE FROM unlearning_migration WHERE number = 3")
    workspace.ledger.engine.dispose()
    said = [unlearn(workspace.root, "db", "upgrade", "--dry-run", "--json").document for _ in range(2)]
    assert said[0] == said[1]
    [ledger, lineage] = said[0]
    assert ledger["migrations"] == ["runs that following read"]
    assert (len(lineage["migrations"]), lineage["was"]) == (lineage["now"], 0)
    assert not (workspace.root / ".unlearning/lineage.db").exists()
    assert "upgraded from schema" in unlearn(workspace.root, "db", "upgrade").out
    assert "nothing to do" in unlearn(workspace.root, "db", "upgrade").out
