import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dvc.repo import Repo

from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, current, dvc, forget, git, measured
from unlearning.domain import hashing
from unlearning.domain.errors import Damaged, NotFound, ProjectError, Unavailable, WrongUse
from unlearning.stores import contents
from unlearning.stores.dvc import repository
from unlearning.stores.dvc.repository import DvcData, create
from unlearning.stores.tables import tables


def test_a_data_version_pins_content_object_and_commit(project):
    version = current(DvcData(project))
    assert version.path == TRAIN
    assert version.digest == hashing.file_digest(project / TRAIN)
    assert (project / f".dvc/cache/files/md5/{version.object[:2]}/{version.object[2:]}").is_file()
    assert version.rev == git(project, "rev-parse", "HEAD")
    assert (version.rows, version.people) == (4, 3)


def test_a_version_that_no_commit_names_has_no_revision(project):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    assert current(data).rev is None
    assert current(data).people == 2


def test_head_still_names_a_table_when_another_entry_of_dvc_lock_is_uncommitted(project):
    (project / "dvc.lock").write_text((project / "dvc.lock").read_text().replace("echo {}", "echo"))
    assert current(DvcData(project)).rev == git(project, "rev-parse", "HEAD")
    assert current(DvcData(project), SOURCE).rev == git(project, "rev-parse", "HEAD")


def test_before_the_first_commit_there_is_no_revision_and_no_commit(project):
    shutil.rmtree(project / ".git")
    git(project, "init", "--quiet")
    data = DvcData(project)
    assert current(data).rev is None
    assert data.commits() == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: forget(root, "bob"), r"data/train\.parquet differs .* `dvc commit data/train\.parquet`"),
        (lambda root: (root / TRAIN).unlink(), r"missing here; run `dvc pull data/train\.parquet`"),
        (lambda root: (root / "dvc.yaml").write_text("stages: {}\n"), r"not tracked by DVC; run `dvc add data/train\.parquet`"),
        (lambda root: (root / "dvc.lock").unlink(), r"never recorded; run `dvc repro prepare`"),
        (
            lambda root: (root / "dvc.yaml").write_text(
                PIPELINE.replace(f"[{TRAIN}]\n  train", f"[{TRAIN}: {{cache: false}}]\n  train")
            ),
            "not kept by DVC",
        ),
        (lambda root: shutil.rmtree(root / ".dvc/cache"), r"not in the DVC cache; run `dvc commit"),
        (lambda root: (root / "dvc.yaml").write_text("stages: ["), r"DVC in "),
    ],
    ids=["modified", "missing", "untracked", "never recorded", "uncached", "not in cache", "broken dvc.yaml"],
)
def test_a_table_in_a_bad_state_is_refused_with_the_next_step(project, spoil, message):
    spoil(project)
    with pytest.raises(ProjectError, match=message):
        current(DvcData(project))


def test_a_table_tracked_only_inside_a_folder_is_refused(project):
    (project / "folder").mkdir()
    shutil.copy(project / TRAIN, project / "folder/t.parquet")
    dvc(project, "add", "--quiet", "folder")
    with pytest.raises(ProjectError, match="only as part of the folder"):
        current(DvcData(project), "folder/t.parquet")


def test_a_folder_without_git_or_dvc_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(ProjectError, match="git init"):
        DvcData(tmp_path)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(ProjectError, match="dvc init"):
        DvcData(tmp_path)


def test_a_commit_holds_the_dvc_files_and_nothing_else(project):
    data = DvcData(project)
    (project / "notes.txt").write_text("mine")
    git(project, "add", "notes.txt")
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    rev = data.commit("Redact data", [SOURCE, TRAIN])
    assert git(project, "show", "--format=%s", "--name-only", rev).split("\n") == [
        "Redact data",
        "",
        "data/records.parquet.dvc",
        "dvc.lock",
    ]
    assert git(project, "diff", "--cached", "--name-only") == "notes.txt"
    assert current(data).rev == rev
    assert data.commit("Redact data", [SOURCE, TRAIN]) == rev


