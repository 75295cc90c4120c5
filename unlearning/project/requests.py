"""Requests, looked up in the ledger by the ids that people hand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from unlearning.domain import lifecycle
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import NotFound

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


def unknown(request_ids: Iterable[str]) -> NotFound:
    """The error about ids that nobody gave out; what does not look like one is not repeated: it may name a person."""
    shown = [
        one if lifecycle.REQUEST_ID.fullmatch(one) else f"({len(one)} characters that are no request id)" for one in request_ids
    ]
    return NotFound(
        f"no request {', '.join(shown)} in the ledger; `unlearn status` lists them by id, like request-0123456789abcdef"
    )


def chosen(workspace: Workspace, request_ids: Sequence[str]) -> list[ErasureRequest]:
    """The named requests, or every open one; raises NotFound for an unknown id."""
    if not request_ids:
        return workspace.ledger.standing.open()
    known = workspace.ledger.standing.requests(request_ids)
    if missing := [one for one in request_ids if one not in known]:
        raise unknown(missing)
    return [known[one] for one in request_ids]
