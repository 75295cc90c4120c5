"""The inner parts of training, against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.learners.torch.recipes import recipe, some_records
from unlearning.domain import draws
from unlearning.domain.errors import RecipeError
from unlearning.domain.protocols import Records
from unlearning.learners.torch import TorchLearner
from unlearning.learners.torch.training import TorchState, weights


def test_a_full_batch_is_the_step_a_plain_loop_makes() -> None:
    """The fast path against the slow truth: one epoch of one batch equals torch's own mean loss and step."""
    learner = TorchLearner(recipe(batch_size=8))
    data = some_records(8)
    start = learner.fresh(1, data)
    fast = learner.fit(start, data, epochs=1, seed=5)

    slow = learner.loads(learner.dumps(start))
    order = torch.from_numpy(draws.order(data.keys, 5, 0))
    features = slow.preprocessing(torch.tensor(data.features))[order]
    slow.network.train()
    nn.functional.cross_entropy(slow.network(features), torch.tensor(data.target)[order]).backward()
    slow.optimizer.step()
    for got, expected in zip(fast.network.parameters(), slow.network.parameters(), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("count", [1, 3, 5, 11])
def test_records_that_only_fill_up_the_last_batch_count_nothing(count: int) -> None:
    """A padded stage equals a plain loop over ragged batches, for a network without batch statistics."""
    learner = TorchLearner(recipe(batch_size=8))
    data = some_records(count)
    start = learner.fresh(1, some_records(30))
    padded = learner.fit(start, data, epochs=2, seed=5)

    ragged = learner.loads(learner.dumps(start))
    features, labels = ragged.preprocessing(torch.tensor(data.features)), torch.tensor(data.target)
    for number in range(2):
        for batch in torch.from_numpy(draws.order(data.keys, 5, number)).split(8):
            ragged.optimizer.zero_grad()
            nn.functional.cross_entropy(ragged.network(features[batch]), labels[batch]).backward()
            ragged.optimizer.step()
    for got, expected in zip(padded.network.parameters(), ragged.network.parameters(), strict=True):
        torch.testing.assert_close(got, expected)


def test_every_step_has_the_same_shape() -> None:
    shapes = []

    class Spy(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            if self.training:
                shapes.append(tuple(features.shape))
            return super().forward(features)

    learner = TorchLearner(recipe(Spy, batch_size=8))
    for count in (3, 8, 21):
        learner.fit(learner.fresh(1, some_records(count)), some_records(count), epochs=2, seed=1)
    assert set(shapes) == {(8, 3)}


@pytest.mark.parametrize("count", [3, 5, 21])
def test_the_last_batch_is_filled_up_with_records_of_the_same_epoch(count: int) -> None:
    seen: list[Tensor] = []

    class Spy(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            if self.training:
                seen.append(features[:, 0].clone())
            return super().forward(features)

    data = Records(
        np.arange(1, 3 * count + 1, dtype=np.float32).reshape(count, 3), np.zeros(count, np.int64), some_records(count).keys
    )
    learner = TorchLearner(replace(recipe(Spy, batch_size=8), preprocessing=None))
    learner.fit(learner.fresh(1, data), data, epochs=1, seed=5)
    shown = torch.cat([batch for batch in seen if batch.any()])
    order = draws.order(data.keys, 5, 0).tolist()
    expected = [data.features[order[place % count], 0] for place in range(-(-count // 8) * 8)]
    assert shown.tolist() == expected


def test_a_stage_that_diverges_says_so() -> None:
    learner = TorchLearner(recipe(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e30)))
    data = some_records(40)
    with pytest.raises(RecipeError, match="not finite"):
        learner.fit(learner.fresh(1, data), data, epochs=4, seed=1)


def test_a_loss_that_is_one_number_is_refused() -> None:
    learner = TorchLearner(recipe(loss=nn.functional.cross_entropy))
    with pytest.raises(RecipeError, match='reduction="none"'):
        learner.fit(learner.fresh(1, some_records(20)), some_records(20), epochs=1, seed=1)


def test_a_network_with_the_wrong_number_of_logits_is_refused() -> None:
    learner = TorchLearner(recipe(lambda width, labels: nn.Linear(width, labels + 1)))
    with pytest.raises(RecipeError, match=r"gives \(16, 3\) logits.*expected \(16, 2\)"):
        learner.fit(learner.fresh(1, some_records(20)), some_records(20), epochs=1, seed=1)


def test_a_state_says_what_it_is() -> None:
    state = TorchLearner(recipe()).fresh(5, some_records(20))
    assert isinstance(state, TorchState)
    assert state.seed == 5


@settings(max_examples=40)
@given(records=st.integers(1, 40), size=st.integers(1, 12))
def test_the_weights_of_each_batch_are_the_mean_over_its_records_and_nothing_of_what_fills_it_up(
    records: int, size: int
) -> None:
    shares = weights(records, size)
    assert shares.shape == (-(-records // size), size)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares)))
    assert int((shares > 0).sum()) == records
    assert all(len(set(row[row > 0].tolist())) == 1 for row in shares)
