"""What `unlearn init` knows again as its own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain.hashing import bytes_digest
from unlearning.entrypoints.scaffold import notes
from unlearning.entrypoints.scaffold.notes import Notes


def test_what_was_written_is_known_again_and_nothing_else(tmp_path: Path) -> None:
    notes.write(tmp_path, Notes({"model": "churn"}, {"person": "who"}, bytes_digest(b"recipe = 1")))
    noted = notes.read(tmp_path)
    assert noted.said("model", "churn")
    assert not noted.said("model", "mine")
    assert not noted.said("data.source", None)
    assert noted.wrote("recipe = 1")
    assert not noted.wrote("recipe = 2")
    assert not noted.wrote(None)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b'{"params": 1, "columns": {}, "recipe": null}'])
def test_without_notes_every_word_is_somebody_s(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / notes.FILE).parent.mkdir()
        (tmp_path / notes.FILE).write_bytes(content)
    assert notes.read(tmp_path) == Notes()
