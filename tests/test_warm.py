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