def test_a_commit_takes_along_a_report_that_dvc_leaves_to_git(project):
    data = DvcData(project)
    assert data.declares("reports/train.json")
    assert not data.declares("notes.txt")
    (project / "reports/train.json").write_text('{"version": 2}\n')
    data.record(["reports/train.json"])
    rev = data.commit("Promote", ["reports/train.json"])
    assert git(project, "show", "--format=", "--name-only", rev).split() == ["dvc.lock", "reports/train.json"]
    assert git(project, "status", "--porcelain") == ""


def test_a_hook_that_refuses_or_a_missing_author_is_said_in_git_s_words(project, tmp_path):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    hook = project / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho too late on a Friday >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ProjectError, match="too late on a Friday"):
        data.commit("Redact data", [SOURCE, TRAIN])
    hook.unlink()
    (tmp_path / "gitconfig").write_text("[user]\n  useConfigOnly = true\n")
    with pytest.raises(ProjectError, match=r"user\.email"):
        data.commit("Redact data", [SOURCE, TRAIN])
    (tmp_path / "gitconfig").write_text("[user]\n  name = Ada\n  email = ada@example.org\n")
    assert data.commit("Redact data", [SOURCE, TRAIN]) == git(project, "rev-parse", "HEAD")


def test_another_git_process_makes_it_unavailable(project):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    (project / ".git/index.lock").touch()
    with pytest.raises(Unavailable, match="another Git process"):
        data.commit("Redact data", [SOURCE, TRAIN])


def test_an_old_version_comes_from_the_cache_and_the_workspace_stays(project):
    data = DvcData(project)
    old = current(data)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    assert tables.read(data.fetch(old), named=old.path).num_rows == 4
    assert tables.read(project / TRAIN).num_rows == 2


def test_an_old_version_that_left_the_cache_comes_from_the_remote(project):
    data = DvcData(project)
    old = current(data)
    shutil.rmtree(project / ".dvc/cache/files")
    assert tables.digest(data.fetch(old)) == old.digest


def test_a_damaged_cache_object_is_replaced_from_the_remote(project):
    data = DvcData(project)
    old = current(data)
    file = data.fetch(old)
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert tables.digest(data.fetch(old)) == old.digest


def test_every_remote_is_asked_and_the_answer_says_where_it_looked(project, tmp_path):
    data = DvcData(project)
    old = current(data)
    with Repo(str(project)) as repo, repo.config.edit() as config:
        config["remote"]["archive"] = {"url": str(tmp_path / "archive")}
    shutil.rmtree(project / ".dvc/cache/files")
    (tmp_path / "remote").rename(tmp_path / "archive")
    assert tables.digest(data.fetch(old)) == old.digest
    shutil.rmtree(project / ".dvc/cache/files")
    shutil.rmtree(tmp_path / "archive")
    with pytest.raises(NotFound, match=r"data/train\.parquet.*the cache .*remote store, remote archive"):
        data.fetch(old)


def test_a_remote_that_does_not_answer_is_not_taken_for_one_without_the_object(project):
    data = DvcData(project)
    old = current(data)
    shutil.rmtree(project / ".dvc/cache/files")
    with Repo(str(project)) as repo, repo.config.edit() as config:
        config["remote"]["store"] = {"url": "http://127.0.0.1:9/nowhere"}
    with pytest.raises(Unavailable, match="no answer from store"):
        data.fetch(old)


def test_content_that_is_not_what_the_version_says_is_damaged(project):
    data = DvcData(project)
    version = current(data)
    lied = type(version)(**{name: getattr(version, name) for name in version.__slots__} | {"digest": "0" * 64})
    with pytest.raises(Damaged, match="content is not 0000"):
        data.fetch(lied)


