"""One POST to an address that somebody else chose: to the very address that was checked, bounded, and never on from there.

The name is resolved once; when any of its addresses may not be reached, nothing is connected to. The connection goes to what
was checked, so that a name that resolves to something else a moment later gains nothing. No redirect is followed, no proxy of
the environment is asked, and of the answer only its status and headers are read.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException

from unlearning.domain.callbacks import Receiver, reachable

PATIENCE_S = 10.0
"""For one call, from the connection to the status; how long a name may take is the resolver's own bound."""
_TRIED = 3
"""Addresses of one name."""

Resolve = Callable[[str, int], Sequence[str]]
"""Host, port → every address that the name stands for. Raises OSError."""


class NotTaken(Exception):
    """The receiver did not take it in, in words that say nothing of the message or of what lies behind the name."""


def resolved(host: str, port: int) -> list[str]:
    """As the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def post(
    to: Receiver,
    body: bytes,
    headers: Mapping[str, str],
    *,
    internal: bool = False,
    resolve: Resolve = resolved,
    patience_s: float = PATIENCE_S,
    trust: ssl.SSLContext | None = None,
) -> None:
    """Send the body; raises NotTaken unless it is answered with 2xx.

    internal: the operator named this receiver, so it may be private. trust: whose certificates count; None: the system's.
    """
    ends = time.monotonic() + patience_s
    try:
        addresses = resolve(to.host, to.port)
    except (OSError, UnicodeError):
        raise NotTaken("its name is not known") from None
    if not addresses or not all(reachable(one, internal=internal) for one in addresses):
        raise NotTaken("its name leads to an address that is not called")
    with ExitStack() as stack:
        try:
            line = stack.enter_context(_connected(addresses[:_TRIED], to.port, ends))
            status = _answered(stack, line, to, body, headers, ends, trust)
        except (OSError, HTTPException, ValueError) as error:
            raise NotTaken("it took too long" if time.monotonic() >= ends else type(error).__name__) from None
    if not 200 <= status < 300:
        raise NotTaken(f"it answered {status}")


def _connected(addresses: Sequence[str], port: int, ends: float) -> socket.socket:
    error: OSError = TimeoutError()
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=max(0.01, ends - time.monotonic()))
        except OSError as found:
            error = found
    raise error


def _answered(
    stack: ExitStack,
    line: socket.socket,
    to: Receiver,
    body: bytes,
    headers: Mapping[str, str],
    ends: float,
    trust: ssl.SSLContext | None,
) -> int:
    watch = threading.Timer(max(0.01, ends - time.monotonic()), _cut, [stack.enter_context(line.dup())])
    watch.daemon = True
    watch.start()  # a byte now and then keeps every other bound from being reached
    stack.callback(watch.join)
    stack.callback(watch.cancel)
    if to.scheme == "https":
        line = stack.enter_context((trust or ssl.create_default_context()).wrap_socket(line, server_hostname=to.host))
    connection = HTTPConnection(to.host, to.port)
    connection.sock = line
    plain = to.port == (443 if to.scheme == "https" else 80)
    connection.request("POST", to.path, body, {"Host": to.bracketed if plain else to.at, "Connection": "close", **headers})
    return connection.getresponse().status


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # it ended by itself
        line.shutdown(socket.SHUT_RDWR)
