from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from unlearning.domain.errors import NotFound
from unlearning.domain.protocols import Records
from unlearning.stores import spool


def records(rows: int = 5) -> Records:
    return Records(np.arange(rows * 3, dtype=np.float32).reshape(rows, 3), np.arange(rows, dtype=np.int64))


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_what_was_written_is_read(tmp_path, rows):
    spool.write(tmp_path, records(rows))
    back = spool.read(tmp_path)
    assert np.array_equal(back.features, records(rows).features)
    assert np.array_equal(back.target, records(rows).target)
    assert (back.features.dtype, back.target.dtype) == (np.float32, np.int64)


def test_records_are_mapped_and_read_only(tmp_path):
    spool.write(tmp_path, records())
    back = spool.read(tmp_path)
    assert isinstance(back.features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        back.features[0, 0] = 1


def test_columns_in_another_order_in_memory_come_back_as_rows(tmp_path):
    columns = Records(np.asfortranarray(records().features), records().target)
    spool.write(tmp_path, columns)
    back = spool.read(tmp_path)
    assert back.features.flags.c_contiguous
    assert np.array_equal(back.features, columns.features)


def test_reading_a_folder_without_records_names_it(tmp_path):
    with pytest.raises(NotFound, match="no spooled records"):
        spool.read(tmp_path / "gone")


def test_a_spool_is_private_to_its_owner(tmp_path):
    before = os.umask(0)
    try:
        with spool.spooled(tmp_path / "tmp") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_spool_is_gone_when_its_block_ends(tmp_path):
    with spool.spooled(tmp_path) as folder:
        spool.write(folder, records())
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_spool_is_gone_when_its_block_fails(tmp_path, error):
    def fail() -> None:
        with spool.spooled(tmp_path) as folder:
            spool.write(folder, records())
            raise error

    with pytest.raises(error):
        fail()
    assert not list(tmp_path.glob("spool-*"))


def test_spools_side_by_side_are_apart(tmp_path):
    def roundtrip(number: int) -> bool:
        with spool.spooled(tmp_path) as folder:
            spool.write(folder, records(number))
            spool.sweep_stale(tmp_path)
            return len(spool.read(folder)) == number

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(roundtrip, range(40)))
    assert not list(tmp_path.glob("spool-*"))


@contextmanager
def killed_spool(parent):
    """A process that spools records, is running inside the block, and is killed by calling what the block is given."""
    program = (
        "import sys, pathlib, numpy as np; from unlearning.stores import spool\n"
        "from unlearning.domain.protocols import Records\n"
        "with spool.spooled(pathlib.Path(sys.argv[1])) as folder:\n"
        "    spool.write(folder, Records(np.zeros((2, 3), np.float32), np.zeros(2, np.int64)))\n"
        "    print('ready', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:

        def kill() -> None:
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert len(list(parent.glob("spool-*/features.npy"))) == 1

        assert child.stdout.readline() == b"ready\n"
        yield kill


def test_a_sweep_takes_what_a_killed_process_left_and_nothing_in_use(tmp_path):
    with killed_spool(tmp_path) as kill, spool.spooled(tmp_path) as mine:
        assert spool.sweep_stale(tmp_path) == 0
        kill()
        assert spool.sweep_stale(tmp_path) == 1
        assert list(tmp_path.glob("spool-*")) == [mine]


def test_the_next_spool_sweeps_what_a_killed_process_left(tmp_path):
    with killed_spool(tmp_path) as kill:
        kill()
    with spool.spooled(tmp_path) as mine:
        assert list(tmp_path.glob("spool-*")) == [mine]


def test_a_sweep_leaves_foreign_files_alone(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "spool-notes.txt").write_text("mine")
    assert spool.sweep_stale(tmp_path) == 0
    assert (tmp_path / "notes").is_dir()
    assert (tmp_path / "spool-notes.txt").is_file()


def test_a_sweep_of_a_folder_that_does_not_exist_finds_nothing(tmp_path):
    assert spool.sweep_stale(tmp_path / "never") == 0
