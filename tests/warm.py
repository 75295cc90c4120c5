"""A Python whose processes have imported what takes seconds: forked from one server of the session instead of started.

Everything else is as with `sys.executable`: a process of its own with its arguments, folder, environment, streams and exit
code. What a test says of imports, of warnings on the way or of signals is said of `sys.executable`, not of this.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import logging
import marshal
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = (
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "torch",
    "dvc.cli.parser",
    "dvc.repo",
    "great_expectations.expectations",
    "sklearn.linear_model",
    "unlearning.entrypoints.cli",
    "unlearning.erasure.steps.certify",
    "unlearning.traces.sweep",
    "unlearning.learners.torch",
    "unlearning.checks.data",
)
"""Not Prefect, which reads its home when it is imported; and nothing that begins a thread or sets up logging."""
FOLDER = "UNLEARNING_TESTS_WARM"
"""The variable that names the folder of the session, `pytest_configure` sets it: the workers of a session share one server."""

CLIENT = """#!{python} -IS
import marshal, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
try:
    server.connect({address!r})
except OSError:  # the session is over: slower, and the same
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
asked = marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ)))
socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
server.sendall(asked)
answers = server.makefile("rb")
child = int(answers.readline())


def pass_on(number, frame):
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        pass


for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, pass_on)
code = int(answers.readline() or 1)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def python() -> str:
    """The file to start in place of `sys.executable`; the first who asks in a session starts the server.

    Itself where no session of tests is: a benchmark starts servers too.
    """
    if FOLDER not in os.environ:
        return sys.executable
    folder = Path(os.environ[FOLDER])
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client, address = folder / "python", folder / "socket"
        if not client.exists():
            command = [sys.executable, "-P", "-W", "ignore", __file__, str(address)]
            with (folder / "log").open("wb") as log:
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", check=True)
            client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
            client.chmod(0o755)
    return str(client)


def serve(address: str) -> None:
    """Import everything, and fork for each who asks until the session takes its folder away; returns once it listens."""
    for name in PRELOADED:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork has the thread that forks alone"
    assert not logging.getLogger().handlers, "each process sets up its own"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        if os.fork():
            os._exit(0)
        os.setsid()
        gc.collect()
        gc.freeze()
        _serve(listener, Path(address))


def _serve(listener: socket.socket, address: Path) -> None:
    asking: dict[int, tuple[int, socket.socket]] = {}  # by descriptor: the process that runs for whom
    with select.epoll() as ready:
        ready.register(listener, select.EPOLLIN)
        while address.exists():
            for number, _ in ready.poll(0.02 if asking else 1):
                if number in asking:  # who asked was killed, and so is what runs for them
                    os.killpg(asking[number][0], signal.SIGKILL)
                    continue
                client = listener.accept()[0]
                pid = os.fork()
                if not pid:
                    ready.close()
                    for other in (listener, *(one for _, one in asking.values())):
                        other.close()
                    _child(client)
                os.setpgid(pid, pid)  # so that who asked reaches what it starts, too
                asking[client.fileno()] = pid, client
                with contextlib.suppress(OSError):
                    client.sendall(b"%d\n" % pid)
                ready.register(client, select.EPOLLRDHUP | select.EPOLLONESHOT)
            for number, (pid, client) in list(asking.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del asking[number]
                    # To close it is not enough: a child just forked has a copy yet, and the number is another's by then.
                    ready.unregister(number)
                    with client, contextlib.suppress(OSError):
                        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _child(client: socket.socket) -> NoReturn:
    size, streams, *_ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as asked:
        arguments, folder, environ = marshal.loads(asked.read(int.from_bytes(size, "big")))
    client.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None
    code = _run(arguments)
    threading._shutdown()  # type: ignore[attr-defined]  # as at the end of every interpreter, in this order
    atexit._run_exitfuncs()
    for stream_of_text in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream_of_text.flush()
    os._exit(code)


def _run(arguments: list[str]) -> int:
    try:
        _as_main(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _as_main(arguments: list[str]) -> None:
    """What the interpreter does with its command line."""
    while arguments[0] in ("-B", "-W"):
        option = arguments.pop(0)
        if option == "-W":
            warnings._processoptions([arguments.pop(0)])  # type: ignore[attr-defined]
        else:
            sys.dont_write_bytecode = True
    sys.path[:0] = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    first, *rest = arguments
    if first == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        return
    main: Any = types.ModuleType("__main__")
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        code = compile(rest[0], "<string>", "exec")
    elif first.startswith("-"):
        raise ValueError(f"{first} is no option of this Python")
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(first).resolve().parent))
        main.__file__ = first
        code = compile(Path(first).read_bytes(), first, "exec")
    exec(code, main.__dict__)


if __name__ == "__main__":
    serve(sys.argv[1])
