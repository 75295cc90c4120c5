"""What all conformance lists share."""

from __future__ import annotations

import pytest

from unlearning import testing
from unlearning.testing import (
    Nonconforming,
    learner_checks,
    method_checks,
    store_checks,
)
from unlearning.testing.conformance import require, run_all


@pytest.mark.parametrize("checks", [method_checks(), learner_checks(), store_checks()], ids=["methods", "learners", "stores"])
def test_every_check_says_what_it_checks_under_a_name_of_its_own(checks):
    assert len({check.__name__ for check in checks}) == len(checks)
    assert all(check.__doc__ for check in checks)


def test_what_is_exported_is_what_is_there():
    assert len(testing.__all__) == len(set(testing.__all__))
    assert all(hasattr(testing, name) for name in testing.__all__)


def passes(number: int) -> None:
    """A check that holds."""


def refuses(number: int) -> None:
    require(number > 1, f"{number} is too few")


def crashes(number: int) -> None:
    raise KeyError(number)


def test_every_check_is_run_and_every_finding_is_told_under_its_name_also_a_crash() -> None:
    with pytest.raises(Nonconforming) as caught:
        run_all([refuses, passes, crashes], "plugin p", 1)
    assert str(caught.value).splitlines() == [
        "plugin p: 2 of 3 checks failed",
        "  refuses: 1 is too few",
        "  crashes: KeyError: 1",
    ]


def test_a_list_without_a_finding_says_nothing() -> None:
    run_all([refuses, passes], "plugin p", 2)
    run_all([], "plugin p")


@pytest.mark.parametrize("condition", [0, "", None, [], False])
def test_whatever_counts_as_false_is_a_finding(condition: object) -> None:
    with pytest.raises(Nonconforming, match="the finding"):
        require(condition, "the finding")
