"""What fed one version: pure, from what MLflow, its run and the DVC history say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import sources
from unlearning.lineage.sources import Registry, Seen, evidence, started_from
from unlearning.stores.dvc.snapshots import Made, Snapshot
from unlearning.stores.mlflow.bulk_reader import Input, LoggedFacts, RunFacts
from unlearning.stores.mlflow.models import Registered
from unlearning.stores.sql.followed import Followed

VERSION = Registered(ModelVersion("fraud", 1), "run", "models:/m-1", {}, 1)
RUN = RunFacts("run", True, (), (), None, False, None, {}, 0)
TRAIN, TEST = Tracked("data/train.csv", "1" * 32), Tracked("data/test.csv", "2" * 32)


def read(content: Tracked, context: str = "training") -> Input:
    return Input(content.path, "dvc", content._asdict(), context)


def seen(*runs: RunFacts, **more: object) -> Seen:
    return Seen({run.run_id: run for run in runs}, **{"logged": {}, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "model", "copied"),
    [
        ("models:/m-1", "m-1", None),
        ("models:/fraud/3", None, ModelVersion("fraud", 3)),
        ("s3://bucket/fraud/3", None, None),
        ("models:/fraud/three", None, None),
        ("", None, None),
    ],
)
def test_a_source_is_a_logged_model_a_copy_or_a_folder(source: str, model: str | None, copied: ModelVersion | None) -> None:
    assert (sources.model_id(source), sources.copied_from(source)) == (model, copied)


@pytest.mark.parametrize("text", ["fraud", "fraud/", "/3", "fraud/-1", "fraud/1.5", ""])
def test_what_is_no_version_is_none(text: str) -> None:
    assert sources.parse(text) is None
    assert sources.parse("team/fraud/12") == ModelVersion("team/fraud", 12)


def test_tags_say_a_parent_only_where_it_can_be_one() -> None:
    def said(**tags: str) -> object:
        return sources.derived({f"unlearning.{name}": value for name, value in tags.items()}, VERSION.model)

    assert said(derived_from="base/2") == (ModelVersion("base", 2), "fine_tuned")
    assert said(derived_from="base/2", derived_kind="distilled") == (ModelVersion("base", 2), "distilled")
    for wrong in (
        {},
        {"derived_from": "fraud/1"},
        {"derived_from": "base"},
        {"derived_from": "base/2", "derived_kind": "liked"},
    ):
        assert said(**wrong) is None


def test_data_sets_that_judged_a_model_fed_nothing_and_all_others_did() -> None:
    run = replace(RUN, datasets=(read(TRAIN), read(TEST, "Evaluation"), read(TEST, "holdout")))
    assert evidence(VERSION, seen(run)).contents == {TRAIN: "dataset input"}
    assert evidence(VERSION, seen(replace(RUN, datasets=(read(TEST, "validation"),)))).contents == {TEST: "dataset input"}


def test_a_data_set_from_elsewhere_is_a_complaint_with_a_way_to_close_it() -> None:
    foreign = Input("table", "local", {}, "training")
    nameless = Input("table", "dvc", {"path": "a.csv"}, "training")
    for one, says in ((foreign, "not from DVC"), (nameless, "names no path and object")):
        found = evidence(VERSION, seen(replace(RUN, datasets=(one, read(TRAIN)))))
        assert found.contents == {TRAIN: "dataset input"}
        [(why, remedy)] = found.complaints
        assert says in why
        assert "mlflow.log_input" in remedy


def test_a_run_that_logged_nothing_was_fed_by_what_lay_beside_it() -> None:
    silent = evidence(VERSION, seen(RUN))
    assert silent.contents == {}
    assert "logged no data set" in silent.complaints[0][0]
    beside = evidence(VERSION, seen(replace(RUN, outputs={TRAIN.path: TRAIN.object}, outputs_total=3)))
    assert beside.contents == {TRAIN: "beside the run"}
    assert [("1 of the 3" in why) for why, _ in beside.complaints] == [False, True]


def test_a_stage_was_fed_by_what_it_read_at_its_commit_and_by_the_hashes_of_the_moment_where_they_are_known() -> None:
    snapshot = Snapshot("a" * 40, (Made("", (), (TRAIN,)), Made("fit", (TRAIN, Tracked("fit.py", "9" * 32)), (TEST,))))
    run = replace(RUN, stage="fit", git_rev="a" * 40)
    assert evidence(VERSION, seen(run, snapshot=lambda _: snapshot)).contents == {TRAIN: "stage fit"}
    now = replace(run, outputs={TRAIN.path: "7" * 32})
    assert evidence(VERSION, seen(now, snapshot=lambda _: snapshot)).contents == {Tracked(TRAIN.path, "7" * 32): "stage fit"}
    dirty = evidence(VERSION, seen(replace(run, dirty=True), snapshot=lambda _: snapshot))
    assert "uncommitted changes" in dirty.complaints[0][0]
    assert "not in this clone" in evidence(VERSION, seen(run)).complaints[0][0]


def test_tags_of_version_and_model_count_beside_the_run_and_alone_where_it_is_gone() -> None:
    tags = {"unlearning.data_path": TRAIN.path, "unlearning.data_object": TRAIN.object}
    tagged = replace(VERSION, tags=tags)
    assert evidence(tagged, seen(RUN)) == evidence(tagged, seen())
    assert evidence(tagged, seen()).contents == {TRAIN: "tag"}
    logged = {"m-1": LoggedFacts("m-1", None, tags)}
    assert evidence(replace(VERSION, run_id=None), seen(logged=logged)).contents == {TRAIN: "tag"}
    assert "its run is gone" in evidence(VERSION, seen()).complaints[0][0]
    assert "it names no run" in evidence(replace(VERSION, run_id=None), seen()).complaints[0][0]


def test_models_that_nobody_registered_are_seen_through_also_in_a_circle() -> None:
    first = replace(RUN, run_id="first", datasets=(read(TRAIN),), models=("m-2",))
    second = replace(RUN, run_id="second", datasets=(read(TEST),), models=("m-1", "m-9"))
    logged = {name: LoggedFacts(name, run, {}) for name, run in (("m-1", "first"), ("m-2", "second"))}
    both = seen(first, second, logged=logged, registered=frozenset({"m-9"}))
    found = evidence(replace(VERSION, run_id="first"), both)
    assert found.contents == {TRAIN: "dataset input", TEST: "through model m-2"}
    assert started_from(first, both) == ["m-9"]
    lost = evidence(replace(VERSION, run_id="first"), seen(first))
    assert "of which nothing is left" in lost.complaints[0][0]


def test_a_run_says_which_objects_of_a_path_it_read_by_its_data_sets_first() -> None:
    beside = replace(RUN, outputs={TRAIN.path: "7" * 32})
    assert sources.objects_read(beside, TRAIN.path) == {"7" * 32}
    assert sources.objects_read(replace(beside, datasets=(read(TRAIN),)), TRAIN.path) == {TRAIN.object}
    assert sources.objects_read(beside, "data/other.csv") == frozenset()


def test_a_logged_model_is_called_after_the_version_that_was_registered_first_gone_ones_before_those_that_are_there() -> None:
    versions = [replace(VERSION, model=ModelVersion("fraud", number), created_ms=9 - number) for number in (2, 3)]
    registry = Registry(versions, versions, seen(), {})
    assert registry.first == {"m-1": ModelVersion("fraud", 3)}
    gone = ModelVersion("old", 7)
    known = {gone: Followed(gone, None, "models:/m-1", 1, settled=True)}
    later = Registry(versions, versions, seen(), known)
    assert (later.first, later.gone) == ({"m-1": gone}, {gone})
