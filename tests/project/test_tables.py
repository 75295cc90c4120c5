"""Current versions of tables, and the index of who is in them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.histories import History
from tests.small_project import TRAIN, Project
from unlearning.domain import hashing
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import IdentifierError, KeyFileError, NotFound, ProjectError
from unlearning.domain.events import ErasureStarted
from unlearning.erasure.steps.receive import receive
from unlearning.project.people import people_of
from unlearning.project.tables import current_version, index_table, present, require_index_key
from unlearning.stores.tables import tables

PATH = "data/train.csv"


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    history = beginning.copy(tmp_path / "project")
    history.table(PATH, ["ann-1", "bob-2", "bob-2"])
    history.commit()
    return history


def token(history: History, name: str) -> str:
    return hashing.token(history.workspace.keys.index, name, "text")


def test_the_version_here_is_what_dvc_recorded_and_a_table_that_differs_is_refused(history: History) -> None:
    version = current_version(history.workspace, PATH, "patient")
    assert (version.rows, version.people, version.rev) == (3, 2, history.repository.git.head)
    (history.root / PATH).unlink()
    (history.root / PATH).write_text("patient,x\nann-1,1\n")
    with pytest.raises(ProjectError, match=r"data/train\.csv differs"):
        current_version(history.workspace, PATH, "patient")


def test_a_version_is_indexed_once_and_then_known_by_the_people_in_it(history: History) -> None:
    workspace = history.workspace
    version = current_version(workspace, PATH, "patient")
    for _ in range(2):
        index_table(workspace, version, history.root / PATH, "patient")
        assert workspace.lineage.data_versions() == [version]
    found = workspace.lineage.versions_holding([bytes.fromhex(token(history, name)) for name in ("ann-1", "cid-3")])
    assert [versions for _, versions in sorted(found.items(), key=lambda one: len(one[1]))] == [[], [version]]
    here = {token(history, name) for name in ("ann-1", "bob-2")}
    assert people_of(workspace, history.root / PATH, "patient", named=PATH).holds({*here, token(history, "cid-3")}) == here


def test_tokens_of_another_key_are_refused_before_they_find_nobody(history: History) -> None:
    made = receive(history.workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    workspace = history.workspace
    index_table(workspace, current_version(workspace, PATH, "patient"), history.root / PATH, "patient")
    require_index_key(workspace, [made[0].token])
    (history.root / ".unlearning/keys/index.key").write_text("ab" * 32 + "\n")
    with pytest.raises(KeyFileError, match=f"{made[0].request_id}: came under another index key"):
        require_index_key(history.workspace, [made[0].token])
    with pytest.raises(KeyFileError, match="the lineage was made with index key"):
        require_index_key(history.workspace, [])


def test_the_second_stranger_opens_no_table_and_a_table_that_changed_is_looked_at_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, opened, real = project.workspace, list[Path](), tables.read

    def read(file: Path, *words: Any, **more: Any) -> Any:
        opened.append(file)
        return real(file, *words, **more)

    def ask(name: str) -> None:
        kind = workspace.settings.subject.identifier
        present(workspace).check_unmistaken([name], [hashing.token(workspace.keys.index, name, kind)])

    monkeypatch.setattr(tables, "read", read)
    file, person = project.root / TRAIN, project.people(TRAIN)[0]
    ask("somebody else")
    assert file in opened
    opened.clear()
    ask("yet another")
    with pytest.raises(IdentifierError, match="looks like a person of the tables"):
        ask(f"{person}\u200b")
    assert opened == []
    file.unlink()
    file.write_text(f"patient,x\n{person}-2,1\n")
    with pytest.raises(IdentifierError, match="looks like a person of the tables"):
        ask(f"{person}-2\u200b")
    assert file in opened


@pytest.mark.parametrize("erasure", ["underway", "unfinished", "none"])
def test_a_table_that_an_erasure_puts_another_one_in_the_place_of_is_waited_for(project: Project, erasure: str) -> None:
    workspace, file, away = project.workspace, project.root / TRAIN, project.root / "away"
    (made,) = receive(workspace, [project.people(TRAIN)[0]], regulation="gdpr", now=utc_now())
    if erasure != "none":
        workspace.ledger.append("erasure-1", ErasureStarted(requests=(made.request_id,)), at=utc_now())
    stranger = hashing.token(workspace.keys.index, "nobody-1", workspace.settings.subject.identifier)
    here = present(workspace)
    file.rename(away)
    back = Timer(0.2, away.rename, [file])
    with workspace.ledger.exclusive("erasure-1") if erasure == "underway" else nullcontext():
        back.start()
        if erasure == "underway":
            here.check_unmistaken(["nobody-1"], [stranger])
        else:
            with pytest.raises(NotFound):
                here.check_unmistaken(["nobody-1"], [stranger])
    back.join()
