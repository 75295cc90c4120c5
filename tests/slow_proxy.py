"""A reverse proxy on the loopback in front of a real server, that answers late, not at all, or not now."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

STALL = "stall"
Manner = Callable[[str, int], "float | int | str | None"]
"""(path, how often it was asked for before) → seconds to be late (float); a status (int) or a page (str) to answer with;
`STALL` to never answer; None to pass it on."""


@dataclass
class SlowProxy:
    """What stands between; change `manner` at any time."""

    behind: str
    address: str = ""
    manner: Manner = lambda _path, _before: None
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def does(self, path: str) -> float | int | str | None:
        """What happens to one request."""
        with self._lock:
            before = self.asked.count(path)
            self.asked.append(path)
        return self.manner(path.partition("?")[0], before)


@contextlib.contextmanager
def slow_proxy(behind: str) -> Iterator[SlowProxy]:
    """A proxy in front of the server at `behind`; at first it only passes on."""
    proxy = SlowProxy(behind)

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            does = proxy.does(self.path)
            if does == STALL:
                proxy.ended.wait(60)
                self.close_connection = True
            elif isinstance(does, str):
                self._answer(200, "text/html", does.encode())
            elif isinstance(does, int):
                self._answer(does, "text/plain", b"not now")
            else:
                proxy.ended.wait(does or 0)
                self._answer(*self._passed_on(body))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one  # noqa: N815  # named by the standard library

        def _passed_on(self, body: bytes) -> tuple[int, str, bytes]:
            connection = http.client.HTTPConnection(urlsplit(proxy.behind).netloc, timeout=60)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")}
            connection.request(self.command, self.path, body, kept)
            got = connection.getresponse()
            content = got.read()
            connection.close()
            return got.status, got.headers.get("Content-Type", ""), content

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            with contextlib.suppress(OSError):  # whoever asked has stopped waiting
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        proxy.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            server.shutdown()
            thread.join()