def test_content_that_was_rewritten_since_it_was_read_is_damaged_whatever_its_size_and_time(project, monkeypatch):
    monkeypatch.setattr(contents.time, "time_ns", lambda now=time.time_ns: now() + 3600 * 10**9)  # all files are settled
    data = DvcData(project)
    version = current(data)
    file = data.fetch(version)
    assert data.fetch(version) == file
    time.sleep(0.02)
    when = file.stat()
    file.chmod(0o644)
    file.write_bytes(bytes(when.st_size))
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))
    file.chmod(0o444)
    with pytest.raises(Damaged, match="content is not"):
        data.fetch(version)


def test_a_push_sends_what_the_remote_lacks_and_nothing_the_second_time(project, tmp_path):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    new = current(data)
    assert data.push([SOURCE, TRAIN]) == 1  # both tables have the same content, so it is one object
    assert (tmp_path / f"remote/files/md5/{new.object[:2]}/{new.object[2:]}").is_file()
    assert data.push([SOURCE, TRAIN]) == 0


def test_pushing_without_a_remote_says_how_to_add_one_or_do_without(project):
    (project / ".dvc/config").write_text("")
    with pytest.raises(ProjectError, match=r"dvc remote add --default .*versioning\.push: false"):
        DvcData(project).push([TRAIN])


def test_pushing_to_a_remote_that_is_down_is_unavailable(project, tmp_path):
    shutil.rmtree(tmp_path / "remote")
    (tmp_path / "remote").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="remote 'store' did not take"):
        DvcData(project).push([TRAIN])


def objects(data, path=TRAIN):
    """What a table was at each commit that changed what DVC tracks."""
    return [next((out.object for out in one.outs if out.path == path), None) for one in data.snapshots(data.commits())]


def test_the_history_names_every_commit_that_changed_the_object_also_on_side_branches(project):
    data = DvcData(project)
    first, one = current(data), git(project, "rev-parse", "HEAD")
    git(project, "checkout", "--quiet", "-b", "side")
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    two = data.commit("two", [SOURCE, TRAIN])
    second = current(data)
    git(project, "checkout", "--quiet", "main")
    dvc(project, "checkout", "--quiet")
    (project / "dvc.yaml").write_text(PIPELINE + "# unrelated\n")
    git(project, "commit", "--quiet", "--all", "--message", "unrelated")
    git(project, "merge", "--quiet", "--strategy", "ours", "side", "--message", "merge")
    git(project, "branch", "--quiet", "--delete", "side")
    found = dict(zip(data.commits(), objects(data), strict=True))
    assert next(iter(found)) == one
    assert (found[one], found[two]) == (first.object, second.object)
    assert len(found) == 4


def test_the_history_survives_a_commit_whose_dvc_files_cannot_be_read(project):
    data = DvcData(project)
    (project / "dvc.yaml").write_text("stages: [")
    git(project, "commit", "--quiet", "--all", "--message", "broken")
    (project / "dvc.yaml").write_text(PIPELINE)
    git(project, "commit", "--quiet", "--all", "--message", "mended")
    held = current(data).object
    assert objects(data) == [held, None, held]


def test_outputs_are_the_files_that_dvc_caches(project):
    assert DvcData(project).outputs() == [SOURCE, TRAIN]


def test_a_lock_held_elsewhere_is_unavailable_with_the_next_step(project):
    data = DvcData(project)
    forget(project, "bob")
    holder = (
        "import time; from dvc.repo import Repo, lock_repo; lock = lock_repo(Repo()); lock.__enter__(); print(flush=True); "
    )
    holder += "time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder], cwd=project, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            with pytest.raises(Unavailable, match="run again when it is done"):
                data.record([TRAIN])
        finally:
            process.kill()
    assert data.record([TRAIN]) == ["dvc.lock"]


