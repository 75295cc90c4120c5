"""Keys of the intake service, typed."""

from __future__ import annotations

from pathlib import Path

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History


def test_a_key_is_shown_once_listed_and_taken_back(beginning: History, tmp_path: Path) -> None:
    root = beginning.copy(tmp_path / "project").root
    assert "no key was given yet" in unlearn(root, "token", "list").out
    made = unlearn(root, "token", "create", "--scope", "submit", "--scope", "read", "--json").document
    assert made["scopes"] == ["submit", "read"]
    listed = unlearn(root, "token", "list", "--json")
    assert made["token"] not in listed.said
    assert [one["access_id"] for one in listed.document] == [made["access_id"]]
    done = unlearn(root, "token", "revoke", made["access_id"], "--json").document
    assert done["revoked_at"] is not None
    assert "taken back" in unlearn(root, "token", "list").out
    assert unlearn(root, "token", "create", "--scope", "admin").code == 2
    assert unlearn(root, "token", "revoke", "access-0123456789abcdef").code == 2
