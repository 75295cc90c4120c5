"""What a DVC process that was killed leaves of its list of files in use keeps nobody waiting; one that lives does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unlearning.domain.errors import Unavailable
from unlearning.stores.dvc import repository
from unlearning.stores.dvc.repository import DvcData


@pytest.fixture
def data(tmp_path: Path) -> DvcData:
    made = repository.create(tmp_path / "project", remote=".remote")
    (made.root / "table.csv").write_text("who\nme\n")
    made.add(["table.csv"])
    return made


def used_by(data: DvcData, pid: int) -> Path:
    """DVC's list, with one process that writes the table."""
    file = data.root / ".dvc/tmp/rwlock"
    table = str(data.root / "table.csv")
    file.write_text(json.dumps({"write": {table: {"pid": pid, "cmd": "dvc repro"}}, "read": {}}))
    return file


def test_a_list_that_a_killed_process_left_half_written_is_begun_anew(data: DvcData) -> None:
    file = used_by(data, os.getppid())
    whole = file.read_text()
    for number, cut in enumerate((0, 1, len(whole) // 2, len(whole) - 1)):
        file.write_text(whole[:cut])
        (data.root / "table.csv").write_text(f"who\n{number}\n")
        assert data.record(["table.csv"]) == ["table.csv.dvc"]
        assert data.status() == []


def test_who_lives_and_was_there_when_it_was_written_is_waited_for(data: DvcData) -> None:
    file = used_by(data, os.getppid())
    with pytest.raises(Unavailable, match="another DVC process"):
        data.record(["table.csv"])
    assert str(os.getppid()) in file.read_text()


def test_a_process_that_has_the_number_of_one_that_was_killed_is_not_waited_for(data: DvcData) -> None:
    file = used_by(data, os.getppid())
    os.utime(file, (1.0, 1.0))
    data.record(["table.csv"])
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    used_by(data, gone.pid)
    data.record(["table.csv"])
