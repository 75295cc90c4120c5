"""Where temporary files lie: in the project while there is one, and gone afterwards, whoever made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from unlearning.stores import scratch, spool


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".unlearning").mkdir()
    return tmp_path


def children(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name != ".gate"] if folder.is_dir() else []


def test_within_everybodys_temporary_files_lie_in_the_project_and_go_at_the_end(root: Path) -> None:
    system, before = scratch.system(), os.environ.get("TMPDIR")
    with scratch.at_home(root):
        mine = Path(tempfile.gettempdir())
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"rows")
        asked = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
        child = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        assert mine.is_relative_to(root / ".unlearning/tmp")
        assert mine.stat().st_mode & 0o777 == 0o700
        assert Path(file.name).is_relative_to(mine)
        assert Path(child).is_relative_to(mine)
        assert scratch.system() == system
        with scratch.at_home(root):  # a flow in a command
            assert scratch.system() == system
        assert tempfile.gettempdir() == str(mine)
    assert (Path(tempfile.gettempdir()), os.environ.get("TMPDIR")) == (system, before)
    assert children(root / ".unlearning/tmp") == []


def test_what_a_killed_process_left_is_known_and_swept_by_the_next(root: Path) -> None:
    script = (
        "import sys, tempfile, time\nfrom pathlib import Path\nfrom unlearning.stores import scratch\n"
        "with scratch.at_home(Path(sys.argv[1])):\n"
        "    Path(tempfile.mkdtemp(), 'table.csv').write_text('Zq0001')\n    print('there', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        assert spool.stale(root / ".unlearning/tmp") == []
        process.send_signal(signal.SIGKILL)
    time.sleep(0)
    assert len(spool.stale(root / ".unlearning/tmp")) == 1
    with scratch.at_home(root):
        assert list(root.rglob("table.csv")) == []


def test_where_no_project_is_or_nothing_can_be_written_the_systems_folder_serves(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with scratch.at_home(tmp_path):
        assert tempfile.gettempdir() == before
    (tmp_path / ".unlearning").mkdir()
    (tmp_path / ".unlearning/tmp").write_text("no folder")
    with scratch.folder(tmp_path) as folder:
        assert folder.parent == Path(before)
        assert folder.name.startswith(scratch.PREFIX)
    assert not folder.exists()


def test_a_folder_until_the_end_of_the_process_lies_in_the_project_around(root: Path) -> None:
    (root / "src/deep").mkdir(parents=True)
    script = (
        "import sys\nfrom pathlib import Path\nfrom unlearning.stores import scratch\n"
        "folder = scratch.until_the_end(Path(sys.argv[1]))\n(folder / 'table.csv').write_text('Zq0001')\nprint(folder)\n"
    )
    asked = [sys.executable, "-c", script, str(root / "src/deep")]
    folder = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    assert folder.is_relative_to(root / ".unlearning/tmp")
    assert not folder.exists()
