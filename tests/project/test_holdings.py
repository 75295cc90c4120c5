"""What a project looks after is a value: read once, the same until somebody reads it anew."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from tests.histories import History
from tests.small_project import TABLES, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Adoption
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.domain.events import ModelAdopted
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.project.holdings import Holdings
from unlearning.project.settings import Subject
from unlearning.project.workspace import Workspace
from unlearning.stores.sql.ledger import SqlLedger

CHURN = Adoption(
    model=ModelVersion("churn", 1),
    data=DataVersion("data/churn.csv", "0" * 64, "0" * 32, None, 1, 1),
    tables=(("data/churn.csv", "customer"),),
    policy="none",
    stage=None,
)


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def adopt(workspace: Workspace, adoption: Adoption = CHURN) -> None:
    workspace.ledger.append(str(adoption.model), ModelAdopted(adoption=adoption), at=utc_now())


def test_what_is_adopted_counts_from_the_next_reading_on(project: Project) -> None:
    workspace = project.workspace
    before = Holdings.of(workspace)
    adopt(workspace)
    after = Holdings.of(workspace)

    assert (before.models, tuple(before.tables)) == (("outcome",), TABLES)
    assert after.models == ("outcome", "churn")
    assert after.tables == {**before.tables, "data/churn.csv": "customer"}
    assert after.people_columns == ("patient", "customer")
    assert [after.person_in(path) for path in (TABLES[0], "data/churn.csv", "unknown.csv")] == [
        "patient",
        "customer",
        "patient",
    ]
    with pytest.raises(FrozenInstanceError):
        after.usual = "other"  # type: ignore[misc]


def test_one_reading_folds_the_ledger_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    events = SqlLedger.events
    monkeypatch.setattr(SqlLedger, "events", lambda *asked, **how: read.append(how) or events(*asked, **how))
    holdings = Holdings.of(project.workspace)
    for path in (*TABLES, "unknown.csv"):
        assert holdings.person_in(path) == "patient"
    assert (holdings.models, holdings.people_columns) == (("outcome",), ("patient",))
    assert [one["kinds"] for one in read] == [[ModelAdopted]]


def test_without_a_known_column_nobody_is_searched_for() -> None:
    nobody = Holdings(adoptions={}, tables={})
    with pytest.raises(WrongUse, match="no column is known"):
        nobody.person_in("data/churn.csv")
    with pytest.raises(WrongUse, match=r"nothing to erase from.*`unlearn adopt "):
        nobody.require_tables()
    Holdings(adoptions={"churn": CHURN}, tables=dict(CHURN.tables)).require_tables()


def test_what_is_redacted_are_the_declared_tables_those_of_adopted_models_and_aliases(workspace: Workspace) -> None:
    assert dict.fromkeys(workspace.own.data.tables, "patient") == Holdings.of(workspace).tables
    adopt(workspace)
    aliased = replace(workspace, settings=workspace.settings.model_copy(update={"subject": Subject(aliases="data/ids.csv")}))
    tables = Holdings.of(aliased).tables
    assert (tables["data/churn.csv"], tables["data/ids.csv"]) == ("customer", "identifier")


def test_a_further_table_has_the_usual_column_unless_it_says_its_own(workspace: Workspace) -> None:
    said = workspace.settings.model_copy(update={"further_tables": {"data/posts.csv": None, "data/mail.csv": "sender"}})
    tables = Holdings.of(replace(workspace, settings=said)).tables
    assert list(tables.items())[:2] == [("data/posts.csv", "patient"), ("data/mail.csv", "sender")], "upstream first"
    nobody = replace(workspace, settings=said.model_copy(update={"model": None, "recipe": None}))
    with pytest.raises(SettingsError, match=r"nobody says which column names its people; write `data/posts.csv: COLUMN`"):
        Holdings.of(nobody)


def test_the_newest_adoption_of_a_model_counts_and_the_own_model_comes_first(workspace: Workspace) -> None:
    for version in (1, 2):
        adopt(workspace, replace(CHURN, model=ModelVersion("churn", version)))
    holdings = Holdings.of(workspace)
    assert holdings.adoptions["churn"].model.version == 2
    assert holdings.models == ("outcome", "churn")
