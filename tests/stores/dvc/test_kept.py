"""A repository is kept between reads, and no reader sees an older one than is on disk."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, dvc, git
from unlearning.domain.errors import ProjectError
from unlearning.stores.dvc import kept, origins, stages
from unlearning.stores.dvc.objects import drop_site_cache, object_stores, site_cache
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.dvc.twin_files import checkout
from unlearning.stores.files import replacing


@pytest.fixture
def opens(monkeypatch):
    """Every opening of a repository by DVC."""
    found, init = [], Repo.__init__

    def counted(self, *args, **named):
        found.append(self)
        init(self, *args, **named)

    monkeypatch.setattr(Repo, "__init__", counted)
    return found


def seen(data):
    """What readers of all kinds see; in words, because objects of DVC compare by name."""
    try:
        with data.indexed() as repo:
            entries = [
                (data.stage_name(stage), stage.cmd, [(out.fs_path, str(out.hash_info)) for out in (*stage.deps, *stage.outs)])
                for stage in repo.index.stages
            ]
    except ProjectError as error:
        return str(error)
    return [sorted(map(str, entries)), [(store.name, store.root) for store in object_stores(data)], data.outputs()]


def _write(name, content):
    def change(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return change


def _replace(name, old, new):
    """Other content of the same length and the same time, as within one tick of the clock."""

    def change(root):
        before = (root / name).stat()
        text = (root / name).read_text()
        assert old in text
        assert len(old) == len(new)
        with (root / name).open("r+") as stream:
            stream.write(text.replace(old, new))
        os.utime(root / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def _hash_in(name):
    def change(root):
        found = next(line for line in (root / name).read_text().splitlines() if "md5: " in line).split()[-1]
        _replace(name, found, "a" * 32)(root)

    return change


def _settings_of(where):
    def change(_root):
        folder = Path(os.environ[where])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text("['remote \"elsewhere\"']\n    url = /elsewhere\n")

    return change


def _exclude(root):
    with (root / ".git/info/exclude").open("a") as stream:
        stream.write("/data/\n")


def _moved_head(root):
    git(root, "switch", "--quiet", "other")


CHANGES = {
    "a stage": _write("dvc.yaml", PIPELINE.replace("mkdir -p reports", "mkdir -v -p reports")),
    "a byte, in the same tick": _replace("dvc.yaml", "echo {}", "echo []"),
    "a recorded hash": _hash_in("dvc.lock"),
    "a hash in a .dvc file": _hash_in(f"{SOURCE}.dvc"),
    "a new .dvc file": _write("notes.txt.dvc", f"outs:\n- md5: {'b' * 32}\n  hash: md5\n  path: notes.txt\n"),
    "one less": lambda root: (root / f"{SOURCE}.dvc").unlink(),
    "a pipeline in a new folder": _write("deep/down/dvc.yaml", "stages:\n  more:\n    cmd: 'true'\n    outs: [x]\n"),
    "hidden from DVC": _write(".dvcignore", "/data/*.dvc\n"),
    "an output hidden from DVC": _write(".dvcignore", "/data/\n"),
    "an output hidden where DVC does not look": _write("data/.dvcignore", "train.parquet\n"),
    "hidden from DVC below": _write("data/.dvcignore", "*.dvc\n"),
    "ignored by Git": _write(".gitignore", "/data/\n"),
    "ignored by Git here": _exclude,
    "a value in params.yaml": _write("values/params.yaml", "depth: 4\n"),
    "a value in another file": _write("values/settings/own.yaml", "width: 9\n"),
    "a setting": _replace(".dvc/config", "../remote", "../remota"),
    "a setting of this clone": _write(".dvc/config.local", "['remote \"mine\"']\n    url = /mine\n"),
    "a setting of this user": _settings_of("DVC_GLOBAL_CONFIG_DIR"),
    "a setting of this machine": _settings_of("DVC_SYSTEM_CONFIG_DIR"),
    "another commit": _moved_head,
    "by another process": lambda root: dvc(root, "remote", "add", "third", "/third"),
    "tracked by another process": lambda root: (_write("own.txt", "x")(root), dvc(root, "add", "own.txt")),
}

VARIABLE = """\
vars: [settings/own.yaml]
stages:
  deep:
    cmd: echo ${depth} ${width} > deep.txt
    outs: [deep.txt]
