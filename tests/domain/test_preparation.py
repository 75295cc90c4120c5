import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unlearning.domain import hashing, partition
from unlearning.domain.errors import SettingsError
from unlearning.domain.preparation import split
from unlearning.stores.tables import tables

KEY = b"p" * 32


def row_places(path):
    who = tables.people(tables.read(path, person="who"), "who")
    (tokens,) = hashing.tokens(who.values, "text", keys=[KEY])
    return partition.places(tokens)[who.codes], np.array([str(value) for value in who.values])[who.codes]


def prepare(source, folder):
    """Both tables of the source, as `unlearn prepare` writes them."""
    folder.mkdir(exist_ok=True)
    held_out = split(row_places(source)[0], 0.4)
    outs = [folder / f"{name}{source.suffix}" for name in ("train", "holdout")]
    for out, mask in zip(outs, (~held_out, held_out), strict=True):
        tables.redact(source, out, mask)
    return outs


def without(path, gone, out):
    tables.redact(path, out, ~np.isin(row_places(path)[1], list(gone)))
    return out


def store(path, rows):
    who, x = map(list, zip(*rows, strict=True))
    if path.suffix == ".csv":
        path.write_text("who,x\r\n" + "".join(f'"{name}",{value!r}\r\n' for name, value in rows), newline="")
    else:
        pq.write_table(pa.table({"who": pa.array(who).dictionary_encode(), "x": pa.array(x)}), path, compression="zstd")
    return path


people = st.sampled_from([f"p{i}" for i in range(12)])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(people, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=30),
    gone=st.sets(people),
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
    where = partition.places(tokens)
    held_out = split(where, 0.2)
    shard, piece = partition.shard_and_slice(where, shards=4, slices=2)
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
