"""`unlearn replay`: what an auditor drew is trained again from nothing, and compared with what was signed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import TRAIN, Project
from unlearning.domain.errors import NotFound, VerificationFailed, WrongUse
from unlearning.erasure import drawn_replay

PUBLIC = ".unlearning/keys/signing.pub"
BEACON = "beacon:a value that came out later"


def certificate(project: Project) -> Path:
    [found] = (project.root / ".unlearning/certificates").glob("*.json")
    return found


def now() -> datetime:
    return datetime.now(UTC)


def test_what_an_auditor_draws_is_trained_again_and_the_draw_is_told(erased_project: Project, tmp_path: Path) -> None:
    file, key = certificate(erased_project), tmp_path / "auditor"
    key.write_bytes(b"a key that only the auditor has")
    before = set(erased_project.workspace.checkpoints.keys())
    found = unlearn(erased_project.root, "replay", str(file), "--draw", f"key:{key}", "--shards", "2", "--json")
    assert found.code == 0, found.said
    told = found.document
    assert (told["verdict"], len(told["compared"]), told["draw"]["of"]) == ("passed", 2, 4)
    assert all(one["equal"] for one in told["compared"])
    assert "only the auditor" not in found.said
    assert set(erased_project.workspace.checkpoints.keys()) == before

    # The auditor draws without the project, by the same key, and hands in what came out: it is the same.
    own = unlearn(tmp_path, "replay", str(file), "--draw", f"key:{key}", "--shards", "2", "--dry-run", "--json", "--key",
                  str(erased_project.root / PUBLIC))  # fmt: skip
    assert own.document == told["draw"]
    (tmp_path / "draw.json").write_text(own.out)
    again = unlearn(erased_project.root, "replay", str(file), "--draw", str(tmp_path / "draw.json"), "--dry-run", "--json")
    assert again.document == told["draw"]

    chosen = {**own.document, "drawn": [{"model": "models:/outcome/2", "shard": 9}]}
    (tmp_path / "draw.json").write_text(json.dumps(chosen))
    refused = unlearn(erased_project.root, "replay", str(file), "--draw", str(tmp_path / "draw.json"))
    assert refused.code == 2
    assert "shard 9 of models:/outcome/2, which the certificate does not state" in refused.err


def test_a_certificate_that_states_other_bytes_fails(erased_project: Project) -> None:
    workspace = erased_project.workspace
    stated = drawn_replay.stated(certificate(erased_project), workspace.trusted_keys, now=now())
    lying = replace(stated, constituents=dict.fromkeys(stated.constituents, "00" * 32))
    found = drawn_replay.run(workspace, lying, drawn_replay.draw(lying, BEACON, 1))
    assert (found.verdict, found.compared[0].equal) == ("failed", False)

    erased_project.request(erased_project.people(TRAIN)[0])
    with pytest.raises(NotFound, match="people who asked since"):
        drawn_replay.run(erased_project.workspace, stated, drawn_replay.draw(stated, BEACON, 1))


def test_what_is_not_signed_is_not_replayed(erased_template: Project, tmp_path: Path) -> None:
    file = certificate(erased_template)
    with pytest.raises(WrongUse, match="nothing says who signed"):
        drawn_replay.stated(file, (), now=now())
    other = json.loads(file.read_text())
    other["signatures"][0]["sig"] = "A" * 86 + "=="
    (tmp_path / "forged.json").write_text(json.dumps(other))
    with pytest.raises(VerificationFailed, match="is invalid"):
        drawn_replay.stated(tmp_path / "forged.json", erased_template.workspace.trusted_keys, now=now())


@pytest.mark.parametrize(
    ("said", "shards", "why"),
    [
        ("beacon:1", None, "16 or more"),
        (BEACON, 5, "expected 1 to 4"),
        (PUBLIC, 2, "leave it out"),
        (PUBLIC, None, "is no draw"),
    ],
)
def test_what_draws_nothing_is_refused(erased_template: Project, said: str, shards: int | None, why: str) -> None:
    stated = drawn_replay.stated(certificate(erased_template), erased_template.workspace.trusted_keys, now=now())
    said = said if said.startswith("beacon") else str(erased_template.root / said)
    with pytest.raises(WrongUse, match=why):
        drawn_replay.draw(stated, said, shards)
    with pytest.raises(NotFound, match="cannot be read"):
        drawn_replay.draw(stated, "nowhere.json", None)
