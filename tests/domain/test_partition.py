"""Records → training or holdout → shards and slices → chains of keys, and the laws they keep."""

from __future__ import annotations

import ast
import hashlib
import inspect
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain import partition as module
from unlearning.domain.chain import Chain
from unlearning.domain.errors import SettingsError
from unlearning.domain.hashing import digest, fingerprint, keyed
from unlearning.domain.partition import (
    Partition,
    Places,
    chain,
    drawn,
    members_of,
    partition,
    places,
    shard_and_slice,
    split,
)
from unlearning.domain.protocols import Records
from unlearning.stores.tables import redaction
from unlearning.stores.tables import tables as files

KEY = b"partition key of these tests...."
RECIPE = "r" * 64


@dataclass(frozen=True)
class Table:
    """Rows of a few people; values are few, so that equal records and ties are common."""

    people: NDArray[np.int64]
    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Table:
        return Table(self.people[rows], self.features[rows], self.labels[rows])

    def __len__(self) -> int:
        return len(self.labels)


rows = st.tuples(st.integers(0, 8), st.sampled_from([0.0, -0.0, 1.0, float("nan")]), st.integers(-2, 2), st.integers(0, 1))


@st.composite
def tables(draw: st.DrawFn, *, smallest: int = 0) -> Table:
    drawn = draw(st.lists(rows, min_size=smallest, max_size=25))
    people = np.array([row[0] for row in drawn], np.int64)
    features = np.array([row[1:3] for row in drawn], np.float32).reshape(len(drawn), 2)
    return Table(people, features, np.array([row[3] for row in drawn], np.int64))


shapes = st.tuples(st.integers(1, 5), st.integers(1, 4))


def where(table: Table) -> Places:
    return places(keyed(KEY, [fingerprint(int(person), "integer") for person in table.people]))


def sort(table: Table, shape: tuple[int, int]) -> tuple[Partition, Records, Places]:
    made = partition(Records(table.features, table.labels), where(table), shards=shape[0], slices=shape[1])
    return made, Records(table.features[made.order], table.labels[made.order]), where(table)[made.order]


def chain_of(table: Table, shape: tuple[int, int], *, recipe: str = RECIPE, seed: int = 0) -> Chain:
    made, records, placed = sort(table, shape)
    return chain(recipe, seed, records, placed, made.bounds)


def home(person: int, shape: tuple[int, int]) -> tuple[int, int]:
    """A person's shard and slice, both 0-based."""
    shard, piece = shard_and_slice(places(keyed(KEY, [fingerprint(person, "integer")])), shards=shape[0], slices=shape[1])
    return int(shard[0]), int(piece[0])


# --- places ---


def test_a_place_is_the_token_as_four_big_endian_words() -> None:
    token = bytes(range(32))
    assert places([token]).tolist() == [[int.from_bytes(token[start : start + 8], "big") for start in (0, 8, 16, 24)]]
    assert places([]).shape == (0, 4)


def test_shard_and_slice_are_two_words_of_the_token() -> None:
    words = np.array([[7, 11, 0, 0], [2**64 - 1, 2**63, 0, 0]], np.uint64)
    shard, piece = shard_and_slice(words, shards=5, slices=4)
    assert shard.tolist() == [7 % 5, (2**64 - 1) % 5]
    assert piece.tolist() == [11 % 4, 2**63 % 4]


@pytest.mark.parametrize(("shards", "slices"), [(0, 1), (1, 0), (-1, 3)])
def test_at_least_one_shard_and_one_slice(shards: int, slices: int) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        shard_and_slice(np.zeros((1, 4), np.uint64), shards=shards, slices=slices)


def test_people_spread_evenly() -> None:
    """Chi-squared over 8 × 4 cells for 20,000 people; 31 degrees of freedom, 0.999 quantile 61.1."""
    placed = places(keyed(KEY, [hashlib.sha256(str(person).encode()).digest() for person in range(20_000)]))
    shard, piece = shard_and_slice(placed, shards=8, slices=4)
    counts = np.bincount(shard * 4 + piece, minlength=32)
    assert ((counts - 625) ** 2 / 625).sum() < 61.1


# --- partition ---


@given(tables(), shapes)
def test_all_records_of_a_person_share_one_shard_and_one_slice(table: Table, shape: tuple[int, int]) -> None:
    made, _, _ = sort(table, shape)
    for shard in range(shape[0]):
        for piece in range(shape[1]):
            inside = made.order[made.bounds[shard, piece] : made.bounds[shard, piece + 1]]
            assert {home(int(person), shape) for person in table.people[inside]} <= {(shard, piece)}


