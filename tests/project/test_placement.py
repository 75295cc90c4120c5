"""Who goes where under a declared placement: by their own rows alone, and through an erasure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from tests.fakes import FakeLearner
from tests.properties import drawn
from tests.small_project import PARAMS, TRAIN, create
from unlearning.domain.errors import DataError, SettingsError
from unlearning.domain.hashing import fingerprint, keyed
from unlearning.domain.partition import partition, shard_and_slice
from unlearning.erasure import record_sets
from unlearning.erasure.search import search
from unlearning.erasure.steps.assess import assess
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.project.people import read_with_people
from unlearning.project.placement import check_declared, grouped
from unlearning.project.settings import PartitionSettings, load
from unlearning.project.training.touched import touched_set
from unlearning.project.training.training_set import TrainingSet, training_set
from unlearning.stores import rolls
from unlearning.stores.rolls import Roll
from unlearning.stores.tables import redaction
from unlearning.testing import Bench, Population, population

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.conftest import MadeProject
    from tests.small_project import Project
    from unlearning.project.workspace import Workspace

LEAVERS = {"column": "plan", "values": ["trial"], "shards": 1}
ARRIVALS = {"column": "joined", "slices": 2, "since": ["2026-01-01", "2026-04-01"]}
SHAPE = {"shards": 4, "slices": 4}


def declared(**said: Any) -> PartitionSettings:
    return PartitionSettings.model_validate({**SHAPE, **said})


BOTH = declared(likely_leavers=LEAVERS, arrivals=ARRIVALS)


def view(part: PartitionSettings, *, models: Sequence[Any] = (), person: str = "who") -> Workspace:
    """As much of a workspace as placement looks at."""
    return cast(
        "Workspace",
        SimpleNamespace(
            settings=SimpleNamespace(partition=part),
            own=SimpleNamespace(model="m", data=SimpleNamespace(train=TRAIN)),
            recipe=SimpleNamespace(person=person),
            recipe_digest="this one",
            lineage=SimpleNamespace(models=lambda *_, **__: models),
        ),
    )


def roll(people: Sequence[int]) -> Roll:
    names = list(dict.fromkeys(people))
    tokens = rolls.packed(keyed(b"partition key of these tests....", [fingerprint(one, "integer") for one in names]))
    return Roll(tokens, tokens, tokens, np.array([names.index(one) for one in people], np.int64), rolls.packed([]))


def table(rows: Sequence[tuple[int, str | None, date | None]]) -> pa.Table:
    who, plan, joined = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "who": pa.array(who, pa.int64()),
            "plan": pa.array(plan, pa.string()),
            "joined": pa.array(joined, pa.date32()),
        }
    )


def groups(rows: Sequence[tuple[int, str | None, date | None]], part: PartitionSettings = BOTH) -> dict[int, int]:
    """Person → group."""
    people = roll([who for who, *_ in rows])
    found = grouped(view(part), table(rows), people).groups
    assert found is not None
    return {who: int(found[code]) for (who, *_), code in zip(rows, people.codes, strict=True)}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["trial", "paid", None]),
        st.one_of(st.none(), st.dates(date(2025, 11, 1), date(2026, 6, 1))),
    ),
    min_size=1,
    max_size=14,
)


@drawn(few=60, many=2000, rows=ROWS, data=st.data())
def test_a_group_is_a_function_of_the_person_s_own_rows_in_any_order(rows, data) -> None:
    found = groups(rows)
    assert groups(data.draw(st.permutations(rows))) == found
    gone = data.draw(st.sampled_from(sorted(found)))
    assert groups([row for row in rows if row[0] != gone]) == {who: group for who, group in found.items() if who != gone}
    for who, group in found.items():
        theirs = [row for row in rows if row[0] == who]
        assert groups(theirs) == {who: group}
        days = [day for *_, day in theirs if day]
        later = sum(day.isoformat() <= min(days).isoformat() for day in BOTH.arrivals.since) if days else 0
        assert group == 3 * any(plan == "trial" for _, plan, _ in theirs) + later


def test_yes_and_no_and_numbers_are_values_too() -> None:
    for kind, values, said in ((pa.bool_(), [True, False], True), (pa.int8(), [3, 4], 3), (pa.string(), ["3", "4"], 3)):
        part = declared(likely_leavers={**LEAVERS, "values": [said]})
        found = grouped(view(part), pa.table({"plan": pa.array([*values, None], kind)}), roll([1, 2, 3])).groups
        assert found is not None
        assert found.tolist() == [1, 0, 0]


def test_nobody_is_in_no_group_and_an_empty_column_says_nothing() -> None:
    nobody = table([])
    assert grouped(view(BOTH), nobody, roll([1, 2]), np.zeros(0, np.int64)).where.shape == (2, 5)
    empty = table([(1, None, None)]).set_column(1, "plan", pa.nulls(1)).set_column(2, "joined", pa.nulls(1))
    found = grouped(view(BOTH), empty, roll([1])).groups
    assert found is not None
    assert found.tolist() == [0]


@drawn(few=40, many=1000, rows=ROWS, day=st.dates(date(2026, 1, 2), date(2026, 6, 1)))
def test_one_more_date_moves_only_who_arrived_on_it_or_after(rows, day) -> None:
    before = declared(arrivals={**ARRIVALS, "since": ["2026-01-01"]})
    after = declared(arrivals={**ARRIVALS, "since": ["2026-01-01", day.isoformat()]})
    old, new = groups(rows, before), groups(rows, after)
    for who in old:
        days = [one for person, _, one in rows if person == who and one]
        assert new[who] == old[who] + (bool(days) and min(days) >= day)


def test_a_table_without_a_declaration_is_as_it_was() -> None:
    people = roll([1, 2])
    assert grouped(view(declared()), table([(1, "trial", None), (2, None, None)]), people) is people
    assert people.where.shape == (2, 4)
    assert declared().declared == {}


# --- the laws of the chain ------------------------------------------------------------------------------------------------


class Placed(Population):
    """People of whom every third is a likely leaver and every fifth came late."""

    @property
    def where(self):
        whose = super().where
        number = 3 * (self.people % 3 == 0) + (self.people % 5 == 0)
        return np.column_stack((whose, number.astype(np.uint64)))


SOME = population(people=15, rows=40)
PEOPLE = Placed(SOME.records, SOME.people)


def bench(method: Any = None) -> Bench:
    return Bench(method or Sisa(), FakeLearner(), shards=4, slices=4, placement=BOTH.placement)


@drawn(few=25, many=600, leaving=st.sets(st.integers(0, 14), min_size=1, max_size=14))
def test_unlearning_gives_the_bytes_of_training_without_them(leaving) -> None:
    one = bench()
    before = one.train(PEOPLE)
    unlearned, whose = one.erase(PEOPLE, leaving, before), PEOPLE.of(leaving).where
    for method in (Sisa(), Retrain()):
        again = bench(method).train(PEOPLE.without(leaving))
        assert (unlearned.chain, unlearned.states) == (again.chain, again.states)
    shard, piece = shard_and_slice(whose, shards=4, slices=4, placement=BOTH.placement)
    first = {number: int(piece[shard == number].min()) for number in set(shard.tolist())}
    for old, new in zip(before.chain.shards, unlearned.chain.shards, strict=True):
        same = first.get(old.shard, 4) + 1
        assert old.keys[:same] == new.keys[:same]
        assert not set(old.keys[same:]) & set(new.keys[same:])


def test_everybody_is_in_the_room_of_their_group_and_nowhere_else() -> None:
    where = PEOPLE.where
    made = partition(PEOPLE.records, where, shards=4, slices=4, placement=BOTH.placement)
    for shard in range(4):
        for piece in range(4):
            inside = PEOPLE.people[made.order[made.bounds[shard, piece] : made.bounds[shard, piece + 1]]]
            assert all((person % 3 == 0) == (shard == 3) for person in inside)
            assert all((person % 5 == 0) == (piece == 2) for person in inside)
            assert piece != 3 or not len(inside)


@drawn(few=25, many=600, late=st.sets(st.integers(0, 14), max_size=14))
def test_appending_trains_the_new_slice_alone(late) -> None:
    """Who arrives after one more date lands in the next slice: the names before it stay, and nobody else is trained again."""

    class Arrived(Population):
        @property
        def where(self):
            return np.column_stack((super().where, np.isin(self.people, [*late]).astype(np.uint64)))

    everybody = Arrived(SOME.records, SOME.people)
    by_date = replace(bench(), placement=declared(arrivals=ARRIVALS).placement)
    if len(late) == len(set(SOME.people.tolist())):
        return
    before = by_date.train(everybody.without(late))
    after = by_date.train(everybody)
    for one, other in zip(before.chain.shards, after.chain.shards, strict=True):
        assert one.keys[:3] == other.keys[:3]
        assert one.rows == (*other.rows[:2], 0, 0)
        assert other.rows[3] == 0
    old = {shard.shard: sum(shard.rows) for shard in before.chain.shards}
    assert all(part.slices_trained <= 1 for part in after.trained.parts if old[part.shard])


def test_another_declaration_is_another_recipe_and_one_more_date_is_not() -> None:
    base = BOTH.declared
    assert declared(likely_leavers={**LEAVERS, "values": ["paid"]}, arrivals=ARRIVALS).declared != base
    assert declared(likely_leavers=LEAVERS, arrivals={**ARRIVALS, "column": "since"}).declared != base
    fewer = declared(likely_leavers=LEAVERS, arrivals={**ARRIVALS, "since": []})
    assert fewer.declared == base
    assert fewer.placement != BOTH.placement


# --- what it saves -----------------------------------------------------------------------------------------------------------


def share(part: PartitionSettings, leavers: float, requests: int, *, times: int, likely: float) -> float:
    """Mean share of rows in the shards touched by so many requests, `likely` of which come from that share of the people."""
    generator = np.random.default_rng(0)
    words = generator.integers(0, 2**64, (40_000, 4), dtype=np.uint64)
    trial = np.arange(len(words)) < leavers * len(words)
    where = np.column_stack((words, trial.astype(np.uint64))) if part.placement else words
    shard, _ = shard_and_slice(where, shards=part.shards, slices=part.slices, placement=part.placement)
    rows = np.bincount(shard, minlength=part.shards) / len(words)
    chance = np.where(trial, likely / trial.sum(), (1 - likely) / (~trial).sum())
    asked = generator.choice(len(words), (times, requests), p=chance)
    return float(np.mean([rows[np.unique(one)].sum() for one in shard[asked]]))


def test_shards_of_their_own_halve_what_eight_requests_retrain() -> None:
    """S = 20, K = 8, 10 % of the people with 80 % of the requests, in 2 shards of their own."""
    plain = declared(shards=20, slices=1)
    own = declared(shards=20, slices=1, likely_leavers={**LEAVERS, "shards": 2})
    before, after = (share(one, 0.1, 8, times=2000, likely=0.8) for one in (plain, own))
    assert before == pytest.approx(1 - (1 - 1 / 20) ** 8, rel=0.03)
    theory = 0.1 * (1 - (1 - 0.8 / 2) ** 8) + 0.9 * (1 - (1 - 0.2 / 18) ** 8)
    assert after == pytest.approx(theory, rel=0.04)
    assert theory == pytest.approx(0.175, abs=0.001)
    # Where the prior says nothing, nothing is won.
    assert share(own, 0.1, 8, times=2000, likely=0.1) == pytest.approx(before, rel=0.04)


# --- what cannot be ----------------------------------------------------------------------------------------------------------

WRONG: Mapping[str, str] = {
    "likely_leavers: {column: plan, values: [trial]}": "neither shards nor slices",
    "likely_leavers: {column: plan, values: [trial], shards: 8}": "likely_leavers.shards is 8; expected less than shards, 8",
    "likely_leavers: {column: plan, values: [trial], slices: 4}": "likely_leavers.slices is 4; expected less than slices, 4",
    "likely_leavers: {column: plan, values: [], shards: 1}": "partition.likely_leavers.values",
    "arrivals: {column: joined, slices: 4}": "arrivals.slices is 4; expected less than slices, 4",
    "arrivals: {column: joined, slices: 1, since: ['2026-01-01', '2026-02-01']}": "has 2 dates and arrivals.slices is 1",
    "arrivals: {column: joined, slices: 2, since: ['2026-02-01', '2026-01-01']}": "not in order",
    "arrivals: {column: joined, slices: 2, since: [2026-02-01]}": "expected a date in quotes",
    "arrivals: {column: j, slices: 1}, likely_leavers: {column: p, values: [t], slices: 1}": "both mean the last slices",
    "members_of_person: 2, likely_leavers: {column: plan, values: [trial], shards: 1}": "expected at most 1",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_placement_that_cannot_be_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "params.yaml").write_text(f"unlearning:\n  model: m\n  recipe: r.py:r\n  partition: {{{said}}}\n")
    with pytest.raises(SettingsError, match=WRONG[said].replace("(", r"\(")):
        load(tmp_path)


HERE = [(1, "trial", date(2026, 1, 1)), (2, "paid", None)]


@pytest.mark.parametrize(
    ("rows", "part", "said"),
    [
        (HERE, declared(likely_leavers={**LEAVERS, "column": "tier"}), "no column 'tier'; there are who, plan, joined"),
        (HERE, declared(likely_leavers={**LEAVERS, "column": "who"}), "'who' says who a person is"),
        (HERE, declared(likely_leavers={**LEAVERS, "values": ["trail"]}), "nobody in .* has trail in column 'plan'"),
        (HERE[:1], declared(likely_leavers=LEAVERS), "everybody in .* is one"),
        (HERE, declared(arrivals={**ARRIVALS, "column": "came"}), "no column 'came'"),
        (HERE, declared(arrivals={**ARRIVALS, "column": "plan", "since": []}), "no ISO dates"),
    ],
)
def test_what_says_nothing_of_these_people_is_refused_before_it_is_trained_with(
    rows: Any, part: PartitionSettings, said: str
) -> None:
    people = roll([who for who, *_ in rows])
    with pytest.raises(DataError, match=said):
        check_declared(view(part), table(rows), people)


def test_the_last_likely_leaver_may_leave() -> None:
    """What was trained with once is not refused when an erasure takes the last of them out."""
    part = declared(likely_leavers=LEAVERS)
    known = view(part, models=[SimpleNamespace(chain=SimpleNamespace(recipe="this one"))])
    check_declared(known, table(HERE[1:]), roll([2]))
    check_declared(known, table(HERE[:1]), roll([1]))


# --- a project ------------------------------------------------------------------------------------------------------------


def with_plans(values: Mapping[str, Any], file: Path) -> None:
    """Every third patient is on trial; every fifth joined in the spring."""
    number = [int(who[2:6]) for who in values["patient"]]
    plan = ["trial" if one % 3 == 0 else "paid" for one in number]
    joined = ["2026-02-02" if one % 5 == 0 else "2025-05-05" for one in number]
    redaction.write({**values, "plan": plan, "joined": joined}, file)


def placed(folder: Path) -> None:
    part = {"shards": 4, "slices": 3, "seed": 1, "likely_leavers": LEAVERS, "arrivals": {**ARRIVALS, "slices": 1, "since": []}}
    params = {**PARAMS, "partition": {**part, "arrivals": {**part["arrivals"], "since": ["2026-01-01"]}}}
    create(folder, params=params, write=with_plans)


@pytest.fixture
def project(made_project: MadeProject) -> Project:
    return made_project("placed", placed)


@pytest.mark.slow
def test_a_likely_leaver_touches_a_shard_of_their_own_and_the_rest_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[TrainingSet | None] = []

    def seen(*given: Any, **named: Any) -> TrainingSet | None:
        read.append(touched_set(*given, **named))
        return read[-1]

    monkeypatch.setattr(record_sets, "touched_set", seen)
    workspace = project.workspace
    [before] = workspace.lineage.models()
    stored = set(workspace.checkpoints.keys())
    leaver = next(who for who in project.people(TRAIN) if int(who[2:6]) % 3 == 0 and int(who[2:6]) % 5 == 0)
    nobody = search(workspace, [project.token("nobody of this name")])
    assert {name: where.shape for name, where in nobody.training.items()} == {"outcome": (0, 5)}
    found = search(workspace, [project.token(leaver)])
    assert assess(workspace, sorted(found.found), found).checkpoints_stale == (before.chain.shards[3].keys[3],)
    project.request(leaver)
    project.erase(replay=True)
    workspace = project.workspace
    after = max(workspace.lineage.models(), key=lambda record: record.model.version)
    assert after.model.version == before.model.version + 1
    changed = [old.shard for old, new in zip(before.chain.shards, after.chain.shards, strict=True) if old.keys != new.keys]
    assert changed == [3]
    assert [one and one.shards for one in read] == [frozenset({3})]  # of the others nobody's record was read
    table, people = read_with_people(workspace, workspace.path(TRAIN), "patient", named=TRAIN)
    assert training_set(workspace, table, people).chain == after.chain
    # The only slice of late arrivals is the last: two checkpoints of three stay.
    assert before.chain.shards[3].keys[:3] == after.chain.shards[3].keys[:3]
    stale = before.chain.keys - after.chain.keys
    assert stored & stale
    assert set(workspace.checkpoints.keys()) == stored - stale | after.chain.keys
    # Neither who it was nor what the column says of them: the shard alone would tell whoever knows the rooms.
    placement = before.chain.placement
    assert placement
    for place in (project.root / ".unlearning/certificates", project.root / "mlruns", project.root / "mlflow.db"):
        said = [one.read_bytes() for one in (place, *place.rglob("*")) if one.is_file()]
        assert said
        assert not [word for word in (leaver, "trial", "rooms", placement.declared) for one in said if word.encode() in one]

    # The next one: nobody knows any more in which room they were in version 1, and nothing more is named than held them.
    other = next(who for who in project.people(TRAIN) if int(who[2:6]) % 3)
    found = search(workspace, [project.token(other)])
    named, first = set(assess(workspace, sorted(found.found), found).checkpoints_stale), stored - stale | after.chain.keys
    project.request(other)
    project.erase(replay=True)
    workspace = project.workspace
    last = max(workspace.lineage.models(), key=lambda record: record.model.version)
    assert named == after.chain.keys - last.chain.keys
    assert set(workspace.checkpoints.keys()) == first - named | last.chain.keys
    assert before.chain.shards[3].keys[:3] == last.chain.shards[3].keys[:3]
