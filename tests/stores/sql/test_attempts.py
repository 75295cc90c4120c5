"""Chains that trainings set out to make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from unlearning.domain.chain import Chain, ShardChain
from unlearning.stores.sql import database
from unlearning.stores.sql.attempts import SqlAttempts

CHAIN = Chain("recipe", 7, (ShardChain(0, ("k0", "k1"), (3,)), ShardChain(1, ("l0", "l1"), (2,))))
ANOTHER = replace(CHAIN, shards=(ShardChain(0, ("k0", "k2"), (2,)), CHAIN.shards[1]))


@pytest.fixture
def attempts(tmp_path: Path) -> Iterator[SqlAttempts]:
    engine = database.connect("sqlite:///store.db", tmp_path)
    yield SqlAttempts(engine)
    engine.dispose()


def test_a_chain_comes_back_as_it_was_recorded_and_for_its_own_model_only(attempts: SqlAttempts) -> None:
    attempts.record("diagnosis", CHAIN)
    assert attempts.chains("diagnosis") == [CHAIN]
    assert attempts.chains("triage") == []


def test_recording_an_attempt_again_changes_nothing_and_another_one_is_kept_beside_it(attempts: SqlAttempts) -> None:
    for chain in (CHAIN, ANOTHER, CHAIN):
        attempts.record("diagnosis", chain)
    found = attempts.chains("diagnosis")
    assert len(found) == 2
    assert set(found) == {CHAIN, ANOTHER}


def test_a_chain_remembers_in_how_many_shards_everybody_is(attempts: SqlAttempts) -> None:
    bagged = replace(CHAIN, members_of_person=2)
    attempts.record("diagnosis", bagged)
    assert attempts.chains("diagnosis") == [bagged]


def test_two_models_may_set_out_to_make_the_same_chain(attempts: SqlAttempts) -> None:
    for model in ("diagnosis", "triage"):
        attempts.record(model, CHAIN)
    assert attempts.chains("diagnosis") == attempts.chains("triage") == [CHAIN]