@given(tables(), shapes)
def test_every_record_has_one_place_and_none_is_lost(table: Table, shape: tuple[int, int]) -> None:
    made, _, _ = sort(table, shape)
    assert sorted(made.order.tolist()) == list(range(len(table)))
    assert made.bounds.shape == (shape[0], shape[1] + 1)
    edges = made.bounds.ravel().tolist()
    assert edges[0] == 0
    assert edges[-1] == len(table)
    assert edges == sorted(edges)
    assert all(made.bounds[shard, -1] == made.bounds[shard + 1, 0] for shard in range(shape[0] - 1))
    assert made.rows.sum() == len(table)


@given(tables(), shapes, st.randoms(use_true_random=False))
def test_storage_order_changes_neither_records_nor_keys(table: Table, shape: tuple[int, int], random: object) -> None:
    order = list(range(len(table)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = table[np.array(order, np.int64)]
    _, records, placed = sort(table, shape)
    _, again, placed_again = sort(shuffled, shape)
    assert records.features.tobytes() == again.features.tobytes()
    assert np.array_equal(records.target, again.target)
    assert np.array_equal(placed, placed_again)
    assert chain_of(shuffled, shape) == chain_of(table, shape)


@given(tables())
def test_a_persons_records_have_the_keys_that_they_have_among_everybodys(table: Table) -> None:
    made, _, _ = sort(table, (3, 2))
    for person in set(table.people.tolist()):
        theirs = table.people == person
        alone = module.keyed(Records(table.features[theirs], table.labels[theirs]), where(table)[theirs])
        assert sorted(alone.keys.tolist()) == sorted(made.keys[theirs[made.order]].tolist())


@given(st.permutations(range(6)))
def test_records_that_hash_alike_are_ordered_by_their_content(order: list[int]) -> None:
    """One person's records, all with one hash: the fallback alone must order them, to the sign of a zero."""

    def broken(order: list[int]) -> list[tuple[bytes, int]]:
        features = np.array([[3, 1], [1, 3], [2, 2], [1, 2], [-0.0, 1], [0.0, 1]], np.float32)[order]
        labels = np.array([0, 1, 0, 1, 0, 0], np.int64)[order]
        ranks = module._break_ties(
            np.arange(6), Records(features, labels), np.zeros((6, 4), np.uint64), np.zeros(6, np.uint64), np.zeros(6, np.int64)
        )
        return [(features[rank].tobytes(), int(labels[rank])) for rank in ranks]

    assert broken(order) == broken(list(range(6)))
    assert len(set(broken(order))) == 6


@given(tables(), st.randoms(use_true_random=False))
def test_storage_order_would_not_matter_if_all_records_hashed_alike(table: Table, random: object) -> None:
    order = list(range(len(table)))
    random.shuffle(order)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_row_hash", lambda records: np.zeros(len(records), np.uint64))
        assert chain_of(table[np.array(order, np.int64)], (2, 2)) == chain_of(table, (2, 2))


def test_ties_between_people_are_left_to_their_tokens() -> None:
    records = Records(np.array([[2], [1]], np.float32), np.zeros(2, np.int64))
    apart = np.array([[0, 0, 0, 1], [0, 0, 0, 2]], np.uint64)
    assert module._break_ties(np.arange(2), records, apart, np.zeros(2, np.uint64), np.zeros(2, np.int64)).tolist() == [0, 1]


def test_the_row_hash_sees_every_value() -> None:
    base = Records(np.zeros((1, 3), np.float32), np.zeros(1, np.int64))
    hashes = {int(module._row_hash(base)[0])}
    for column in range(3):
        for value in (1.0, -0.0, np.nan):
            features = np.zeros((1, 3), np.float32)
            features[0, column] = value
            hashes.add(int(module._row_hash(Records(features, np.zeros(1, np.int64)))[0]))
    hashes.add(int(module._row_hash(Records(base.features, np.ones(1, np.int64)))[0]))
    assert len(hashes) == 11


# --- chain ---


def test_a_chain_worked_out_by_hand() -> None:
    """Two people, one shard, two slices: every byte that goes into a key, written out."""
    placed = np.array([[0, 0, 5, 5], [0, 1, 6, 6]], np.uint64)
    records = Records(np.array([[1.5], [2.5]], np.float32), np.array([0, 1], np.int64))
    made = chain("recipe", 3, records, placed, np.array([[0, 1, 2]]))

    def slice_digest(row: int) -> str:
        return hashlib.sha256(
            b'[["<u8",[1,4]],["<f4",[1,1]],["<i8",[1]]]'
            + placed[row].astype("<u8").tobytes()
            + records.features[row].astype("<f4").tobytes()
            + records.target[row].astype("<i8").tobytes()
        ).hexdigest()

    start = digest(["unlearning/chain/2", "recipe", 3, 0])
    first = digest([start, slice_digest(0)])
    assert made.shards[0].keys == (start, first, digest([first, slice_digest(1)]))
    assert made.shards[0].rows == (1, 1)
    assert (made.recipe, made.seed) == ("recipe", 3)


@given(tables(smallest=1), shapes, st.data())
def test_removing_a_person_changes_one_shard_from_one_slice_on(
    table: Table, shape: tuple[int, int], data: st.DataObject
) -> None:
    person = int(data.draw(st.sampled_from(sorted(set(table.people.tolist())))))
    before, after = chain_of(table, shape), chain_of(table[table.people != person], shape)
    shard, piece = home(person, shape)
    for old, new in zip(before.shards, after.shards, strict=True):
        same = [one == other for one, other in zip(old.keys, new.keys, strict=True)]
        untouched = piece + 1 if old.shard == shard else len(old.keys)
        assert same == [True] * untouched + [False] * (len(old.keys) - untouched)


@given(tables(smallest=1), shapes, st.permutations(range(9)))
def test_requests_one_at_a_time_or_batched_end_in_the_same_keys(
    table: Table, shape: tuple[int, int], people: list[int]
) -> None:
    leaving, left = people[:4], table
    for person in leaving:
        left = left[left.people != person]
    assert chain_of(left, shape) == chain_of(table[~np.isin(table.people, leaving)], shape)


@given(tables(smallest=1), shapes, st.data())
def test_changing_any_value_of_a_record_changes_its_chain_and_no_other(
    table: Table, shape: tuple[int, int], data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(table) - 1))
    features, labels = table.features.copy(), table.labels.copy()
    if data.draw(st.booleans()):
        labels[row] += 5
    else:
        features[row, data.draw(st.integers(0, 1))] += 100
        features[row] = np.nan_to_num(features[row], nan=7)
    changed = Table(table.people, features, labels)
    before, after = chain_of(table, shape), chain_of(changed, shape)
    shard, _ = home(int(table.people[row]), shape)
    assert [old.head != new.head for old, new in zip(before.shards, after.shards, strict=True)] == [
        number == shard for number in range(shape[0])
    ]


def test_a_record_given_to_someone_else_in_the_same_slice_changes_the_chain() -> None:
    """Who a record belongs to shapes who can ask for its erasure, so it is in the key."""
    one = Table(np.array([1, 1, 2]), np.zeros((3, 2), np.float32), np.zeros(3, np.int64))
    other = Table(np.array([1, 2, 2]), one.features, one.labels)
    assert chain_of(one, (1, 1)).shards[0].head != chain_of(other, (1, 1)).shards[0].head


@given(tables(), shapes)
def test_another_seed_or_recipe_gives_other_names_throughout(table: Table, shape: tuple[int, int]) -> None:
    def names(made: Chain) -> set[str]:
        return {key for shard in made.shards for key in shard.keys}

    plain = names(chain_of(table, shape))
    assert not plain & names(chain_of(table, shape, seed=1))
    assert not plain & names(chain_of(table, shape, recipe="s" * 64))


@given(tables(), shapes)
def test_no_two_steps_share_a_name(table: Table, shape: tuple[int, int]) -> None:
    made = chain_of(table, shape)
    names = [key for shard in made.shards for key in shard.keys]
    assert len(set(names)) == len(names) == shape[0] * (shape[1] + 1)


def test_a_shard_without_records_is_empty_and_still_has_names() -> None:
    made = chain_of(Table(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), np.zeros(0, np.int64)), (2, 3))
    assert [shard.empty for shard in made.shards] == [True, True]
    assert [len(shard.keys) for shard in made.shards] == [4, 4]


