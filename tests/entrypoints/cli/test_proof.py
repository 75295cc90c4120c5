"""`unlearn prove`, as people read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.commands import unlearn
from unlearning.entrypoints.cli.proof import _lines

MADE: dict[str, Any] = {
    "kind": "inclusion",
    "token": "ab" * 32,
    "root": "cd" * 32,
    "data_version": {"path": "data/a.csv", "object": "12" * 16, "rev": "ef" * 20, "people": 12},
    "key": {"id": "0123456789abcdef", "origin": "project"},
}


def test_a_proof_says_of_whom_by_token_in_what_and_under_which_key() -> None:
    assert _lines(MADE) == [
        "inclusion: tok_abababababab is in data/a.csv@121212121212 at efefefefefef",
        f"  root {'cd' * 32} over 12 people",
        "  key  0123456789abcdef (project)",
    ]


@pytest.mark.parametrize(("kind", "says"), [("inclusion", " is in "), ("absence", " is not in ")])
def test_absence_and_inclusion_are_told_apart(kind: str, says: str) -> None:
    assert says in _lines({**MADE, "kind": kind})[0]


def test_content_that_no_commit_names_has_no_revision_and_a_key_that_is_gone_is_said_to_be() -> None:
    uncommitted = {**MADE, "data_version": {**MADE["data_version"], "rev": None}, "key": {"id": "01", "origin": "one-off"}}
    lines = _lines(uncommitted)
    assert lines[0].endswith("data/a.csv@121212121212")
    assert lines[2].endswith("made for this proof and thrown away)")


def test_a_key_signs_the_document_and_without_one_there_is_nothing_to_sign(tmp_path: Path) -> None:
    said = unlearn(tmp_path, "prove", "--subject", "x", "--data", "a.csv", "--key", "signing.pem")
    assert said.code == 2
    assert "say --json too" in said.err
