"""Keys of the intake service: shown once, kept as salted hashes, taken back for good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.project import access
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def test_a_key_is_nowhere_but_in_the_answer(workspace: Workspace) -> None:
    made = access.grant(workspace, ["read", "submit"], now=NOON)
    secret = made.token.rsplit("_", 1)[1] if made.token.count("_") == 2 else made.token[21:]
    assert made.scopes == ("submit", "read")
    assert secret not in repr(made)
    assert secret not in str(workspace.ledger.events())
    found = access.opened_by(workspace, made.token)
    assert found is not None
    assert (found.access_id, found.scopes) == (made.access_id, made.scopes)
    assert access.every(workspace) == [found]


def test_another_key_opens_nothing(workspace: Workspace) -> None:
    one, other = (access.grant(workspace, ["submit"], now=NOON).token for _ in range(2))
    crossed = one[:21] + other[21:]
    for wrong in ("", "unl_", one[:-1], one + "A", one.upper(), crossed, f" {one}", one.replace("unl_", "key_")):
        assert access.opened_by(workspace, wrong) is None
    again = access.revoke(workspace, access.every(workspace)[0].access_id, now=NOON)
    assert again.revoked_at == NOON
    assert access.revoke(workspace, again.access_id, now=NOON) == again
    assert access.opened_by(workspace, one) is None
    assert access.opened_by(workspace, other) is not None


def test_a_scope_or_an_id_that_is_none_is_refused(workspace: Workspace) -> None:
    for scopes in ([], ["admin"]):
        with pytest.raises(WrongUse):
            access.grant(workspace, scopes, now=NOON)  # type: ignore[arg-type]
    with pytest.raises(NotFound) as caught:
        access.revoke(workspace, "ann-1", now=NOON)
    assert "ann-1" not in str(caught.value)
