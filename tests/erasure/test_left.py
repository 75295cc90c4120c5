"""What is left of a request is told in the same words and the same number by everything that tells it."""

from __future__ import annotations

import html
import json
import subprocess

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import TRAIN, Project
from unlearning.domain.traces import count_left, say_left
from unlearning.erasure import left
from unlearning.project.requests import chosen

NOTHING = say_left(())


def commit(project: Project, name: str, content: str | bytes) -> None:
    (project.root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    subprocess.run(["git", "add", "--force", name], cwd=project.root, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "Look at it"], cwd=project.root, check=True)


@pytest.fixture
def told(project: Project) -> dict[str, object]:
    """A project whose history holds a person twice and a file that nobody can read, and what each command says after."""
    person = project.people(TRAIN)[0]
    commit(project, "export.csv", f"patient,age\n{person},50\n")
    commit(project, "notes.md", f"see {person}\n")
    commit(project, "logo.bin", bytes(range(256)))
    with plain_flows():
        refused = unlearn(project.root, "erase")
    assert (refused.code, "git rm --cached export.csv" in refused.err) == (1, True)
    subprocess.run(["git", "rm", "--quiet", "export.csv", "notes.md"], cwd=project.root, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "Take it out"], cwd=project.root, check=True)
    said: dict[str, object] = {"person": person}
    with plain_flows():
        unlearn(project.root, "request", "--file", "-", stdin=person)
        said["erase"] = unlearn(project.root, "erase")
        for name in ("status", "sweep", "purge"):
            said[name], said[f"{name} --json"] = unlearn(project.root, name), unlearn(project.root, name, "--json")
    return said


def test_everything_that_tells_the_end_of_a_request_says_the_same(project: Project, told: dict[str, object]) -> None:
    workspace = project.workspace
    [request] = workspace.ledger.state().requests.values()
    listed = left.certified(workspace, [request])
    names = [one.place for one in listed]
    assert names == ["Git history: tables", "Git history: texts", "Git history: files of unknown form"]
    words = say_left(listed)
    certificate = json.loads(unlearn(project.root, "verify", str(request.certificate), "--json").out)
    predicate = json.loads(_payload(project, str(request.certificate)))["predicate"]
    page = html.unescape((project.root / str(request.certificate)).with_suffix(".html").read_text())

    assert request.state == predicate["state"] == "completed_with_residuals"
    assert [one["place"] for one in predicate["residuals"]] == names
    assert certificate["verdict"] == "integrity only"
    assert words in page
    for name in ("status", "sweep", "purge"):
        assert words in told[name].out  # type: ignore[attr-defined]
        document = told[f"{name} --json"].document  # type: ignore[attr-defined]
        rows = document[0]["residuals"] if name == "status" else document["residuals"]
        assert [one["place"] for one in rows] == names, name
    assert count_left(len(names)) in told["erase"].out.lower()  # type: ignore[attr-defined]
    codes = {name: told[name].code for name in ("erase", "sweep", "purge", "status")}  # type: ignore[attr-defined]
    assert codes == {"erase": 1, "sweep": 1, "purge": 1, "status": 0}
    assert all(str(told["person"]) not in told[name].said for name in codes)  # type: ignore[attr-defined]


def test_a_healthy_project_ends_completed_and_all_of_them_say_so(erased_project: Project) -> None:
    project = erased_project
    with plain_flows():
        again, swept, purged = unlearn(project.root, "erase"), unlearn(project.root, "sweep"), unlearn(project.root, "purge")
    assert set(project.states().values()) == {"completed"}
    assert (again.code, swept.code, purged.code) == (0, 0, 0)
    assert NOTHING in swept.out
    assert NOTHING in purged.out
    workspace = project.workspace
    assert left.certified(workspace, chosen(workspace, [])) == left.models(workspace, ["ab" * 32]) == ()


def _payload(project: Project, certificate: str) -> bytes:
    import base64

    return base64.b64decode(json.loads((project.root / certificate).read_text())["payload"])
