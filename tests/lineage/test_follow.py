"""Following a really started MLflow server and real Git and DVC histories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories import History
from tests.registry import Elsewhere
from tests.servers import free_port, mlflow_server
from tests.small_project import PARAMS, Project
from tests.stores.conftest import postgres_server, postgres_url  # noqa: F401  # fixtures
from unlearning.domain import hashing
from unlearning.domain.errors import Unavailable
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import follow

SPLIT = ("cp data/raw.csv data/clean.csv", ["data/raw.csv"], ["data/clean.csv"])
COUNT = ("cut -d, -f2 data/clean.csv > data/features.csv", ["data/clean.csv"], ["data/features.csv"])
FIT = ("wc -l data/features.csv > model.txt", ["data/features.csv"], ["model.txt"])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server on a new database of each kind."""
    database = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with mlflow_server(tmp_path / "server", database=database) as address:
        yield address


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    return beginning.copy(tmp_path / "project")


@pytest.fixture
def elsewhere(history: History, tmp_path: Path) -> Elsewhere:
    return Elsewhere.at(history.workspace.models.uri, tmp_path)


def holding(history: History, person: str) -> set[Tracked]:
    token = bytes.fromhex(hashing.token(history.workspace.keys.index, person, "text"))
    return {Tracked(one.path, one.object) for one in history.workspace.lineage.versions_holding([token])[token]}


def shaped(history: History, person: str) -> dict[str, str | None]:
    """What `unlearn impact` would say of the registry."""
    from unlearning.lineage.graph import shaped_elsewhere

    workspace = history.workspace
    token = bytes.fromhex(hashing.token(workspace.keys.index, person, "text"))
    digests = [one.digest for one in workspace.lineage.versions_holding([token])[token]]
    return {f"{one.name}/{one.version}": one.via for one in shaped_elsewhere(workspace, digests, [])}


def whys(report: follow.Round) -> str:
    return "\n".join(f"{gap.what}: {gap.why} → {gap.remedy}" for gap in report.gaps)


# --- against a started server ----------------------------------------------------------------------------------------


@pytest.mark.services
def test_every_way_of_saying_what_fed_a_version_is_read_from_a_server(server: str, tmp_path: Path) -> None:
    history = History.create(tmp_path / "project", server)
    elsewhere = Elsewhere.at(server, tmp_path)
    first = history.table("data/train.csv", ["ann", "bob"])
    history.commit()
    second = history.table("data/train.csv", ["ann"])
    history.commit()
    by_input = elsewhere.train("input", data=[first])
    by_tag = elsewhere.train("tag", tags={})
    elsewhere.client.set_model_version_tag("tag", "1", "unlearning.data_path", first.path)
    elsewhere.client.set_model_version_tag("tag", "1", "unlearning.data_object", first.object)
    newer = elsewhere.train("input", data=[second])
    copied = elsewhere.copy(by_input, "production")
    start = elsewhere.logged(elsewhere.run(data=[first]))
    tuned = elsewhere.train("tuned", data=[second], models=[start])
    foreign = elsewhere.train("foreign", foreign=["table"])
    silent = elsewhere.train("silent")

    report = follow.follow(history.workspace)

    assert report.model_versions == 7
    assert set(shaped(history, "bob")) == {str(by_input), str(by_tag), str(copied), str(tuned)}
    assert set(shaped(history, "ann")) == {str(by_input), str(by_tag), str(copied), str(tuned), str(newer)}
    assert {gap.what for gap in report.gaps} == {f"model {foreign}", f"model {silent}"}
    assert "type 'local', not from DVC" in whys(report)
    again = follow.follow(history.workspace)
    assert (again.new, again.gaps) == (0, report.gaps)


