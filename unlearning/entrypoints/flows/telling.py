"""People are told through notification blocks of Prefect: Slack, e-mail, whatever one of its blocks reaches.

What is said names requests, erasures and counts, never a person. A block that is not there is refused before anything begins;
one that fails is said in the log and holds up nothing: the ledger and `unlearn status` know what it would have said.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block

from unlearning.domain.errors import SettingsError
from unlearning.domain.events import RequestOverdue, StartOverdue
from unlearning.erasure.report import counted

if TYPE_CHECKING:
    from unlearning.erasure.report import ErasureReport
    from unlearning.project.workspace import Workspace

_SHOWN = 20
"""So many requests are named in one message."""

progress = logging.getLogger("unlearning.progress")


class Told:
    """Whom `notify` names."""

    def __init__(self, workspace: Workspace) -> None:
        """Raises SettingsError for a block that the Prefect server does not have, or that tells nobody."""
        self._workspace = workspace
        self._blocks = {name: _block(name) for name in workspace.settings.notify}
        self._head = workspace.ledger.head()[0]

    def alarms(self) -> None:
        """Tell of requests whose deadline or latest safe start was seen to pass since this was made."""
        late = self._workspace.ledger.events(kinds=(StartOverdue, RequestOverdue), after=self._head) if self._blocks else []
        if late:
            names = list(dict.fromkeys(event.subject for event in late))
            said = f"{counted(len(names), 'request')} must begin now or came too late"
            self._tell(said, f"{_listed(names)}. `unlearn status` says more.")

    def ended(self, summary: ErasureReport) -> None:
        """Tell that an erasure came to its end."""
        left = counted(len(summary.residuals), "residual") if summary.residuals else "nothing left within reach"
        names = [one.request_id for one in summary.requests]
        said = f"{summary.erasure_id} has ended: {counted(len(names), 'request')}, {left}"
        self._tell(said, f"{_listed(names)}. Certificate: {summary.certificate or 'none'}")

    def refused(self, erasure_id: str) -> None:
        """Tell that an erasure stopped before its end, for people to decide or to correct something."""
        self._tell(f"{erasure_id} stopped before its end", "`unlearn status` says what it waits for.")

    def _tell(self, subject: str, body: str) -> None:
        for name, block in self._blocks.items():
            try:
                with block.raise_on_failure():
                    # A flow of ours has no event loop, and without one a block answers when it is done.
                    block.notify(body, subject)  # type: ignore[unused-coroutine]
            except Exception as error:  # whatever the other side is, the erasure does not depend on it
                progress.warning("notify  %s was not told (%s): %s", name, type(error).__name__, subject)


def _block(name: str) -> NotificationBlock:
    import prefect.blocks.notifications  # noqa: F401 - so that its kinds are known by name

    kind = name.partition("/")[0]
    try:
        found = Block.load(name, validate=False)
    except Exception as error:  # not there, of another version, or of a package that is not installed
        raise SettingsError(
            f"notify names the block {name}, which Prefect cannot load ({type(error).__name__}); expected one that "
            f"`prefect block ls` lists: make it on that Prefect server, install the package that {kind} comes from, or take "
            "the name out of params.yaml"
        ) from error
    if not isinstance(found, NotificationBlock):
        raise SettingsError(f"notify names {name}, a block that tells nobody; expected a notification, as slack-webhook/NAME")
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
