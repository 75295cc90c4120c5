"""Commands that check what was done, without a project where none is needed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.certificate.examples import keys
from tests.entrypoints.cli.commands import unlearn

GOLDEN = Path(__file__).parents[2] / "golden/certificate.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "certificate.json").write_bytes(GOLDEN.read_bytes())
    for number in (1, 2):
        (tmp_path / f"{number}.pub").write_bytes(keys(number).public)
        (tmp_path / f"{number}.pem").touch(mode=0o600)
        (tmp_path / f"{number}.pem").write_bytes(keys(number).private)
    return tmp_path


def test_a_certificate_is_checked_anywhere_under_the_key_that_is_given(folder: Path) -> None:
    sound = unlearn(folder, "verify", "certificate.json", "--key", "1.pub")
    assert sound.code == 0
    assert sound.out.startswith("verified: ")
    assert "(the given key)" in sound.out
    assert "DISAGREES" not in sound.out
    other = unlearn(folder, "verify", "certificate.json", "--key", "2.pub", "--json")
    assert (other.code, other.document["verdict"]) == (1, "invalid")
    alone = unlearn(folder, "verify", "certificate.json", "--json")
    assert (alone.code, alone.document["verdict"]) == (0, "integrity only")


def test_a_second_signature_is_added_once_to_file_and_page(folder: Path) -> None:
    words = ("countersign", "certificate.json", "--key", "2.pem", "--operator", "1.pub")
    done = unlearn(folder, *words, "--json")
    assert done.code == 0
    assert len(done.document["signed_by"]) == 2
    assert (folder / "certificate.html").is_file()
    assert unlearn(folder, "verify", "certificate.json", "--key", "1.pub", "--key", "2.pub").code == 0
    for number in (1, 2):
        assert unlearn(folder, "verify", "certificate.json", "--key", f"{number}.pub").code == 0
    again = unlearn(folder, *words)
    assert again.code == 2
    assert "already" in again.err


def test_nobody_countersigns_what_the_operator_did_not_sign(folder: Path) -> None:
    assert unlearn(folder, "countersign", "certificate.json", "--key", "2.pem").code == 2
    other = unlearn(folder, "countersign", "certificate.json", "--key", "1.pem", "--operator", "2.pub")
    assert (other.code, other.out) == (1, "")
    assert "invalid under the operator's key, so it was not signed" in other.err
    assert (folder / "certificate.json").read_bytes() == GOLDEN.read_bytes()


def test_who_is_not_known_only_claims_to_have_signed(folder: Path) -> None:
    file = json.loads(GOLDEN.read_text())
    file["signatures"].append({"keyid": "x\nverified: all", "sig": base64.b64encode(b"x" * 64).decode()})
    (folder / "certificate.json").write_text(json.dumps(file))
    done = unlearn(folder, "countersign", "certificate.json", "--key", "2.pem", "--operator", "1.pub")
    assert done.code == 0
    assert done.out.splitlines()[-1] == r"  claims to be signed by x\x0averified: all (not checked)"


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    for words in (["verify", "nowhere.json"], ["verify", "certificate.json", "--key", "nowhere.pub"], ["verify", "."]):
        answer = unlearn(folder, *words)
        assert answer.code == 2
        assert "name an existing file" in answer.err
