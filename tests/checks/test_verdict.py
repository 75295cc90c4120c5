import pytest

from unlearning.checks import blocking
from unlearning.domain.entities import Certified, CheckResult, Empirical, Exact


def said(**verdicts):
    return [CheckResult(name, None, "", verdict, "") for name, verdict in verdicts.items()]


@pytest.mark.parametrize("guarantee", [Exact(), Certified(1.0, 1e-5), Empirical()])
def test_whatever_failed_blocks(guarantee):
    results = said(utility="failed", membership="passed", agreement="passed")
    assert [result.name for result in blocking(results, guarantee)] == ["utility"]


def test_an_exact_method_is_not_blocked_by_an_attack():
    assert blocking(said(utility="passed", membership="failed"), Exact()) == ()
    assert blocking(said(utility="passed"), Exact()) == ()


@pytest.mark.parametrize("results", [said(membership="underpowered"), said(membership="failed"), said(utility="passed")])
def test_a_method_without_proof_must_show_that_it_forgot(results):
    assert [result.name for result in blocking(results, Empirical())] == ["membership"]


@pytest.mark.parametrize(
    ("results", "blocks"),
    [(said(membership="underpowered"), []), (said(utility="passed"), []), (said(membership="failed"), ["membership"])],
)
def test_a_theorem_is_refuted_by_an_attack_that_succeeds_and_not_by_a_weak_one(results, blocks):
    assert [result.name for result in blocking(results, Certified(1.0, 1e-5))] == blocks


def test_an_exactness_that_was_not_asked_for_does_not_block():
    assert blocking(said(exactness="underpowered", membership="passed"), Empirical()) == ()
    assert len(blocking(said(exactness="failed"), Exact())) == 1
