"""Proofs made in plain Git and DVC repositories and in projects, and checked from the document alone."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.certificate.examples import keys
from tests.small_project import TRAIN, Project
from unlearning.certificate import membership
from unlearning.domain import hashing, merkle
from unlearning.domain.errors import DataError, NotFound, VerificationFailed, WrongUse
from unlearning.entrypoints.cli import main
from unlearning.lineage import membership_proof
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.git import command
from unlearning.stores.tables import tables


@pytest.fixture
def plain_repository(tmp_path: Path) -> Path:
    """No `unlearn init`: a table of three people at tag v1, of two now."""
    repository = dvc_repository.create(tmp_path / "repo", remote="remote")
    for tag, people in (("v1", ["0042", "7", "0042", "bob"]), ("v2", ["0042", "7"])):
        (repository.root / "people.csv").write_text("who,x\n" + "".join(f"{one},1\n" for one in people))
        repository.add(["people.csv"])
        repository.git.commit(tag, ["."])
        command.text(repository.root, "tag", tag)
    return repository.root


def prove(root: Path, person: str, named: str, key: bytes | None = None) -> dict[str, object]:
    environ = {} if key is None else {"UNLEARNING_INDEX_KEY": key.hex()}
    return membership_proof.prove(membership_proof.prover(root, environ), person, named, column="who")


def verdict(document: dict[str, object], **under: str) -> str:
    return membership.verify(json.dumps(document).encode(), **under).verdict


@pytest.mark.parametrize(
    ("person", "named", "kind"),
    [
        ("bob", "people.csv@v1", "inclusion"),
        ("bob", "people.csv@v2", "absence"),
        ("bob", "people.csv", "absence"),
        ("0042", "people.csv", "inclusion"),
        ("42", "people.csv", "absence"),
    ],
)
def test_a_person_is_shown_to_be_in_a_version_or_not(plain_repository: Path, person: str, named: str, kind: str) -> None:
    document = json.loads(json.dumps(prove(plain_repository, person, named)))
    assert document["kind"] == kind
    assert verdict(document, data_root=document["root"]) == "bound"


def test_the_root_is_the_merkle_root_over_the_cut_tokens_of_everyone(plain_repository: Path) -> None:
    key = secrets.token_bytes(32)
    document = prove(plain_repository, "bob", "people.csv@v1", key)
    tokens = [bytes.fromhex(hashing.token(key, one, "text"))[:16] for one in ("0042", "7", "bob")]
    assert document["root"] == merkle.root(tokens)
    assert document["key"] == {"id": hashing.key_id(key), "origin": "environment"}


def test_without_a_key_each_proof_has_one_of_its_own_and_says_so(plain_repository: Path) -> None:
    first, second = (prove(plain_repository, "bob", "people.csv") for _ in range(2))
    assert first["key"]["origin"] == second["key"]["origin"] == "one-off"
    assert first["root"] != second["root"]


@pytest.mark.parametrize("field", ["kind", "token", "root"])
def test_a_proof_with_one_fact_changed_does_not_verify(plain_repository: Path, field: str) -> None:
    document = prove(plain_repository, "bob", "people.csv@v1")
    forged = {"kind": "absence", "token": "00" * 16, "root": "00" * 32}[field]
    assert verdict({**document, field: forged}) == "invalid"


def test_a_proof_under_another_number_of_people_does_not_verify(plain_repository: Path) -> None:
    document = prove(plain_repository, "bob", "people.csv@v1")
    version = {**document["data_version"], "people": 2}
    assert verdict({**document, "data_version": version}) == "invalid"


def test_a_proof_without_its_parts_is_refused_in_words(plain_repository: Path) -> None:
    document = prove(plain_repository, "bob", "people.csv")
    with pytest.raises(VerificationFailed, match="data_version is missing"):
        verdict({key: value for key, value in document.items() if key != "data_version"})
    with pytest.raises(VerificationFailed, match="hex"):
        verdict({**document, "token": "xyz"})


def test_the_identifier_is_nowhere_in_the_document(plain_repository: Path) -> None:
    assert "bob" not in json.dumps(prove(plain_repository, "bob", "people.csv@v1"))


def test_what_is_missing_is_named(plain_repository: Path) -> None:
    who = membership_proof.prover(plain_repository, {})
    with pytest.raises(WrongUse, match="--subject-column; the table has 2 columns"):
        membership_proof.prove(who, "bob", "people.csv")
    with pytest.raises(DataError, match="no person column 'patient'"):
        membership_proof.prove(who, "bob", "people.csv", column="patient")
    with pytest.raises(NotFound, match="'v9'"):
        prove(plain_repository, "bob", "people.csv@v9")
    with pytest.raises(NotFound, match=r"other\.csv is not tracked"):
        prove(plain_repository, "bob", "other.csv")


@pytest.mark.parametrize("named", ["@v1", "people.csv@"])
def test_half_an_address_is_wrong_use(named: str) -> None:
    with pytest.raises(WrongUse, match="PATH@REV"):
        membership_proof.split(named)


def test_in_a_project_column_and_key_are_its_own_and_the_root_is_the_recorded_one(project: Project) -> None:
    someone = project.people(TRAIN)[0]
    document = membership_proof.prove(membership_proof.prover(project.root, {}), someone, TRAIN)
    version = project.workspace.lineage.data_version(tables.digest(project.root / TRAIN), TRAIN)
    assert document["kind"] == "inclusion"
    assert document["key"]["origin"] == "file"
    assert version is not None
    assert document["root"] == project.workspace.lineage.root(version)


def test_the_root_of_a_proof_is_in_the_tags_of_the_version_trained_on_it_and_is_checked_offline(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = project.workspace.models.version("outcome", 1).tags
    runner, proof = CliRunner(), tmp_path / "proof.json"
    arguments = ["prove", "--root", str(project.root), "--data", TRAIN, "--json", "--subject", "-"]
    made = runner.invoke(main, arguments, input=project.people(TRAIN)[0])
    document = json.loads(made.stdout)
    assert (document["root"], document["data_version"]["object"]) == (
        tags["unlearning.data_root"],
        tags["unlearning.data_object"],
    )
    proof.write_text(made.stdout)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a proof was not checked offline"))
    checked = runner.invoke(main, ["verify", "--proof", str(proof), "--data-root", tags["unlearning.data_root"], "--json"])
    assert json.loads(checked.stdout)["verdict"] == "bound"


def test_the_command_line_makes_proofs_that_the_command_line_verifies(plain_repository: Path, tmp_path: Path) -> None:
    runner, proof, key = CliRunner(), tmp_path / "proof.json", tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(keys().private)
    key.with_suffix(".pub").write_bytes(keys().public)
    arguments = ["prove", "--root", str(plain_repository), "--data", "people.csv@v1", "--subject-column", "who", "--json"]
    check = ["verify", "--proof", str(proof), "--json", "--key", str(key.with_suffix(".pub"))]
    for signed, verdict, code in ((["--key", str(key)], "verified", 0), ([], "consistent, by nobody", 1)):
        made = runner.invoke(main, [*arguments, *signed, "--subject", "-"], input="bob\n")
        assert made.exit_code == 0, made.output
        assert "bob" not in made.output
        proof.write_text(made.stdout)
        checked = runner.invoke(main, check)
        assert (json.loads(checked.stdout)["verdict"], checked.exit_code) == (verdict, code)
    proof.write_text(made.stdout.replace("inclusion", "absence"))
    assert runner.invoke(main, ["verify", "--proof", str(proof)]).exit_code == 1
    assert "check it with `--proof`" in runner.invoke(main, ["verify", str(proof)]).stderr


def test_a_file_may_name_the_one_person_of_a_proof(plain_repository: Path, tmp_path: Path) -> None:
    arguments = ["prove", "--root", str(plain_repository), "--data", "people.csv@v1", "--subject-column", "who", "--json"]
    table = tmp_path / "asked.csv"
    for content, code, says in (
        ("when,customer\n1,bob\n2,bob\n", 0, '"inclusion"'),
        ("when,customer\n1,bob\n2,ann\n", 2, "holds 2 identifiers; expected one"),
    ):
        table.write_text(content)
        done = CliRunner().invoke(main, [*arguments, "--file", str(table), "--column", "customer"])
        assert (done.exit_code, says in done.output) == (code, True), done.output
        assert "bob" not in done.output
    both = CliRunner().invoke(main, [*arguments, "--file", str(table), "--subject", "bob"])
    neither = CliRunner().invoke(main, arguments)
    for done in (both, neither):
        assert done.exit_code == 2
        assert "name one person" in done.output


def test_a_proof_of_absence_says_in_its_document_how_near_a_spelling_is(plain_repository: Path, tmp_path: Path) -> None:
    arguments = ["prove", "--root", str(plain_repository), "--data", "people.csv@v1", "--subject-column", "who", "--json"]
    for person, nearest in (("BOB", ["case"]), ("zoe-nobody", [])):
        made = CliRunner().invoke(main, [*arguments, "--subject", person])
        assert json.loads(made.stdout)["nearest"] == nearest
        (proof := tmp_path / "proof.json").write_text(made.stdout)
        root = json.loads(made.stdout)["root"]
        checked = CliRunner().invoke(main, ["verify", "--proof", str(proof), "--data-root", root, "--json"])
        assert checked.exit_code == 0, checked.output
        assert json.loads(checked.stdout)["claims"]["nearest spelling"] == nearest
    assert "nearest" not in prove(plain_repository, "bob", "people.csv@v1")
    proof.write_text(made.stdout.replace('"nearest": []', '"nearest": ["bob"]'))
    assert CliRunner().invoke(main, ["verify", "--proof", str(proof)]).exit_code == 1