@pytest.mark.services
@pytest.mark.slow
def test_a_server_that_goes_away_leaves_the_round_before(tmp_path: Path) -> None:
    port = free_port()
    history = History.create(tmp_path / "project", f"http://127.0.0.1:{port}")
    with mlflow_server(tmp_path / "server", port=port) as address:
        elsewhere = Elsewhere.at(address, tmp_path)
        elsewhere.train("one", data=[history.table("data/train.csv", ["ann"])])
        history.commit()
        follow.follow(history.workspace)
        before = history.workspace.followed
        kept = (before.models(), before.sources(), before.gaps(), before.commits())
        elsewhere.train("two")
    history.table("data/train.csv", ["bob"])
    history.commit()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        follow.follow(history.workspace)
    after = history.workspace.followed
    assert (after.models(), after.sources(), after.gaps(), after.commits()) == kept


# --- DVC histories ---------------------------------------------------------------------------------------------------


def test_people_are_followed_through_three_stages_to_a_model(history: History, elsewhere: Elsewhere) -> None:
    history.table("data/raw.csv", ["ann", "bob"])
    history.stages({"clean": SPLIT, "features": COUNT, "fit": FIT})
    history.reproduce()
    rev = history.commit()
    outs = {path: history.tracked(path).object for path in ("data/clean.csv", "data/features.csv", "model.txt")}
    tags = {f"dvc.out:{path}": value for path, value in outs.items()} | {"dvc.git_rev": rev, "dvc.git_dirty": "false"}
    in_stage = elsewhere.train("fit", tags={**tags, "dvc.stage": "fit"})
    registered = elsewhere.train("late", data=[history.tracked("model.txt")])
    beside = elsewhere.train("beside", tags={**tags, "dvc.outs_count": "3"})

    report = follow.follow(history.workspace)

    assert shaped(history, "ann") == {
        str(in_stage): "stage fit data/features.csv",
        str(registered): "dataset input model.txt",
        str(beside): "beside the run data/clean.csv",
    }
    assert shaped(history, "eve") == {}
    assert [gap.what for gap in report.gaps] == [f"model {beside}"]


def test_who_was_filtered_out_on_the_way_did_not_shape_the_model(history: History, elsewhere: Elsewhere) -> None:
    history.table("data/raw.csv", ["ann", "bob"])
    history.stages({"clean": ("grep -v bob data/raw.csv > data/clean.csv", ["data/raw.csv"], ["data/clean.csv"])})
    history.reproduce()
    history.commit()
    elsewhere.train("model", data=[history.tracked("data/clean.csv")])
    follow.follow(history.workspace)
    assert set(shaped(history, "ann")) == {"model/1"}
    assert shaped(history, "bob") == {}


def test_the_stage_is_read_with_the_hashes_of_the_moment_and_not_of_the_commit(history: History, elsewhere: Elsewhere) -> None:
    history.table("data/raw.csv", ["ann"])
    history.stages({"clean": SPLIT, "features": COUNT})
    history.reproduce()
    rev = history.commit()
    history.table("data/raw.csv", ["bob"])
    history.reproduce()
    now = history.tracked("data/clean.csv")
    tags = {"dvc.out:data/clean.csv": now.object, "dvc.git_rev": rev, "dvc.git_dirty": "true", "dvc.stage": "features"}
    elsewhere.train("model", tags=tags)
    history.commit()
    report = follow.follow(history.workspace)
    assert report.gaps == []
    assert set(shaped(history, "bob")) == {"model/1"}
    assert shaped(history, "ann") == {}


def test_branches_tags_and_renamed_tables_are_all_indexed_by_a_backfill(history: History) -> None:
    first = history.table("data/train.csv", ["ann", "bob"])
    history.commit()
    history.git("tag", "v1")
    history.git("checkout", "-q", "-b", "side")
    side = history.table("data/train.csv", ["ann", "cleo"])
    history.commit()
    history.git("checkout", "-q", "main")
    (history.root / "data/train.csv").unlink()
    history.git("mv", "data/train.csv.dvc", "data/people.csv.dvc")
    pointer = history.root / "data/people.csv.dvc"
    pointer.write_text(pointer.read_text().replace("train.csv", "people.csv"))
    history.commit()
    assert follow.follow(history.workspace).data_versions == 0
    report = follow.follow(history.workspace, everything=True)
    renamed = Tracked("data/people.csv", first.object)
    assert report.gaps == []
    assert holding(history, "ann") >= {first, side}
    assert holding(history, "cleo") == {side}
    assert renamed in holding(history, "bob") or first in holding(history, "bob")
    assert follow.follow(history.workspace, everything=True).new == 0


