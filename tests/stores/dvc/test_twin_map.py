"""Which object stands in for which: followed to its end, signed, and kept in two places."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from unlearning.certificate import envelope
from unlearning.domain.errors import VerificationFailed
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git import command, plumbing
from unlearning.stores.git.repository import Git, create

A, B, C = (
    Twin(old, new, "data/train.csv", digit * 64, 10) for old, new, digit in (("a", "b", "1"), ("b", "c", "2"), ("x", "y", "3"))
)


def key(seed: int) -> bytes:
    made = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


KEY = key(1)
PUBLIC = [envelope.public_key(KEY)]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def test_a_twin_of_a_twin_stands_in_for_the_first(git: Git) -> None:
    twins = TwinMap([A, B, C])
    assert [twins.last(name) for name in ("a", "b", "x", "c", "never erased")] == [B, B, C, None, None]


def test_an_object_whose_redaction_changed_nothing_is_its_own_twin_and_ends_the_search() -> None:
    same = replace(A, new="a")
    assert TwinMap([same]).last("a") == same


def test_what_is_in_the_map_stays_when_more_is_added() -> None:
    more = TwinMap([A], ["s"]).with_twins([replace(A, new="other"), C], ["t"])
    assert dict(more.twins) == {"a": A, "x": C}
    assert more.stale == {"s", "t"}


def test_an_output_is_made_of_erased_data_under_its_own_name_and_under_that_of_its_twin() -> None:
    twins = TwinMap([A, B, C], stale=["c"])
    assert [name for name in ("a", "b", "c", "x", "y") if twins.made_of_erased(name)] == ["a", "b", "c"]


def test_a_map_comes_back_as_it_was_written_and_writing_it_again_changes_nothing(git: Git) -> None:
    assert dict(twin_map.read(git, git.root).twins) == {}
    for _ in range(2):
        twin_map.write(git, git.root, TwinMap([C, A, replace(B, files=3)], ["s"]), signing_key=KEY)
        found = twin_map.read(git, git.root, public_keys=PUBLIC)
        assert dict(found.twins) == {"a": A, "b": replace(B, files=3), "x": C}
        assert found.stale == {"s"}
    assert plumbing.kept(git, twin_map.FILE) == (git.root / twin_map.FILE).read_bytes()
    log = command.text(git.root, "rev-list", "--count", plumbing.MAP)
    assert log.strip() == "1"


def test_a_map_counts_in_either_place_alone_and_both_count_together(git: Git, tmp_path: Path) -> None:
    twin_map.write(git, git.root, TwinMap([A]), signing_key=KEY)
    file = git.root / twin_map.FILE
    old = file.read_bytes()
    file.unlink()
    assert set(twin_map.read(git, git.root).twins) == {"a"}
    twin_map.write(git, git.root, TwinMap([C]), signing_key=KEY)
    file.write_bytes(old)
    assert set(twin_map.read(git, git.root).twins) == {"a", "x"}
    clone = create(tmp_path / "clone", author="Ada", email="ada@example.org")
    (clone.root / twin_map.FILE).write_bytes(old)
    assert set(twin_map.read(clone, clone.root, public_keys=PUBLIC).twins) == {"a"}


def test_a_map_that_is_signed_with_another_key_is_refused_and_one_of_a_retired_key_is_not(git: Git) -> None:
    twin_map.write(git, git.root, TwinMap([A]), signing_key=KEY)
    other = envelope.public_key(key(2))
    with pytest.raises(VerificationFailed, match="signed with none of this project's 1 keys"):
        twin_map.read(git, git.root, public_keys=[other])
    assert set(twin_map.read(git, git.root, public_keys=[other, *PUBLIC]).twins) == {"a"}
    assert set(twin_map.read(git, git.root).twins) == {"a"}


def test_another_signed_statement_is_no_map(git: Git) -> None:
    subject = [{"name": "x", "digest": {"sha256": "0" * 64}}]
    said = {"_type": envelope.STATEMENT_TYPE, "subject": subject, "predicateType": "something/else", "predicate": {}}
    (git.root / twin_map.FILE).write_bytes(envelope.dump(envelope.sign(json.dumps(said).encode(), KEY)))
    with pytest.raises(VerificationFailed, match="is about 'something/else'"):
        twin_map.read(git, git.root, public_keys=PUBLIC)
