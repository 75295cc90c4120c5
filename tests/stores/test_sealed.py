"""Sealed records at a shared address: read with their key only, each job's rows alone, and gone when nobody trains on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.buckets import contents, serving, versioned
from unlearning.domain.errors import Damaged, NotFound, SettingsError, Unavailable
from unlearning.domain.protocols import Records
from unlearning.stores import sealed
from unlearning.stores.sql import database

KEY, CODE = "ab" * 32, {"recipes/outcome.py": "recipe = 'ü'\r\n"}


def records(rows: int = 5) -> Records:
    return Records(np.arange(3 * rows, dtype=np.float32).reshape(rows, 3) + 7, np.arange(rows, dtype=np.int64))


def a_spool(url: str, root: Path) -> sealed.SealedSpool:
    engine = sa.create_engine(f"sqlite:///{root}/ledger.db")
    return sealed.SealedSpool(url, "0123", root, lambda name: database.exclusive(engine, name, timeout=0))


@pytest.fixture(scope="module")
def s3() -> Any:
    with serving() as (address, client), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        yield client


@pytest.fixture(params=["folder", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "shared")
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    bucket = f"spool-{os.urandom(4).hex()}"
    request.getfixturevalue("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/spool"


def test_what_is_sealed_comes_back_as_it_was_and_read_only(url: str) -> None:
    sealed.write(f"{url}/one/3", KEY, records(), CODE)
    back = sealed.read(f"{url}/one/3", KEY)
    np.testing.assert_array_equal(back.records.features, records().features)
    np.testing.assert_array_equal(back.records.target, records().target)
    assert (back.records.features.dtype, back.records.target.dtype) == (np.float32, np.int64)
    assert back.code == CODE
    with pytest.raises(ValueError, match="read-only"):
        back.records.features[0, 0] = 1


@pytest.mark.parametrize("block", [1, 16, 60, 1 << 24])
def test_blocks_of_any_size_are_put_together_again(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_BLOCK", block)
    sealed.write(f"{tmp_path}/one", KEY, records(0), CODE)
    assert len(sealed.read(f"{tmp_path}/one", KEY).records) == 0
    sealed.write(f"{tmp_path}/two", KEY, records(9), {})
    np.testing.assert_array_equal(sealed.read(f"{tmp_path}/two", KEY).records.features, records(9).features)


def test_nothing_of_a_record_or_of_code_can_be_read_without_the_key(tmp_path: Path) -> None:
    sealed.write(f"{tmp_path}/one", KEY, records(), CODE)
    content = (tmp_path / "one").read_bytes()
    assert records().features.tobytes()[:12] not in content
    assert b"recipe" not in content
    with pytest.raises(Damaged):
        sealed.read(f"{tmp_path}/one", "cd" * 32)


@pytest.mark.parametrize("position", [0, 7, 8, 40, -1, None])
def test_what_was_changed_or_cut_is_refused(position: int | None, tmp_path: Path) -> None:
    sealed.write(f"{tmp_path}/one", KEY, records(), CODE)
    content = bytearray((tmp_path / "one").read_bytes())
    if position is None:
        del content[-5:]
    else:
        content[position] ^= 1
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(Damaged, match="start the training again"):
        sealed.read(f"{tmp_path}/one", KEY)


def test_an_object_of_another_shard_or_training_opens_nowhere_else(tmp_path: Path) -> None:
    sealed.write(f"{tmp_path}/a/1", KEY, records(), {})
    for other in ("a/2", "b/1"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_bytes((tmp_path / "a/1").read_bytes())
        with pytest.raises(Damaged):
            sealed.read(f"{tmp_path}/{other}", KEY)


def test_what_is_gone_is_not_found(url: str, tmp_path: Path) -> None:
    a_spool(url, tmp_path).probe()
    with pytest.raises(NotFound, match="has ended"):
        sealed.read(f"{url}/0123/gone/1", KEY)


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_a_training_leaves_nothing(url: str, tmp_path: Path, error: type[BaseException] | None) -> None:
    spool = a_spool(url, tmp_path)
    with pytest.raises(error) if error else nullcontext(), spool.opened() as (address, key):
        sealed.write(f"{address}/0", key, records(), CODE)
        assert spool.stale() == ([], [address.rpartition("/")[2]])
        assert spool.sweep_stale() == 0
        assert len(sealed.read(f"{address}/0", key).records) == 5
        if error:
            raise error
    assert spool.stale() == ([], [])


def test_every_training_has_its_own_key_and_folder(tmp_path: Path) -> None:
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    with spool.opened() as (one, key), spool.opened() as (two, other):
        assert one != two
        assert key != other
    with spool.opened() as (three, third):
        assert three != one
        assert third not in (key, other)


def test_trainings_side_by_side_leave_each_other_alone(tmp_path: Path) -> None:
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    seen, gate = [], threading.Barrier(4)

    def one(number: int) -> None:
        with spool.opened() as (address, key):
            sealed.write(f"{address}/0", key, records(number), {})
            gate.wait(60)
            spool.sweep_stale()
            seen.append(len(sealed.read(f"{address}/0", key).records) == number)
            gate.wait(60)

    threads = [threading.Thread(target=one, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4
    assert spool.stale() == ([], [])


def test_more_trainings_than_slots_wait_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_SLOTS", 1)
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    with spool.opened(), pytest.raises(Unavailable, match="run again when one of them has ended"), spool.opened():
        pass


@pytest.mark.parametrize("by", ["the next purge", "the next training"])
def test_what_a_killed_training_left_is_deleted(by: str, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.stores.test_sealed import a_spool, records; "
        "from unlearning.stores import sealed\n"
        "with a_spool(sys.argv[1], Path(sys.argv[2])).opened() as (address, key):\n"
        "    sealed.write(f'{address}/0', key, records(), {}); print('there', flush=True); time.sleep(600)\n"
    )
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program, spool.url, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        assert [len(names) for names in spool.stale()] == [0, 1]
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert [len(names) for names in spool.stale()] == [1, 0]
    if by == "the next purge":
        assert spool.sweep_stale() == 1
    else:
        with spool.opened():
            assert spool.stale() == ([], [])
    assert spool.stale() == ([], [])


def test_a_place_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    with spool.opened():
        pass
    (tmp_path / "shared").rename(tmp_path / "elsewhere")
    (tmp_path / "shared").mkdir()
    for ask in (spool.stale, spool.sweep_stale, spool.probe, spool.opened().__enter__):
        with pytest.raises(Unavailable, match=r"mount it.*spools\.txt"):
            ask()
    assert [*(tmp_path / "shared").iterdir()] == []


def test_who_tries_a_spool_is_not_disturbed_by_who_sweeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = a_spool(str(tmp_path / "shared"), tmp_path)
    with spool.opened():
        pass
    back = sealed.read
    monkeypatch.setattr(sealed, "read", lambda *given: (spool.sweep_stale(), back(*given))[1])
    spool.probe()
    assert spool.stale() == ([], [])


def test_every_address_that_was_used_is_remembered(tmp_path: Path) -> None:
    assert sealed.used(tmp_path) == []
    for name in ("one", "two", "one"):
        with a_spool(f"{tmp_path}/{name}", tmp_path).opened():
            pass
    assert sealed.used(tmp_path) == [f"{tmp_path}/one", f"{tmp_path}/two"]


def test_an_address_that_cannot_be_written_is_refused_and_makes_nothing(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "file").write_text("")
    for url in (f"{tmp_path}/file/below", "s3://no-such-bucket-here/spool"):
        with pytest.raises(Unavailable, match=rf"the spool {url}/0123/.*reachable and writable"):
            a_spool(url, tmp_path).probe()
    with pytest.raises(SettingsError, match=r"the spool, ftp://127\.0\.0\.1:1/spool/0123/") as refused:
        a_spool("ftp://ann:secret@127.0.0.1:1/spool", tmp_path).probe()
    assert "secret" not in str(refused.value)
    with pytest.raises(SettingsError, match=r"run\.spool"):
        a_spool("nosuch://bucket/spool", tmp_path).probe()
    assert "no-such-bucket-here" not in {one["Name"] for one in s3.list_buckets()["Buckets"]}
    assert sealed.used(tmp_path) == []


def test_a_bucket_that_keeps_versions_keeps_what_nobody_can_read(tmp_path: Path, s3: Any) -> None:
    bucket = versioned(s3)
    with a_spool(f"s3://{bucket}/spool", tmp_path).opened() as (address, key):
        sealed.write(f"{address}/0", key, records(), {})
    kept = b"".join(body for bodies in contents(s3, bucket).values() for body in bodies)
    assert records().features.tobytes()[:12] not in kept
