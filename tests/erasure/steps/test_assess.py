"""Step 2: what is found before anything is changed."""

from __future__ import annotations

from tests.erasure.steps.begun import begun
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, columns, snapshot
from unlearning.domain.entities import ShardImpact
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.assess import assess_step


def rows_of(person: str) -> int:
    return columns()["patient"].count(person)


def test_it_counts_the_person_s_records_and_names_shard_slice_and_checkpoints(project: Project) -> None:
    person = project.cells()[0, 1][0]
    erasure = begun(project, person)
    impact = assess_step(erasure, RecordSets(erasure))
    assert (impact.records, impact.tokens, impact.not_found) == (rows_of(person), (project.token(person),), ())
    assert impact.shards == (ShardImpact(shard=0, first_slice=2, slices=2, records=rows_of(person)),)
    [stale] = impact.checkpoints_stale
    assert stale == project.workspace.lineage.model("outcome", 1).chain.shards[0].head
    assert {one.path for one in impact.data_versions} == {SOURCE, TRAIN}
    assert [(one.name, one.version, one.aliases) for one in impact.model_versions] == [("outcome", 1, ("champion",))]


def test_nobody_of_the_holdout_shaped_the_model(project: Project) -> None:
    person = next(one for one in project.people(HOLDOUT))
    erasure = begun(project, person)
    impact = assess_step(erasure, RecordSets(erasure))
    assert (impact.shards, impact.model_versions, impact.checkpoints_stale) == ((), (), ())
    assert {one.path for one in impact.data_versions} == {SOURCE, HOLDOUT}


def test_a_stranger_leaves_the_batch_and_looking_again_changes_nothing(project: Project) -> None:
    erasure = begun(project, project.cells()[0, 0][0], "nobody-of-that-name")
    before = snapshot(project.root, without=("ledger.db",))
    first = assess_step(erasure, RecordSets(erasure))
    events = project.kinds()
    assert len(first.not_found) == 1
    assert events[-1] == "SubjectNotFound"
    assert sorted(project.states().values()) == ["not_found", "suppressed"]
    assert assess_step(erasure, RecordSets(erasure)) == first
    assert project.kinds() == events
    assert snapshot(project.root, without=("ledger.db",)) == before


def test_who_is_only_in_an_old_table_that_nobody_indexed_is_found_and_not_sent_away(project: Project) -> None:
    file, data = project.root / "data/visits.csv", project.workspace.data
    for content in ("visitor,day\nZq9001-visitor,1\nZq9002-visitor,2\n", "visitor,day\nZq9002-visitor,2\n"):
        file.write_text(content)
        data.add(["data/visits.csv"])
        data.git.commit("Visits", ["."])
    person = "Zq9001-visitor"
    erasure = begun(project, person, "nobody-of-that-name")
    impact = assess_step(erasure, RecordSets(erasure))
    assert impact.tokens == (project.token(person),)
    assert impact.not_found == (project.token("nobody-of-that-name"),)
    assert impact.model_versions == ()


def test_an_erasure_of_somebody_whom_no_table_of_the_project_holds_deletes_what_does(project: Project) -> None:
    file, data = project.root / "data/visits.csv", project.workspace.data
    for content in ("visitor,day\nZq9001-visitor,1\nZq9002-visitor,2\n", "visitor,day\nZq9002-visitor,2\n"):
        file.write_text(content)
        data.add(["data/visits.csv"])
        data.git.commit("Visits", ["."])
    [request] = project.request("Zq9001-visitor")
    before, champion = project.outcome()["tables"], project.champion
    project.erase()
    objects = [one for one in (project.root / ".dvc/cache/files/md5").rglob("*") if one.is_file()]
    assert [one.name for one in objects if b"Zq9001" in one.read_bytes()] == []
    assert project.states()[request.request_id] == "completed"
    assert (project.outcome()["tables"], project.champion) == (before, champion)
