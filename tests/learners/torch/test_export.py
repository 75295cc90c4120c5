"""What answers requests: without recipe, package or weights of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.learners.torch.recipes import busy, recipe, some_records
from unlearning.domain.errors import RecipeError
from unlearning.learners.torch import TorchLearner


def test_a_server_without_recipe_or_package_predicts_the_same(tmp_path: Path) -> None:
    learner = TorchLearner(busy())
    data = some_records(75)
    state = learner.fit(learner.fresh(7, data), data, epochs=2, seed=11)
    (tmp_path / "template.pt2").write_bytes(learner.template())
    np.savez(tmp_path / "shard.npz", **learner.served(state))
    np.save(tmp_path / "features.npy", data.features)
    server = (
        "import sys, numpy, torch\n"
        "module = torch.export.load('template.pt2').module()\n"
        "module.load_state_dict({k: torch.from_numpy(v) for k, v in numpy.load('shard.npz').items()}, strict=True)\n"
        "answer = module(torch.from_numpy(numpy.load('features.npy')))\n"
        "assert not [name for name in sys.modules if name.startswith('unlearning')]\n"
        "numpy.save('answer.npy', answer.detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-c", server], cwd=tmp_path, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), learner.predict(state, data.features), rtol=1e-5, atol=1e-6)


def test_the_template_holds_no_weights_and_no_place() -> None:
    learner = TorchLearner(busy())
    template = learner.template()
    program = torch.export.load(io.BytesIO(template))
    assert set(program.state_dict) == set(learner.served(learner.fresh(1, some_records(20))))
    assert not any(value.any() for value in program.state_dict.values())
    assert str(Path(__file__).parent).encode() not in template
    assert template == learner.template()


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_template_takes_any_number_of_records(count: int) -> None:
    module = torch.export.load(io.BytesIO(TorchLearner(recipe()).template())).module()
    assert module(torch.zeros(count, 3)).shape == (count, 2)


def test_a_recurrent_network_can_be_served() -> None:
    class Recurrent(nn.Module):
        def __init__(self, _: int, labels: int) -> None:
            super().__init__()
            self.steps = nn.LSTM(1, 4, batch_first=True)
            self.head = nn.Linear(4, labels)

        def forward(self, features: Tensor) -> Tensor:
            answer: Tensor = self.head(self.steps(features.unsqueeze(-1))[0][:, -1])
            return answer

    learner = TorchLearner(recipe(Recurrent))
    data = some_records(30)
    state = learner.fit(learner.fresh(1, data), data, epochs=1, seed=1)
    module = torch.export.load(io.BytesIO(learner.template())).module()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in learner.served(state).items()})
    answer = module(torch.from_numpy(data.features)).detach().numpy()
    np.testing.assert_allclose(answer, learner.predict(state, data.features), rtol=1e-5, atol=1e-6)


def test_a_network_with_a_weight_outside_its_state_dict_cannot_be_served() -> None:
    class Hidden(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            return super().forward(features) + float(self.bias.detach().sum())

    with pytest.raises(RecipeError, match=r"cannot export|does not answer as"):
        TorchLearner(recipe(Hidden)).template()


def test_a_network_that_cannot_be_exported_says_so() -> None:
    class Branching(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            return super().forward(features if features.sum() > 0 else -features)

    with pytest.raises(RecipeError, match=r"torch\.export cannot export"):
        TorchLearner(recipe(Branching)).template()