@given(tables(smallest=1), st.data())
@settings(max_examples=30)
def test_keys_do_not_depend_on_how_arrays_lie_in_memory(table: Table, data: st.DataObject) -> None:
    turned = Table(table.people, np.asfortranarray(table.features), table.labels[::-1][::-1])
    wide = Table(
        table.people, table.features.astype(np.float64).astype(np.float32), table.labels.astype(np.int32).astype(np.int64)
    )
    assert chain_of(turned, (2, 2)) == chain_of(table, (2, 2)) == chain_of(wide, (2, 2))


# --- size ---


def test_many_records_are_keyed_without_a_loop_over_them() -> None:
    """The work in Python must follow columns, shards and ties, never records: count the lines that run."""
    import sys

    def lines(count: int) -> int:
        draw = np.random.default_rng(0)
        placed = draw.integers(0, 2**64, (count, 4), dtype=np.uint64)
        records = Records(draw.normal(size=(count, 3)).astype(np.float32), draw.integers(0, 2, count))
        ran = 0

        def tracer(frame: object, event: str, _: object) -> object:
            nonlocal ran
            ran += event == "line"
            return tracer

        sys.settrace(tracer)  # type: ignore[arg-type]
        try:
            made = partition(records, placed, shards=4, slices=2)
            chain(RECIPE, 0, records[made.order], placed[made.order], made.bounds)
        finally:
            sys.settrace(None)
        return ran

    few, many = lines(200), lines(200_000)
    assert many <= few + 50


