"""What cannot be said is named with a way to close it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain.derivation import Family
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import gaps
from unlearning.lineage.sources import Evidence, Registry, Seen
from unlearning.stores.mlflow.models import Registered
from unlearning.stores.sql.followed import Opened, Source, State

ONE, COPY, CHILD = (ModelVersion(name, 1) for name in ("one", "copy", "child"))
CONTENT = Tracked("data/a.csv", "a" * 32)
SILENT = Evidence({}, (("its run logged nothing", "log it"),))


def silent(edges: list[tuple[ModelVersion, ModelVersion, str]], *models: ModelVersion, fed: object = None) -> list[str]:
    found = {model: SILENT for model in models}
    return [gap.what for gap in gaps._silent(Family(edges), {ONE}, found, fed or {})]  # type: ignore[arg-type]


def test_a_silent_version_is_one_gap_however_often_its_weights_are_registered() -> None:
    assert silent([], ONE) == ["model one/1"]
    assert silent([(ONE, COPY, "copied")], ONE, COPY) == ["model copy/1"]


def test_what_saw_no_data_but_its_parent_s_or_was_adopted_is_no_gap() -> None:
    assert silent([(ONE, CHILD, "quantised")], CHILD) == []
    assert silent([(ONE, CHILD, "fine_tuned")], CHILD) == ["model child/1"]
    assert silent([], ONE, fed={ONE: [Source(ONE, CONTENT, "adopted")]}) == []


def registered(model: ModelVersion, **tags: str) -> Registered:
    return Registered(model, None, "", {f"unlearning.{name}": value for name, value in tags.items()}, 1)


def nameless(edges: list[tuple[ModelVersion, ModelVersion, str]], *versions: Registered) -> list[tuple[str, str]]:
    registry = Registry(versions, versions, Seen({}, {}), {})
    return [(gap.what, gap.why) for gap in gaps._nameless(Family(edges), {ONE}, registry)]


def test_a_parent_that_nobody_ever_saw_is_a_gap_and_a_copy_of_one_has_its_own_run() -> None:
    lost = ModelVersion("lost", 9)
    assert nameless([(lost, CHILD, "distilled")], registered(CHILD)) == [
        ("model child/1", "it was made from lost/9, of which nothing is known")
    ]
    assert nameless([(lost, CHILD, "copied"), (ONE, CHILD, "distilled")], registered(CHILD)) == []
    assert nameless([(lost, CHILD, "distilled")]) == []  # nobody is there whom it matters to


def test_tags_that_cannot_be_are_a_gap() -> None:
    [(what, why)] = nameless([], registered(CHILD, derived_from="base", derived_kind="liked"))
    assert what == "model child/1"
    assert "'base'" in why
    assert "'liked'" in why


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("gone", "its object is gone"),
        ("unanswered", "could not be had"),
        ("unreadable", "cannot be read"),
        ("no person column", "no known person column"),
        ("no table", "it is no table"),
        (None, "its object is gone"),
    ],
)
def test_every_way_in_which_content_stays_closed_has_its_words_and_its_remedy(state: State | None, says: str) -> None:
    opened = None if state is None else Opened(CONTENT, None, state, "said")
    gap = gaps._data_gap(Path(), CONTENT, opened, [])
    assert gap.what == "data data/a.csv@aaaaaaaaaaaa"
    assert says in gap.why
    assert gap.remedy


def test_it_is_said_which_versions_a_closed_content_fed_up_to_three_by_name() -> None:
    models = [ModelVersion("m", number) for number in (1, 2, 3, 4)]
    assert gaps._data_gap(Path(), CONTENT, None, models[:2]).why.endswith("; it fed m/1, m/2")
    assert gaps._data_gap(Path(), CONTENT, None, models).why.endswith("; it fed m/1, m/2, m/3 and more")


def test_people_who_are_named_together_need_somebody_to_look() -> None:
    gap = gaps._doubt(CONTENT, "patient; 2 people are named in one cell together with others")
    assert gap.why == "2 people are named in one cell together with others: that needs review"
    assert "'patient'" in gap.remedy
