"""What nobody should type, or hand over: what the message says, how the command ends, and that nothing changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.commands import Answer, unlearn
from tests.small_project import SOURCE, TRAIN, Project, columns, copy
from tests.untouched import changes, state
from unlearning.stores.tables import redaction

pytestmark = pytest.mark.usefixtures("without_prefect")

RECIPE = "recipes/outcome.py"
LIST = "leavers.txt"
NOBODYS = "request-0123456789abcdef"
Change = Callable[[Project], None]


@dataclass(frozen=True)
class Case:
    """One way to go wrong."""

    words: tuple[str, ...]
    says: tuple[str, ...]
    """What the message must hold: the thing, what came, what was expected, the next step."""
    change: Change = lambda _: None
    code: int = 2
    stdin: str | bytes = ""
    records: bool = False
    """The ledger may say that it was refused."""


# --- what is done to the project before the command ------------------------------------------------------------------


def settings(**changes: Mapping[str, Any] | Any) -> Change:
    return lambda project: project.configure(changes)


def written(path: str, text: str | bytes) -> Change:
    def change(project: Project) -> None:
        content = text.encode() if isinstance(text, str) else text
        (project.root / path).write_bytes(content)

    return change


def recipe(old: str, new: str) -> Change:
    def change(project: Project) -> None:
        file = project.root / RECIPE
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return change


def table(changed: Callable[[dict[str, Any]], dict[str, Any]], path: str = SOURCE) -> Change:
    """Other columns in a table, recorded by DVC as `dvc commit` would."""

    def change(project: Project) -> None:
        (project.root / path).unlink()
        redaction.write(changed(columns()), project.root / path)
        project.workspace.data.record([path])

    return change


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda old: {key: value for key, value in old.items() if key != name}


def with_nobody(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "patient": [None, *old["patient"][1:]]}


def with_label(label: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda old: {**old, "outcome": [label, *old["outcome"][1:]]}


def requested(project: Project) -> None:
    project.request(project.cells()[0, 1][0])


def dirty(project: Project) -> None:
    requested(project)
    (project.root / TRAIN).unlink()
    redaction.write(columns(), project.root / TRAIN)


def missing(project: Project) -> None:
    requested(project)
    (project.root / TRAIN).unlink()


def unregistered(project: Project) -> None:
    requested(project)
    project.configure({"model": "another"})


def aliasless(project: Project) -> None:
    requested(project)
    project.configure({"alias": "nobody-made-this"})


def everyone(project: Project) -> None:
    project.request(*project.people(SOURCE))


def open_key(name: str) -> Change:
    return lambda project: (project.root / ".unlearning/keys" / name).chmod(0o644)


CASES: Mapping[str, Case] = {
    # identifiers
    "no identifier": Case(("request",), ("no identifier came", "--file -")),
    "empty identifier file": Case(
        ("request", "--file", LIST), (LIST, "holds no identifier", "one identifier a line"), written(LIST, "\n \n")
    ),
    "identifier file that is not UTF-8": Case(
        ("request", "--file", LIST), (LIST, "not UTF-8", "byte 6", "save it as UTF-8"), written(LIST, b"anna\nm\xfcller\n")
    ),
    "identifier file that is not there": Case(
        ("request", "--file", "nowhere.txt"), ("nowhere.txt", "does not exist", "one identifier a line")
    ),
    "standard input that is not UTF-8": Case(("request", "--file", "-"), ("standard input", "not UTF-8"), stdin=b"m\xfcller"),
    "empty standard input": Case(("request", "--file", "-"), ("standard input holds no identifier", "one identifier a line")),
    "unknown regulation": Case(("request", "x", "--regulation", "hipaa"), ("hipaa", "gdpr", "ccpa")),
    "unknown request": Case(("erase", "--request", NOBODYS), (NOBODYS, "unlearn status")),
    # tables
    "no person column": Case(
        ("prepare",), (SOURCE, "'patient'", "age, dose, score, outcome", "correct the table"), table(without("patient"))
    ),
    "a row without a person": Case(
        ("prepare",), (SOURCE, "'patient'", "1 of 100 rows", "expected a person in every row"), table(with_nobody)
    ),
    "a training row without a person": Case(("train",), (TRAIN, "'patient'", "in every row"), table(with_nobody, TRAIN)),
    "a label that was not declared": Case(
        ("train",), (TRAIN, "outcome", "1 undeclared label", "ill", "well"), table(with_label("dead"), TRAIN)
    ),
    "features that are not there": Case(("train",), (TRAIN, "blood_pressure", "dose"), recipe('"score"', '"blood_pressure"')),
    "a table that is no Parquet": Case(("prepare",), (SOURCE, "no readable parquet"), written(SOURCE, "no parquet")),
    # settings and recipe
    "no shard": Case(("status",), ("partition.shards", "expected at least 1", "0"), settings(partition={"shards": 0})),
    "no slice": Case(("impact",), ("partition.slices", "expected at least 1", "-2"), settings(partition={"slices": -2})),
    "unknown key": Case(("status",), ("params.yaml", "shardz", "unknown key"), settings(partition={"shardz": 4})),
    "unknown section": Case(("train",), ("params.yaml", "polcy", "unknown key"), settings(polcy={})),
    "params.yaml that is no YAML": Case(("status",), ("params.yaml", "not valid YAML"), written("params.yaml", "a: [")),
    "recipe that is not there": Case(("train",), ("recipes/no.py", "does not exist"), settings(recipe="recipes/no.py:recipe")),
    "recipe without that name": Case(("train",), ("resipe", "recipe"), settings(recipe=f"{RECIPE}:resipe")),
    "recipe that fails on import": Case(
        ("train",),
        ("outcome.py", "fails on import", "ModuleNotFoundError at recipes/outcome.py:"),
        recipe("from", "import nowhere_to_be_found\nfrom"),
    ),
    "recipe path without an attribute": Case(("train",), ("recipe", "path/to/file.py:attribute"), settings(recipe=RECIPE)),
    # data versions
    "dirty data": Case(("erase",), (TRAIN, "differs", "dvc checkout"), dirty),
    "dirty data, asked for its impact": Case(("impact",), (TRAIN, "differs", "dvc checkout"), dirty),
    "missing data": Case(("erase",), (TRAIN, "dvc"), missing),
    # registry
    "no registered model yet": Case(("erase",), ("another", "unlearn train"), unregistered),
    "no registered model yet, evaluated": Case(("evaluate",), ("another", "unlearn train"), settings(model="another")),
    "no registered model yet, its lineage": Case(("lineage",), ("another",), settings(model="another")),
    "alias that points nowhere": Case(("erase",), ("nobody-made-this", "outcome"), aliasless),
    "alias that points nowhere, evaluated": Case(
        ("evaluate",), ("nobody-made-this", "outcome"), settings(alias="nobody-made-this")
    ),
    "version that is not there": Case(("lineage", "outcome/99"), ("outcome/99",)),
    "version that is none": Case(("lineage", "add-edge", "outcome/1", "app", "--kind", "copied"), ("app", "MODEL/VERSION")),
    "two questions at once": Case(("lineage", "outcome", "--data", TRAIN), ("MODEL", "--data", "expected one")),
    # the whole data set: the request stays open, and that it was refused is on record
    "everyone": Case(("erase",), (TRAIN, "nothing"), everyone, code=1, records=True),
    # keys and certificates
    "a key that others can read": Case(("request", "x"), ("index.key", "0644", "chmod 600"), open_key("index.key")),
    "a signing key that others can read": Case(("request", "x"), ("signing.pem", "0644", "chmod 600"), open_key("signing.pem")),
    "certificate that is not there": Case(("verify", "nowhere.json"), ("nowhere.json", "name an existing file")),
    "certificate that is none": Case(("verify", "params.yaml"), ("JSON",), code=1),
    "head that is none": Case(("audit", "--head", "latest"), ("latest", "POSITION:HASH")),
    # proofs and revisions
    "data that DVC does not track": Case(("prove", "--subject", "x", "--data", "README.md"), ("README.md",)),
    "revision that is not there": Case(("prove", "--subject", "x", "--data", f"{TRAIN}@v9"), ("v9",)),
    "revision to check out that is not there": Case(("checkout", "v9"), ("v9",)),
    "column that is not there": Case(
        ("prove", "--subject", "x", "--data", TRAIN, "--subject-column", "customer"), ("customer", "patient")
    ),
    # decisions
    "hold that is over": Case(
        ("hold", "ID", "--reason", "x", "--until", "2001-01-01"), ("2001-01-01", "has passed", "a later day"), requested
    ),
    "hold with a day that is none": Case(("hold", "ID", "--reason", "x", "--until", "soon"), ("soon", "%Y-%m-%d"), requested),
    "release without a hold": Case(("release", "ID"), ("not on hold", "unlearn status"), requested, code=1),
}


def identifiers(project: Project) -> set[str]:
    return {one for one in columns()["patient"] if one} | {"anna", "müller"}


def check(answer: Answer, code: int, says: tuple[str, ...], people: set[str]) -> None:
    assert answer.code == code, answer.said
    for words in says:
        assert words in answer.said, f"{words!r} is not in {answer.said!r}"
    assert "Traceback" not in answer.said
    assert not [one for one in people if one in answer.said]


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_named_and_changes_nothing(project: Project, name: str) -> None:
    case = CASES[name]
    case.change(project)
    words = [next(iter(project.states())) if word == "ID" else word for word in case.words]
    seldom = case.code != 2  # what runs the commands of all tests looks at those that end with 2: `tests/untouched.py`
    before, events = state(project.root) if seldom else {}, project.events() if case.records else []

    answer = unlearn(project.root, *words, "--json", stdin=case.stdin)

    check(answer, case.code, case.says, identifiers(project))
    assert set(answer.document) == {"error", "message"}
    assert answer.err.strip(), "nothing for people on standard error"
    changed = changes(before, state(project.root)) if seldom else []
    assert [one for one in changed if not (case.records and one.startswith(".unlearning/ledger.db: "))] == []
    assert not case.records or project.events()[: len(events)] == events


def test_a_folder_without_git_or_dvc_is_named_with_the_next_step(tmp_path: Path) -> None:
    nowhere = unlearn(tmp_path, "status", "--json")
    check(nowhere, 2, ("no params.yaml", str(tmp_path), "unlearn init"), set())
    without_git = unlearn(tmp_path, "init", "--json")
    check(without_git, 2, ("Git", "git init"), set())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    check(unlearn(tmp_path, "init", "--json"), 2, ("DVC", "dvc init"), set())
    assert [path.name for path in tmp_path.iterdir()] == [".git"]


def test_an_unknown_person_is_recorded_as_not_found_with_a_certificate(project: Project) -> None:
    asked = unlearn(project.root, "request", "--file", "-", "--json", stdin="nobody-of-that-name")
    [request] = asked.document
    before = versions(project)

    done = unlearn(project.root, "erase", "--json")

    check(done, 0, (), {"nobody-of-that-name"})
    [answer] = done.document["requests"]
    assert (answer["request_id"], answer["state"]) == (request["request_id"], "not_found")
    verified = unlearn(project.root, "verify", answer["certificate"], "--key", ".unlearning/keys/signing.pub")
    check(verified, 0, ("verified", "a search found no record"), {"nobody-of-that-name"})
    assert versions(project) == before


def test_the_same_request_twice_is_one_group(project: Project) -> None:
    person = project.people(TRAIN)[0]
    [first] = unlearn(project.root, "request", "--file", "-", "--json", stdin=person).document
    [second] = unlearn(project.root, "request", "--file", "-", "--json", stdin=f"  {person}\n").document
    assert second["group"] == first["group"] == first["request_id"] != second["request_id"]
    assert (second["state"], second["token"]) == ("duplicate", first["token"])


def versions(project: Project) -> Any:
    models = project.workspace.models
    return models.every_alias(), [str(version.model) for version in models.every_version()]


@pytest.fixture(scope="module")
def answered(template: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project with the certificate of somebody who was not found; to be copied."""
    project = copy(template, tmp_path_factory.mktemp("answered") / "project")
    project.request("nobody-of-that-name")
    [report] = project.erase()
    return project, report["requests"][0]["certificate"]


@pytest.mark.parametrize("at", [0.25, 0.5, 0.9])
def test_a_certificate_with_one_byte_changed_does_not_verify(answered: tuple[Project, str], tmp_path: Path, at: float) -> None:
    project = copy(answered[0], tmp_path / "project")
    file = project.root / answered[1]
    content = bytearray(file.read_bytes())
    place = content.index(b'"payload": "') + int(at * len(content) / 2) + 20
    content[place] = ord("A") if content[place] != ord("A") else ord("B")
    file.write_bytes(bytes(content))

    answer = unlearn(project.root, "verify", str(file), "--key", ".unlearning/keys/signing.pub", "--json")

    assert answer.code == 1
    assert answer.document["verdict"] == "invalid"
    assert unlearn(project.root, "audit").code == 1
