"""What the last whole look saw is relied on for what it saw, and for nothing else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.erasure.test_second_look import found, put
from tests.small_project import TRAIN, Project
from unlearning.erasure import kept, second_look, whole_look
from unlearning.erasure.whole_look import FILE, PEOPLE

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def person(project: Project) -> str:
    return project.people(TRAIN)[0]


@pytest.fixture(autouse=True)
def _nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_look, "DRAWN", 0.0)
    monkeypatch.setattr(whole_look, "AT_LEAST", 0)


def held(project: Project, person: str, *, later: timedelta = timedelta(1)) -> tuple[set[str], int]:
    """Files of the project in which the person is found, and how many things were not read."""
    token = project.token(person)
    last = whole_look.last(project.workspace, [token], now=NOW + later)
    seen = second_look.look(project.workspace, [token], [person], last=last)
    return set(seen.held.get("files of the project", ())), seen.unchanged


def spared(project: Project, person: str) -> set[str]:
    """Names of what a look for this person relies on the whole one for."""
    last = whole_look.last(project.workspace, [project.token(person)], now=NOW)
    assert last is not None
    return {thing.name for thing in kept.everything(project.workspace, []) if last.spares(thing)}


def whole(project: Project) -> second_look.Seen:
    return second_look.look_for_everybody(project.workspace, [], now=NOW)


def test_what_named_nobody_and_is_unchanged_is_not_read_again(project: Project, person: str) -> None:
    before = held(project, person)
    whole(project)
    after = held(project, person)
    assert before[0] == after[0] >= {TRAIN}
    assert before[1] == 0 < after[1]


def test_what_is_new_or_changed_is_read(project: Project, person: str) -> None:
    for name in ("changed.txt", "same-time.txt", "moved.txt"):
        put(project, name, b"nobody here")
    whole(project)
    put(project, "new.txt", person.encode())
    put(project, "changed.txt", f"of {person}".encode())
    stat = (project.root / "same-time.txt").stat()
    put(project, "same-time.txt", person[:6].ljust(11).encode())
    os.utime(project.root / "same-time.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    put(project, "other.txt", f"about {person}".encode())
    (project.root / "other.txt").replace(project.root / "moved.txt")
    assert held(project, person)[0] >= {"new.txt", "changed.txt", "moved.txt"}


def test_what_names_one_of_them_is_read_at_each_look_and_what_names_others_is_spared(project: Project, person: str) -> None:
    other = project.people(TRAIN)[1]
    put(project, "letter.txt", f"see {person}".encode())
    put(project, "letters.txt", f"see {person} and {other}".encode())
    whole(project)
    assert {"letter.txt", "letters.txt"} <= held(project, person)[0]
    assert held(project, other)[0] >= {"letters.txt"}
    assert spared(project, person).isdisjoint({"letter.txt", "letters.txt", TRAIN})
    assert spared(project, other).isdisjoint({"letters.txt", TRAIN})
    assert "letter.txt" in spared(project, other)


def test_whom_a_thing_names_is_known_of_each_copy_and_of_what_is_packed(project: Project, person: str) -> None:
    """The lists hold everybody whom the slow truth, a look for one person, finds there."""
    import gzip

    table = (project.root / TRAIN).read_bytes()
    for name, content in {"a.parquet": table, "b.parquet": table, "c.gz": gzip.compress(table), person: b"-"}.items():
        put(project, name, content)
    whole(project)
    for one in project.people(TRAIN)[:4]:
        token = project.token(one)
        truth = second_look.look(project.workspace, [token])
        last = whole_look.last(project.workspace, [token], now=NOW)
        assert last is not None
        seen = second_look.look(project.workspace, [token], last=last)
        assert seen.held == truth.held
        assert {"a.parquet", "b.parquet", "c.gz"} <= truth.held["files of the project"].keys()
        assert seen.unchanged > 0


def test_an_erased_person_is_in_no_list_and_what_named_them_is_read(project: Project, person: str) -> None:
    put(project, "letter.txt", f"see {person}".encode())
    put(project, "table.parquet", (project.root / TRAIN).read_bytes())
    whole(project)
    others, before = project.people(TRAIN)[1], (project.root / PEOPLE).read_bytes()
    first = bytes.fromhex(project.token(person))[:8]
    assert first in before
    assert "letter.txt" in spared(project, others)
    whole_look.forget(project.workspace, [project.token(person)])
    assert first not in (project.root / PEOPLE).read_bytes()
    assert held(project, person)[0] >= {"letter.txt", "table.parquet"}
    assert "letter.txt" not in spared(project, others)
    noted = (project.root / FILE).read_bytes()
    whole_look.forget(project.workspace, [project.token(person)])
    assert (project.root / FILE).read_bytes() == noted


def test_a_share_of_what_is_unchanged_is_drawn_and_read(project: Project, person: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole(project)
    monkeypatch.setattr(whole_look, "DRAWN", 1.0)
    assert held(project, person)[1] == 0


def test_it_knew_nobody_who_came_later(project: Project, person: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole(project)
    assert held(project, "nobody-7")[1] == 0
    body = json.loads((project.root / FILE).read_bytes())
    assert set(body["versions"]) == {version.digest for version in project.workspace.lineage.data_versions()}
    monkeypatch.setattr(type(project.workspace.lineage), "data_versions", lambda _: [])
    whole(project)
    monkeypatch.undo()
    assert whole_look.last(project.workspace, [project.token(person)], now=NOW) is None


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def another(file: Path) -> None:
    body = json.loads(file.read_bytes())
    body["at"] = (NOW + timedelta(1)).isoformat()
    file.write_text(json.dumps(body))


def more(file: Path) -> None:
    body = json.loads(file.read_bytes())
    body["things"] |= {"0" * 32: ["0" * 32, 0]}
    file.write_text(json.dumps(body))


def emptied(file: Path) -> None:
    file.write_text("{}")


def of_others(file: Path) -> None:
    people = file.with_suffix(".people")
    people.write_bytes(bytes(len(people.read_bytes())))


def without_people(file: Path) -> None:
    file.with_suffix(".people").unlink()


@pytest.mark.parametrize("spoil", [cut, another, more, emptied, Path.unlink, of_others, without_people])
def test_one_that_nobody_here_sealed_is_none(project: Project, person: str, spoil) -> None:  # type: ignore[no-untyped-def]
    whole(project)
    assert held(project, person)[1]
    spoil(project.root / FILE)
    assert held(project, person)[1] == 0
    assert whole_look.due(project.workspace, now=NOW)


def test_it_grows_old_and_is_due_before_that(project: Project, person: str) -> None:
    assert whole_look.due(project.workspace, now=NOW)
    whole(project)
    assert not whole_look.due(project.workspace, now=NOW + timedelta(15))
    assert whole_look.due(project.workspace, now=NOW + timedelta(16))
    assert held(project, person, later=timedelta(31))[1]
    assert not held(project, person, later=timedelta(32))[1]
    assert not held(project, person, later=timedelta(-1))[1]


def test_it_keeps_no_name_and_is_for_its_owner_alone(project: Project, person: str) -> None:
    put(project, "plans/secret-name.txt", b"nobody")
    whole(project)
    text = (project.root / FILE).read_text()
    assert "secret" not in text
    assert person not in text
    for file in (FILE, PEOPLE):
        assert (project.root / file).stat().st_mode & 0o077 == 0
    assert person.encode() not in (project.root / PEOPLE).read_bytes()


def test_a_certificate_says_which_look_it_was(project: Project, person: str) -> None:
    from tests.entrypoints.cli.commands import unlearn
    from tests.entrypoints.cli.conftest import plain_flows

    began = datetime.now(UTC)
    said = unlearn(project.root, "sweep", "--whole", "--json")
    days = {f"{moment:%Y-%m-%d}" for moment in (began, datetime.now(UTC))}  # two at midnight
    assert "opened again by other code, by token" in said.document["whole_look"]
    put(project, "exports/left.txt", f"see {person}".encode())
    with plain_flows():
        unlearn(project.root, "request", "--file", "-", stdin=person)
        report = unlearn(project.root, "erase", "--json").document
    row = found(project, report)["second look: files of the project"]
    assert row["names"] == ["exports/left.txt"]
    assert any(f"the whole look of {day} saw them" in row["how"] for day in days)
    assert report["residuals"]


def test_a_whole_look_says_what_is_left_of_those_who_were_erased_and_notes_them_nowhere(project: Project, person: str) -> None:
    put(project, "kept.txt", f"see {person}".encode())
    seen = second_look.look_for_everybody(project.workspace, [project.token(person)], now=NOW)
    assert "kept.txt" in seen.held["files of the project"]
    assert bytes.fromhex(project.token(person))[:8] not in (project.root / PEOPLE).read_bytes()
    assert not whole(project).held
