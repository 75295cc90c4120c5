"""Old revisions stay reproducible without the people who were erased: real Git, real DVC, no revision rewritten."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests import long_history, warm
from tests.long_history import CLEAN, PARTS, TOTALS, LongHistory, Past, made, read_totals, totals, without
from tests.small_project import SOURCE, TABLES, Project, copy, patient
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.traces import Deleted
from unlearning.entrypoints.cli import main
from unlearning.project.training import stages
from unlearning.project.workspace import open_workspace
from unlearning.stores import keys
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.objects import CACHE, ObjectStore
from unlearning.stores.git import plumbing
from unlearning.stores.tables import redaction, tables
from unlearning.traces import deletion, old_revisions

ERASED = tuple(patient(number) for number in (3, 7, 12, 15, 18))
CSV = "patient,age,outcome\n"


def run(folder: Path, *command: str) -> str:
    """What a user types."""
    program = [warm.python(), "-m", "dvc"] if command[0] == "dvc" else [command[0]]
    done = subprocess.run([*program, *command[1:]], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.strip()


def redact(project: Project, people: Sequence[str]) -> None:
    """The tables of now without these people, as an erasure leaves them."""
    workspace = project.workspace
    who = tables.read(project.root / SOURCE).column("patient").to_pylist()
    redaction.redact(project.root / SOURCE, project.root / SOURCE, np.array([one not in people for one in who]))
    workspace.data.record([SOURCE])
    stages.prepare(workspace)
    workspace.data.adopt(["prepare"])
    workspace.data.commit("Redact", TABLES)


def purge(project: Project, *people: str) -> Deleted:
    """Step 8 for people whose tables are redacted."""
    redact(project, people)
    return deletion.again(project.workspace, [project.token(one) for one in people])


@pytest.fixture(scope="module")
def template(tools: None, tmp_path_factory: pytest.TempPathFactory) -> LongHistory:
    """Four revisions, of which nobody is erased yet; to be copied."""
    return long_history.create(tmp_path_factory.mktemp("long") / "project", 4)


@pytest.fixture
def history(template: LongHistory, tmp_path: Path) -> LongHistory:
    """A history of the test's own."""
    return elsewhere(template, tmp_path / "project")


def elsewhere(history: LongHistory, root: Path) -> LongHistory:
    return LongHistory(copy(history.project, root), history.past)


@pytest.fixture(scope="module")
def purged(template: LongHistory, tmp_path_factory: pytest.TempPathFactory) -> tuple[LongHistory, Deleted]:
    """The history after the purge of the first person, and what that did; to be copied."""
    history = elsewhere(template, tmp_path_factory.mktemp("purged") / "project")
    return history, purge(history.project, ERASED[0])


@pytest.fixture
def without_one(purged: tuple[LongHistory, Deleted], tmp_path: Path) -> LongHistory:
    """A history of the test's own from which the first person was purged."""
    return elsewhere(purged[0], tmp_path / "project")


@pytest.fixture(scope="module")
def one_by_one(purged: tuple[LongHistory, Deleted], tmp_path_factory: pytest.TempPathFactory) -> LongHistory:
    """The history after the purge of one person, then of another; to be read only."""
    history = elsewhere(purged[0], tmp_path_factory.mktemp("each") / "project")
    purge(history.project, ERASED[1])
    return history


@pytest.fixture(scope="module")
def together(template: LongHistory, tmp_path_factory: pytest.TempPathFactory) -> LongHistory:
    """The history after one purge of both; to be read only."""
    history = elsewhere(template, tmp_path_factory.mktemp("both") / "project")
    purge(history.project, *ERASED[:2])
    return history


# --- what a twin holds ----------------------------------------------------------------------------------------------


def check_data(root: Path, past: Past, erased: Sequence[str]) -> None:
    """A folder holds a revision byte for byte, but for the erased; what stages made of everybody is left to `dvc repro`."""
    keep = [one not in erased for one in past.source.column("patient").to_pylist()]
    assert tables.read(root / SOURCE).equals(past.source.filter(np.array(keep)))
    expected = {path: without(content, erased) for path, content in past.files.items() if path != TOTALS}
    assert {path: content for path, content in made(root).items() if path != TOTALS} == expected
    everything = b"".join(file.read_bytes() for file in (root / "data").rglob("*") if file.is_file())
    assert not [one for one in erased if one.encode() in everything]


def stale(root: Path) -> list[str]:
    """The stages that `dvc status` would run again."""
    found = json.loads(run(root, "dvc", "status", "--json"))
    return sorted(found)


