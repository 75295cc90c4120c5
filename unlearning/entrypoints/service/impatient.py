"""A connection of the server that is not waited for: one request, whose head comes soon, or it is closed. Beside `uvicorn`.

uvicorn itself waits for ever for the end of a head, and takes as many connections as there are file descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

from uvicorn.protocols.http.h11_impl import H11Protocol

from unlearning.domain.errors import Unavailable

LATEST_S = 15
"""Seconds for the head of a request, and again for its body: a sender across the world needs one."""
MOST_CONNECTIONS = 128
"""Open at once; MLflow's server delivers with ten threads. Each holds a file descriptor, of which a process often has 1024."""


class OneRequest(H11Protocol):
    """HTTP/1.1 with a bound on the time of a head and on how many are open; what answers closes the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(LATEST_S, self._hang_up)

    def _hang_up(self) -> None:
        """Close what has sent no whole head by now; whoever has is answered, and its body has a bound of its own."""
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


@contextlib.contextmanager
def told_to_end() -> Iterator[None]:
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
