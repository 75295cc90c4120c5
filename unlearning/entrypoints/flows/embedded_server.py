"""Prefect's server as a script: `python -P embedded_server.py DOOR` answers at an open socket, given by its file descriptor.

`embedded.py` starts it by path, where this package and the project may not be found: it imports nothing of ours.
"""

from __future__ import annotations

import socket
import sys
import threading


def serve(door: socket.socket) -> None:
    """Answer at an open door until standard input ends, which the system sees to when the parent dies."""
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(ephemeral=True, final=True), log_level="error", lifespan="on")
    server = uvicorn.Server(config)

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    server.run(sockets=[door])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
