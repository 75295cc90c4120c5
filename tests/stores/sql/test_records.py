"""A model's record as text and back."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores.sql.examples import record, version
from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.entities import ModelRecord
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.stores.sql import records

names, numbers, seconds = st.text(max_size=8), st.integers(0, 99), st.floats(0, 1e6)
versions = st.builds(ModelVersion, names, numbers)
parts = st.builds(Part, numbers, names, names, numbers, numbers, seconds, repaired=numbers)
shards = st.builds(ShardChain, numbers, st.lists(names).map(tuple), st.lists(numbers).map(tuple))
chains = st.builds(Chain, names, numbers, st.lists(shards, max_size=3).map(tuple))
trained = st.builds(Trained, names, names, st.lists(parts, max_size=3).map(tuple), st.lists(numbers).map(tuple))
data = st.builds(DataVersion, names, names, names, st.none() | names, numbers, numbers)
model_records = st.builds(
    ModelRecord, versions, names, data, chains, trained, numbers, parent=st.none() | versions, erasure_id=st.none() | names
)


@settings(max_examples=25)
@given(model_records)
def test_any_record_comes_back_equal(one: ModelRecord) -> None:
    assert records.loads(records.dumps(one)) == one


def test_the_text_is_canonical_so_that_equal_records_have_equal_texts() -> None:
    text = records.dumps(record(2, version("1")))
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_a_model_is_the_same_whatever_its_run_and_its_time_and_another_with_other_data_keys_or_bytes() -> None:
    one = record(1, version("1"))
    slower = replace(one.trained.parts[0], cpu_seconds=99.0, slices_trained=0, rows_trained=0)
    assert records.same_model(one, replace(one, run_id="again", trained=replace(one.trained, parts=(slower,))))
    others = (
        record(1, version("2")),
        replace(one, chain=replace(one.chain, seed=8)),
        record(1, version("1"), digest="d1"),
        replace(one, trained=replace(one.trained, parts=())),
    )
    assert not any(records.same_model(one, other) for other in others)
