"""A process of the warm Python is as one of any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm

SAYS = """
import atexit, os, sys
atexit.register(print, "the end")
print(sys.argv, os.getcwd(), os.environ["MARK"], __name__, sys.path[0], sys.stdin.read())
print("to stderr", file=sys.stderr)
"""
Ask = Callable[..., list[object]]


@pytest.fixture
def both(tmp_path: Path) -> Ask:
    """What the warm one and `sys.executable` answer."""

    def ask(*arguments: str) -> list[object]:
        environ = {**os.environ, "MARK": "ä\udcff", "PYTHONPATH": str(tmp_path / "more")}
        how = {"cwd": tmp_path, "env": environ, "input": b"typed", "capture_output": True}
        ended = [subprocess.run([one, *arguments], **how, check=False) for one in (warm.python(), sys.executable)]  # type: ignore[call-overload]
        return [(done.returncode, done.stdout, done.stderr) for done in ended]

    (tmp_path / "more").mkdir()
    (tmp_path / "more/module.py").write_text(SAYS)
    (tmp_path / "script.py").write_text(SAYS)
    return ask


@pytest.mark.parametrize("how", [("-c", SAYS, "a", "-b"), ("-m", "module", "a"), ("script.py", "-c", "a"), ("-B", "script.py")])
def test_it_gets_and_answers_the_same(both: Ask, how: tuple[str, ...]) -> None:
    ours, theirs = both(*how)
    assert ours == theirs
    assert b"typed\nthe end" in str(ours).encode().replace(b"\\n", b"\n")


@pytest.mark.parametrize(
    "ends", ["raise SystemExit(3)", "raise SystemExit('said')", "1 / 0", "import os; os.kill(os.getpid(), 9)"]
)
def test_it_ends_alike(both: Ask, ends: str) -> None:
    [(ours, *_), (theirs, *_)] = both("-c", ends)  # type: ignore[misc]
    assert ours == theirs != 0


def test_processes_are_of_their_own_and_die_with_who_asked(tmp_path: Path) -> None:
    wait = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    running = [subprocess.Popen([warm.python(), "-c", wait], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    [one, other] = [int(process.stdout.readline()) for process in running]  # type: ignore[union-attr]
    assert one != other
    for process, number in zip(running, (signal.SIGKILL, signal.SIGTERM), strict=True):
        process.send_signal(number)
        assert process.wait(30) == -number
        process.stdout.close()  # type: ignore[union-attr]
    for pid in (one, other):
        until = time.monotonic() + 30
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < until
            time.sleep(0.02)


SLOWLY = """
import os, sys, time
from tests import warm

fork = os.fork
def slowly():
    pid = fork()
    if not pid:
        time.sleep(0.3)
    return pid

warm.PRELOADED, address = (), sys.argv[1]
with warm.socket.socket(warm.socket.AF_UNIX) as listener:
    listener.bind(address)
    listener.listen(64)
    print("listens", flush=True)
    os.fork = slowly
    warm._serve(listener, warm.Path(address))
"""


def test_none_dies_of_the_end_of_another(tmp_path: Path) -> None:
    """Each child that is slow to begin has copies of the sockets of those before it: their ends are not the next one's."""
    address = tmp_path / "socket"
    client = tmp_path / "python"
    client.write_text(warm.CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, str(address)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "listens\n"
        running = []
        for _ in range(20):
            running.append(subprocess.Popen([client, "-c", "pass"]))
            time.sleep(0.05)
        codes = [process.wait(30) for process in running]
        address.unlink()
    assert codes == [0] * 20
