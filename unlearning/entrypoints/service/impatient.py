"""A server that waits for nobody: a connection is one request, whose head and body come soon, or it is closed.

uvicorn itself waits for ever for the end of a head, and takes as many connections as there are file descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from unlearning.domain.errors import Unavailable

LARGEST_BODY = 1 << 20
"""Bytes; MLflow's own payloads are below 2 kB, and a list of a thousand people is below a tenth of it."""
LATEST_S = 15
"""Seconds for the head of a request, and again for its body: a sender across the world needs one."""
MOST_CONNECTIONS = 128
"""Open at once; MLflow's server delivers with ten threads. Each holds a file descriptor, of which a process often has 1024."""


class OneRequest(H11Protocol):
    """HTTP/1.1 with a bound on the time of a head and on how many are open; what answers closes the connection."""

    _waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._waits = self.loop.call_later(LATEST_S, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Over: nothing of it is kept until its time would have been up."""
        super().connection_lost(exc)
        if self._waits is not None:
            self._waits.cancel()

    def _hang_up(self) -> None:
        """Close what has sent no whole head by now; whoever has is answered, and its body has a bound of its own."""
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


async def body(request: Request, *, step: str = "") -> bytes:
    """The raw bytes, up to a bound of size and time. step: what whoever sends more can do, for the message."""
    found = bytearray()
    try:
        async with asyncio.timeout(LATEST_S):
            async for piece in request.stream():
                found += piece
                if len(found) > LARGEST_BODY:
                    raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes{step}")
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not come within {LATEST_S} s") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body did not come to its end") from error
    return bytes(found)


def answer(app: FastAPI, door: socket.socket, **more: Any) -> None:
    """Until the process is told to end. more: settings of uvicorn's besides."""
    closing = [("Connection", "close")]
    # No log of accesses: an address may hold what somebody wrote in it.
    config = uvicorn.Config(app, http=OneRequest, log_level="error", access_log=False, headers=closing, **more)
    with _told_to_end():
        uvicorn.Server(config).run(sockets=[door])


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Within: SIGTERM and Ctrl-C end the server and nothing else, so that a round can end; after it they kill again.

    uvicorn ends, and then raises the signal once more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def door(host: str, port: int) -> socket.socket:
    """Where connections come. Raises Unavailable when the address cannot be had."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise Unavailable(f"nobody can listen at {host}:{port} ({error.strerror}); name another --host or --port") from error