def test_a_table_that_a_running_stage_reads_is_not_recorded_under_it(project):
    (project / "dvc.yaml").write_text(PIPELINE.replace("mkdir -p reports", "touch started && sleep 30 && mkdir -p reports"))
    command = [sys.executable, "-m", "dvc", "repro", "--quiet"]
    with subprocess.Popen(command, cwd=project, start_new_session=True) as process:
        deadline = time.monotonic() + 20
        while not (project / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            with pytest.raises(Unavailable, match="another DVC process"):
                DvcData(project).record([TRAIN])
        finally:
            os.killpg(process.pid, 9)


def test_a_project_in_a_subfolder_of_its_git_repository_works_alike(tmp_path, project):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    shutil.rmtree(project / ".git")
    (project / ".dvc/config").write_text("")
    shutil.move(project, outer / "inner")
    git(outer, "add", "--all")
    git(outer, "commit", "--quiet", "--message", "one")
    data = DvcData(outer / "inner")
    first = current(data)
    assert first.rev == git(outer, "rev-parse", "HEAD")
    forget(outer / "inner", "bob")
    assert data.record([SOURCE, TRAIN]) == ["data/records.parquet.dvc", "dvc.lock"]
    data.commit("two", [SOURCE, TRAIN])
    assert objects(data) == [first.object, current(data).object]


def test_a_project_in_a_subfolder_of_its_dvc_repository_names_files_from_its_own_folder(project):
    forget(project, "bob")
    data = DvcData(project / "data")
    assert data.record(["records.parquet", "train.parquet"]) == ["../dvc.lock", "records.parquet.dvc"]
    assert current(data, "train.parquet").people == 2
    data.commit("two", ["records.parquet", "train.parquet"])
    assert len(set(objects(data, "train.parquet"))) == 2


def test_it_works_from_any_folder_and_any_thread(project):
    data = DvcData(Path(os.path.relpath(project)))
    forget(project, "bob")
    results: list[object] = []
    worker = threading.Thread(target=lambda: results.append((data.record([SOURCE, TRAIN]), data.push([TRAIN]), data.status())))
    worker.start()
    worker.join()
    assert results == [(["data/records.parquet.dvc", "dvc.lock"], 1, [])]


def test_dvc_says_nothing_on_the_terminal(project, capfd):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    data.push([SOURCE, TRAIN])
    data.commit("two", [SOURCE, TRAIN])
    shutil.rmtree(project / ".dvc/cache/files")
    data.fetch(current_after_checkout(data, project))
    data.snapshots(data.commits())
    with pytest.raises(WrongUse):
        data.current("nothing", measured=measured)
    assert capfd.readouterr() == ("", "")


def current_after_checkout(data, project):
    with Repo(str(project)) as repo:
        repo.fetch()
    return current(data)


def test_redact_record_and_push_take_little_time_once_dvc_is_loaded(project):
    data = DvcData(project)
    current(data)
    start = time.process_time()
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    data.push([SOURCE, TRAIN])
    assert time.process_time() - start < 1.5


def test_a_new_project_has_git_dvc_and_a_default_remote_and_can_commit_without_a_configured_author(tmp_path):
    (tmp_path / "gitconfig").write_text("[user]\n  useConfigOnly = true\n")
    root = tmp_path / "new"
    data = create(root, remote="../remote")
    (root / "data").mkdir()
    shutil.copy(_table(tmp_path), root / SOURCE)
    data.add([SOURCE])
    data.git.commit("Start", ["."])
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "log", "--format=%an") == "unlearn"
    assert current(data, SOURCE).rev == git(root, "rev-parse", "HEAD")
    assert data.push([SOURCE]) == 1
    assert (tmp_path / "remote/files/md5").is_dir()
    assert create(root, remote="elsewhere").push([SOURCE]) == 0


def _table(folder):
    pq.write_table(pa.table({"who": ["ann"]}), folder / "t.parquet")
    return folder / "t.parquet"


