"""What every request passes before anything of it is read: how large, how encoded, how soon, from whom and how often."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from fastapi import HTTPException, Request

from unlearning.entrypoints.intake import signatures
from unlearning.entrypoints.intake.limits import Buckets
from unlearning.entrypoints.intake.together import Together
from unlearning.entrypoints.service import impatient
from unlearning.project import access

if TYPE_CHECKING:
    from unlearning.project.access import Scope
    from unlearning.project.workspace import Workspace

RATE, BURST = 1_000.0, 2_000.0
"""Requests a second of one caller who is known."""
STRANGERS_RATE, STRANGERS_BURST = 1.0, 30.0
"""Wrong or missing credentials a second of one address."""

_CHARSET = re.compile(r'charset="?([^";\s]+)', re.IGNORECASE)


@dataclass(frozen=True)
class Caller:
    """Somebody who may."""

    name: str
    """Id of the access, or `signature`."""
    delivery: str | None = None
    """Id of a signed message."""


@dataclass(frozen=True)
class Door:
    """What the service lets in."""

    workspace: Workspace
    secrets: Sequence[bytes] = field(default=(), repr=False)
    clock: Callable[[], float] = time.time
    known: Buckets = field(default_factory=lambda: Buckets(rate=RATE, burst=BURST, clock=time.monotonic))
    strangers: Buckets = field(
        default_factory=lambda: Buckets(rate=STRANGERS_RATE, burst=STRANGERS_BURST, clock=time.monotonic)
    )

    @cached_property
    def _opened_by(self) -> Together[str, access.Access | None, access.Access | None]:
        return Together(partial(access.opened_by_each, self.workspace), lambda _tokens, found: found)

    async def body(self, request: Request) -> bytes:
        """The raw bytes, up to a bound of size and time, in no other encoding than they are signed in."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPException(415, "the body is compressed; send it as it is")
        charset = _CHARSET.search(request.headers.get("content-type", ""))
        if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            raise HTTPException(415, "the body is in another charset than UTF-8")
        return await impatient.body(request, step="; send it in parts")

    async def caller(self, request: Request, scope: Scope, body: bytes = b"") -> Caller:
        """Who sends it, and may do this: by a bearer token, or by the signature of a message that hands requests in."""
        credentials = request.headers.get("authorization")
        signed = scope == "submit" and signatures.is_signed(request.headers)
        delivery = None
        if signed:
            try:
                delivery = signatures.verify(request.headers, body, self.secrets, now=self.clock())
            except signatures.NotAuthentic as error:
                raise self.stranger(request, str(error)) from error
        if credentials is None:
            if not signed:
                raise self.stranger(request, "expected a bearer token in the header Authorization")
            return self._counted(Caller("signature", delivery))
        kind, _, token = credentials.partition(" ")
        found = await self._opened_by(token) if kind.lower() == "bearer" else None
        if found is None:
            raise self.stranger(request, "the bearer token opens nothing: it is wrong, or was taken back")
        if scope not in found.scopes:
            raise HTTPException(403, f"the token has no scope {scope}")
        return self._counted(Caller(found.access_id, delivery))

    def stranger(self, request: Request, words: str) -> HTTPException:
        """What somebody with a wrong key or with none is answered; whoever comes too often only that."""
        if wait := self.strangers.take(request.client.host if request.client else ""):
            return _too_often(wait)
        return HTTPException(401, words, headers={"WWW-Authenticate": "Bearer"})

    def _counted(self, caller: Caller) -> Caller:
        if wait := self.known.take(caller.name):
            raise _too_often(wait)
        return caller


def _too_often(wait: float) -> HTTPException:
    return HTTPException(429, "too many requests", headers={"Retry-After": str(math.ceil(wait))})