def test_an_old_revision_holds_everybody_else_byte_for_byte_and_dvc_works_there(
    template: LongHistory, together: LongHistory, tmp_path: Path
) -> None:
    revs, history = run(template.project.root, "git", "rev-list", "HEAD").splitlines(), together
    for number, past in enumerate(history.past):
        root = tmp_path / f"revision-{number}"
        done = old_revisions.checkout(history.project.workspace, past.rev, into=root)
        check_data(root, past, ERASED[:2])
        assert (done.twin, done.missing, done.stale) == (True, [], ["totals"])
        assert stale(root) == ["totals"]
    assert run(history.project.root, "git", "fsck", "--full", "--no-dangling") == ""
    assert run(history.project.root, "git", "rev-list", "HEAD").splitlines()[-len(revs) :] == revs


def test_dvc_repro_at_a_twin_makes_again_what_stages_made_of_the_erased(together: LongHistory, tmp_path: Path) -> None:
    history = together
    old_revisions.checkout(history.project.workspace, history.past[1].rev, into=tmp_path / "old")
    root = tmp_path / "old"
    assert read_totals(root) == totals(history.past[1].files)

    run(root, "dvc", "repro", "--quiet")

    assert read_totals(root) == totals({path: without(content, ERASED[:2]) for path, content in history.past[1].files.items()})
    assert stale(root) == []


def clone(history: LongHistory, folder: Path) -> Path:
    """Somebody else's copy: Git, the refs of the twins, the address of the remote; no cache, no key."""
    run(folder.parent, "git", "clone", "--quiet", str(history.project.root), str(folder))
    run(folder, "git", "fetch", "--quiet", "origin", "+refs/unlearning/*:refs/unlearning/*")
    remote = history.project.root / ".dvc-remote"
    run(folder, "dvc", "remote", "modify", "--local", "store", "url", str(remote))
    return folder


def test_in_a_fresh_clone_plain_git_and_dvc_bring_a_twin_back(without_one: LongHistory, tmp_path: Path) -> None:
    import dvc.api

    history = without_one
    root, past = clone(history, tmp_path / "clone"), history.past[1]
    twin = run(root, "git", "rev-parse", f"{plumbing.TWINS}/{past.rev}")

    run(root, "git", "checkout", "--quiet", twin)
    run(root, "dvc", "pull", "--quiet")

    check_data(root, past, ERASED[:1])
    assert stale(root) == ["totals"]
    assert dvc.api.read(CLEAN, repo=str(root), rev=twin).encode() == without(past.files[CLEAN], ERASED[:1])


def test_a_clone_without_keys_checks_a_twin_out_and_says_that_nobody_checked_the_map(
    without_one: LongHistory, tmp_path: Path
) -> None:
    history = without_one
    root = clone(history, tmp_path / "clone")
    theirs = open_workspace(root)

    done = old_revisions.checkout(theirs, history.past[0].rev, into=tmp_path / "old")

    assert done.twin
    check_data(tmp_path / "old", history.past[0], ERASED[:1])
    assert old_revisions.listing(theirs).signature == "unchecked"
    assert [one for one in old_revisions.verify(theirs) if "signing.pub" in one]


def test_a_clone_with_the_public_key_alone_checks_the_map(without_one: LongHistory, tmp_path: Path) -> None:
    history = without_one
    root = clone(history, tmp_path / "clone")
    (root / ".unlearning/keys").mkdir(parents=True)
    shutil.copy(history.project.root / ".unlearning/keys/signing.pub", root / ".unlearning/keys/signing.pub")

    assert old_revisions.listing(open_workspace(root)).signature == "valid"
    assert old_revisions.verify(open_workspace(root)) == []


