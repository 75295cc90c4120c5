"""Remedies for what an erasure, a search or a purge stopped at or left: in tables, remotes, clones, stages, requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History
from tests.project.test_suppression import forget
from tests.registry import Elsewhere
from tests.remedied.helping import Ask, asking, dvc, git, helps, printed, run
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, erased_person, tracked
from unlearning.domain import hashing
from unlearning.domain.traces import Place, Wanted
from unlearning.domain.versions import Tracked
from unlearning.entrypoints.flows import erase as flow
from unlearning.entrypoints.flows import events
from unlearning.stores.dvc import recognition
from unlearning.stores.dvc import remotes as dvc_remotes
from unlearning.stores.scans.words import Watch
from unlearning.traces import sweep
from unlearning.traces.places import remotes
from unlearning.traces.places.current_tables import TablePlace
from unlearning.traces.places.dvc_objects import Reader

pytestmark = pytest.mark.usefixtures("without_prefect")

KEY, PERSON, PATH = bytes(32), "Zq-9999", "data/people.csv"
WATCH = Watch(("patient",), "text", KEY)
READER = Reader(WATCH, indexed=lambda _: {}, derived=lambda _: frozenset())
WANTED = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}), identifiers=(PERSON,))
COPY = f"{sys.executable} -c \"import shutil; shutil.copy('data/people.csv', 'data/made.csv')\""


def left_by(place: Place) -> str:
    """What a place says to do, as a sweep and a certificate print it."""
    found = place.find(WANTED)
    return " ".join([*(one.remedy for one in found.unclear), *([found.remedy] if found.traces else [])])


@pytest.fixture
def people(beginning: History, tmp_path: Path) -> History:
    """A table that holds somebody, pushed and committed."""
    return beginning.with_table(tmp_path / "project", PATH, [PERSON, "Zq-0001"])


# --- tables, stages and remotes --------------------------------------------------------------------------------------


def test_what_head_records_is_committed_and_pushed(people: History) -> None:
    def clone() -> str:
        [place] = [one for one in remotes.places(people.repository, READER, [PATH]) if one.name == remotes.CLONE]
        return left_by(place)

    (people.root / PATH).unlink()
    people.table(PATH, ["Zq-0001"])
    helps(
        clone, people.root, "dvc push", "unlearn purge", before=lambda: git(people.root, "commit", "-q", "-a", "-m", "Without")
    )


def test_a_stage_that_reads_people_from_outside_is_frozen(people: History) -> None:
    def inputs() -> str:
        [place] = [one for one in remotes.places(people.repository, READER, ["data/made.csv"]) if one.name == remotes.INPUTS]
        return left_by(place)

    git(people.root, "rm", "-q", f"{PATH}.dvc")
    people.stages({"make": (COPY, [PATH], ["data/made.csv"])})
    people.reproduce()
    helps(inputs, people.root, "dvc freeze", fill={"STAGE": "make"})


@pytest.mark.parametrize("how", ["dvc repro", "dvc commit"])
def test_an_output_that_no_erasure_redacts_is_made_again_or_committed(people: History, how: str) -> None:
    made = people.root / "data/made.csv"
    people.stages({"make": (COPY, [PATH], ["data/made.csv"])})
    people.reproduce()
    (people.root / PATH).unlink()
    people.table(PATH, ["Zq-0001"])

    def take_them_out() -> None:
        if how == "dvc commit":
            made.unlink()
            made.write_text("patient,x\nZq-0001,0\n")

    add = " --force" if how == "dvc commit" else ""
    helps(lambda: left_by(TablePlace("data/made.csv", made, WATCH)), people.root, how, add=add, before=take_them_out)
    assert made.read_text() == "patient,x\nZq-0001,0\n"
    assert dvc(people.root, "status") == "Data and pipelines are up to date."


def silent(history: History) -> Ask:
    return lambda: " ".join(one.remedy for one in dvc_remotes.unsearched(history.repository))


def test_a_remote_that_an_output_names_is_configured(people: History) -> None:
    file = people.root / f"{PATH}.dvc"
    file.write_text(file.read_text() + "  remote: archive\n")
    place = people.root.parent / "archive"
    place.mkdir()
    helps(silent(people), people.root, "dvc remote", "unlearn purge", fill={"URL": str(place)})


def test_a_remote_that_left_the_settings_is_added_again_and_searched(people: History) -> None:
    place = str(people.root / ".dvc-remote")
    dvc(people.root, "push")
    recognition.note(people.root, dvc_remotes.every_store(people.repository))
    dvc(people.root, "remote", "remove", "store")
    helps(
        silent(people),
        people.root,
        "unlearn purge",
        before=lambda: dvc(people.root, "remote", "add", "--default", "store", place),
    )


# --- requests and erasures -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Erased:
    """A project after the erasure of one person, whose training table was `old`."""

    project: Project
    person: str
    old: str


@pytest.fixture
def erased(template: Project, erased_project: Project) -> Erased:
    return Erased(erased_project, erased_person(template), tracked(template.root, TRAIN))


def test_a_stopped_erasure_goes_on(project: Project) -> None:
    unlearn(project.root, "request", "--file", "-", stdin=project.cells()[0, 1][0] + "\n")
    step, stopped = flow.step, []

    def stop(name: str, do: object, **said: object) -> object:
        if name == "6 validate" and not stopped:
            stopped.append(name)
            raise KeyboardInterrupt
        return step(name, do, **said)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "step", stop)
        helps(asking(project.root, "erase"), project.root, "unlearn erase", codes=(0, 1))
    assert stopped
    assert "open" not in project.states().values()
    assert {one.split("_")[0] for one in project.states().values()} == {"completed"}


def nowhere(tell: Callable[[Mapping[str, str]], object]) -> None:
    """With the address of a Prefect server that is not there."""
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    address = "http://127.0.0.1:1/api"
    with temporary_settings({PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}):
        tell({"PREFECT_API_URL": address})


def test_requests_of_which_no_server_took_the_event_are_carried_out(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.request(project.people(HOLDOUT)[0])
    [waiting] = project.states()

    def announced() -> str:
        open_ = [name for name, state in project.states().items() if not state.startswith("completed")]
        nowhere(lambda environ: events.announce(open_, environ))
        return capsys.readouterr().err

    helps(announced, project.root, "unlearn erase", codes=(0, 1))
    assert project.states()[waiting].startswith("completed")


@pytest.mark.slow
def test_whoever_came_back_and_is_on_hold_is_released_and_erased(erased: Erased) -> None:
    project, person = erased.project, erased.person
    [request] = project.request(person)
    unlearn(project.root, "hold", request.request_id, "--reason", "litigation")
    extra = project.root / "data/extra.csv"
    extra.write_text(f"patient,x\n{person},1\n")
    dvc(project.root, "add", "data/extra.csv")
    helps(
        asking(project.root, "purge"),
        project.root,
        "unlearn release",
        "unlearn erase",
        fill={"REQUEST": request.request_id},
        codes=(0, 1),
    )
    assert project.states()[request.request_id].startswith("completed")


def test_an_open_request_is_taken_back_before_the_person_is_let_in(project: Project) -> None:
    person = project.people(TRAIN)[0]
    forget(project, [person])
    [asked] = project.request(person)
    ask = asking(project.root, "readmit", person, "--reason", "signed up again")
    helps(ask, project.root, "unlearn cancel", fill={"REQUEST": asked.request_id})
    assert project.states()[asked.request_id] == "cancelled"


@pytest.mark.parametrize("how", ["unlearn readmit", "unlearn request"])
def test_whoever_came_back_is_let_in_or_asked_for_again(project: Project, how: str) -> None:
    person = project.people(TRAIN)[0]
    before = (project.root / SOURCE).read_bytes()
    forget(project, [person])
    [erased] = project.states()
    (project.root / SOURCE).write_bytes(before)
    dvc(project.root, "add", "--quiet", SOURCE)
    fill = {"REQUEST": erased, "TEXT": "agreed"}
    if how == "unlearn readmit":
        helps(asking(project.root, "check"), project.root, how, fill=fill)
    else:
        said = printed(unlearn(project.root, "check").said, how, "unlearn erase")
        assert said == ["unlearn request --returned", "unlearn erase"]
        run(project.root, said[0])
        assert len(project.states()) == 2


def test_a_hold_is_released_where_a_search_or_an_erasure_stops_at_it(project: Project) -> None:
    person = project.people(HOLDOUT)[0]
    [held] = project.request(person)
    unlearn(project.root, "hold", held.request_id, "--reason", "litigation")
    searched = sweep.sweep(project.workspace, sweep.people(project.workspace, [], [person])).places
    assert any("`unlearn release REQUEST`" in one.remedy for one in searched)
    fill = {"REQUEST": held.request_id}
    helps(asking(project.root, "erase"), project.root, "unlearn release", "unlearn erase", fill=fill, codes=(0, 1))
    assert project.states()[held.request_id].startswith("completed")


def test_a_registry_of_whose_change_no_server_heard_is_looked_at(erased: Erased, capsys: pytest.CaptureFixture[str]) -> None:
    project = erased.project
    late = Elsewhere.at(f"sqlite:///{project.root / 'mlflow.db'}", project.root)
    version = late.register("outcome", late.logged(run := late.run(data=[Tracked(TRAIN, erased.old)])), run)
    with project.workspace.models.client() as client:
        client.set_registered_model_alias("outcome", "champion", str(version.version))

    def changed() -> str:
        if project.champion == version.version:  # MLflow tells of a change once for each
            nowhere(lambda environ: events.registry_changed("outcome", environ))
        return capsys.readouterr().err

    helps(changed, project.root, "unlearn watch", codes=(0, 1))
    assert project.champion == 2
