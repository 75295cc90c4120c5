"""Receivers of callbacks on loopback, which keep what they got and answer as a test says."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    """One call."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Somebody who is told."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: Callable[[int], int] = lambda _number: 204
    """Number of the call, from 1 → status."""
    location: str = ""
    trickle_s: float = 0
    """Between the bytes of its answer."""

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/told") -> str:
        return f"http://{self.at}{path}"


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that runs until the block ends."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status = made.answers(len(made.got))
            location = f"Location: {made.location}\r\n" if made.location else ""
            answer = f"HTTP/1.1 {status} Said\r\n{location}Content-Length: 0\r\n\r\n".encode()
            if not made.trickle_s:
                self.wfile.write(answer)
                return
            try:
                for each in answer:
                    self.wfile.write(bytes([each]))
                    time.sleep(made.trickle_s)
            except OSError:
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hangs up is the test's own caller
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
