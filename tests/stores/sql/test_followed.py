"""What following found, kept round by round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.stores.sql import database
from unlearning.stores.sql.followed import EVERY_PATH, Findings, Followed, Gap, Opened, RunRead, Source, SqlFollowed

MODEL, CHILD = ModelVersion("fraud", 1), ModelVersion("fraud", 2)
RAW, CLEAN = Tracked("data/raw.csv", "a" * 32), Tracked("data/clean.csv", "b" * 32)
ROUND = Findings(
    models=[Followed(MODEL, "run-1", "models:/m-1", 10, settled=False), Followed(CHILD, None, "s3://x", 11, settled=True)],
    sources={MODEL: [Source(MODEL, CLEAN, "dataset input"), Source(MODEL, RAW, "tag")], CHILD: []},
    deleted=[],
    runs=[RunRead("run-1", "0", "d" * 64, ("m-0",))],
    derivations=[(RAW, CLEAN, "clean")],
    commits=["c" * 40],
    opened=[Opened(RAW, "c" * 40, "indexed", digest="e" * 64), Opened(CLEAN, None, "gone", "in no remote")],
    gaps=[Gap("model fraud/2", "its run logged no data set", "log one"), Gap("data/clean.csv", "it is gone", "push it")],
)
NOTHING = Findings([], {}, [], [], [], [], [], [])


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[SqlFollowed]:
    engine = database.connect("sqlite:///store.db", tmp_path)
    yield SqlFollowed(engine)
    engine.dispose()


def everything(followed: SqlFollowed) -> tuple[object, ...]:
    return (
        followed.models(),
        followed.sources(),
        followed.runs(),
        followed.derivations(),
        followed.commits(),
        followed.opened(),
        followed.gaps(),
    )


def test_a_round_comes_back_as_it_was_kept_and_keeping_it_again_changes_nothing(engine: sa.Engine) -> None:
    followed = SqlFollowed(engine)
    for _ in range(2):
        followed.keep(ROUND)
        assert everything(followed) == (
            {one.model: one for one in ROUND.models},
            sorted(ROUND.sources[MODEL], key=lambda one: one.content),
            {"run-1": ROUND.runs[0]},
            list(ROUND.derivations),
            frozenset(ROUND.commits),
            {one.content: one for one in ROUND.opened},
            list(ROUND.gaps),
        )


def test_a_round_that_found_nothing_new_keeps_everything_but_the_gaps(followed: SqlFollowed) -> None:
    followed.keep(ROUND)
    before = everything(followed)
    followed.keep(NOTHING)
    assert everything(followed) == (*before[:-1], [])


def test_a_version_that_is_read_again_has_the_sources_of_its_last_reading_only(followed: SqlFollowed) -> None:
    followed.keep(ROUND)
    followed.keep(replace(NOTHING, sources={MODEL: [Source(MODEL, RAW, "adopted")]}))
    assert followed.sources() == [Source(MODEL, RAW, "adopted")]


def test_the_first_stage_that_was_found_between_two_contents_is_the_one_that_stays(followed: SqlFollowed) -> None:
    followed.keep(ROUND)
    followed.keep(replace(NOTHING, derivations=[(RAW, CLEAN, "renamed")]))
    assert followed.derivations() == [(RAW, CLEAN, "clean")]


def test_a_deleted_version_stays_marked_also_one_that_nobody_had_seen(followed: SqlFollowed) -> None:
    followed.keep(ROUND)
    followed.keep(replace(NOTHING, deleted=[MODEL]))
    unseen = ModelVersion("fraud", 9)
    followed.mark_deleted(unseen)
    followed.mark_deleted(CHILD)
    assert {model: one.deleted for model, one in followed.models().items()} == {MODEL: True, CHILD: True, unseen: True}
    assert followed.models()[MODEL].run_id == "run-1"


def test_a_source_that_is_said_again_is_known_in_the_new_way(followed: SqlFollowed) -> None:
    for how in ("tag", "adopted"):
        followed.add_source(Source(MODEL, RAW, how))
    assert followed.sources() == [Source(MODEL, RAW, "adopted")]


def test_person_columns_are_kept_once_for_each_path_and_for_every_path(followed: SqlFollowed) -> None:
    for path, name in ((EVERY_PATH, "patient"), ("data/raw.csv", "who"), (EVERY_PATH, "patient"), (EVERY_PATH, "citizen")):
        followed.add_column(path, name)
    assert followed.columns() == {EVERY_PATH: ("citizen", "patient"), "data/raw.csv": ("who",)}
