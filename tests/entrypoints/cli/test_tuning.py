from __future__ import annotations

import pytest

from unlearning.domain.errors import WrongUse
from unlearning.entrypoints.cli.tuning import lines, values_of
from unlearning.project.training.tuning import Tried, Tuning


def test_values_are_read_by_name():
    assert values_of("alpha=0.1, 2") == ("alpha", [0.1, 2.0])


@pytest.mark.parametrize("said", ["alpha", "alpha=", "alpha=much"])
def test_what_is_no_list_of_numbers_is_refused(said):
    with pytest.raises(WrongUse, match="expected NAME=NUMBER,NUMBER"):
        values_of(said)


def test_the_table_says_how_near_each_came_and_which_failed():
    tried = [
        Tried({"alpha": 0.5}, 0.01, 1.25, 0.51, 0.9, 2.0, 0.1),
        Tried({"alpha": 0.1}, None, None, None, None, 1.0, None, "no longer finite"),
    ]
    head, good, failed = lines(Tuning("churn", "scrub", "accuracy", 3, 7, "gap to gold", 0.008, 0.91, tried))
    assert "3 people (7 records) taken for leaving, by gap to gold in accuracy, floor 0.0080; before: 0.9100" in head
    assert good == "  0.0100 (1.2 × floor)  AUC 0.510  utility 0.9000  2.0 s, 10% of a retraining  {alpha: 0.5}"
    assert failed == "  failed  {alpha: 0.1}: no longer finite"
