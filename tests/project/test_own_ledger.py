"""The ledger that is opened is the project's own, or it is said which setting leads to another."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import Project, snapshot
from unlearning.domain.errors import Unavailable
from unlearning.project.own_ledger import NAME
from unlearning.stores.dvc import recognition

LEDGER = ".unlearning/ledger.db"


def mistyped(project: Project) -> None:
    project.configure({"stores": {"ledger": "sqlite:///.unlearning/leger.db"}})


def in_another_folder(project: Project) -> None:
    project.configure({"stores": {"ledger": "sqlite:///nowhere/ledger.db"}})


def gone(project: Project) -> None:
    (project.root / LEDGER).rename(project.root / "away.db")


def emptied(project: Project) -> None:
    gone(project)
    (project.root / LEDGER).touch()


def of_another_project(project: Project) -> None:
    from unlearning.domain.clocks import utc_now
    from unlearning.domain.events import VersionFlagged
    from unlearning.stores.sql.database import connect
    from unlearning.stores.sql.ledger import SqlLedger

    gone(project)
    engine = connect(f"sqlite:///{LEDGER}", project.root)
    SqlLedger(engine).append("outcome/1", VersionFlagged(tag="a", reason="b"), at=utc_now())
    engine.dispose()  # whenever its last connection goes, what was committed moves from the log into the file


def forgotten_but_certified(project: Project) -> None:
    """What was remembered is lost, and a certificate says that there was a ledger."""
    (project.root / recognition.FILE).unlink()
    folder = project.root / ".unlearning/certificates"
    folder.mkdir(exist_ok=True)
    (folder / "erasure-1.json").write_text("{}")
    gone(project)


CHANGES = [mistyped, in_another_folder, gone, emptied, of_another_project, forgotten_but_certified]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_another_ledger_than_the_own_one_is_refused_by_every_command_and_nothing_is_made_there(
    project: Project, change: Callable[[Project], None]
) -> None:
    change(project)
    before = snapshot(project.root)
    for words in (("status",), ("sweep",), ("audit",)):
        answer = unlearn(project.root, *words, "--json")
        assert (answer.code, answer.document["error"]) == (1, "Unavailable")
        for part in ("the ledger (sqlite:///", "stores.ledger in params.yaml", "restore it from a backup", recognition.FILE):
            assert part in answer.document["message"]
    if change is not emptied:  # an empty file becomes a database before it can be asked
        assert snapshot(project.root) == before


def test_the_ledger_is_remembered_by_its_first_event_and_an_older_copy_of_it_is_still_its_own(project: Project) -> None:
    first = project.workspace.ledger.first()
    assert recognition.remembered(project.root)[NAME] == first == project.events()[0].hash
    project.request("somebody")
    with closing(sqlite3.connect(project.root / LEDGER)) as connection, connection:
        connection.execute("DELETE FROM ledger_event WHERE seq > 1")
    assert project.workspace.ledger.first() == first


def test_a_command_that_only_reads_remembers_nothing(project: Project) -> None:
    (project.root / recognition.FILE).unlink()
    assert unlearn(project.root, "status").code == 0
    assert NAME not in recognition.remembered(project.root)
    project.request("somebody")
    assert recognition.remembered(project.root)[NAME] == project.events()[0].hash


def test_it_can_be_said_that_another_ledger_is_meant(project: Project) -> None:
    gone(project)
    with pytest.raises(Unavailable):
        project.workspace.ledger.head()
    file = project.root / recognition.FILE
    known = json.loads(file.read_text())
    del known[NAME]
    file.write_text(json.dumps(known))
    assert project.workspace.ledger.head()[0] == 0


def test_a_password_in_the_address_is_in_no_message(tmp_path: Path) -> None:
    from unlearning.project import own_ledger

    said = str(own_ledger._other("postgresql://somebody:hunter2@host/db", "is empty"))
    assert "postgresql://host/db" in said
    assert "hunter2" not in said


def test_a_sweep_says_that_the_ledger_has_erased_nobody(project: Project) -> None:
    answer = unlearn(project.root, "sweep")
    assert "searched for nobody: the ledger knows of no erasure" in answer.out
