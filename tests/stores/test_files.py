import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from unlearning.stores import files
from unlearning.stores.files import looked_at, replacing, taking_turns, whole


def test_the_bytes_appear_all_at_once_when_the_block_ends(tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b"old")
    with replacing(out) as stream:
        stream.write(b"new")
        stream.flush()
        assert out.read_bytes() == b"old"
    assert out.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


def test_a_block_that_fails_leaves_the_old_bytes_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b"old")

    def half() -> None:
        with replacing(out) as stream:
            stream.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert out.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    (tmp_path / ".out.part").write_bytes(b"a longer rest of a killed process")
    with replacing(tmp_path / "out") as stream:
        stream.write(b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(("mode", "becomes"), [(0o640, 0o640), (0o444, 0o644)])
def test_permissions_come_from_the_model_and_the_owner_can_write(tmp_path, mode, becomes):
    like = tmp_path / "like"
    like.touch()
    like.chmod(mode)
    with replacing(tmp_path / "out", like=like):
        pass
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == becomes


def test_without_a_model_only_the_owner_reads_it(tmp_path):
    with replacing(tmp_path / "out"):
        assert stat.S_IMODE((tmp_path / ".out.part").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def a_pipe(file):
    os.mkfifo(file)


def a_folder(file):
    file.mkdir()


def a_device(file):
    file.symlink_to("/dev/zero")


def a_loop(file):
    file.symlink_to(file.name)


@pytest.mark.parametrize("make", [a_pipe, a_folder, a_device, a_loop])
def test_what_is_no_file_is_not_waited_for(make, tmp_path):
    make(tmp_path / "it")
    with pytest.raises(OSError, match=r"regular file|directory|symbolic links"):
        whole(tmp_path / "it")


def test_a_file_is_read_whole_and_one_that_is_not_there_is_not_found(tmp_path):
    (tmp_path / "it").write_bytes(b"content")
    assert whole(tmp_path / "it") == b"content"
    with pytest.raises(FileNotFoundError):
        whole(tmp_path / "another")


def test_two_writers_at_once_take_turns_and_one_of_them_is_there_whole(tmp_path):
    start, failed = threading.Barrier(8), []

    def write(number: int) -> None:
        start.wait()
        try:
            for _ in range(20):
                with replacing(tmp_path / "out") as stream:
                    stream.write(str(number).encode() * 1000)
        except OSError as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert failed == []
    content = (tmp_path / "out").read_bytes()
    assert (len(content), len(set(content))) == (1000, 1)
    assert os.listdir(tmp_path) == ["out"]


def test_whoever_takes_turns_never_meets_another(tmp_path):
    inside, met = [], []

    def turn() -> None:
        for _ in range(30):
            with taking_turns(tmp_path / "new" / "thing"):
                inside.append(1)
                met.append(len(inside))
                inside.pop()

    takers = [threading.Thread(target=turn) for _ in range(4)]
    for one in takers:
        one.start()
    for one in takers:
        one.join()
    assert set(met) == {1}
    assert len(met) == 120


def in_another_process(database, number):
    """Write and close, as the last one to its knowledge."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('INSERT INTO t VALUES (?)', sys.argv[2:]); "
        "c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(database), str(number)], check=True)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm"])
def test_a_database_that_is_looked_at_loses_nothing_that_is_committed(tmp_path, beside):
    """By whoever has it open at the same time; a plain `open` of the file loses the last row, and says nothing."""
    file = tmp_path / "a.db"
    mine = sqlite3.connect(file)
    mine.execute("PRAGMA journal_mode=WAL")
    mine.execute("CREATE TABLE t (n INTEGER)")
    mine.commit()
    for number in range(0, 6, 2):
        with looked_at(tmp_path / f"a.db{beside}") as stream, looked_at(tmp_path / f"a.db{beside}") as again:
            content = stream.read()
            assert len(content) == stream.tell() == stream.seek(0, os.SEEK_END)
            assert again.read() == content
            assert stream.seek(0) == 0
            assert stream.read(3) == content[:3]
        in_another_process(file, number)
        mine.execute("INSERT INTO t VALUES (?)", (number + 1,))
        mine.commit()
    mine.close()
    (found,) = zip(*sqlite3.connect(file).execute("SELECT n FROM t ORDER BY n"), strict=True)
    assert found == tuple(range(6))


def test_of_what_was_looked_at_a_database_that_is_in_use_stays_open_until_it_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_looked_at", {})

    def is_open(descriptor):
        try:
            os.fstat(descriptor)
        except OSError:
            return False
        return True

    looked = []
    for number in range(3):
        file = tmp_path / f"{number}.db"
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE t (n)")
        with looked_at(file) as stream, looked_at(file) as again:
            assert stream.read(6) == b"SQLite"
            assert again.read(7) == b"SQLite "
            looked.append(stream.fileno())
        assert is_open(looked[-1])
        assert len(files._looked_at) == 1
        connection.close()
        with looked_at(file) as stream:
            assert stream.fileno() == looked[-1]
            file.unlink()
            assert stream.read(6) == b"SQLite"
    assert [is_open(one) for one in looked[:-1] if one != looked[-1]] in ([False, False], [False], [])

    (tmp_path / "a.txt").write_text("text")
    sqlite3.connect(tmp_path / "nobody.db").execute("CREATE TABLE t (n)").connection.close()
    for name in ("a.txt", "nobody.db"):
        with looked_at(tmp_path / name) as stream:
            assert stream.read(1)
            descriptor = stream.fileno()
        assert not is_open(descriptor)
    with pytest.raises(FileNotFoundError), looked_at(tmp_path / "0.db"):
        pass
