"""Every remedy that a message names is known and exists, and those that can be are run, here or in the test that is named: on
the state that prints them, with a look at what holds after."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from tests import ran, remedies, warm
from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.cli.conftest import plain_flows
from tests.histories import History
from tests.project.test_suppression import forget
from tests.remedies import TABLE, Installs, Named, Ran
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, remote_objects, tracked
from unlearning.domain.errors import NotFound, ProjectError, UnlearningError, VerificationFailed
from unlearning.domain.versions import DataVersion, Tracked
from unlearning.entrypoints.cli import main
from unlearning.lineage import membership_proof
from unlearning.project import settings
from unlearning.project.tables import current_version
from unlearning.project.training import stages
from unlearning.stores import keys
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git.repository import Git
from unlearning.stores.tables import tables
from unlearning.traces import old_revisions, sweep, within_reach

CASES = [(module, command, case) for module, each in TABLE.items() for command, case in each.items()]
PATH = "data/train.csv"


# --- the table ------------------------------------------------------------------------------------------------------


def test_every_command_in_a_message_has_a_row_and_no_row_is_of_a_message_that_is_gone() -> None:
    printed, known = remedies.messages().keys(), {(module, command) for module, command, _ in CASES}
    assert sorted(printed - known) == [], "add them to TABLE in tests/remedies.py, with a test where one can run them"
    assert sorted(known - printed) == [], "nothing prints these any more: take them out of TABLE"


def test_the_page_is_the_table() -> None:
    assert remedies.PAGE.read_text("utf-8") == remedies.page(), "run `python -m tests.remedies`"


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{module} {name}") for module, name, case in CASES if isinstance(case, Ran | Installs)]
)
def test_the_test_that_a_row_names_is_there(case: Ran | Installs) -> None:
    """That it runs the command is looked at while it runs, by `tests/ran.py`."""
    file, _, name = case.test.partition("[")[0].partition("::")
    assert f"def {name}(" in (remedies.ROOT / "tests" / file).read_text("utf-8")


def ours() -> Iterator[str]:
    """Our own commands, as messages tell people to run them."""
    for (module, verb), commands in remedies.messages().items():
        if verb.startswith("unlearn ") and not isinstance(TABLE.get(module, {}).get(verb), Named):
            yield from commands


def test_what_is_said_of_our_own_commands_can_be_run_as_it_is_said() -> None:
    """Every command and option exists, and no argument is missing: what the reader fills in stands there in capitals."""
    every = sorted(set(ours()))
    assert len(every) > 40
    assert {command: wrong for command in every if (wrong := refusals(command))} == {}


def refusals(command: str) -> list[str]:
    """What is wrong with it whatever is filled in; nothing where some filling makes a command."""
    wrong = []
    for filled_in in ("X", "", " X"):  # a value, more options or none, in the place of what is filled in
        _, verb, *words = shlex.split(command.replace("{}", filled_in))
        try:
            # Under its group: click keeps the first help option that a command is asked for, and a lone one knows no `-h`.
            main.commands[verb].make_context(verb, words, parent=click.Context(main, **main.context_settings))
        except (click.UsageError, KeyError) as error:
            wrong.append(str(error))
        else:
            return []
    return wrong


def test_every_place_that_finds_something_says_itself_what_to_do_about_it() -> None:
    silent = []
    for file in sorted((remedies.ROOT / "unlearning/traces/places").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Found" and node.args:
                silent += [] if "remedy" in {word.arg for word in node.keywords} else [f"{file.name}:{node.lineno}"]
    assert silent == []


def test_a_message_with_a_new_command_is_found_wherever_it_is_put_together() -> None:
    module = (
        "def f(x):\n    'Run `dvc gone`.'\n    raise E(f'{x}: `unlearn purge --request {x}`, `git fsck`')\nY = '`dvc pull`'\n"
    )
    found = [one for text in remedies._strings(ast.parse(module), {}) for one in remedies.COMMAND.findall(text)]
    assert found == ["unlearn purge --request {}", "git fsck", "dvc pull"]


def test_a_test_that_runs_another_command_than_its_row_says_is_told_of() -> None:
    with ran.noting():
        ran.note("unlearn follow --all")
        subprocess.run(["git", "-C", ".", "status"], check=True, capture_output=True)
        subprocess.run([warm.python(), "-m", "dvc", "version"], check=True, capture_output=True)
    asked = ["unlearn follow", "git status", "dvc version", "unlearn erase", "git stat", "dvc push"]
    assert ran.missed(asked) == ["unlearn erase", "git stat", "dvc push"]


# --- remedies that are run here -------------------------------------------------------------------------------------


def said(error: pytest.ExceptionInfo[UnlearningError]) -> list[str]:
    """The commands that an error names."""
    return remedies.COMMAND.findall(str(error.value))


def run(root: Path, command: str) -> None:
    """Run what was said, as it was said."""
    tool, *words = shlex.split(command)
    if tool == "unlearn":
        answer = unlearn(root, *words)
        assert answer.code == 0, answer.said
    else:
        line = [warm.python(), "-m", "dvc", *words] if tool == "dvc" else [tool, *words]
        done = subprocess.run(line, cwd=root, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_an_empty_folder_becomes_a_project_by_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        Git(tmp_path)
    assert said(error) == ["git init"]
    run(tmp_path, "git init")
    with pytest.raises(ProjectError) as error, DvcData(tmp_path).opened():
        pass
    assert said(error) == ["dvc init"]
    run(tmp_path, "dvc init")
    with pytest.raises(ProjectError) as error:
        settings.load(tmp_path)
    assert said(error) == ["unlearn init"]
    run(tmp_path, "unlearn init")
    assert settings.load(tmp_path).stores.keys


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    """A table of two people, committed and pushed."""
    return beginning.with_table(tmp_path / "project", PATH, ["ann-1", "bob-2"])


def test_what_dvc_says_of_a_table_is_mended_by_what_is_said(history: History) -> None:
    file = history.root / PATH
    recorded = file.read_text()

    def asked() -> DataVersion:
        return current_version(history.workspace, PATH, "patient")

    assert asked().path == PATH
    file.write_text(recorded + "cat-3,2\n")
    with pytest.raises(ProjectError) as error:
        asked()
    commit, checkout = said(error)
    assert (commit, checkout) == (f"dvc commit {PATH}", f"dvc checkout {PATH}")
    run(history.root, f"{checkout} --force")
    assert file.read_text() == recorded
    file.write_text(recorded + "cat-3,2\n")
    run(history.root, f"{commit} --force")
    assert asked().rows == 3
    history.repository.push([PATH])

    file.unlink()
    with pytest.raises(NotFound) as missing:
        tables.read(file, person="patient", named=PATH)
    assert said(missing) == ["dvc pull"]
    run(history.root, "dvc pull")
    assert len(tables.read(file, person="patient", named=PATH)) == 3

    shutil.rmtree(history.root / ".dvc/cache/files")
    with pytest.raises(ProjectError) as error:
        asked()
    assert said(error)[-1] == f"dvc pull {PATH}"
    run(history.root, f"dvc pull {PATH}")
    assert asked().rows == 3

    (history.root / "data/new.csv").write_text("patient,x\nann-1,1\n")
    with pytest.raises(ProjectError) as error:
        current_version(history.workspace, "data/new.csv", "patient")
    assert said(error)[0] == "dvc add data/new.csv"
    run(history.root, "dvc add data/new.csv")
    assert current_version(history.workspace, "data/new.csv", "patient").rows == 1


def test_a_stage_or_a_remote_that_dvc_lacks_is_there_by_what_is_said(history: History) -> None:
    made = history.root / "data/made.csv"
    stage = f"{sys.executable} -c \"open('data/made.csv', 'w').write('patient,x' + chr(10) + 'ann-1,1' + chr(10))\""
    history.stages({"make": (stage, [], ["data/made.csv"])})
    made.write_text("patient,x\nann-1,1\n")
    with pytest.raises(ProjectError) as error:
        current_version(history.workspace, "data/made.csv", "patient")
    assert said(error)[0] == "dvc repro make"
    run(history.root, "dvc repro make")
    assert current_version(history.workspace, "data/made.csv", "patient").rows == 1

    run(history.root, "dvc remote remove store")
    with pytest.raises(ProjectError) as error:
        history.repository.push([PATH])
    assert said(error) == ["dvc remote add --default NAME URL"]
    run(history.root, f"dvc remote add --default other {history.root.parent / 'other'}")
    assert history.repository.push([PATH]) == 1


def test_a_shallow_clone_is_completed_by_what_is_said(history: History, tmp_path: Path) -> None:
    history.git("clone", "-q", "--depth", "1", f"file://{history.root}", str(tmp_path / "clone"))
    clone = Git(tmp_path / "clone")
    assert clone.shallow
    run(clone.root, "git fetch --unshallow")
    assert not clone.shallow


def test_an_object_that_is_only_elsewhere_comes_back_by_what_is_said(history: History, tmp_path: Path) -> None:
    shutil.copytree(history.root, tmp_path / "colleague", symlinks=True)
    version = current_version(history.workspace, PATH, "patient")
    for place in (".dvc/cache/files", ".dvc-remote/files"):
        shutil.rmtree(history.root / place)
    with pytest.raises(NotFound) as error:
        history.repository.fetch(version)
    assert said(error) == ["dvc push"]
    run(tmp_path / "colleague", "dvc push")
    assert history.repository.fetch(version).is_file()


@pytest.mark.parametrize("asked", ["an object", "a proof"])
def test_nobody_is_told_to_push_an_object_that_was_erased(history: History, tmp_path: Path, asked: str) -> None:
    old, workspace = current_version(history.workspace, PATH, "patient"), history.workspace
    new = history.table(PATH, ["bob-2"])
    file = history.root / PATH
    twin = Twin(old.object, new.object, PATH, "0" * 64, file.stat().st_size)
    twin_map.write(workspace.data.git, history.root, TwinMap([twin]), signing_key=workspace.keys.signing)
    history.lose(Tracked(PATH, old.object))
    rev = history.git("rev-parse", "HEAD")
    history.commit("without ann")
    ask = {
        "an object": lambda: history.repository.content(PATH, old.object),
        "a proof": lambda: membership_proof.prove(membership_proof.prover(history.root), "ann-1", f"{PATH}@{rev}"),
    }[asked]
    with pytest.raises(NotFound) as error:
        ask()
    assert said(error) == ["unlearn checkout REV"]
    run(history.root, f"unlearn checkout {rev} --into {tmp_path / 'old'}")
    assert (tmp_path / "old" / PATH).read_text() == "patient,x\nbob-2,0\n"


def test_a_changed_map_of_twins_is_restored_by_what_is_said(history: History, tmp_path: Path) -> None:
    workspace, file = history.workspace, history.root / twin_map.FILE
    keys.create(tmp_path / "stranger")
    twin, other = Twin("3" * 32, "1" * 32, PATH, "2" * 64, 9), Twin("0" * 32, "1" * 32, PATH, "2" * 64, 9)
    stranger = (tmp_path / "stranger/signing.pem").read_bytes()
    twin_map.write(workspace.data.git, history.root, TwinMap([other]), signing_key=stranger)
    changed = file.read_bytes()
    history.git("update-ref", "-d", "refs/unlearning/map")
    twin_map.write(workspace.data.git, history.root, TwinMap([twin]), signing_key=workspace.keys.signing)
    history.commit("the map")
    file.write_bytes(changed)
    with pytest.raises(VerificationFailed) as error:
        old_revisions.known(history.workspace)
    assert said(error) == [f"git checkout -- {twin_map.FILE}"]
    run(history.root, said(error)[0])
    assert old_revisions.known(history.workspace).twins == {twin.old: twin}


@pytest.mark.parametrize("what", ["lost", "damaged", "of no learner"])
def test_a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training(project: Project, what: str) -> None:
    store = project.workspace.checkpoints
    key = project.workspace.lineage.models("outcome")[0].trained.parts[0].key
    content = store.get(key)
    if what == "lost":
        store.delete(key)
    elif what == "damaged":
        next((project.root / ".unlearning/checkpoints").rglob(f"{key}.safetensors")).write_bytes(b"half")
    else:
        store.put(key, b"no state")
    with pytest.raises(UnlearningError) as error:
        stages.evaluate(project.workspace)
    assert said(error) == ([] if what == "damaged" else ["unlearn train"])  # that one says: train again
    if what == "of no learner":
        assert "delete it" in str(error.value)
        store.delete(key)
    with plain_flows():
        run(project.root, "unlearn train")
    assert stages.evaluate(project.workspace).measured["constituents"] == 4
    assert store.get(key) == content


def objects_left(project: Project) -> list[sweep.Looked]:
    places = sweep.sweep(project.workspace, within_reach.erased(project.workspace)).places
    return [one for one in places if one.outcome == "residual" and ("cache" in one.place or "remote" in one.place)]


def test_what_a_sweep_says_that_a_purge_deletes_is_deleted(project: Project) -> None:
    old = tracked(project.root, TRAIN)
    forget(project, [project.people(TRAIN)[0]])
    assert {one.remedy for one in objects_left(project)} == {"`unlearn purge` deletes it"}
    unlearn(project.root, "purge")
    assert objects_left(project) == []
    assert old not in remote_objects(project.root)


@contextmanager
def somebody_pushes(file: Path) -> Iterator[None]:
    """A clone that was not told puts an object back as often as it goes."""
    content, stop = file.read_bytes(), threading.Event()

    def push() -> None:
        while not stop.is_set():
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            time.sleep(0.001)

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_what_a_purge_cannot_delete_is_said_and_goes_once_it_can(project: Project) -> None:
    old = tracked(project.root, TRAIN)
    file = project.root / ".dvc-remote/files/md5" / old[:2] / old[2:]
    forget(project, [project.people(TRAIN)[0]])
    with somebody_pushes(file):
        answer = unlearn(project.root, "purge", "--json")
    assert answer.code == 1
    [left] = [one for one in answer.document["residuals"] if "there still" in one["why"]]
    assert "remote" in left["place"]
    assert re.search("`unlearn purge`", left["remedy"])

    again = unlearn(project.root, "purge", "--json").document
    assert not [one for one in again["residuals"] if "there still" in one["why"]]
    assert not file.exists()


def test_what_a_sweep_says_about_somebody_who_was_not_erased_takes_them_out(project: Project) -> None:
    person = project.people(HOLDOUT)[0]

    def remedies_said() -> set[str]:
        found = sweep.sweep(project.workspace, sweep.people(project.workspace, [], [person])).places
        return {one.remedy for one in found if one.outcome == "residual"}

    assert remedies_said() == {"nobody asked to erase 1 of them: `unlearn request`, then `unlearn erase`"}
    [request] = unlearn(project.root, "request", person, "--json").document
    assert remedies_said() == {"1 of them are not erased yet: `unlearn erase`"}
    refused = unlearn(project.root, "purge", "--request", request["request_id"])
    assert (refused.code, "`unlearn erase`" in refused.err) == (2, True)
    project.erase()
    assert remedies_said() == set()
    assert person not in project.people(SOURCE)
