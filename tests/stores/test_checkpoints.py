from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import subprocess
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from unlearning.domain.errors import Damaged, SettingsError, Unavailable
from unlearning.stores.checkpoints import CheckpointStore, Recording
from unlearning.testing import check_store, store_checks

KEY = hashlib.sha256(b"one").hexdigest()
OTHER = hashlib.sha256(b"two").hexdigest()


@pytest.fixture(params=["folder", "file://", "memory://"])
def store(request, tmp_path):
    if request.param == "folder":
        return CheckpointStore(str(tmp_path / "checkpoints"))
    return CheckpointStore(f"file://{tmp_path}/there" if request.param == "file://" else f"memory://{uuid.uuid4().hex}/here")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def local(folder: Path) -> CheckpointStore:
    return CheckpointStore(str(folder))


@pytest.mark.parametrize("check", store_checks())
def test_every_address_keeps_the_promises_of_a_store(check, store):
    check(store)


def test_the_list_runs_as_one_call(store):
    check_store(store)


def test_an_empty_or_missing_store_has_no_keys(store):
    assert list(store.keys()) == []


def test_what_one_store_object_wrote_another_reads(folder):
    local(folder).put(KEY, b"payload")
    assert local(folder).get(KEY) == b"payload"


def test_the_layout_is_a_state_and_its_digest_in_a_folder_of_two_hex_digits(folder):
    local(folder).put(KEY, b"payload")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        f"{KEY[:2]}/{KEY}.safetensors",
        f"{KEY[:2]}/{KEY}.sha256",
    ]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_checks_a_checkpoint_without_this_package(folder):
    local(folder).put(KEY, b"payload")
    command = ["sha256sum", "--check", "--strict", f"{KEY}.sha256"]
    assert subprocess.run(command, cwd=folder / KEY[:2], capture_output=True).returncode == 0
    (folder / KEY[:2] / f"{KEY}.safetensors").write_bytes(b"other")
    assert subprocess.run(command, cwd=folder / KEY[:2], capture_output=True).returncode == 1


@pytest.mark.parametrize("spoiled", [b"payloa", b"payload\0", b"Xayload", b""])
def test_a_state_whose_bytes_changed_is_damaged_and_can_be_put_again(folder, spoiled):
    store = local(folder)
    store.put(KEY, b"payload")
    state = folder / KEY[:2] / f"{KEY}.safetensors"
    state.write_bytes(spoiled)
    with pytest.raises(Damaged, match=KEY):
        store.get(KEY)
    store.put(KEY, b"payload")
    assert store.get(KEY) == b"payload"


@pytest.mark.parametrize("line", [b"", b"not a digest\n", None])
def test_a_digest_file_that_says_something_else_is_damage(folder, line):
    store = local(folder)
    store.put(KEY, b"payload")
    other = f"{hashlib.sha256(b'payload').hexdigest()}  {OTHER}.safetensors\n".encode()
    (folder / KEY[:2] / f"{KEY}.sha256").write_bytes(other if line is None else line)
    with pytest.raises(Damaged):
        store.get(KEY)


def test_a_state_without_its_digest_does_not_count_but_is_listed_and_deleted(folder):
    store = local(folder)
    store.put(KEY, b"payload")
    (folder / KEY[:2] / f"{KEY}.sha256").unlink()
    assert store.get(KEY) is None
    assert KEY not in store
    assert list(store.keys()) == [KEY]
    assert store.delete(KEY)
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_digest_without_its_state_does_not_count_but_is_listed_and_deleted(folder):
    store = local(folder)
    store.put(KEY, b"payload")
    (folder / KEY[:2] / f"{KEY}.safetensors").unlink()
    assert store.get(KEY) is None
    assert KEY not in store
    assert list(store.keys()) == [KEY]
    assert store.delete(KEY)
    assert list(store.keys()) == []


def test_a_crash_at_any_write_leaves_no_checkpoint_or_a_whole_one(folder, monkeypatch):
    store, write, allowed = local(folder), CheckpointStore._write, []

    def dying(self, path, content):
        if not allowed:
            raise KeyboardInterrupt
        write(self, path, content)
        allowed.pop()

    monkeypatch.setattr(CheckpointStore, "_write", dying)
    for writes in (0, 1):
        allowed[:] = [True] * writes
        with pytest.raises(KeyboardInterrupt):
            store.put(KEY, b"payload")
        assert store.get(KEY) is None
    assert [path.suffix for path in folder.rglob("*") if path.is_file()] == [".safetensors"]
    allowed[:] = [True, True]
    store.put(KEY, b"payload")
    assert store.get(KEY) == b"payload"


def test_what_a_killed_writer_left_is_no_name_and_goes_with_the_name(folder):
    store = local(folder)
    store.put(KEY, b"payload")
    leftover = folder / KEY[:2] / f".{KEY}.safetensors.0123456789abcdef.tmp"
    leftover.write_bytes(b"half a pay")
    assert list(store.keys()) == [KEY]
    assert store.delete(KEY)
    assert not leftover.exists()


