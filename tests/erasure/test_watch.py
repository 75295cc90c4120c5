"""Never again: what an erasure ended comes back, and one round of watching finds it and reverses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.entrypoints.cli.commands import unlearn
from tests.registry import Elsewhere
from tests.small_project import SOURCE, TRAIN, Project, columns, copy, patient, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.events import AdoptedPromoted, ErasureStarted, Superseded
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.erasure import decisions, purge_again
from unlearning.erasure import watch as watching
from unlearning.erasure.steps import receive
from unlearning.erasure.watch import SHAPED, Sighting
from unlearning.lineage import adoption
from unlearning.stores.sql.followed import Source
from unlearning.stores.tables import redaction, tables

STORES = (".dvc/cache/files", ".dvc-remote/files")


@dataclass(frozen=True)
class Erased:
    """A project after an erasure, and what somebody kept from before it."""

    project: Project
    person: str
    before: Path
    """Cache and remote as they were."""
    old: Tracked
    """The training table that held the person."""
    early: str
    """A model that was logged before the erasure and registered nowhere."""

    def watch(self, now: datetime | None = None) -> list[Sighting]:
        return watching.watch(self.project.workspace, clock=lambda: now or utc_now())

    def kinds(self) -> list[str]:
        return [event.kind for event in self.project.events()]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.body) for event in self.project.events() if event.kind == kind]

    @property
    def elsewhere(self) -> Elsewhere:
        uri = f"sqlite:///{self.project.root / 'mlflow.db'}"
        found = Elsewhere._client(uri).get_experiment_by_name("elsewhere")
        return Elsewhere(uri, found.experiment_id, self.project.root)

    def bring_back(self, places: Iterable[str] = STORES) -> set[Path]:
        """A restored backup, or `dvc push` from a stale clone: the erased objects that are there again."""
        back = set()
        for place in places:
            for file in (self.before / place).rglob("*"):
                target = self.project.root / place / file.relative_to(self.before / place)
                if file.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
                    back.add(target)
        return back


@pytest.fixture(scope="module")
def erased_template(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    """One person erased, from a project where somebody else had logged a model before."""
    folder = tmp_path_factory.mktemp("watched")
    project = copy(template, folder / "project")
    for place in STORES:
        shutil.copytree(project.root / place, folder / "before" / place)
    person = project.cells()[0, 1][0]
    old = Tracked(TRAIN, tracked(project.root, TRAIN))
    others = Elsewhere.at(f"sqlite:///{project.root / 'mlflow.db'}", project.root)
    early = others.logged(others.run(data=[old]))
    project.request(person)
    project.erase()
    return Erased(project, person, folder / "before", old, early)


@pytest.fixture
def erased(erased_template: Erased, tmp_path: Path) -> Erased:
    """The same for one test alone."""
    one = erased_template
    return Erased(copy(one.project, tmp_path / "project"), one.person, one.before, one.old, one.early)


def outcomes(found: Iterable[Sighting]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.what, one.outcome) for one in found]


# --- the registry ---------------------------------------------------------------------------------------------------


def test_nothing_is_found_and_nothing_written_twice_when_nothing_came_back(erased: Erased) -> None:
    assert erased.watch() == []
    events = erased.project.events()

    assert erased.watch() == []

    assert erased.project.events() == events


def test_a_version_trained_before_and_registered_after_the_erasure_is_flagged_once(erased: Erased) -> None:
    late = erased.elsewhere.register("late", erased.early)

    found = erased.watch()
    again = erased.watch()

    assert outcomes(found) == outcomes(again) == [("version", str(late), "reported")]
    assert erased.project.workspace.models.version("late", 1).tags[SHAPED] == "true"
    assert [event.subject for event in erased.project.events() if event.kind == "VersionFlagged"] == [str(late)]


@pytest.mark.parametrize(
    ("tags", "seen"),
    [
        ({}, True),
        ({"unlearning.derived_from": "another/1"}, True),
        ({"unlearning.derived_from": "outcome/2"}, False),
        ({"unlearning.derived_from": "nothing"}, False),
    ],
)
def test_a_version_that_was_made_again_while_nobody_says_from_what_is_reported(
    erased: Erased, tags: dict[str, str], seen: bool
) -> None:
    workspace, others = erased.project.workspace, erased.elsewhere
    old, new = others.train("child"), others.train("child", tags=tags)
    others.train("another")
    workspace.lineage.add_edge(ModelVersion("outcome", 1), old, "distilled")
    others.client.delete_model_version("child", str(old.version))
    [made] = erased.project.request(erased.project.people(TRAIN)[-1])
    workspace.ledger.append("erasure-9", ErasureStarted(requests=(made.request_id,)), at=utc_now())
    moved = AdoptedPromoted(
        model="child", version=new.version, replaced=(Superseded(old.version, None),), aliases=(), tokens=("ab" * 32,)
    )
    workspace.ledger.append("erasure-9", moved, at=utc_now())

    found = [one for one in erased.watch() if one.what == str(new)]

    assert [one.outcome for one in found] == (["reported"] if seen else [])
    if seen:
        assert "was made from outcome/1" in found[0].why


def test_an_alias_moved_to_a_version_that_the_erased_person_shaped_is_moved_back(
    erased: Erased, caplog: pytest.LogCaptureFixture
) -> None:
    late = erased.elsewhere.train("outcome", data=[erased.old])
    erased.elsewhere.client.set_registered_model_alias("outcome", "champion", str(late.version))

    found = erased.watch()

    assert outcomes(found) == [("version", str(late), "reported"), ("alias", "alias 'champion' of 'outcome'", "reversed")]
    assert erased.project.champion == 2
    (body,) = erased.bodies("AliasReverted")
    assert (body["alias"], body["from"], body["to"]) == ("champion", late.version, 2)
    assert [one for one in caplog.messages if "reversed: alias 'champion' of 'outcome'" in one]
    assert erased.person not in caplog.text
    assert outcomes(erased.watch()) == [("version", str(late), "reported")]


def test_an_alias_of_a_model_without_a_clean_version_is_withdrawn(erased: Erased) -> None:
    late = erased.elsewhere.train("late", data=[erased.old])
    erased.elsewhere.client.set_registered_model_alias("late", "prod", str(late.version))

    found = erased.watch()

    assert ("alias", "alias 'prod' of 'late'", "reversed") in outcomes(found)
    assert erased.project.workspace.models.aliases("late") == {}
    assert erased.bodies("AliasReverted")[0]["to"] is None


def test_an_alias_moves_back_to_an_adopted_version_though_its_run_said_nothing(erased: Erased) -> None:
    clean = erased.elsewhere.train("theirs")
    now = Tracked(TRAIN, tracked(erased.project.root, TRAIN))
    erased.project.workspace.followed.add_source(Source(clean, now, adoption.HOW))
    late = erased.elsewhere.train("theirs", data=[erased.old])
    erased.elsewhere.client.set_registered_model_alias("theirs", "prod", str(late.version))

    found = erased.watch()

    assert ("alias", "alias 'prod' of 'theirs'", "reversed") in outcomes(found)
    assert erased.project.workspace.models.aliases("theirs") == {"prod": clean.version}


def test_a_copy_of_a_late_version_under_another_name_is_flagged_as_well(erased: Erased) -> None:
    late = erased.elsewhere.train("late", data=[erased.old])
    copied = erased.elsewhere.copy(late, "copies")

    assert {what for kind, what, _ in outcomes(erased.watch()) if kind == "version"} == {str(late), str(copied)}


def test_a_version_made_from_the_redacted_table_is_left_alone(erased: Erased) -> None:
    now = Tracked(TRAIN, tracked(erased.project.root, TRAIN))
    clean = erased.elsewhere.train("later", data=[now])
    erased.elsewhere.client.set_registered_model_alias("later", "prod", str(clean.version))

    assert erased.watch() == []
    assert erased.project.workspace.models.alias("later", "prod") == ModelVersion("later", 1)


# --- data -----------------------------------------------------------------------------------------------------------


def test_whoever_came_back_is_named_for_people_to_decide_and_nothing_is_requested(erased: Erased) -> None:
    project = erased.project
    redaction.write(columns(), project.root / SOURCE)
    [first] = project.states()

    found = erased.watch()

    assert outcomes(found) == outcomes(erased.watch()) == [("data", SOURCE, "reported")]
    assert list(project.states()) == [first]
    assert found[0].requests == (first,)
    assert f"`unlearn readmit --request {first} --reason TEXT`" in found[0].next_step
    assert "`unlearn request --returned`" in found[0].next_step

    [made] = unlearn(project.root, "request", "--returned", "--json").document
    assert project.states()[made["request_id"]] == "suppressed"
    assert receive.reopen_returned(project.workspace, regulation="gdpr", now=utc_now()) == []
    assert (erased.watch()[0].requests, erased.watch()[0].next_step) == ((), watching.AGAIN)

    decisions.cancel(project.workspace, made["request_id"], now=utc_now())
    assert unlearn(project.root, "readmit", "--request", first, "--reason", "signed up again").code == 0
    assert erased.watch() == []


def test_a_load_that_brings_an_erased_person_back_opens_a_new_request_where_the_policy_says_so(erased: Erased) -> None:
    erased.project.configure({"policy": {"on_watch": "request"}})
    redaction.write(columns(), erased.project.root / SOURCE)

    found = erased.watch()

    assert outcomes(found) == [("data", SOURCE, "reported")]
    assert [one for one in erased.kinds() if one in ("SubjectReturned", "RequestReceived")][-2:] == [
        "SubjectReturned",
        "RequestReceived",
    ]
    # Somebody's run had logged their data, so their first request ended with that listed.
    assert sorted(erased.project.states().values()) == ["completed_with_residuals", "suppressed"]
    assert "1 new requests, 0 open already" in found[0].why
    assert "0 new requests, 1 open already" in erased.watch()[0].why
    assert len(erased.project.states()) == 2


@pytest.mark.parametrize("places", [STORES, STORES[1:]], ids=["a restored backup", "a push from a stale clone"])
def test_erased_objects_that_come_back_are_deleted_again(erased: Erased, places: tuple[str, ...]) -> None:
    back = erased.bring_back(places)
    assert back

    found = erased.watch()

    assert not [file for file in back if file.exists()]
    assert {(one.kind, one.outcome) for one in found} == {("objects", "reversed")}
    (returned,), (gone,) = erased.bodies("TracesReturned"), erased.bodies("TracesErased")
    assert returned["count"] == gone["count"]
    assert set(returned["names"]["DVC objects"]) <= {file.parent.name + file.name for file in back}
    assert erased.watch() == []


def test_a_table_of_another_name_that_holds_the_person_is_deleted_and_gets_a_twin(erased: Erased) -> None:
    project, extra = erased.project, "data/extra.parquet"
    everyone = tables.read(erased.before / STORES[0] / "md5" / erased.old.object[:2] / erased.old.object[2:], named=TRAIN)
    redaction.write(everyone.slice(0).append_column("n", [list(range(len(everyone)))]).to_pydict(), project.root / extra)
    project.workspace.data.add([extra])
    project.workspace.data.git.commit("Add another table", ["."])

    found = erased.watch()

    assert ("objects", "DVC objects", "reversed") in outcomes(found)
    from unlearning.traces import old_revisions

    assert tracked(project.root, extra) in old_revisions.known(project.workspace).twins


def test_whoever_came_back_and_is_on_hold_is_left_alone(erased: Erased) -> None:
    (request,) = erased.project.request(erased.person)
    decisions.hold(erased.project.workspace, request.request_id, reason="litigation", now=utc_now())
    back = erased.bring_back()

    assert not [one for one in erased.watch() if one.kind == "objects"]
    assert all(file.exists() for file in back)


def test_purge_leaves_alone_whoever_came_back_and_is_on_hold(erased: Erased) -> None:
    (request,) = erased.project.request(erased.person)
    decisions.hold(erased.project.workspace, request.request_id, reason="litigation", now=utc_now())
    project, extra = erased.project, "data/extra.csv"
    (project.root / extra).write_text(f"patient,x\n{erased.person},1\n")
    project.workspace.data.add([extra])
    held = tracked(project.root, extra)

    shown, done = purge_again.preview(project.workspace, []), purge_again.purge(project.workspace, [])

    assert "people with a legal hold" in {one.place for one in done.residuals}
    assert "people with a legal hold" in {one.place for one in shown.residuals}
    assert (project.root / ".dvc/cache/files/md5" / held[:2] / held[2:]).exists()


# --- holds, deadlines, the ledger, what does not answer -------------------------------------------------------------


def test_a_hold_that_expired_is_released(erased: Erased) -> None:
    (request,) = erased.project.request(patient(30))
    decisions.hold(erased.project.workspace, request.request_id, reason="litigation", now=utc_now(), until=date.today())

    found = erased.watch(datetime.now(UTC) + timedelta(days=2))

    assert ("hold", request.request_id, "reversed") in outcomes(found)
    assert "RequestReleased" in erased.kinds()


def test_a_request_past_its_deadline_is_told_of_every_round_and_written_down_once(erased: Erased) -> None:
    (request,) = erased.project.request(patient(30))
    late = datetime.now(UTC) + timedelta(days=60)

    assert outcomes(erased.watch(late)) == outcomes(erased.watch(late)) == [("deadline", request.request_id, "reported")]
    assert erased.kinds().count("RequestOverdue") == 1


def test_a_ledger_that_was_tampered_with_reverses_nothing(erased: Erased) -> None:
    late = erased.elsewhere.train("outcome", data=[erased.old])
    erased.elsewhere.client.set_registered_model_alias("outcome", "champion", str(late.version))
    with erased.project.workspace.ledger.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_event SET kind = 'RequestExempted' WHERE seq = 2"))

    found = erased.watch()

    assert {(one.kind, one.outcome) for one in found} == {("ledger", "reported")}
    assert erased.project.champion == late.version


def test_a_remote_that_is_away_leaves_its_look_unchecked_and_the_others_done(erased: Erased) -> None:
    late = erased.elsewhere.register("late", erased.early)
    (erased.project.root / ".dvc-remote").rename(erased.project.root / ".away")

    found = erased.watch()

    assert outcomes(found) == [("version", str(late), "reported"), ("objects", "objects", "unchecked")]
