"""What a training ran on."""

from __future__ import annotations

import json
import platform

import torch

from tests.small_torch import torch_learner
from unlearning.project.training.environment import environment


def test_it_names_what_the_bits_depend_on_in_plain_words() -> None:
    learner = torch_learner()
    found = environment(learner)
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert json.loads(json.dumps(found)) == found == environment(learner)
    assert all(found.values())