def test_an_object_that_vanishes_from_the_cache_during_the_purge_gets_its_twin_from_the_remote(
    history: LongHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanished = []

    def vanishing(store: ObjectStore, name: str) -> Path | None:
        file = local_file(store, name)
        if file is not None and store.name == CACHE:
            file.unlink()
            vanished.append(name)
        return file

    local_file = ObjectStore.local_file
    monkeypatch.setattr(ObjectStore, "local_file", vanishing)

    done = purge(history.project, ERASED[0])

    assert vanished
    assert done.without_twin == ()
    old_revisions.checkout(history.project.workspace, history.past[0].rev, into=tmp_path / "old")
    check_data(tmp_path / "old", history.past[0], ERASED[:1])


def test_a_tracked_folder_of_now_that_still_holds_them_is_listed(purged: tuple[LongHistory, Deleted]) -> None:
    left = {one.place for one in purged[1].residuals}
    assert f"table {PARTS}, current version" in left


# --- the map --------------------------------------------------------------------------------------------------------


def said(root: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and words of a command."""
    done = CliRunner().invoke(main, [*arguments, "--root", str(root)])
    return done.exit_code, done.output


def test_a_map_that_somebody_changed_is_refused(without_one: LongHistory) -> None:
    history = without_one
    file = history.project.root / twin_map.FILE
    envelope = json.loads(file.read_bytes())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["twins"].pop()
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    file.write_text(json.dumps(envelope))

    code, words = said(history.project.root, "twins", "--verify")

    assert code != 0
    assert "signed with none" in words
    with pytest.raises(VerificationFailed, match=f"git checkout -- {twin_map.FILE}"):
        old_revisions.checkout(history.project.workspace, history.past[0].rev, into=history.project.root.parent / "old")


def test_a_map_is_refused_under_another_key(without_one: LongHistory) -> None:
    history = without_one
    folder = history.project.root / ".unlearning/keys"
    for name in ("signing.pem", "signing.pub"):
        (folder / name).rename(folder / f"{name}.old")
    keys.create(folder)

    with pytest.raises(VerificationFailed, match="signed with none"):
        old_revisions.listing(history.project.workspace)


def test_the_map_is_in_git_with_its_earlier_versions(one_by_one: LongHistory) -> None:
    root = one_by_one.project.root

    assert len(run(root, "git", "log", "--format=%H", "--", twin_map.FILE).splitlines()) == 2
    assert len(run(root, "git", "log", "--format=%H", plumbing.MAP).splitlines()) == 2


def test_a_twin_that_is_lost_or_is_another_file_is_found(without_one: LongHistory) -> None:
    history = without_one
    assert old_revisions.verify(history.project.workspace) == []
    source = next(one for one in old_revisions.listing(history.project.workspace).twins if one.path == SOURCE)
    name = f"files/md5/{source.new[:2]}/{source.new[2:]}"
    lost, changed = (history.project.root / place / name for place in (".dvc/cache", ".dvc-remote"))
    lost.unlink()
    changed.chmod(0o600)
    changed.write_bytes(b"another file")

    found = old_revisions.verify(history.project.workspace)
    changed.unlink()

    assert found == [f"DVC remote 'store' holds another file under the name of the twin {source.new}"]
    assert old_revisions.verify(history.project.workspace) == [
        f"the twin {source.new} of {source.old} is in no cache or remote"
    ]


def test_an_erased_object_that_is_pushed_again_is_found(template: LongHistory, without_one: LongHistory) -> None:
    history, before = without_one, template.project.root
    held = {
        history.project.root / file.relative_to(before): file for file in (before / ".dvc-remote").rglob("*") if file.is_file()
    }
    gone = [file for file in held if not file.exists()]
    gone[0].parent.mkdir(exist_ok=True)
    gone[0].write_bytes(held[gone[0]].read_bytes())

    assert old_revisions.verify(history.project.workspace) == [
        f"DVC remote 'store' holds the erased object {gone[0].parent.name}{gone[0].name}"
    ]


def test_erasing_one_by_one_leaves_the_twins_of_erasing_together(one_by_one: LongHistory, together: LongHistory) -> None:
    after = [plumbing.twins(history.project.workspace.data.git) for history in (one_by_one, together)]
    trees = [
        [run(history.project.root, "git", "rev-parse", f"{twins_of[past.rev]}^{{tree}}") for past in history.past]
        for history, twins_of in zip((one_by_one, together), after, strict=True)
    ]

    assert trees[0] == trees[1]


# --- the campaign ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_thirty_revisions_of_three_stages_after_erasing_five_people_one_by_one(tools: None, tmp_path: Path) -> None:
    history = long_history.create(tmp_path / "project", 30)
    long_history.train(history)
    project = history.project
    revs = run(project.root, "git", "rev-list", "HEAD").splitlines()
    for person in ERASED:
        project.request(person)
        project.erase()

    assert run(project.root, "git", "rev-list", "HEAD").splitlines()[-len(revs) :] == revs
    assert old_revisions.verify(project.workspace) == []
    theirs = clone(history, tmp_path / "clone")
    for number, past in enumerate(history.past):
        root = tmp_path / f"revision-{number}"
        old_revisions.checkout(project.workspace, past.rev, into=root)
        check_data(root, past, ERASED)
        run(root, "dvc", "repro", "--quiet", "totals")
        assert read_totals(root) == totals({path: without(content, ERASED) for path, content in past.files.items()})
        assert stale(root) == []
        run(theirs, "git", "checkout", "--quiet", f"{plumbing.TWINS}/{past.rev}")
        run(theirs, "dvc", "pull", "--quiet")
        check_data(theirs, past, ERASED)