def test_adopting_a_stage_takes_what_it_made_without_running_it_or_filling_the_run_cache(project):
    (project / "dvc.lock").unlink()
    shutil.rmtree(project / ".dvc/cache/runs", ignore_errors=True)
    data = DvcData(project)
    data.adopt(["prepare", "train"])
    assert data.status() == []
    assert dvc(project, "status") == "Data and pipelines are up to date."
    assert not (project / ".dvc/cache/runs").exists()
    with pytest.raises(NotFound, match=r"no stage nothing; it has data/records\.parquet\.dvc, prepare, train"):
        data.adopt(["nothing"])


def test_status_names_a_changed_parameter(project):
    (project / "params.yaml").write_text("lr: 1\n")
    (project / "dvc.yaml").write_text(PIPELINE.replace(f"deps: [{TRAIN}]", f"deps: [{TRAIN}]\n    params: [lr]"))
    data = DvcData(project)
    data.adopt(["train"])
    (project / "params.yaml").write_text("lr: 2\n")
    assert data.status() == ["train: dependency params.yaml lr modified"]


@pytest.mark.parametrize("place", [TRAIN, "data/records"])
@pytest.mark.parametrize("made", [os.mkfifo, lambda name: os.mknod(name, stat.S_IFSOCK | 0o600)], ids=["pipe", "socket"])
def test_what_is_no_file_is_refused_before_dvc_opens_it_and_waits(project, place, made):
    (project / "data/records").mkdir()
    _table(project / "data/records")
    data = DvcData(project)
    data.add(["data/records"])
    file = project / place if place == TRAIN else project / place / "part"
    file.unlink(missing_ok=True)
    made(file)
    with pytest.raises(ProjectError, match="holds something that is no file"):
        current(data, place)
    if place == TRAIN:
        with pytest.raises(ProjectError, match="holds something that is no file"):
            data.status()


def test_a_history_of_two_hundred_commits_is_read_in_seconds(project):
    data = DvcData(project)
    held = current(data).object
    lock = (project / "dvc.lock").read_text()
    script = []
    for number in range(200):
        text = lock.replace(held, f"f{number:031x}") + f"# {number}\n"
        script.append(f"commit refs/heads/main\ncommitter Ada <a@b> {1_800_000_000 + number} +0000\ndata 1\nx")
        script.append("from refs/heads/main^0" if number == 0 else "")
        script.append(f"M 100644 inline dvc.lock\ndata {len(text.encode())}\n{text}")
    feed = "\n".join(line for line in script if line) + "\n"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=project, input=feed, text=True, check=True)
    start = time.process_time()
    assert len(set(objects(data))) == 201
    assert time.process_time() - start < 10


@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock", "table.csv.dvc", "other.dvc"])
@pytest.mark.parametrize(
    "content",
    [
        b"a: " + b"9" * 4400,
        b"outs:\n- md5: abc\n",
        b"outs:\n- md5: 5\n  path: [x]\n",
        b"[" * 3000 + b"]" * 3000,
        b"a: 2001-99-99",
    ],
    ids=["a long number", "no path", "a path that is a list", "nested deeply", "no date"],
)
def test_a_file_of_dvc_that_its_parsers_choke_on_is_a_project_to_mend(name: str, content: bytes, tmp_path: Path) -> None:
    data = create(tmp_path, remote="remote")
    (tmp_path / name).write_bytes(content)
    for use in (data.outputs, data.status, data.present):
        with contextlib.suppress(ProjectError):  # or DVC takes it for an empty one
            use()


def test_an_address_that_never_answers_is_not_waited_for_without_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_PATIENCE", {"http": {"connect_timeout": 1, "read_timeout": 0.2}})
    with socket.create_server(("127.0.0.1", 0)) as door:  # it takes connections and says nothing
        data = create(tmp_path, remote=f"http://127.0.0.1:{door.getsockname()[1]}/store")
        with pytest.raises(Unavailable, match="no answer from store"):
            data.content("table.csv", "0" * 32)
