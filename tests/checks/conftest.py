import numpy as np
import pytest

from unlearning.domain.entities import Exact
from unlearning.domain.protocols import Evidence
from unlearning.domain.tasks import CLASSIFICATION
from unlearning.project.settings import Checks


@pytest.fixture(scope="session")
def thresholds():
    return Checks(utility_tolerance=0.1, agreement_minimum=0.75, membership_margin=0.1).model_dump()


@pytest.fixture(scope="session")
def evidence():
    """Evidence with nothing in it but what is given."""

    def made(**given):
        nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros((0, 2))
        base = {
            "holdout_target": nobody,
            "holdout_before": None,
            "holdout_after": nothing,
            "forget_target": nobody,
            "forget_before": None,
            "forget_after": nothing,
            "task": CLASSIFICATION,
            "metric": CLASSIFICATION.metrics[0],
            "guarantee": Exact(),
            "digests": {},
        }
        return Evidence(**base | given)

    return made
