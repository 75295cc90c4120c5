from math import isclose

import pytest

from unlearning.checks.exactness import exactness


@pytest.fixture
def replayed(evidence, thresholds):
    return lambda candidate, again: exactness(evidence(digests=candidate, replayed=again), thresholds)


def test_a_replay_with_the_same_bytes_is_exact(replayed):
    assert replayed({0: "a", 1: "b"}, {1: "b"}).verdict == "passed"


def test_one_different_or_missing_shard_is_not_exact(replayed):
    result = replayed({0: "a", 1: "b"}, {0: "a", 1: "c", 7: "d"})
    assert result.verdict == "failed"
    assert result.details["different"] == "1, 7"
    assert isclose(result.value, 1 / 3)


def test_what_was_not_replayed_does_not_pass(replayed):
    assert replayed({0: "a"}, None).verdict == replayed({0: "a"}, {}).verdict == "underpowered"
