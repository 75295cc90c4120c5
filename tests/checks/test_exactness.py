from math import isclose

import pytest

from unlearning.checks.exactness import exactness


@pytest.fixture
def replayed(evidence, thresholds):
    return lambda candidate, again, *otherwise: exactness(
        evidence(digests=candidate, replayed=again, otherwise=otherwise), thresholds
    )


def test_a_replay_with_the_same_bytes_is_exact(replayed):
    assert replayed({0: "a", 1: "b"}, {1: "b"}).verdict == "passed"


def test_one_different_or_missing_shard_is_not_exact(replayed):
    result = replayed({0: "a", 1: "b"}, {0: "a", 1: "c", 7: "d"})
    assert result.verdict == "failed"
    assert result.details["different"] == "1, 7"
    assert isclose(result.value, 1 / 3)


def test_what_was_not_replayed_does_not_pass(replayed):
    assert replayed({0: "a"}, None).verdict == replayed({0: "a"}, {}).verdict == "underpowered"


def test_other_bytes_of_another_environment_show_nothing_and_equal_ones_do(replayed):
    then = "torch 2.12.0 then, 2.13.0 now"
    for again, verdict in (({0: "a", 1: "c"}, "underpowered"), ({0: "c"}, "underpowered"), ({0: "a", 1: "b"}, "passed")):
        found = replayed({0: "a", 1: "b"}, again, then)
        assert (found.verdict, then in found.how) == (verdict, True)