"""


@pytest.fixture
def varied(project, tmp_path, monkeypatch):
    """With values in stages, another branch, and settings of user and machine of its own."""
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"DVC_{name}_CONFIG_DIR", str(tmp_path / name))
    git(project, "switch", "--quiet", "--create", "other")
    (project / "dvc.yaml").write_text(PIPELINE.replace("cp ", "cp -f "))
    git(project, "commit", "--quiet", "--all", "--message", "other")
    git(project, "switch", "--quiet", "main")
    for name, content in (("params.yaml", "depth: 3\n"), ("settings/own.yaml", "width: 8\n"), ("dvc.yaml", VARIABLE)):
        _write(f"values/{name}", content)(project)
    return project


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_between_two_reads_is_seen(varied, change):
    data = DvcData(varied)
    before = seen(data)
    assert seen(data) == before
    change(varied)
    assert seen(data) == seen(DvcData(varied)) != before


@pytest.mark.parametrize("name", ["dvc.lock", "params.yaml", "dvc.yaml", "*.yaml", "data/train.parquet"])
def test_what_git_comes_to_ignore_is_seen_as_by_a_first_reader(varied, name):
    data = DvcData(varied)
    seen(data)
    with (varied / ".gitignore").open("a") as stream:
        stream.write(f"{name}\n")
    assert seen(data) == seen(DvcData(varied))
    assert seen(data) == seen(DvcData(varied))


def test_what_did_not_change_is_opened_and_read_once(project, opens):
    data = DvcData(project)
    before, (one,) = seen(data), opens
    index = next(iter(data._kept))._tracked
    for _ in range(5):
        assert seen(data) == before
        assert stages.commands(data, ["prepare"])
        assert data.status() == []
        data.content(TRAIN, stages.read_by(data, "train")[0].object)
    assert opens == [one]
    assert next(iter(data._kept))._tracked is index


def test_who_changes_something_does_it_in_a_repository_of_its_own_and_the_next_reader_sees_it(project, opens):
    data = DvcData(project)
    before = seen(data)
    (project / "own.txt").write_text("x")
    data.add(["own.txt"])
    assert "own.txt" in data.outputs()
    (project / TRAIN).write_bytes((project / SOURCE).read_bytes() + b"x")
    data.record([TRAIN])
    assert seen(data) == seen(DvcData(project)) != before
    git(project, "checkout", "--quiet", "dvc.lock")
    checkout(data)
    assert data.status() == []
    assert len(opens) == len({id(one) for one in opens}) == 5


def test_two_readers_at_once_never_share_one(project):
    data = DvcData(project)
    with data.reading() as one, data.indexed() as other:
        assert one is not other
        assert list(other.index.outs)


def test_readers_in_threads_see_one_state_or_the_next_and_nothing_else(project):
    data, states = DvcData(project), [PIPELINE, PIPELINE.replace("mkdir -p", "mkdir -v -p")]
    said = {stages.commands(data, ["train"])["train"].replace("mkdir -p", how) for how in ("mkdir -p", "mkdir -v -p")}
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(stages.commands, data, ["train"]) for _ in range(60)]
        for turn in range(30):
            with replacing(project / "dvc.yaml") as stream:
                stream.write(states[turn % 2].encode())
    assert {one.result()["train"] for one in reading} <= said
    assert len(data._kept) <= 4
    assert "-v" in stages.commands(data, ["train"])["train"]


def test_nothing_is_open_while_nobody_reads(project):
    def held():
        """The files of this process's descriptors."""
        gc.collect()
        return sorted(one for one in map(_target, Path("/proc/self/fd").iterdir()) if str(project) in one or "cache.db" in one)

    data = DvcData(project)
    seen(data)
    data.status()
    assert held() == []
    data.status()
    assert held() == []


