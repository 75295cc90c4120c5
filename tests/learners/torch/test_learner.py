"""The torch learner: the same bytes every time, whatever runs beside it."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.learners.torch.recipes import adam, busy, busy_network, plain_network, recipe, sgd, some_records, trained
from unlearning.domain.errors import Damaged, RecipeError, SettingsError
from unlearning.domain.partition import partition, places
from unlearning.domain.protocols import Records
from unlearning.learners.torch import TorchLearner, TorchRecipe, cross_entropy, standardize
from unlearning.learners.torch.state import pack


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


# --- the same bytes ---


@pytest.mark.parametrize("batch_size", [16, 64])
@pytest.mark.parametrize("optimizer", [adam, sgd])
@pytest.mark.parametrize("network", [plain_network, busy_network])
def test_training_twice_gives_the_same_bytes(network: object, optimizer: object, batch_size: int) -> None:
    one = recipe(network, optimizer, batch_size)  # type: ignore[arg-type]
    assert trained(TorchLearner(one)) == trained(TorchLearner(one))


@pytest.mark.parametrize("count", [5, 6, 7, 9, 10, 11, 16, 17, 63, 64, 65, 75])
@pytest.mark.parametrize("make", [recipe, busy])
def test_the_thread_count_of_torch_changes_no_bit(make: Callable[[], TorchRecipe], count: int) -> None:
    outside = torch.get_num_threads()
    results = set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.add(trained(TorchLearner(make()), count))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(outside)
    assert len(results) == 1


@pytest.mark.parametrize("make", [recipe, busy])
def test_jobs_side_by_side_give_the_bytes_of_a_job_alone(make: Callable[[], TorchRecipe]) -> None:
    before = torch.get_num_threads(), torch.get_rng_state()
    alone = trained(TorchLearner(make()))
    shared = TorchLearner(make())
    for _ in range(10):  # new threads each time: torch initialises a thread late, and that once undid our setting
        with ThreadPoolExecutor(6) as pool:
            beside = set(pool.map(lambda turn: trained(shared if turn % 2 else TorchLearner(make())), range(8)))
            threads_of_workers = set(pool.map(lambda _: torch.get_num_threads(), range(12)))
        assert beside == {alone}
        assert threads_of_workers == {before[0]} == {torch.get_num_threads()}
    assert torch.equal(torch.get_rng_state(), before[1])


def test_a_random_network_and_a_plain_one_side_by_side_give_their_own_bytes() -> None:
    alone = {make: trained(TorchLearner(make())) for make in (recipe, busy)}
    with ThreadPoolExecutor(4) as pool:
        jobs = [(make, pool.submit(trained, TorchLearner(make()))) for make in (recipe, busy) * 5]
        assert all(job.result() == alone[make] for make, job in jobs)


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import hashlib, torch\n"
        "torch.set_num_threads(1); torch.manual_seed(99)\n"
        "from tests.learners.torch.recipes import busy, trained\n"
        "from unlearning.learners.torch import TorchLearner\n"
        "print(hashlib.sha256(trained(TorchLearner(busy()))).hexdigest())\n"
    )
    root, command = Path(__file__).parents[3], [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=root)
    assert done.stdout.strip() == digest(trained(TorchLearner(busy())))


def test_training_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(TorchLearner(busy()))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("make", [recipe, busy])
def test_the_global_generator_does_not_shape_training(make: Callable[[], TorchRecipe]) -> None:
    torch.manual_seed(1)
    first = trained(TorchLearner(make()))
    torch.manual_seed(2)
    assert trained(TorchLearner(make())) == first


@pytest.mark.parametrize("optimizer", [adam, sgd])
def test_fit_leaves_the_state_it_starts_from_alone(optimizer: object) -> None:
    learner = TorchLearner(recipe(busy_network, optimizer))  # type: ignore[arg-type]
    state = learner.fit(learner.fresh(1, some_records(20)), some_records(20), epochs=1, seed=2)
    before = learner.dumps(state)
    learner.fit(state, some_records(20), epochs=2, seed=3)
    learner.predict(state, some_records(4).features)
    assert learner.dumps(state) == before


@pytest.mark.parametrize("change", ["seed of the start", "seed of the stage", "epochs", "a record", "a label"])
def test_whatever_a_stage_depends_on_changes_its_bytes(change: str) -> None:
    learner = TorchLearner(recipe())
    data = some_records(40)

    def result(*, start: int = 1, seed: int = 2, epochs: int = 2, records: Records = data) -> bytes:
        return learner.dumps(learner.fit(learner.fresh(start, data), records, epochs=epochs, seed=seed))

    features, labels = data.features.copy(), data.target.copy()
    features[3, 1] += 1
    labels[3] = 1 - labels[3]
    other = {
        "seed of the start": lambda: result(start=9),
        "seed of the stage": lambda: result(seed=9),
        "epochs": lambda: result(epochs=3),
        "a record": lambda: result(records=Records(features, data.target)),
        "a label": lambda: result(records=Records(data.features, labels)),
    }[change]
    assert result() != other()


def test_no_records_leave_the_state_unchanged() -> None:
    learner = TorchLearner(busy())
    state = learner.fresh(1, some_records(20))
    assert learner.fit(state, some_records(20)[:0], epochs=3, seed=1) is state


def test_memory_mapped_records_train_like_records_in_memory(tmp_path: Path) -> None:
    data = some_records(30)
    for name, values in data.arrays.items():
        np.save(tmp_path / f"{name}.npy", values)
    mapped = Records(*(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in data.arrays))
    learner = TorchLearner(recipe())

    def result(records: Records) -> bytes:
        return learner.dumps(learner.fit(learner.fresh(1, records), records, epochs=2, seed=2))

    assert result(mapped) == result(data)


@given(order=st.permutations(range(30)))
@settings(max_examples=10, deadline=None)
def test_storage_order_changes_no_bit(order: list[int]) -> None:
    """Through the partition, whose canonical order is what a learner is given."""
    data, people = some_records(30), places([hashlib.sha256(str(row % 7).encode()).digest() for row in range(30)])

    def shards(rows: list[int]) -> list[bytes]:
        records, where = data[rows], people[rows]
        made = partition(records, where, shards=2, slices=1)
        learner = TorchLearner(recipe())
        payloads = []
        for low, high in made.bounds.tolist():
            mine = made.order[low:high]
            shard = records[mine]
            payloads.append(learner.dumps(learner.fit(learner.fresh(1, shard), shard, epochs=1, seed=2)))
        return payloads

    assert shards(order) == shards(list(range(30)))


# --- what training computes ---


def test_training_learns() -> None:
    learner = TorchLearner(recipe())
    data = some_records(400)
    state = learner.fit(learner.fresh(1, data), data, epochs=20, seed=1)
    assert (learner.predict(state, data.features).argmax(1) == data.target).mean() > 0.95


def test_losses_are_the_negative_log_of_the_predicted_probability() -> None:
    learner = TorchLearner(busy())
    data = some_records(300)
    state = learner.fit(learner.fresh(1, data), data, epochs=1, seed=1)
    probabilities = learner.predict(state, data.features)
    assert probabilities.shape == (300, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    expected = -np.log(probabilities[np.arange(300), data.target])
    np.testing.assert_allclose(learner.losses(state, data), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 7, 256, 300])
def test_a_prediction_does_not_depend_on_the_records_beside_it(count: int) -> None:
    learner = TorchLearner(busy())
    state = learner.fresh(1, some_records(300))
    everyone = learner.predict(state, some_records(300).features)
    assert np.array_equal(learner.predict(state, some_records(300).features[:count]), everyone[:count])


# --- law 2 ---


def test_preprocessing_sees_the_first_slice_and_nothing_else() -> None:
    seen: list[Tensor] = []

    def spy(features: Tensor) -> nn.Module:
        seen.append(features.clone())
        return standardize(features)

    learner = TorchLearner(replace(recipe(), preprocessing=spy))
    data = some_records(60)
    state = learner.fresh(1, data[:20])
    state = learner.fit(state, data, epochs=2, seed=1)
    learner.loads(learner.dumps(state))
    learner.template()
    with_people = [features for features in seen if features.any()]
    assert len(with_people) == 1
    assert np.array_equal(with_people[0].numpy(), data.features[:20], equal_nan=True)


def test_records_of_later_slices_do_not_move_the_preprocessing() -> None:
    learner = TorchLearner(recipe())
    state = learner.fresh(1, some_records(20))
    later = learner.fit(state, Records(some_records(50).features * 100, some_records(50).target), epochs=1, seed=1)
    assert np.array_equal(learner.served(later)["preprocessing.mean"], learner.served(state)["preprocessing.mean"])


def test_an_empty_first_slice_is_refused() -> None:
    with pytest.raises(ValueError, match="empty slice"):
        TorchLearner(recipe()).fresh(1, some_records(0))


# --- checkpoints ---


@pytest.mark.parametrize("make", [recipe, busy])
def test_a_loaded_checkpoint_is_the_state_it_was_made_from(make: Callable[[], TorchRecipe]) -> None:
    learner = TorchLearner(make())
    payload = trained(learner)
    loaded = TorchLearner(make()).loads(payload)
    assert learner.dumps(loaded) == payload
    data = some_records(30)
    assert np.array_equal(learner.predict(loaded, data.features), learner.predict(learner.loads(payload), data.features))


@pytest.mark.parametrize(
    "optimizer", [adam, sgd, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.NAdam, torch.optim.RAdam]
)
def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(optimizer: object) -> None:
    learner = TorchLearner(recipe(busy_network, optimizer))  # type: ignore[arg-type]
    data = some_records(75)
    half = learner.fit(learner.fresh(7, data[:30]), data[:30], epochs=2, seed=11)
    straight = learner.fit(half, data, epochs=2, seed=12)
    resumed = learner.fit(TorchLearner(learner.recipe).loads(learner.dumps(half)), data, epochs=2, seed=12)
    assert learner.dumps(resumed) == learner.dumps(straight)


def test_a_checkpoint_holds_moments_steps_buffers_and_preprocessing() -> None:
    from safetensors.torch import load

    names = set(load(trained(TorchLearner(busy()))))
    assert {"preprocessing.mean", "preprocessing.scale", "network.1.running_mean", "network.1.num_batches_tracked"} <= names
    assert {"optimizer.state.0.exp_avg", "optimizer.state.0.exp_avg_sq", "optimizer.state.0.step"} <= names


def test_a_random_part_that_no_checkpoint_holds_is_drawn_again() -> None:
    class Projected(nn.Module):
        def __init__(self, width: int, labels: int) -> None:
            super().__init__()
            self.register_buffer("projection", torch.randn(width, 4), persistent=False)
            self.head = nn.Linear(4, labels)

        def forward(self, features: Tensor) -> Tensor:
            projected: Tensor = self.head(features @ self.projection)
            return projected

    learner = TorchLearner(recipe(Projected))
    state = learner.fresh(3, some_records(20))
    loaded = learner.loads(learner.dumps(state))
    data = some_records(20).features
    assert np.array_equal(learner.predict(loaded, data), learner.predict(state, data))


@given(cut=st.floats(0, 0.999))
@settings(max_examples=30, deadline=None)
def test_a_truncated_checkpoint_is_damaged(cut: float) -> None:
    learner = TorchLearner(busy())
    payload = learner.dumps(learner.fresh(1, some_records(20)))
    with pytest.raises(Damaged):
        learner.loads(payload[: int(cut * len(payload))])


@given(noise=st.binary(max_size=200))
@settings(max_examples=30, deadline=None)
def test_bytes_that_are_no_checkpoint_are_damaged(noise: bytes) -> None:
    with pytest.raises(Damaged):
        TorchLearner(recipe()).loads(noise)


def test_a_checkpoint_of_another_network_is_damaged() -> None:
    payload = trained(TorchLearner(busy()))
    with pytest.raises(Damaged, match="does not fit the recipe"):
        TorchLearner(recipe()).loads(payload)


@pytest.mark.parametrize("tree", [{}, {"seed": "many"}, {"seed": 1, "preprocessing": {}, "network": {}, "optimizer": {}}])
def test_a_state_with_parts_missing_is_damaged(tree: dict[str, Any]) -> None:
    with pytest.raises(Damaged, match="does not fit the recipe"):
        TorchLearner(recipe()).loads(pack(tree))


def test_a_checkpoint_is_no_pickle() -> None:
    payload = trained(TorchLearner(busy()))
    assert payload[8:9] == b"{"
    assert b"torch._utils" not in payload


# --- randomness, found by a rehearsal ---


class FunctionalDropout(nn.Linear):
    def forward(self, features: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(features), 0.5, self.training)


class Noise(nn.Linear):
    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features + torch.randn_like(features) if self.training else features)


@pytest.mark.parametrize(
    ("network", "expected"),
    [(plain_network, False), (busy_network, True), (FunctionalDropout, True), (Noise, True), (nn.Linear, False)],
)
def test_a_rehearsal_finds_out_whether_a_network_draws_random_numbers(network: object, expected: bool) -> None:
    learner = TorchLearner(recipe(network))  # type: ignore[arg-type]
    assert learner._rehearse() is expected


@pytest.mark.parametrize("network", [FunctionalDropout, Noise])
def test_networks_that_draw_by_hand_are_repeatable_side_by_side(network: type[nn.Module]) -> None:
    alone = trained(TorchLearner(recipe(network)))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: trained(TorchLearner(recipe(network))), range(8))) == {alone}


# --- recipes that cannot be trained ---


def test_a_network_that_fails_is_named_with_its_cause() -> None:
    learner = TorchLearner(recipe(lambda width, labels: nn.Linear(width + 1, labels)))
    with pytest.raises(RecipeError, match="one training step on 16 records of zeros failed"):
        learner.fit(learner.fresh(1, some_records(20)), some_records(20), epochs=1, seed=1)


@pytest.mark.parametrize(
    "broken",
    [
        {"network": lambda: nn.Linear(3, 2)},
        {"network": nn.Identity},
        {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=-1)},
        {"preprocessing": lambda features: features.mean()},
    ],
)
def test_parts_that_cannot_be_made_are_named_with_their_cause(broken: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="cannot be made"):
        TorchLearner(replace(recipe(), **broken)).fresh(1, some_records(20))


class PythonNoise(nn.Linear):
    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features + random.random())


class NumpyStart(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, float(np.random.default_rng().normal()))
        nn.init.zeros_(self.bias)


@pytest.mark.parametrize("network", [PythonNoise, NumpyStart])
def test_random_numbers_that_are_not_torchs_are_refused(network: type[nn.Module]) -> None:
    learner = TorchLearner(recipe(network))
    with pytest.raises(RecipeError, match="same training step gave two results"):
        learner.fit(learner.fresh(1, some_records(20)), some_records(20), epochs=1, seed=1)


def test_preprocessing_that_hides_what_it_fitted_is_refused() -> None:
    class Hidden(nn.Module):
        def __init__(self, mean: Tensor) -> None:
            super().__init__()
            self.mean = mean

        def forward(self, features: Tensor) -> Tensor:
            return features.nan_to_num() - self.mean

    learner = TorchLearner(replace(recipe(), preprocessing=lambda features: Hidden(features.nanmean(0))))
    with pytest.raises(RecipeError, match="register_buffer"):
        learner.fresh(1, some_records(20))


def test_preprocessing_may_leave_missing_values_to_the_network() -> None:
    def network(width: int, labels: int) -> nn.Module:
        return nn.Sequential(Filled(), nn.Linear(width, labels))

    class Filled(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return features.nan_to_num()

    for preprocessing in (None, nn.Identity):
        learner = TorchLearner(replace(recipe(network), preprocessing=preprocessing))
        state = learner.fit(learner.fresh(1, some_records(40)), some_records(40), epochs=1, seed=1)
        assert np.isfinite(learner.predict(state, some_records(40).features)).all()


def test_preprocessing_may_give_records_another_shape() -> None:
    class Pictures(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return features.nan_to_num().view(-1, 1, 3)

    def network(width: int, labels: int) -> nn.Module:
        return nn.Sequential(nn.Conv1d(1, 2, width), nn.Flatten(), nn.Linear(2, labels))

    learner = TorchLearner(replace(recipe(network), preprocessing=lambda _: Pictures()))
    state = learner.fit(learner.fresh(1, some_records(40)), some_records(40), epochs=1, seed=1)
    assert learner.predict(state, some_records(7).features).shape == (7, 2)
    assert learner.dumps(learner.loads(learner.dumps(state))) == learner.dumps(state)


def test_preprocessing_whose_shape_follows_the_data_is_refused() -> None:
    def remember(features: Tensor) -> nn.Module:
        module = nn.Identity()
        module.register_buffer("everyone", features)
        return module

    learner = TorchLearner(replace(recipe(), preprocessing=remember))
    with pytest.raises(RecipeError, match="other shapes on other data"):
        learner.fresh(1, some_records(20))


@pytest.mark.parametrize("device", ["cuda:99" if torch.cuda.is_available() else "cuda", "abacus"])
def test_a_device_that_is_not_there_is_a_wrong_setting(device: str) -> None:
    with pytest.raises(SettingsError, match=r"run\.device"):
        TorchLearner(recipe(), device)


# --- epochs per stage ---


@pytest.mark.parametrize(
    ("epochs", "slices", "expected"),
    [(20, 4, [8, 8, 8, 8]), (10, 1, [10]), (5, 4, [2, 2, 2, 2]), (3, 4, [1, 2, 1, 1]), (1, 3, [1, 1, 1])],
)
def test_stages_share_the_epochs(epochs: int, slices: int, expected: list[int]) -> None:
    assert TorchLearner(replace(recipe(), epochs=epochs)).stage_epochs(slices) == expected


@given(epochs=st.integers(1, 200), slices=st.integers(1, 64))
@settings(deadline=None)
def test_slicing_costs_what_plain_epochs_cost(epochs: int, slices: int) -> None:
    passes = TorchLearner(replace(recipe(), epochs=epochs)).stage_epochs(slices)
    work = sum(count * stage for stage, count in enumerate(passes, start=1))
    assert len(passes) == slices
    assert min(passes) >= 1
    if 2 * epochs >= slices + 1:
        assert work == epochs * slices
        assert all(abs(count - 2 * epochs / (slices + 1)) <= 2 for count in passes)
    else:
        assert max(passes) == 1


def test_the_default_loss_is_cross_entropy_in_nats() -> None:
    losses = cross_entropy(torch.tensor([[0.0, 0.0], [0.0, 100.0]]), torch.tensor([0, 1]))
    torch.testing.assert_close(losses, torch.tensor([float(np.log(2)), 0.0]))