def test_a_leftover_alone_is_deleted_too(folder):
    leftover = folder / KEY[:2] / f".{KEY}.safetensors.0123456789abcdef.tmp"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half a pay")
    assert local(folder).delete(KEY)
    assert not leftover.exists()


def test_a_failed_write_leaves_no_temporary_file(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unlearning.stores.checkpoints.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        local(folder).put(KEY, b"payload")
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_foreign_files_are_no_names(folder):
    store = local(folder)
    store.put(KEY, b"payload")
    for name in ("README", f"{KEY}.safetensors.bak", f"{OTHER[:-1]}.sha256"):
        (folder / name).write_text("foreign")
    assert list(store.keys()) == [KEY]


def test_a_path_with_signs_that_urls_use_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "a::b#c%20d e"
    CheckpointStore(str(folder)).put(KEY, b"payload")
    assert (folder / KEY[:2] / f"{KEY}.safetensors").read_bytes() == b"payload"


def test_another_process_deleting_is_seen_at_once():
    where = f"memory://{uuid.uuid4().hex}"
    first, second = CheckpointStore(where), CheckpointStore(where)
    first.put(KEY, b"payload")
    assert list(second.keys()) == [KEY]
    first.delete(KEY)
    assert list(second.keys()) == []
    assert second.get(KEY) is None


def hammer(url: str) -> bool:
    """Write, read and check one name again and again: a reader sees nothing or the whole."""
    store, payload = CheckpointStore(url), b"payload" * 100_000
    seen = []
    for _ in range(20):
        store.put(KEY, payload)
        seen.append(store.get(KEY))
    return all(one == payload for one in seen)


def test_processes_that_write_the_same_name_leave_it_whole(folder):
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert all(pool.map(hammer, [str(folder)] * 3))
    assert local(folder).get(KEY) == b"payload" * 100_000


@pytest.mark.parametrize("url", ["nonesuch://bucket/prefix", "root://server//path", "oss://bucket/prefix"])
def test_a_scheme_without_its_driver_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^the address of the checkpoint store cannot be read .*install the driver"):
        CheckpointStore(url)


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), RuntimeError("Zq0001"), ValueError("Zq0001"), TimeoutError()]
)
def test_whatever_a_store_elsewhere_raises_is_unavailable_and_not_quoted(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(f"memory://{uuid.uuid4().hex}/here")

    def broken(*_arguments: object, **_named: object) -> None:
        raise error

    for name in ("cat_file", "pipe_file", "exists", "find"):
        monkeypatch.setattr(store._files, name, broken)
    uses = (lambda: store.get(KEY), lambda: store.put(KEY, b"x"), lambda: KEY in store, lambda: store.delete(KEY))
    for use in (*uses, lambda: list(store.keys())):
        with pytest.raises(Unavailable, match=r"correct stores\.checkpoints") as caught:
            use()
        assert "Zq0001" not in str(caught.value)


OLD, NEW = ((("torch", "2.12.0"),), (("machine", "x86_64"), ("torch", "2.13.0")))


def test_a_state_says_what_made_it_and_everything_that_its_job_had_read(store):
    Recording(store, OLD).put(KEY, b"first")
    job = Recording(store, NEW)
    assert (job.get(OTHER), job.engines(here=True)) == (None, (NEW,))
    assert job.get(KEY) == b"first"
    job.put(OTHER, b"second")
    assert store.read(KEY) == (b"first", (OLD,))
    assert store.read(OTHER) == (b"second", tuple(sorted((OLD, NEW))))
    assert (job.engines(here=False), KEY in job, sorted(job.keys())) == ((OLD,), True, sorted((KEY, OTHER)))
    assert (job.delete(KEY), KEY in store) == (True, False)


def test_what_nobody_recorded_stays_unknown_in_what_goes_on_from_it(store):
    store.put(KEY, b"first")
    job = Recording(store, NEW)
    job.get(KEY)
    job.put(OTHER, b"second")
    assert store.read(OTHER) == (b"second", ((), NEW))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_reads_over_what_made_a_state(folder):
    local(folder).put(KEY, b"payload", engines=(OLD, NEW))
    command = ["sha256sum", "--check", "--strict", "--quiet", f"{KEY}.sha256"]
    assert subprocess.run(command, cwd=folder / KEY[:2], capture_output=True).returncode == 0


@pytest.mark.parametrize("comment", [b"# made with nonsense\n", b"# made with [3]\n", b"# made with 3\n"])
def test_a_comment_that_was_changed_is_no_record_and_no_damage(folder, comment):
    local(folder).put(KEY, b"payload", engines=(OLD,))
    sidecar = folder / KEY[:2] / f"{KEY}.sha256"
    sidecar.write_bytes(sidecar.read_bytes().partition(b"#")[0] + comment)
    assert local(folder).read(KEY) == (b"payload", ())