def test_a_table_whose_object_is_gone_is_a_gap_until_it_is_back(history: History, elsewhere: Elsewhere) -> None:
    lost = history.table("data/train.csv", ["ann"])
    content = (history.root / "data/train.csv").read_bytes()
    history.commit()
    history.table("data/train.csv", ["bob"])
    history.commit()
    elsewhere.train("model", data=[lost])
    history.lose(lost)
    report = follow.follow(history.workspace)
    [gap] = report.gaps
    assert gap.what == f"data {lost.name}"
    assert "gone" in gap.why
    assert "model/1" in gap.why
    (history.root / "data/train.csv").write_bytes(content)
    history.repository.add(["data/train.csv"])
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "ann")) == {"model/1"}


def test_a_column_with_another_name_is_a_gap_until_it_is_named(history: History, elsewhere: Elsewhere) -> None:
    old = history.table("data/train.csv", ["ann"], column="person_id")
    elsewhere.train("model", data=[old])
    history.commit()
    [gap] = follow.follow(history.workspace).gaps
    assert "no known person column (it has 2 columns in its first line; looked for patient)" in gap.why
    follow.add_column(history.workspace, "data/train.csv:person_id")
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "ann")) == {"model/1"}


@pytest.mark.parametrize(
    ("content", "why"),
    [("patient,x\nzoe,1\n,2\n", "empty in 1 of 2 rows"), ('patient,x\n"zoe,1\nbob,2,3,4\n', "no readable csv table")],
)
def test_a_table_that_cannot_be_read_is_a_gap_that_quotes_no_cell(
    history: History, elsewhere: Elsewhere, content: str, why: str
) -> None:
    history.table("data/train.csv", [])
    (history.root / "data/train.csv").write_text(content)
    history.repository.add(["data/train.csv"])
    elsewhere.train("model", data=[history.tracked("data/train.csv")])
    [gap] = follow.follow(history.workspace).gaps
    assert why in gap.why
    assert "zoe" not in str(gap)


def test_a_tracked_folder_is_opened_file_by_file(history: History, elsewhere: Elsewhere) -> None:
    folder = history.root / "data/parts"
    folder.mkdir(parents=True)
    for name, person in (("a.csv", "ann"), ("b.csv", "bob")):
        (folder / name).write_text(f"patient,x\n{person},1\n")
    history.repository.add(["data/parts"])
    history.commit()
    elsewhere.train("model", data=[history.tracked("data/parts")])
    report = follow.follow(history.workspace)
    assert report.gaps == []
    assert set(shaped(history, "ann")) == set(shaped(history, "bob")) == {"model/1"}


def test_a_shallow_clone_says_that_it_cannot_see_far(history: History, tmp_path: Path) -> None:
    history.table("data/train.csv", ["ann"])
    history.commit()
    history.table("data/train.csv", ["bob"])
    history.commit()
    history.git("clone", "-q", "--depth", "1", f"file://{history.root}", str(tmp_path / "clone"))
    (tmp_path / "clone/.unlearning").symlink_to(history.root / ".unlearning")
    assert "shallow" in whys(follow.follow(History(tmp_path / "clone").workspace))


# --- the registry ----------------------------------------------------------------------------------------------------


def test_a_data_set_that_only_judged_a_model_did_not_shape_it(history: History, elsewhere: Elsewhere) -> None:
    judged = history.table("data/holdout.csv", ["ann"])
    trained = history.table("data/train.csv", ["bob"])
    run = elsewhere.run(data=[judged], context="evaluation")
    elsewhere.client.log_inputs(run, _inputs(trained))
    elsewhere.register("model", elsewhere.logged(run), run)
    follow.follow(history.workspace, everything=True)
    assert shaped(history, "ann") == {}
    assert set(shaped(history, "bob")) == {"model/1"}