def _target(link):
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("how", ["here", "by another process"])
def test_a_purge_of_dvc_s_own_index_ends_what_was_kept(project, opens, how):
    data = DvcData(project)
    data.status()
    if how == "here":
        drop_site_cache(data)
    else:
        dvc(project, "cache", "dir")
        drop_site_cache(DvcData(project))
    before = len(opens)
    assert data.status() == []
    assert len(opens) == before + 1


def test_a_purge_ends_what_was_kept_where_the_new_index_lies_in_the_place_of_the_old_one(project, monkeypatch):
    """A disk may give a new file the number of the one that was removed."""
    data = DvcData(project)
    monkeypatch.setattr(os, "stat", _numberless(os.stat))
    with data.opened() as repo:
        repo.state.hashes.get("nothing")
        before = kept._databases(repo)
    drop_site_cache(data)
    with data.opened() as repo:
        repo.state.hashes.get("nothing")
        after = kept._databases(repo)
    assert before is not None
    assert after is not None
    assert before[2:] == after[2:]
    assert before != after


def _numberless(stat):
    """As the system tells of files, each with the same number."""
    return lambda *one, **how: os.stat_result((stat(*one, **how).st_mode, 1, *stat(*one, **how)[2:]))


def test_a_file_that_changes_while_dvc_reads_is_read_again(project, monkeypatch):
    data, whole, changed = DvcData(project), kept.whole, PIPELINE.replace("mkdir -p", "mkdir -v -p")

    def slow(file):
        content = whole(file)
        if file.name == "dvc.yaml":
            file.write_text(changed)
        return content

    with monkeypatch.context() as patch:
        patch.setattr(kept, "whole", slow)
        old = stages.commands(data, ["train"])
    assert "-v" not in old["train"]
    assert "-v" in stages.commands(data, ["train"])["train"]


def test_what_was_lent_before_reads_objects_as_streams_while_dvc_reads_its_files(project, monkeypatch):
    data, whole, read = DvcData(project), kept.whole, []
    cache = object_stores(data)[0]
    ((_, place), *_) = cache.objects()

    def meanwhile(file):
        with cache.open(place) as stream:
            assert stream.read(1)
        read.append(str(file))
        return whole(file)

    monkeypatch.setattr(kept, "whole", meanwhile)
    assert data.status() == []
    assert str(project / "dvc.yaml") in read
    assert place not in read


def test_a_repository_that_went_away_or_cannot_be_read_is_said_as_at_first(project):
    data = DvcData(project)
    data.status()
    (project / "dvc.yaml").write_text("stages: [")
    with pytest.raises(ProjectError, match=r"dvc\.yaml"):
        data.status()
    (project / "dvc.yaml").write_text(PIPELINE)
    assert data.status() == []
    (project / ".dvc").rename(project / "gone")
    with pytest.raises(ProjectError, match="dvc init"):
        data.status()


@pytest.mark.parametrize("place", ["values/dvc.yaml", "values/settings/own.yaml", "values/params.yaml"])
def test_what_stands_for_more_than_it_says_is_refused_wherever_dvc_reads_it(varied, place):
    data = DvcData(varied)
    seen(data)
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    (varied / place).write_text(f"a0: &a0 [x]\n{bomb}")
    with pytest.raises(ProjectError, match="stands for more"):
        data.status()


def test_a_copy_of_dvc_s_index_under_another_name_is_found(project):
    """DVC names its index after a file of this clone: who deletes that, as a cleaning of `.dvc/tmp`, moves the index."""
    data = DvcData(project)
    before = site_cache(data)
    (project / ".dvc/tmp/btime").unlink()
    assert site_cache(data) == site_cache(DvcData(project)) != before


def test_what_others_have_is_asked_each_time(project, tmp_path, opens):
    (tmp_path / "theirs.txt").write_text("theirs")
    dvc(project, "import-url", str(tmp_path / "theirs.txt"), "theirs.txt")
    data = DvcData(project)
    for _ in range(2):
        assert [one.path for one in origins.imports(data)] == ["theirs.txt"]
        assert next(iter(data._kept))._tracked is None
    assert len(opens) == 1