def test_nothing_in_the_partition_iterates_over_records() -> None:
    """Every `for` in the source runs over columns, shards, slices or runs of ties."""
    loops = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, (ast.For, ast.comprehension))]
    assert {ast.unparse(loop.iter) for loop in loops} == {
        "enumerate(bounds)",
        "edges",
        "pairwise(edges)",
        "placement.rooms",
        "rooms",
        "range(1, members_of_person)",
        "range(bits.shape[1])",
        "np.sort(chosen, axis=1).T",
        "told",
        "zip(edges[::2], edges[1::2] + 1, strict=True)",
    }


# --- keyed bagging ---


def test_every_person_is_in_as_many_different_shards_as_asked_and_with_one_more_nobody_moves() -> None:
    where = places(keyed(KEY, [fingerprint(person, "integer") for person in range(500)]))
    before = np.zeros((500, 0), np.int64)
    for members in range(1, 8):
        rows, shard, piece = members_of(where, shards=7, slices=3, members_of_person=members)
        chosen = shard.reshape(500, members)
        assert rows.tolist() == np.repeat(np.arange(500), members).tolist()
        assert all(len(set(one)) == members for one in chosen.tolist())
        assert (chosen[:, :-1] == before).all()
        assert (piece.reshape(500, members) == piece[::members, None]).all()
        # Three standard deviations of a binomial number with n = 500 and p = k / 7.
        assert (np.abs(np.bincount(shard, minlength=7) - 500 * members / 7) <= 3 * np.sqrt(125) + 1).all()
        before = chosen


@pytest.mark.parametrize("members", [0, 4])
def test_nobody_is_in_no_shard_or_in_more_than_there_are(members: int) -> None:
    with pytest.raises(SettingsError, match="members_of_person is"):
        members_of(np.zeros((1, 4), np.uint64), shards=3, slices=1, members_of_person=members)


