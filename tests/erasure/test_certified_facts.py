"""What an erasure did, gathered as facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from unlearning.domain import hashing, merkle
from unlearning.erasure import certified_facts
from unlearning.project.settings import BackupSettings
from unlearning.stores.rolls import packed

TOKENS = [hashing.digest(number) for number in range(5)]


def test_the_code_has_one_name_until_it_changes() -> None:
    assert certified_facts.code_digest() == certified_facts.code_digest()
    assert len(certified_facts.code_digest()) == 64


def test_absence_is_shown_of_everyone_who_is_gone_in_a_tree_of_those_who_stay() -> None:
    tree = certified_facts._tree(packed(bytes.fromhex(token) for token in TOKENS[2:]))
    shown = certified_facts.absences(tree, TOKENS[:2])
    assert [one.token for one in shown] == [token[:32] for token in TOKENS[:2]]
    for one in shown:
        assert one.proof.kind == "absence"
        assert merkle.verify(one.proof, tree.root, bytes.fromhex(one.token), size=3)


def test_a_backup_expires_so_many_days_after_the_purge_or_nobody_knows_when() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    backups = (BackupSettings(name="nightly", keeps_days=35), BackupSettings(name="tape"))
    workspace: Any = SimpleNamespace(settings=SimpleNamespace(backups=backups))
    nightly, tape = certified_facts._backups(workspace, now)
    assert (nightly.expires_at, tape.expires_at) == (now + timedelta(days=35), None)
