"""Other code looks again at everything before a certificate is signed, and what it finds that nobody listed is a residual."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import sqlite3
import zipfile
from typing import Any

from tests.locks import held
from tests.small_project import TRAIN, Project
from unlearning.domain.events import CertificateIssued
from unlearning.domain.traces import Residual
from unlearning.erasure import second_look
from unlearning.project import doctor
from unlearning.traces import sweep


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", content)
    return out.getvalue()


def database(person: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a TEXT, b TEXT)")
    connection.execute("INSERT INTO t VALUES (?, ?)", ("x", person))
    connection.commit()
    return connection.serialize()


FORMS: dict[str, Any] = {
    "leavers.txt": lambda who: f"{who}\n".encode(),
    "model.pkl": lambda who: pickle.dumps([who]),
    "wide.txt": lambda who: who.encode("utf-16"),
    "packed.gz": lambda who: gzip.compress(f"see {who}".encode()),
    "twice.zip": lambda who: zipped(zipped(who.encode())),
    "payload.json": lambda who: json.dumps({"body": base64.b64encode(f"of {who}".encode()).decode()}).encode(),
    "other.db": database,
    ".git/COMMIT_EDITMSG": lambda who: f"without {who}".encode(),
    ".unlearning/prefect/left.log": lambda who: f"looking at {who}".encode(),
    ".dvc/cache/files/md5/ab/cdef.tmp": lambda who: f"patient\n{who}\n".encode(),
    ".dvc-remote/files/md5/ab/" + "c" * 30: lambda who: gzip.compress(who.encode()),
    "mlruns/0/note.txt": lambda who: who.encode(),
}


def put(project: Project, name: str, content: bytes) -> None:
    (project.root / name).parent.mkdir(parents=True, exist_ok=True)
    (project.root / name).write_bytes(content)


def test_a_person_is_found_in_every_form_and_every_place_by_identifier(project: Project) -> None:
    workspace, person = project.workspace, "Zq9999-canary-abcdef"
    for name, made in FORMS.items():
        put(project, name, made(person))
    token = project.token(person)
    seen = second_look.look(workspace, [token], [person])
    assert {name for names in seen.held.values() for name in names} == set(FORMS)
    wheres = {"files of the project", "Git history", "Prefect", "DVC cache", "DVC remote 'store'", "MLflow"}
    assert set(seen.held) == wheres
    assert {one.place for one in seen.against(())} == {f"second look: {where}" for where in wheres}
    assert seen.unread == []
    assert second_look.look(workspace, [project.token("nobody-7")], ["nobody-7"]).held == {}


def test_without_the_identifier_the_token_finds_what_is_written_as_a_word(project: Project) -> None:
    person = "Zq9999-canary-abcdef"
    for name, made in FORMS.items():
        put(project, name, made(person))
    seen = second_look.look(project.workspace, [project.token(person)])
    found = {name for names in seen.held.values() for name in names}
    assert found >= set(FORMS) - {"wide.txt", "payload.json", "model.pkl"}
    assert "by token" in seen.how


def test_what_the_search_lists_already_is_no_disagreement(project: Project) -> None:
    person = "Zq9999-canary-abcdef"
    put(project, "a/leavers.txt", person.encode())
    put(project, f"b/{person}.txt", b"x")
    seen = second_look.look(project.workspace, [project.token(person)], [person])
    assert seen.against(())[0].names == ("a path that names a person", "a/leavers.txt")
    for count in (2, 3, None):
        assert seen.against([_place("files of the project", count)]) == ()
    [more] = seen.against([_place("files of the project", 1)])
    assert more.count == 2
    [less] = seen.against([_place("table a/leavers.txt, current version")])
    assert less.names == ("a path that names a person",)


def test_an_erasure_ends_with_a_second_look_that_agrees(erased_project: Project) -> None:
    [issued] = erased_project.workspace.ledger.of(CertificateIssued)
    report = {"certificate": issued.fact.path}
    assert predicate(erased_project, report)["residuals"] == []
    row = found(erased_project, report)["second look"]
    assert (row["outcome"], row["count"]) == ("verified", 0)
    assert "by identifier and token" in row["how"]


def test_who_looks_at_the_databases_of_this_process_leaves_them_locked(erased_project: Project) -> None:
    """Otherwise another process that closes them takes their log away, and what is committed next is lost."""
    files = [erased_project.root / ".unlearning" / name for name in ("ledger.db", "lineage.db")]
    workspace = erased_project.workspace
    _ = workspace.ledger.head(), workspace.lineage.data_versions()
    assert all(map(held, files))
    second_look.look(workspace, [])
    sweep.sweep(workspace, [])
    doctor.examine(workspace)
    assert all(map(held, files))


def test_a_sweep_that_misses_something_does_not_end_completed(project: Project) -> None:
    person = project.people(TRAIN)[0]
    put(project, "exports/kept.parquet.gz", gzip.compress((project.root / TRAIN).read_bytes()))
    project.request(person)
    [report] = project.erase()
    assert set(project.states().values()) == {"completed_with_residuals"}
    assert [one["place"] for one in report["residuals"]] == ["second look: files of the project"]
    assert found(project, report)["second look: files of the project"]["outcome"] == "residual"
    assert person not in (project.root / report["certificate"]).read_text()


def test_whoever_does_not_wait_for_it_gets_a_certificate_that_says_so(project: Project) -> None:
    from tests.entrypoints.cli.commands import unlearn
    from tests.entrypoints.cli.conftest import plain_flows

    with plain_flows():
        unlearn(project.root, "request", "--file", "-", stdin=project.people(TRAIN)[0])
        done = unlearn(project.root, "erase", "--quick", "--json")
    report = done.document
    assert (done.code, report["residuals"]) == (0, [])
    assert set(project.states().values()) == {"completed"}
    assert "second look" not in found(project, report)
    assert "second look: not made (--quick)" in predicate(project, report)["scope"]["gaps"]


def predicate(project: Project, report: Any) -> Any:
    envelope = json.loads((project.root / report["certificate"]).read_text())
    return json.loads(base64.b64decode(envelope["payload"]))["predicate"]


def found(project: Project, report: Any) -> dict[str, Any]:
    return {one["place"]: one for one in predicate(project, report)["verification"]}


def _place(name: str, count: int | None = 1) -> Residual:
    return Residual(name, "physical", "residual", count, "w", "r")


def test_a_list_of_leavers_is_said_and_is_no_trace_unless_it_says_more(project: Project) -> None:
    leaver, other = project.people(TRAIN)[:2]
    workspace = project.workspace
    project.request(leaver)
    put(project, "leavers.txt", f"{leaver}\n\n {leaver} \n".encode())
    put(project, "letter.txt", f"{leaver}\nasks us to forget\n".encode())
    put(project, "two.txt", f"{leaver}\n{other}\n".encode())
    seen = second_look.look(workspace, [project.token(leaver)], [leaver])
    assert seen.handed_in == ["leavers.txt"]
    assert set(seen.held["files of the project"]) >= {"letter.txt", "two.txt"}
    assert "leavers.txt" not in seen.held["files of the project"]
    said = {one.place: (one.outcome, one.names) for one in seen.against(())}
    assert said["second look: lists of people who asked"] == ("out_of_reach", ("leavers.txt",))