@given(table=tables(smallest=1), members=st.integers(1, 5), slices=st.integers(1, 3), data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_removing_a_person_changes_their_shards_alone_and_the_keys_of_nobody_in_another(
    table: Table, members: int, slices: int, data: st.DataObject
) -> None:
    def sorted_out(some: Table) -> tuple[Chain, list[list[int]]]:
        records, whose = Records(some.features, some.labels), where(some)
        made = partition(records, whose, shards=5, slices=slices, members_of_person=members)
        names = chain(RECIPE, 0, records[made.order], whose[made.order], made.bounds, members_of_person=members)
        assert len(made.order) == members * len(some)
        return names, [made.keys[low:high].tolist() for low, high in zip(made.bounds[:, 0], made.bounds[:, -1], strict=True)]

    gone = data.draw(st.sampled_from(sorted(set(table.people.tolist()))))
    (before, keys), (after, left) = sorted_out(table), sorted_out(table[table.people != gone])
    whose = places(keyed(KEY, [fingerprint(gone, "integer")]))
    touched = set(members_of(whose, shards=5, slices=slices, members_of_person=members)[1].tolist())
    assert {one.shard for one, other in zip(before.shards, after.shards, strict=True) if one != other} == touched
    assert [one for shard, one in enumerate(keys) if shard not in touched] == [
        one for shard, one in enumerate(left) if shard not in touched
    ]


# --- training or holdout ---


def row_places(path):
    who = files.people(files.read(path, person="who"), "who")
    (tokens,) = hashing.tokens(who.values, "text", keys=[KEY])
    return places(tokens)[who.codes], np.array([str(value) for value in who.values])[who.codes]


def prepare(source, folder):
    """Both tables of the source, as `unlearn prepare` writes them."""
    folder.mkdir(exist_ok=True)
    held_out = split(row_places(source)[0], 0.4)
    outs = [folder / f"{name}{source.suffix}" for name in ("train", "holdout")]
    for out, mask in zip(outs, (~held_out, held_out), strict=True):
        redaction.redact(source, out, mask)
    return outs


def without(path, gone, out):
    redaction.redact(path, out, ~np.isin(row_places(path)[1], list(gone)))
    return out


def store(path, rows):
    who, x = map(list, zip(*rows, strict=True))
    if path.suffix == ".csv":
        path.write_text("who,x\r\n" + "".join(f'"{name}",{value!r}\r\n' for name, value in rows), newline="")
    else:
        pq.write_table(pa.table({"who": pa.array(who).dictionary_encode(), "x": pa.array(x)}), path, compression="zstd")
    return path


WHO = st.sampled_from([f"p{i}" for i in range(12)])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(WHO, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=30),
    gone=st.sets(WHO),
)
def test_preparing_redacted_records_is_redacting_prepared_records_byte_for_byte(tmp_path, suffix, rows, gone):
    source = store(tmp_path / f"source{suffix}", rows)
    redacted_first = prepare(without(source, gone, tmp_path / f"less{suffix}"), tmp_path / "a")
    prepared_first = [without(path, gone, path) for path in prepare(source, tmp_path / "b")]
    assert [path.read_bytes() for path in redacted_first] == [path.read_bytes() for path in prepared_first]


def test_no_person_is_on_both_sides(tmp_path):
    source = store(tmp_path / "s.parquet", [(f"p{i % 50}", float(i)) for i in range(200)])
    train, holdout = ({*row_places(path)[1]} for path in prepare(source, tmp_path))
    assert train
    assert holdout
    assert not train & holdout


def test_the_held_out_share_of_people_is_the_one_asked_for_and_does_not_lean_on_the_shard():
    tokens = [hashlib.sha256(str(i).encode()).digest() for i in range(20_000)]
    where = places(tokens)
    held_out = split(where, 0.2)
    shard, piece = shard_and_slice(where, shards=4, slices=2)
    assert held_out.mean() == pytest.approx(0.2, abs=0.01)
    for cell in range(8):
        assert held_out[shard * 2 + piece == cell].mean() == pytest.approx(0.2, abs=0.03)


def test_one_word_of_the_token_decides_at_the_exact_border():
    quarter = np.uint64(1 << 62)
    where = np.zeros((3, 4), dtype=np.uint64)
    where[:, 2] = [quarter - np.uint64(1), quarter, np.uint64(2**64 - 1)]
    assert split(where, 0.25).tolist() == [True, False, False]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_leaves_one_side_empty_is_refused(share):
    with pytest.raises(SettingsError, match=r"data\.holdout_share"):
        split(np.zeros((1, 4), dtype=np.uint64), share)


@given(people=st.integers(0, 200), share=st.floats(0.001, 0.999), seed=st.integers(0, 2**32))
def test_a_drawn_share_is_of_that_size_and_of_the_same_people_in_any_order(people: int, share: float, seed: int) -> None:
    where = places([keyed(KEY, [fingerprint(person, "integer")])[0] for person in range(people)]) if people else places([])
    order = np.random.default_rng(seed).permutation(people)
    found = drawn(where, share)
    assert found.sum() == (max(1, round(share * people)) if people else 0)
    assert np.array_equal(drawn(where[order], share), found[order])


def test_a_draw_from_people_who_were_held_out_is_not_all_of_one_shard() -> None:
    where = places([keyed(KEY, [fingerprint(person, "integer")])[0] for person in range(2_000)])
    held_out = where[split(where, 0.2)]
    shard, _ = shard_and_slice(held_out[drawn(held_out, 0.5)], shards=4, slices=1)
    counts = np.bincount(shard, minlength=4)
    assert counts.min() > counts.sum() / 8
