"""Whom to tell of requests, remembered in the ledger; what opens a receiver lies in a private file until it is used.

An address is kept for good, so it is refused where it names somebody. A reply token is a credential of somebody else's system:
it is in no event, and its file goes when the receiver was told or given up.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain import callbacks
from unlearning.domain.callbacks import Callback, Form, Rules, Wanted
from unlearning.domain.events import CallbackAsked
from unlearning.domain.hashing import canonical, label
from unlearning.stores.files import replacing, whole

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

TOKENS = ".unlearning/callbacks"
_ABANDONED_S = 24 * 3600
"""A token whose demand was never recorded, because its process was killed, goes after so long."""


def rules(workspace: Workspace, form: Form) -> Rules:
    """What `callbacks` says of receivers of this form; the operator's own Fides may be internal, to be resumed only."""
    said = workspace.settings.callbacks
    fides = [callbacks.receiver(said.fides).at] if said.fides and form == "fides" else []
    return Rules(said.hosts, (*said.internal, *fides))


def require_permitted(workspace: Workspace, wanted: Iterable[Wanted]) -> None:
    """Raises WrongUse for an address that would never be called."""
    for form, url in {(one.form, one.url) for one in wanted}:
        rules(workspace, form).require_permitted(callbacks.receiver(url))


def asked(workspace: Workspace, wanted: Iterable[Wanted], request_ids: Sequence[str]) -> Iterator[tuple[str, CallbackAsked]]:
    """The events that remember them, and their tokens on disk. request_ids: of one demand, at least one.

    Own JSON is told of each request by itself, the others of all that a demand became.
    """
    for one in wanted:
        for about in [[each] for each in request_ids] if one.form == "own" else [request_ids]:
            name = f"callback-{label(workspace.keys.index, canonical([*about, one.form, one.url]).decode())[:16]}"
            if one.token is not None:
                _keep(workspace.root, name, one.token)
            fact = CallbackAsked(callback=name, form=one.form, url=one.url, further=tuple(about[1:]), controller=one.controller)
            yield about[0], fact


def _keep(root: Path, name: str, token: str) -> None:
    folder = root / TOKENS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(folder / name) as stream:
        stream.write(token.encode())


def token(root: Path, name: str) -> str | None:
    """What opens this receiver; None where it is not kept here."""
    with suppress(FileNotFoundError):
        return whole(root / TOKENS / name).decode()
    return None


def forget(root: Path, still: Collection[str]) -> None:
    """Delete every token but those of callbacks that are still to be told, and those that are being recorded now."""
    for file in (root / TOKENS).glob("*callback-*"):
        with suppress(FileNotFoundError):  # another process was first
            if file.name not in still and time.time() - file.stat().st_mtime > _ABANDONED_S:
                file.unlink()


def use_up(root: Path, name: str) -> None:
    """The token was used, or is of no use any more."""
    (root / TOKENS / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Called:
    """Whom a request's states are told to, and how that goes."""

    to: str
    """Scheme, host and port."""
    told: str | None
    """The last state that the receiver took in, or that was given up."""
    at: datetime | None
    given_up: bool
    failed: int
    """Tries of the present state that failed."""
    why: str | None
    again: datetime | None


def of(workspace: Workspace, request_ids: Collection[str]) -> Mapping[str, tuple[Called, ...]]:
    """Request → whom it is told to, where anybody is."""
    known: dict[str, Callback] = {}
    callbacks.follow(known, workspace.ledger.events(subjects=request_ids, kinds=callbacks.KINDS))
    found: dict[str, tuple[Called, ...]] = {}
    for one in known.values():
        to = callbacks.receiver(one.asked.url)
        said = Called(f"{to.scheme}://{to.at}", one.state, one.at, one.gave_up, one.failed, one.why, one.again)
        found[one.subject] = (*found.get(one.subject, ()), said)
    return found
