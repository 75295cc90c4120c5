"""One program without weights, and the weights of every constituent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_torch import torch_learner, torch_ranking
from unlearning.domain.tasks import RANKING
from unlearning.learners.torch.votes import Votes, constituents
from unlearning.testing import population


def test_constituents_come_in_the_order_of_their_shards() -> None:
    tensors = {f"shard-{shard:03d}/{name}": torch.tensor(shard) for shard in (12, 3, 100) for name in ("a", "b.c")}
    found = constituents(tensors)
    assert [int(one["a"]) for one in found] == [3, 12, 100]
    assert all(set(one) == {"a", "b.c"} for one in found)


def test_each_answers_as_the_learner_s_state_does(tmp_path: Path) -> None:
    records, learner = population().records, torch_learner()
    states = {shard: learner.fit(learner.fresh(shard, records), records, epochs=1, seed=shard) for shard in (0, 2)}
    for name, content in learner.package(states).files.items():
        (tmp_path / name).write_bytes(content)
    votes = Votes(tmp_path).of(records.features.astype(np.float32))
    for vote, state in zip(votes, states.values(), strict=True):
        np.testing.assert_allclose(vote, learner.predict(state, records.features), atol=1e-6)


def test_files_of_two_models_are_not_put_together(tmp_path: Path) -> None:
    people = population(task=RANKING).records
    learner = torch_ranking()
    state = learner.fit(learner.fresh(1, people), people, epochs=1, seed=1)
    for name, content in {**learner.package({0: state}).files, "template.pt2": torch_learner().template()}.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="constituents and template differ in tensors"):
        Votes(tmp_path)
