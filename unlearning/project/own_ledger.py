"""Whether the ledger that was opened is the project's own: a mistyped address opens an empty one, in which nobody was erased.

The hash of its first event is remembered beside the marks of DVC's stores, in `.unlearning/stores.json`. A ledger restored from
an old copy begins with the same event and is its own: what is missing at its end, `unlearn audit` finds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import Unavailable
from unlearning.stores.dvc import recognition

if TYPE_CHECKING:
    from unlearning.stores.sql.ledger import SqlLedger

NAME = "ledger"
_SQLITE = "sqlite:///"


Used = Callable[["SqlLedger"], object]


def opened(root: Path, address: str, certificates: Path, open_it: Callable[[Used | None], SqlLedger]) -> SqlLedger:
    """The ledger, recognised; of a file that is not there nothing is made where one was before.

    certificates: their folder; where one lies, somebody was answered, whatever else was lost. Raises Unavailable.
    """
    mark = recognition.remembered(root).get(NAME)
    expected = mark is not None or any(certificates.glob("*.json"))
    if expected and address.startswith(_SQLITE) and not (root / address.removeprefix(_SQLITE)).exists():
        raise _other(address, "is not there")
    ledger = open_it(partial(_remember, root) if mark is None else None)
    first = ledger.first()
    if first is None and expected:
        raise _other(address, "is empty")
    if first is not None and mark is not None and first != mark:
        raise _other(address, f"begins with event {first[:12]}…, this project's own with {mark[:12]}…")
    return ledger


def _remember(root: Path, ledger: SqlLedger) -> None:
    """Only once something was recorded: a command that is refused changes nothing."""
    with contextlib.suppress(OSError):  # what was recorded is durable, and the next one remembers it
        recognition.remember(root, {NAME: ledger.first() or ""})


def _other(address: str, how: str) -> Unavailable:
    scheme, slashes, rest = address.partition("://")
    return Unavailable(
        f"the ledger ({scheme}{slashes}{rest.rpartition('@')[2]}) {how}, and this project has another: who was erased stands "
        "only there. Correct stores.ledger in params.yaml, or restore it from a backup. Where it is really to begin anew, take "
        f"the line {NAME!r} out of {recognition.FILE} and the old certificates out of their folder"
    )
