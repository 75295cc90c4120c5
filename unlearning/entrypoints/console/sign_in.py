"""Who may look: whoever showed a key with the scope `read`, for a day, or whom a reverse proxy on this machine vouches for."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from unlearning.project import access

if TYPE_CHECKING:
    from starlette.requests import Request

    from unlearning.project.access import Access
    from unlearning.project.workspace import Workspace

COOKIE = "unlearning-console"
PATH = "/"
"""The endpoint that lets an erasure begin lies beside the console, and takes the same cookie."""
LASTS_S = 12 * 3600
"""Seconds after which a key must be shown again."""
_MOST = 1_000
"""Sessions that are kept; beyond, the oldest ends."""


@dataclass(frozen=True)
class Session:
    """Somebody who signed in."""

    access: Access
    ends: float


@dataclass(frozen=True)
class Sessions:
    """Who signed in with a key. Kept in memory alone: when the service starts anew, everybody signs in again."""

    workspace: Workspace
    clock: Callable[[], float] = time.monotonic
    _open: dict[str, Session] = field(default_factory=dict, repr=False)
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, token: str) -> str | None:
        """The name of a new session; None for a key that does not open the console."""
        found = access.opened_by(self.workspace, token)
        if found is None or "read" not in found.scopes:
            return None
        name, now = secrets.token_urlsafe(32), self.clock()
        with self._one:
            for over in [one for one, session in self._open.items() if session.ends <= now]:
                del self._open[over]
            while len(self._open) >= _MOST:
                del self._open[next(iter(self._open))]
            self._open[name] = Session(found, now + LASTS_S)
        return name

    def of(self, name: str | None) -> Access | None:
        """The key that a session was begun with; None unless it goes on: begun here, not run out, the key not taken back."""
        session = self._open.get(name or "")
        if session is None or session.ends <= self.clock() or not access.is_open(self.workspace, session.access.access_id):
            return None
        return session.access

    def end(self, name: str | None) -> None:
        """Sign out."""
        with self._one:
            self._open.pop(name or "", None)


def from_here(request: Request) -> bool:
    """A browser says that a page of this service asks, and no page of another site in the name of whoever signed in here."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def vouched(request: Request, header: str | None) -> bool:
    """A reverse proxy on this machine says who it is. header: the one that it sets; None where no proxy is trusted."""
    if header is None or not request.headers.get(header, "").strip() or request.client is None:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
