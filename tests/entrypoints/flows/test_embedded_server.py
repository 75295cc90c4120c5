"""The script of the embedded server can be started by path, and several first starts do not break each other."""

from __future__ import annotations

import ast
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unlearning.domain.environ import PREFECT_EMBEDDED
from unlearning.entrypoints.flows import embedded_server


def test_the_script_of_the_server_imports_nothing_of_the_package() -> None:
    """It runs by path, where the package may not be found."""
    with open(embedded_server.__file__) as source:
        names = {
            name
            for node in ast.walk(ast.parse(source.read()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        }
    theirs = {"prefect", "prefect.server.api.server", "uvicorn"}
    assert {name.partition(".")[0] for name in names - theirs} <= set(sys.stdlib_module_names)
    assert names >= theirs


def test_first_starts_come_one_after_the_other_and_later_ones_at_once(tmp_path: Path) -> None:
    """A file lock belongs to its open file, so that threads wait for each other as processes do."""
    lock, inside, together = str(tmp_path / "lock"), [], []

    def start(version: str) -> None:
        with embedded_server.first_start(lock, version) as done:
            inside.append(1)
            together.append(len(inside))
            time.sleep(0.1)
            inside.pop()
            done()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, ["3.7", "3.7"]))
        assert together == [1, 1]  # the second waited
        with embedded_server.first_start(lock, "3.7"), embedded_server.first_start(lock, "3.7"):
            pass  # nobody waits for the first any more
        list(pool.map(start, ["4.0", "4.0"]))
    assert together == [1, 1, 1, 1]
    assert Path(lock).read_text() == "4.0"


def test_a_first_start_that_dies_leaves_its_turn_to_the_next(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with pytest.raises(ZeroDivisionError), embedded_server.first_start(lock, "3.7"):
        raise ZeroDivisionError
    with embedded_server.first_start(lock, "3.7") as done:
        done()


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether a server answers, however slowly it starts; one that ended does not."""
    while process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=20) as said:
            return bool(said.status == 200)
    return False


@pytest.mark.services
@pytest.mark.timeout(1800)
@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_servers_that_start_at_once_in_a_new_home_all_answer(tmp_path: Path, count: int) -> None:
    """The one that makes the database, and those that wait for it and then need not wait for each other."""
    lock, environment = tmp_path / "lock", {**os.environ, **PREFECT_EMBEDDED, "PREFECT_HOME": str(tmp_path)}
    environment.pop("PREFECT_API_URL", None)
    servers = []
    for number in range(count):
        with socket.create_server(("127.0.0.1", 0)) as door, (tmp_path / f"{number}.log").open("wb") as log:
            command = [sys.executable, "-P", embedded_server.__file__, str(door.fileno()), str(lock)]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, pass_fds=[door.fileno()]
            )
            servers.append((door.getsockname()[1], process))
    try:
        assert [answers(*one) for one in servers] == [True] * len(servers)
        assert not [file for file in tmp_path.glob("*.log") if "Traceback" in file.read_text()]
    finally:
        for _, process in servers:
            process.communicate()
