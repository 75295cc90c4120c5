"""Prefect's server as a script: `python -P embedded_server.py DOOR LOCK` answers at an open socket, given by its descriptor.

`embedded.py` starts it by path, where this package and the project may not be found: it imports nothing of ours.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

POLL_SECONDS = 0.05


def serve(door: socket.socket, lock: str) -> None:
    """Answer at an open door until standard input ends, which the system sees to when the parent dies."""
    import prefect
    import uvicorn
    from prefect.server.api.server import create_app

    with first_start(lock, prefect.__version__) as done:
        server = uvicorn.Server(uvicorn.Config(create_app(ephemeral=True, final=True), log_level="error", lifespan="on"))

        def wait_for_the_end() -> None:
            sys.stdin.buffer.read()
            server.should_exit = True

        def wait_for_the_start() -> None:
            while not server.started and not server.should_exit:
                time.sleep(POLL_SECONDS)
            if server.started:
                done()

        for wait in (wait_for_the_end, wait_for_the_start):
            threading.Thread(target=wait, daemon=True).start()
        server.run(sockets=[door])


@contextlib.contextmanager
def first_start(lock: str, version: str) -> Iterator[Callable[[], None]]:
    """Alone while the database is made or brought to this version: two servers that do that at once break each other's.

    lock: a file, which says for which version that was done; then nobody waits. Call what comes once the server has started.
    """
    with open(lock, "a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.seek(0)
        if held.read() == version:
            fcntl.flock(held, fcntl.LOCK_UN)
            yield lambda: None
            return

        def done() -> None:
            held.truncate(0)
            held.write(version)
            held.flush()
            fcntl.flock(held, fcntl.LOCK_UN)

        yield done


if __name__ == "__main__":
    # As in a command: there is little garbage among the million objects that imports leave, and the end need not look for it.
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
