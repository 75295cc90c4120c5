"""The documents keep what they promise: commands, links, generated parts, and the session that the README shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from docs import generate
from tests import warm
from tests.small_project import TABLES, Project
from unlearning.domain import lifecycle
from unlearning.domain.events import CandidateTrained
from unlearning.entrypoints.cli import main
from unlearning.stores.tables import tables

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
COMMANDS = dict(generate.commands_of(main))

_LINK = re.compile(r"\]\((?!https?://)(?P<file>[^)#\s]*)(?:#(?P<part>[^)\s]+))?\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


# --- commands --------------------------------------------------------------------------------------------------------


def test_the_generated_parts_are_what_the_program_says() -> None:
    assert generate.stale() == [], "run `make docs`"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_in_the_reference(name: str) -> None:
    assert f"`unlearn {name}`" in README
    assert f"\n## unlearn {name}\n" in (ROOT / generate.REFERENCE).read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_json_of_every_command_is_described(name: str) -> None:
    described = (ROOT / "docs/operations.md").read_text("utf-8").split("## JSON")[1]
    assert f"`unlearn {name}`" in described


def test_no_page_names_a_command_that_is_not_there() -> None:
    named = {
        (page.name, word)
        for page in PAGES
        for word in re.findall(r"`unlearn (?:-v )?([a-z][a-z-]*)", page.read_text("utf-8"))
        if word not in COMMANDS
    }
    assert not named


# --- links -----------------------------------------------------------------------------------------------------------


def headings(text: str) -> Iterator[str]:
    """The anchors of a page, as GitHub makes them."""
    for line in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.finditer(_FENCE.sub("", page.read_text("utf-8"))):
        target = (page.parent / link["file"]) if link["file"] else page
        if not target.exists() or (link["part"] and link["part"] not in headings(target.read_text("utf-8"))):
            broken.append(link[0])
    assert not broken


# --- the session of the README ---------------------------------------------------------------------------------------


def block(language: str, after: str) -> str:
    """The first fenced block of a language after some words of the README."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README[README.index(after) :], re.DOTALL | re.MULTILINE)
    return next(text for kind, text in blocks if kind == language)


def shape(line: str) -> str:
    """A line without what differs from run to run: digests, ids, numbers."""
    return re.sub(r"\d+", "0", re.sub(r"\b[0-9a-f]{8,}\b|(?<=tok_)\w+|(?<=erasure-)\w+", "x", line)).strip()


def looks_like(shown: str, said: list[str]) -> bool:
    """Some line that was printed reads as the one shown; a table's ends may be cut with `…`."""
    wanted = shape(shown.removesuffix("…"))
    return any(line.startswith(wanted) or SequenceMatcher(None, wanted, line).ratio() > 0.7 for line in said)


PERSON = "100042"
NOISE = re.compile(r"Traceback|Warning|WARN|ERROR|INFO|Error|deprecat", re.IGNORECASE)

in_the_session = pytest.mark.timeout(900)
"""The session takes minutes on a busy machine."""

PLACED = {"UNLEARNING_PARTITION_KEY": f"{3:064x}"}
"""With this key the README's patient is trained on, in the third slice of a shard; under another they may be held out."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The README's session, typed into a shell of its own: the folder it leaves, its standard output and standard error."""
    folder = tmp_path_factory.mktemp("readme")
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    script = "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')"
    # `erase` starts as a user's does, and would show what is said while everything is imported.
    cold = f'case "$1" in erase) exec {sys.executable} -c "{script}" "$@";; esac\n'
    for tool, run in (
        ("unlearn", f'{cold}exec {warm.python()} -c "{script}" "$@"'),
        ("dvc", f'exec {warm.python()} -m dvc "$@"'),
    ):
        (bin_folder / tool).write_text(f"#!/bin/sh\n{run}\n")
        (bin_folder / tool).chmod(0o755)
    path = os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    author = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("bash", "<!-- session -->")],
        cwd=folder,
        env={**kept, **author, **PLACED, "PATH": path, "PYTHONPATH": str(ROOT), "EXAMPLES": str(ROOT / "examples")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "clinic", done.stdout, done.stderr


@in_the_session
def test_the_session_of_the_readme_prints_what_the_readme_shows(session: tuple[Path, str, str]) -> None:
    folder, out, err = session
    said = f"{out}\n{err}"
    shown = [line for line in block("", "<!-- end -->").splitlines() if line.strip(" …")]
    printed = [shape(line) for line in said.splitlines() if line.strip()]
    assert len(shown) > 10
    assert not [line for line in shown if not looks_like(line, printed)]
    assert PERSON not in said
    [certificate] = folder.glob(".unlearning/certificates/*.json")
    assert json.loads(certificate.read_text())["signatures"]
    assert not re.search(rf"\b{PERSON}\b", certificate.read_text())


@in_the_session
def test_progress_goes_to_standard_error_and_answers_to_standard_output(session: tuple[Path, str, str]) -> None:
    _, out, err = session
    for step in ("5 unlearn", "6 validate", "7 promote", "8 purge", "9 certify"):
        assert f"\n{step}" in err
        assert f"\n{step}" not in out
    assert "\nverified: " in out
    assert "How readmission forgot" in out


@in_the_session
def test_the_commands_work_on_a_new_project_without_any_server(session: tuple[Path, str, str]) -> None:
    project = Project(session[0])
    assert list(project.states().values()) == ["completed"]
    moves = [(one.body["from"], one.body["to"]) for one in project.events() if one.kind == "AliasMoved"]
    assert moves == [(1, 2), (1, 2)]
    assert [project.workspace.models.alias(own.model, own.alias).version for own in project.workspace.settings.owns] == [2, 2]
    [due] = [request.due_at - request.received_at for request in lifecycle.fold(project.events()).requests.values()]
    assert due.days in range(28, 32)
    every = [one.fact for one in project.events() if isinstance(one.fact, CandidateTrained)]
    touched = [(made.method, sum(part.slices_trained > 0 for part in made.trained.parts)) for made in every]
    assert touched == [("sisa", 1), ("sisa", 1)], "of each model"
    for path in TABLES:
        assert PERSON not in [str(value) for value in tables.people(tables.read(project.root / path), "patient").values]


@in_the_session
def test_the_commands_say_what_they_do_and_their_tools_say_nothing(session: tuple[Path, str, str]) -> None:
    folder, out, err = session
    assert "7 promote readmission  champion: version 1 → 2" in err
    assert not NOISE.search(out + err), NOISE.findall(out + err)
    assert (folder / ".unlearning/prefect/server.log").read_bytes() == b""


@in_the_session
def test_the_embedded_server_keeps_nothing_of_a_person(session: tuple[Path, str, str]) -> None:
    folder, *_ = session
    home = folder / ".unlearning/prefect"
    kept = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    assert b"7 promote readmission" in kept["prefect.db"] + kept.get("prefect.db-wal", b""), "the search finds what is there"
    [request] = lifecycle.fold(Project(folder).events()).requests.values()
    for secret in (rf"(?<![\d.]){PERSON}(?!\d)", request.token):
        assert not [name for name, content in kept.items() if re.search(secret.encode(), content)]


@in_the_session
def test_the_readme_s_python_predicts_through_the_alias(session: tuple[Path, str, str]) -> None:
    folder, *_ = session
    code = block("python", "### A promotion by alias")
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = block("", "### A promotion by alias").splitlines()
    header, row = done.stdout.splitlines()
    assert header.split() == shown[0].split()
    assert row.split()[-1] in ("yes", "no")
