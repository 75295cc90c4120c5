"""Who was erased and let in again: what is of before stays erased, what is new may hold them, a new request works whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.examples import example
from tests.histories import History
from tests.small_project import SOURCE, TRAIN, Project, columns, erased_person, tracked
from unlearning.domain import hashing
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import SubjectsReturned
from unlearning.domain.events import CertificateIssued, ErasureStarted, PlanMade, Purged
from unlearning.erasure import decisions, purge_again
from unlearning.erasure import watch as watching
from unlearning.erasure.steps.receive import receive
from unlearning.lineage.readmitted import Readmitted
from unlearning.project.training import stages
from unlearning.stores.tables import redaction
from unlearning.traces import sweep as sweeping
from unlearning.traces import within_reach
from unlearning.traces.within_reach import Reach

STORES = (".dvc/cache/files", ".dvc-remote/files")
REASON = "signed up again, consent of 3 March"


def swept(project: Project) -> sweeping.Sweep:
    return sweeping.sweep(project.workspace, within_reach.erased(project.workspace))


def watched(project: Project) -> list[tuple[str, str]]:
    return [(one.kind, one.outcome) for one in watching.watch(project.workspace, clock=utc_now)]


def load(project: Project, people: int) -> None:
    """A data load with everyone of the beginning, and a training on it."""
    redaction.write(columns(people), project.root / SOURCE)
    workspace = project.workspace
    workspace.data.record([SOURCE])
    stages.prepare(workspace)
    workspace.data.adopt(["prepare"])
    project.train()


def let_in(history: History, person: str) -> str:
    """An erasure and a readmission, as far as the ledger tells of them; the person's token."""
    workspace = history.workspace
    [request] = receive(workspace, [person], regulation="gdpr", now=utc_now())
    told = [
        ErasureStarted(requests=(request.request_id,)),
        example(PlanMade),
        example(Purged),
        example(CertificateIssued, residuals=0),
    ]
    workspace.ledger.append_all([("erasure-1", fact) for fact in told], at=utc_now())
    decisions.readmit(workspace, [person], reason=REASON, now=utc_now())
    return request.token


def test_an_object_is_new_when_later_commits_or_the_work_tree_alone_name_it(
    beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = beginning.copy(tmp_path / "project")
    old = history.table("data/a.csv", ["ann-1", "bob-2"])
    start = history.commit("before")
    token = let_in(history, "ann-1")
    assert Readmitted(history.workspace).objects == {old.object: {token}}  # the work tree names it

    history.git("checkout", "-q", "-b", "stale")
    pushed_later = history.table("data/b.csv", ["ann-1"])
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
    history.commit("made before, pushed after")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    history.git("checkout", "-q", "main")
    new = history.table("data/a.csv", ["ann-1", "bob-2", "cat-3"])
    history.commit("after")
    draft = history.table("data/a.csv", ["ann-1", "dan-4"])

    readmitted = Readmitted(history.workspace)
    assert readmitted.objects.keys() == {new.object, draft.object}
    assert not {old.object, pushed_later.object} & readmitted.objects.keys()
    assert readmitted.since[token].tips == (start,)
    assert readmitted.alone == {token}
    receive(history.workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    assert (Readmitted(history.workspace).alone, Readmitted(history.workspace).since.keys()) == (frozenset(), {token})


def test_what_is_of_before_is_found_where_its_age_is_told_and_new_things_are_not(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    old = history.table("data/a.csv", ["ann-1", "bob-2"])
    history.commit("before")
    token = let_in(history, "ann-1")
    new = history.table("data/a.csv", ["ann-1", "bob-2", "cat-3"])
    history.commit("after")
    reach = Reach(history.workspace)
    for trust in (True, False):
        wanted = reach.wanted([token], trust_index=trust)
        assert (wanted.tokens, wanted.readmitted) == (frozenset(), {token})
        [cache] = [place for place in reach.places() if place.name == "DVC cache"]
        assert {trace.name for trace in cache.find(wanted).traces} == {old.object}
        for place in reach.places():
            if place.name.startswith("table"):
                assert place.find(wanted).traces == ()
    both = reach.wanted([token, token_of(history, "bob-2")])
    assert {trace.name for trace in cache.find(both).traces} == {old.object, new.object}
    assert [one.outcome for one in reach.beyond(both)] == ["out_of_reach"]


def token_of(history: History, person: str) -> str:
    return hashing.token(history.workspace.keys.index, person, "text")


@pytest.mark.parametrize(
    "people",
    [pytest.param(40, marks=pytest.mark.slow, id="the very bytes of before"), pytest.param(41, id="another table")],
)
def test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole(
    template: Project, erased_project: Project, tmp_path: Path, people: int
) -> None:
    project, person = erased_project, erased_person(template)
    for place in STORES:
        shutil.copytree(template.root / place, tmp_path / "before" / place)
    [request_id] = project.states()
    with pytest.raises(SubjectsReturned):
        load(project, people)

    done = decisions.readmit(project.workspace, [person], reason=REASON, now=utc_now())
    assert (done.people, done.already, list(done.requests)) == (1, 0, [request_id])
    load(project, people)

    assert person in project.people(TRAIN)
    assert project.champion == 3
    assert watched(project) == []
    assert swept(project).left == ()
    assert purge_again.purge(project.workspace, []).residuals == ()
    assert project.champion == 3
    stages.evaluate(project.workspace)  # its checkpoints are there, also those with names of before
    assert [one.place for one in swept(project).out_of_reach if "readmitted" in one.place]

    current, back = tracked(project.root, TRAIN), set()
    for place in STORES:
        for file in (tmp_path / "before" / place).rglob("*"):
            target = project.root / place / file.relative_to(tmp_path / "before" / place)
            if file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
                back.add(target)
    if people == 41:
        assert back
        assert {one.outcome for one in swept(project).left} == {"residual"}
        assert set(watched(project)) == {("objects", "reversed")}
    assert watched(project) == []
    assert tracked(project.root, TRAIN) == current
    assert (project.root / ".dvc/cache/files/md5" / current[:2] / current[2:]).exists()

    project.request(person)
    project.erase()
    assert set(project.states().values()) == {"completed"}
    assert person not in project.people(TRAIN)
    assert swept(project).left == ()
    assert project.workspace.ledger.state().readmitted == {}
    assert not (project.root / ".dvc/cache/files/md5" / current[:2] / current[2:]).exists()