def _inputs(content: Tracked) -> list[object]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(content.path, content.object, "dvc", json.dumps(content._asdict()))
    return [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]


def test_a_version_that_was_deleted_keeps_its_lineage_and_its_living_children(history: History, elsewhere: Elsewhere) -> None:
    parent = elsewhere.train("parent", data=[history.table("data/train.csv", ["ann"])])
    child = elsewhere.copy(parent, "child")
    history.commit()
    follow.follow(history.workspace)
    elsewhere.client.delete_model_version("parent", "1")
    follow.follow(history.workspace)
    assert history.workspace.followed.models()[parent].deleted
    assert not history.workspace.followed.models()[child].deleted
    assert set(shaped(history, "ann")) == {str(child)}


def test_the_same_logged_model_registered_twice_is_a_copy(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run(data=[history.table("data/train.csv", ["ann"])])
    model = elsewhere.logged(run)
    first, second = elsewhere.register("one", model, run), elsewhere.register("two", model, run)
    follow.follow(history.workspace)
    assert history.workspace.lineage.edges() == [(first, second, "copied")]


def test_a_registered_model_that_another_started_from_is_its_parent(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run(data=[history.table("data/old.csv", ["ann"])])
    model = elsewhere.logged(run)
    base = elsewhere.register("base", model, run)
    tuned = elsewhere.train("tuned", data=[history.table("data/new.csv", ["bob"])], models=[model])
    again = elsewhere.train("again", data=[history.tracked("data/new.csv")])
    elsewhere.client.set_model_version_tag("again", "1", "unlearning.derived_from", str(tuned))
    elsewhere.client.set_model_version_tag("again", "1", "unlearning.derived_kind", "distilled")
    follow.follow(history.workspace)
    assert history.workspace.lineage.edges() == [(base, tuned, "fine_tuned"), (tuned, again, "distilled")]
    assert shaped(history, "ann") == {
        str(base): "dataset input data/old.csv",
        str(tuned): f"fine_tuned from {base}",
        str(again): f"distilled from {tuned}",
    }


def test_a_parent_is_found_through_a_model_that_nobody_registered(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run(data=[history.table("data/old.csv", ["ann"])])
    start = elsewhere.logged(run)
    base = elsewhere.register("base", start, run)
    between = elsewhere.logged(elsewhere.run(data=[history.table("data/new.csv", ["bob"])], models=[start]))
    tuned = elsewhere.train("tuned", data=[history.table("data/newer.csv", ["cleo"])], models=[between])
    history.commit()
    follow.follow(history.workspace)
    assert history.workspace.lineage.edges() == [(base, tuned, "fine_tuned")]
    assert set(shaped(history, "ann")) == {str(base), str(tuned)}
    assert set(shaped(history, "bob")) == {str(tuned)}


def test_a_run_that_is_gone_is_a_gap(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run(data=[history.table("data/train.csv", ["ann"])])
    model = elsewhere.logged(run)
    elsewhere.register("model", model, "0" * 32)
    assert "its run is gone from MLflow" in whys(follow.follow(history.workspace))


def test_data_that_is_logged_later_closes_the_gap(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run()
    elsewhere.register("model", elsewhere.logged(run), run)
    content = history.table("data/train.csv", ["ann"])
    assert "logged no data set" in whys(follow.follow(history.workspace))
    elsewhere.client.log_inputs(run, _inputs(content))
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "ann")) == {"model/1"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that MLflow was asked for alone, one by one."""
    from mlflow import MlflowClient

    names: list[str] = []
    get_run = MlflowClient.get_run

    def listening(client: MlflowClient, run_id: str) -> object:
        names.append(run_id)
        return get_run(client, run_id)

    monkeypatch.setattr(MlflowClient, "get_run", listening)
    return names


def test_a_run_behind_a_gap_is_asked_for_alone_only_when_something_of_it_changed(
    history: History, elsewhere: Elsewhere, asked: list[str]
) -> None:
    content = history.table("data/train.csv", ["ann"])
    history.commit()
    silent = [elsewhere.run() for _ in range(3)]
    for run in silent:
        elsewhere.register("model", elsewhere.logged(run), run)
    running = elsewhere.client.create_run(elsewhere.experiment).info.run_id
    elsewhere.register("model", elsewhere.logged(running), running)
    first = follow.follow(history.workspace)
    assert sorted(asked) == sorted([*silent, running])
    asked.clear()
    assert follow.follow(history.workspace).gaps == first.gaps
    assert asked == [running]
    asked.clear()
    elsewhere.client.log_inputs(silent[1], _inputs(content))
    elsewhere.client.update_model_version("model", "3", "somebody looks at it")
    gaps = {gap.what for gap in follow.follow(history.workspace).gaps}
    assert gaps == {"model model/1", "model model/3", "model model/4"}
    assert sorted(asked) == sorted([silent[1], silent[2], running])
    assert set(shaped(history, "ann")) == {"model/2"}
    asked.clear()
    follow.follow(history.workspace, everything=True)
    assert sorted(asked) == sorted([silent[0], silent[2], running])


@pytest.mark.parametrize("how", ["said with something else", "asked for everything"])
def test_a_model_that_a_run_named_after_it_ended_is_found(history: History, elsewhere: Elsewhere, how: str) -> None:
    base_run = elsewhere.run(data=[history.table("data/train.csv", ["ann"])])
    start = elsewhere.logged(base_run)
    history.commit()
    base = elsewhere.register("base", start, base_run)
    run = elsewhere.run()
    tuned = elsewhere.register("tuned", elsewhere.logged(run), run)
    follow.follow(history.workspace)
    _log_model_input(elsewhere, run, start)
    if how == "said with something else":
        elsewhere.client.set_terminated(run)
    else:
        assert [gap.what for gap in follow.follow(history.workspace).gaps] == [f"model {tuned}"]
    follow.follow(history.workspace, everything=how == "asked for everything")
    assert history.workspace.lineage.edges() == [(base, tuned, "fine_tuned")]
    assert set(shaped(history, "ann")) == {str(base), str(tuned)}


def _log_model_input(elsewhere: Elsewhere, run: str, model: str) -> None:
    from mlflow.entities import LoggedModelInput

    elsewhere.client.log_inputs(run, [], [LoggedModelInput(model)])


def test_what_a_run_started_from_is_remembered_while_only_its_parent_is_open(
    history: History, elsewhere: Elsewhere, asked: list[str]
) -> None:
    base_run = elsewhere.run(data=[history.table("data/train.csv", ["ann"])])
    start = elsewhere.logged(base_run)
    history.commit()
    tuned = elsewhere.train("tuned", models=[start], foreign=["table"])
    for _ in range(2):
        assert "type 'local', not from DVC" in whys(follow.follow(history.workspace))
        assert set(shaped(history, "ann")) == {str(tuned)}
        assert len(asked) == 2


def test_a_run_that_goes_while_its_version_has_a_gap_is_gone_in_the_next_round(
    history: History, elsewhere: Elsewhere, asked: list[str]
) -> None:
    run = elsewhere.run()
    elsewhere.register("model", elsewhere.logged(run), run)
    follow.follow(history.workspace)
    elsewhere.client.delete_run(run)  # marked as deleted: MLflow still shows it to whoever asks
    assert "logged no data set" in whys(follow.follow(history.workspace))
    _collect(history, run)
    asked.clear()
    for _ in range(2):
        assert "its run is gone from MLflow" in whys(follow.follow(history.workspace))
        assert asked == [run]


def test_versions_trained_here_are_followed_like_any_other(project: Project) -> None:
    report = follow.follow(project.workspace)
    assert (report.model_versions, report.gaps) == (1, [])
    assert [one.model for one in project.workspace.followed.sources()] == [ModelVersion(PARAMS["model"], 1)]


def test_a_folder_whose_name_is_a_number_is_no_version_that_was_copied(history: History, elsewhere: Elsewhere) -> None:
    elsewhere.client.create_registered_model("model")
    elsewhere.client.create_model_version("model", "s3://bucket/fraud/3", elsewhere.run())
    assert [gap.what for gap in follow.follow(history.workspace).gaps] == ["model model/1"]
    assert history.workspace.lineage.edges() == []


@pytest.mark.parametrize(("parent", "kind"), [("model/1", "distilled"), ("base", "distilled"), ("base/1", "inspired")])
def test_tags_that_cannot_be_are_a_gap_and_stop_nobody(history: History, elsewhere: Elsewhere, parent: str, kind: str) -> None:
    version = elsewhere.train("model", data=[history.table("data/train.csv", ["ann"])])
    tag(elsewhere, version, derived_from=parent, derived_kind=kind)
    [gap] = follow.follow(history.workspace).gaps
    assert (gap.what, parent in gap.why, kind in gap.why) == ("model model/1", True, True)
    assert set(shaped(history, "ann")) == {"model/1"}


def tag(elsewhere: Elsewhere, version: ModelVersion, **tags: str) -> None:
    for key, value in tags.items():
        elsewhere.client.set_model_version_tag(version.name, str(version.version), f"unlearning.{key}", value)


def test_a_parent_that_no_round_ever_saw_is_a_gap(history: History, elsewhere: Elsewhere) -> None:
    child = elsewhere.train("child", data=[history.table("data/train.csv", ["ann"])])
    tag(elsewhere, child, derived_from="base/1")
    [gap] = follow.follow(history.workspace).gaps
    assert (gap.what, gap.why) == ("model child/1", "it was made from base/1, of which nothing is known")


def test_tags_that_come_later_are_read_though_mlflow_says_that_nothing_changed(history: History, elsewhere: Elsewhere) -> None:
    base = elsewhere.train("base", data=[history.table("data/base.csv", ["ann"])])
    child = elsewhere.train("child", data=[history.table("data/train.csv", ["bob"])])
    other = elsewhere.train("other", data=[history.tracked("data/train.csv")])
    more = history.table("data/more.csv", ["cleo"])
    history.commit()
    follow.follow(history.workspace)
    before = {one.model: one.updated_ms for one in history.workspace.models.every_version()}
    tag(elsewhere, child, derived_from=str(base))
    tag(elsewhere, other, data_path=more.path, data_object=more.object)
    assert {one.model: one.updated_ms for one in history.workspace.models.every_version()} == before
    follow.follow(history.workspace)
    assert set(shaped(history, "ann")) == {str(base), str(child)}
    assert set(shaped(history, "cleo")) == {str(other)}


def test_what_an_edge_names_and_nobody_followed_before_it_was_deleted_is_gone(history: History, elsewhere: Elsewhere) -> None:
    base = elsewhere.train("base", data=[history.table("data/base.csv", ["ann"])])
    child = elsewhere.train("child", data=[history.table("data/train.csv", ["bob"])])
    lost = elsewhere.train("lost", data=[history.tracked("data/train.csv")])
    history.commit()
    follow.add_edge(history.workspace, str(base), str(child), "fine_tuned")
    follow.add_edge(history.workspace, str(lost), str(base), "fine_tuned")
    for gone in (child, lost):
        elsewhere.client.delete_model_version(gone.name, "1")
    for _ in range(2):
        [gap] = follow.follow(history.workspace).gaps
        assert (gap.what, gap.why) == (f"model {base}", f"it was made from {lost}, of which nothing is known")
        assert set(shaped(history, "ann")) == {str(base)}


def test_what_was_missing_about_a_deleted_parent_is_missing_while_its_child_lives(
    history: History, elsewhere: Elsewhere
) -> None:
    lost = history.table("data/train.csv", ["ann"])
    history.commit()
    history.lose(lost)
    silent, known = elsewhere.train("silent"), elsewhere.train("known", data=[lost])
    for name, parent in (("small", silent), ("smaller", known)):
        child = elsewhere.train(name)
        tag(elsewhere, child, derived_from=str(parent), derived_kind="quantised")
    expected = {"model silent/1", f"data {lost.name}"}
    assert {gap.what for gap in follow.follow(history.workspace).gaps} == expected
    for parent in (silent, known):
        elsewhere.client.delete_model_version(parent.name, "1")
    for _ in range(2):
        assert {gap.what for gap in follow.follow(history.workspace).gaps} == expected
    elsewhere.client.delete_model_version("small", "1")
    assert {gap.what for gap in follow.follow(history.workspace).gaps} == expected - {"model silent/1"}


def test_what_a_run_said_stands_when_the_run_is_gone(history: History, elsewhere: Elsewhere) -> None:
    run = elsewhere.run(data=[history.table("data/train.csv", ["ann"])])
    elsewhere.register("model", elsewhere.logged(run), run)
    history.commit()
    follow.follow(history.workspace)
    elsewhere.client.update_model_version("model", "1", "now described, so it is read again")
    _collect(history, run)
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "ann")) == {"model/1"}


def _collect(history: History, run: str) -> None:
    """What `mlflow gc` leaves of a run: nothing."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(history.workspace.models.uri, str(history.root / "mlruns"))._hard_delete_run(run)


def test_a_stage_read_the_table_of_the_commit_and_not_that_of_its_last_run(history: History, elsewhere: Elsewhere) -> None:
    history.table("data/raw.csv", ["ann"])
    history.stages({"clean": SPLIT})
    history.reproduce()
    history.commit()
    history.table("data/raw.csv", ["ann", "bob"])
    rev = history.commit()
    elsewhere.train("model", tags={"dvc.git_rev": rev, "dvc.git_dirty": "false", "dvc.stage": "clean"})
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "bob")) == {"model/1"}


def test_what_is_said_of_a_copy_is_true_of_what_it_was_copied_from(history: History, elsewhere: Elsewhere) -> None:
    base = elsewhere.train("base", data=[history.table("data/base.csv", ["ann"])])
    original = elsewhere.train("original", data=[history.table("data/train.csv", ["bob"])])
    copy = elsewhere.copy(original, "production")
    tag(elsewhere, copy, derived_from=str(base))
    history.commit()
    follow.follow(history.workspace)
    assert set(shaped(history, "ann")) == {str(base), str(original), str(copy)}


def test_a_copy_of_what_was_deleted_before_anybody_followed_it_stands_alone(history: History, elsewhere: Elsewhere) -> None:
    original = elsewhere.train("original", data=[history.table("data/train.csv", ["ann"])])
    copy = elsewhere.copy(original, "production")
    elsewhere.client.delete_model_version("original", "1")
    history.commit()
    assert follow.follow(history.workspace).gaps == []
    assert set(shaped(history, "ann")) == {str(copy)}


def test_a_model_that_is_registered_after_its_child_is_its_parent_all_the_same(history: History, elsewhere: Elsewhere) -> None:
    base = elsewhere.train("base", data=[history.table("data/base.csv", ["ann"])])
    run = elsewhere.run(data=[history.table("data/train.csv", ["bob"])])
    start = elsewhere.logged(run)
    child = elsewhere.train("child", data=[history.tracked("data/train.csv")], models=[start])
    history.commit()
    follow.follow(history.workspace)
    late = elsewhere.register("late", start, run)
    tag(elsewhere, late, derived_from=str(base))
    follow.follow(history.workspace)
    assert set(shaped(history, "ann")) == {str(base), str(late), str(child)}


def test_a_name_that_is_registered_anew_takes_nothing_from_the_copies_of_the_old_one(
    history: History, elsewhere: Elsewhere
) -> None:
    old = elsewhere.train("model", data=[history.table("data/train.csv", ["ann"])])
    copy = elsewhere.copy(old, "production")
    history.commit()
    follow.follow(history.workspace)
    elsewhere.client.delete_registered_model("model")
    assert elsewhere.train("model", data=[history.table("data/train.csv", ["bob"])]) == old
    history.commit()
    follow.follow(history.workspace)
    assert str(copy) in shaped(history, "ann")
    assert str(old) in shaped(history, "bob")
