"""The whole lineage in memory, small enough to read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.sql.examples import record
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.lineage import index
from unlearning.lineage.graph import Atlas
from unlearning.stores.sql.followed import Followed, Opened, Source

RAW, CLEAN = Tracked("data/raw.csv", "a" * 32), Tracked("data/clean.csv", "b" * 32)
OURS = DataVersion("data/raw.csv", "d" * 64, RAW.object, None, 2, 2)
TRAINED, THEIRS, COPY, CHILD = (ModelVersion(name, 1) for name in ("diagnosis", "fraud", "copy", "child"))


def followed(model: ModelVersion, run: str | None = "run-x") -> Followed:
    return Followed(model, run, "", 1, settled=True)


@pytest.fixture
def atlas() -> Atlas:
    """One version trained here on the raw table; one elsewhere on what a stage made of it; a copy and a child of that."""
    return Atlas(
        data=[OURS],
        records={TRAINED: record(1, OURS)},
        followed={THEIRS: followed(THEIRS), COPY: followed(COPY, None)},
        deleted=frozenset(),
        sources=[Source(THEIRS, CLEAN, "dataset input")],
        derivations=[(RAW, CLEAN, "clean")],
        opened={CLEAN: Opened(CLEAN, None, "no table"), **index.as_indexed([OURS])},
        edges=[(THEIRS, COPY, "copied"), (THEIRS, CHILD, "distilled")],
    )


def test_every_version_that_is_named_anywhere_is_known_and_its_run_where_there_is_one(atlas: Atlas) -> None:
    assert atlas.models == sorted((TRAINED, THEIRS, COPY, CHILD), key=str)
    assert [atlas.run_of(model) for model in (TRAINED, THEIRS, COPY, CHILD)] == ["run", "run-x", None, None]
    assert atlas.known == {RAW, CLEAN}
    assert atlas.copies == {COPY}


def test_a_content_that_cannot_say_who_is_in_it_is_answered_for_by_what_it_was_made_from(atlas: Atlas) -> None:
    assert atlas.fed_by([RAW.object]) == {TRAINED: "trained here data/raw.csv", THEIRS: "dataset input data/clean.csv"}
    assert atlas.fed_by(["9" * 32]) == {}
    answers = replace(atlas, opened={**atlas.opened, CLEAN: Opened(CLEAN, None, "indexed")})
    assert answers.fed_by([RAW.object]) == {TRAINED: "trained here data/raw.csv"}


def test_children_say_how_they_came_to_be_and_ancestors_come_with_the_start(atlas: Atlas) -> None:
    assert atlas.children_of([THEIRS]) == {COPY: "copied from fraud/1", CHILD: "distilled from fraud/1"}
    assert atlas.ancestors_of([CHILD]) == {CHILD, THEIRS, COPY}  # a copy is the same model under another name
    assert atlas.upwards([CLEAN]) == atlas.downwards([RAW]) == {RAW, CLEAN}


def test_what_is_deleted_does_not_live_and_what_only_an_edge_came_from_never_did(atlas: Atlas) -> None:
    assert atlas.living == {TRAINED, THEIRS, COPY, CHILD}
    gone: Any = replace(atlas, deleted=frozenset({THEIRS}), edges=[*atlas.edges, (ModelVersion("lost", 1), CHILD, "copied")])
    assert gone.living == {TRAINED, COPY, CHILD}


def test_the_record_of_a_version_trained_here_speaks_for_its_copies(atlas: Atlas) -> None:
    copied = replace(atlas, edges=[(TRAINED, COPY, "copied")], sources=[Source(COPY, RAW, "dataset input")])
    assert COPY not in copied.fed_by([RAW.object])
    assert set(copied.children_of([TRAINED])) == {COPY}
