"""The list for learners can fail: each learner here has one defect and is caught by the check made for it."""

from __future__ import annotations

import io
import os
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.fakes import ClimbingLearner, FakeLearner, FakeState
from unlearning import testing
from unlearning.domain.protocols import Records
from unlearning.testing import (
    Nonconforming,
    check_learner,
    learner_checks,
)


class DrawsFromTheProcess(FakeLearner):
    """Batch order from the global generator."""

    def fit(self, state, records, *, epochs, seed):
        return super().fit(state, records, epochs=epochs, seed=seed + np.random.randint(1 << 30))


class SeedsTheProcess(FakeLearner):
    """The same bytes each time, at the cost of everyone else's random numbers."""

    def fit(self, state, records, *, epochs, seed):
        np.random.seed(seed % (1 << 32))
        return super().fit(state, records, epochs=epochs, seed=seed)


class ForgetsItsMomentum(FakeLearner):
    """Half of the state is not in the checkpoint."""

    def dumps(self, state):
        return super().dumps(replace(state, velocity=np.zeros_like(state.velocity)))


@dataclass(frozen=True)
class KeepsMomentumToItself(FakeLearner):
    """State that lives in the learner is lost between processes, and shared between threads."""

    def __post_init__(self):
        object.__setattr__(self, "_calls", [])

    def fit(self, state, records, *, epochs, seed):
        self._calls.append(1)
        return super().fit(state, records, epochs=epochs, seed=seed + len(self._calls))


class TrainsInPlace(FakeLearner):
    def fit(self, state, records, *, epochs, seed):
        state.weights[:] = super().fit(state, records, epochs=epochs, seed=seed).weights
        return FakeState(state.centre, state.weights.copy(), state.velocity)


class DropsTheRaggedBatch(FakeLearner):
    """Whole batches of 4 only."""

    def fit(self, state, records, *, epochs, seed):
        return super().fit(state, records[: len(records) // 4 * 4], epochs=epochs, seed=seed)


class DividesByTheRaggedBatch(FakeLearner):
    """A batch of one record has no variance."""

    def fit(self, state, records, *, epochs, seed):
        state = super().fit(state, records, epochs=epochs, seed=seed)
        spread = 1.0 if len(records) > 1 else float("nan")
        return replace(state, weights=state.weights * spread)


class TakesAnythingForAState(FakeLearner):
    def loads(self, payload):
        try:
            return super().loads(payload)
        except Exception:
            return super().fresh(0, Records(np.zeros((1, testing.FEATURES), np.float32), np.zeros(1, np.int64)))


class GivesLogits(FakeLearner):
    def predict(self, state, features):
        return np.log(super().predict(state, features))


class GivesBits(FakeLearner):
    """Losses to the base of 2."""

    def losses(self, state, records):
        return super().losses(state, records) / np.log(2)


class NeverTrainsTheLastSlice(FakeLearner):
    def stage_epochs(self, slices):
        return [*super().stage_epochs(slices)[:-1], 0]


class IgnoresTheSeed(FakeLearner):
    def fresh(self, _, first_slice):
        return super().fresh(0, first_slice)


class TrainsWithoutEpochs(FakeLearner):
    def fit(self, state, records, *, epochs, seed):
        return super().fit(state, records, epochs=max(1, epochs), seed=seed)


class Ascends(FakeLearner):
    """A sign error."""

    def fit(self, state, records, *, epochs, seed):
        return replace(self, learning_rate=-self.learning_rate)._fit(state, records, epochs, seed)

    def _fit(self, state, records, epochs, seed):
        return FakeLearner.fit(self, state, records, epochs=epochs, seed=seed)


class StampsTheTime(FakeLearner):
    """Bytes that differ each time, as zip archives with dates do."""

    def dumps(self, state):
        stream = io.BytesIO(super().dumps(state))
        return stream.getvalue() + np.random.default_rng().bytes(4)

    def loads(self, payload):
        return super().loads(payload[:-4])


class CentresWhenAsked(FakeLearner):
    """predict leaves a trace in the state."""

    def predict(self, state, features):
        state.centre[:] += 1e-9
        return super().predict(state, features)


class PacksAPickle(FakeLearner):
    """Whoever loads it runs whatever it says."""

    def package(self, states):
        return replace(super().package(states), files={"model.bin": pickle.dumps(states)})


class ServesWithThisPackage(FakeLearner):
    def package(self, states):
        return replace(super().package(states), code="def load():\n    from unlearning.learners import torch\n")


class NamesNoVersions(FakeLearner):
    def package(self, states):
        return replace(super().package(states), requirements=("numpy>=1",))


class WritesOutOfItsFolder(FakeLearner):
    def package(self, states):
        return replace(super().package(states), files={"../MLmodel": b""})


class CountsItsEnvironment(FakeLearner):
    def environment(self):
        return {"threads": 2}


class HandsOutItsOwnWeights(ClimbingLearner):
    """What a method changes, it changes in the state that others go on from."""

    def network(self, state):
        import torch

        layer = super().network(state)
        layer.weight = torch.nn.Parameter(torch.from_numpy(state.weights).T)
        return layer


class RebuildsWithoutTheNetwork(ClimbingLearner):
    """The optimiser starts anew, and the weights too."""

    def rebuild(self, state, network):
        return replace(super().rebuild(state, network), weights=np.zeros_like(state.weights))


class MeansItsLoss(ClimbingLearner):
    def loss(self, logits, labels):
        return super().loss(logits, labels).mean()


class SumsAsThreadsAreDone(FakeLearner):
    """The mean of the first slice from one partial sum a thread, in single precision: as many roundings as threads."""

    def fresh(self, seed, first_slice):
        parts = np.array_split(first_slice.features, os.cpu_count() or 1)
        total = sum((part.sum(axis=0, dtype=np.float32) for part in parts), np.zeros(testing.FEATURES, np.float32))
        return replace(super().fresh(seed, first_slice), centre=(total / len(first_slice)).astype(np.float64))


class SumsAsTorchHasThreads(FakeLearner):
    def fresh(self, seed, first_slice):
        import torch

        parts = np.array_split(first_slice.features, torch.get_num_threads())
        return replace(super().fresh(seed, first_slice), centre=sum(part.sum(axis=0) / 9.0 for part in parts).astype(float))


@dataclass(frozen=True)
class FitsItsBaseScoreOnce(FakeLearner):
    """On whatever is trained first: everybody, and then whoever stays."""

    def __post_init__(self):
        object.__setattr__(self, "_base", [])

    def fresh(self, seed, first_slice):
        if not self._base:
            self._base.append(np.bincount(first_slice.target, minlength=testing.LABELS) / len(first_slice))
        state = super().fresh(seed, first_slice)
        return replace(state, weights=state.weights + self._base[0])


@dataclass(frozen=True)
class EncodesByEverybodySeen(FakeLearner):
    """A target encoding that grows with every training."""

    def __post_init__(self):
        object.__setattr__(self, "_seen", [])

    def fresh(self, seed, first_slice):
        self._seen.append(first_slice.features.mean(axis=0))
        return replace(super().fresh(seed, first_slice), centre=np.mean(self._seen, axis=0))


@dataclass(frozen=True)
class DrawsFromOneStream(FakeLearner):
    """One generator for all trainings of a process."""

    def __post_init__(self):
        object.__setattr__(self, "_generator", np.random.default_rng(0))

    def fit(self, state, records, *, epochs, seed):
        return super().fit(state, records, epochs=epochs, seed=seed + int(self._generator.integers(1 << 30)))


@dataclass(frozen=True)
class Means(FakeLearner):
    """The nearest mean, of sums in floating point, which are taken down again and called exact."""

    draws = False

    def fit(self, state, records, *, epochs, seed):  # noqa: ARG002
        sums = np.zeros_like(state.weights)
        for features, label in zip(records.features, records.target, strict=True):
            sums[:, label] += [*features.astype(np.float64) * 1.1, 1]
        return replace(state, weights=sums) if epochs else state

    def fresh(self, seed, first_slice):  # noqa: ARG002
        return FakeState(np.zeros(testing.FEATURES), *np.zeros((2, testing.FEATURES + 1, testing.LABELS)))

    def subtract(self, state, records):
        taken = self.fit(state, records, epochs=1, seed=0)
        return replace(state, weights=state.weights - taken.weights)

    def made_of(self, state, records):
        return len(records) == state.weights[-1].sum()


class SubtractsInFloats(Means):
    """The bytes are almost those of a training without them."""


class KnowsNobody(Means):
    """Sums of whole numbers, which are exact, of anybody's records."""

    def fit(self, state, records, *, epochs, seed):
        made = super().fit(state, replace(records, features=records.features.round()), epochs=epochs, seed=seed)
        return replace(made, weights=(made.weights / 1.1).round())

    def made_of(self, state, records):  # noqa: ARG002
        return True


LEARNERS = [
    (SumsAsThreadsAreDone, "the_number_of_threads_shapes_nothing"),
    (SumsAsTorchHasThreads, "the_number_of_threads_shapes_nothing"),
    (FitsItsBaseScoreOnce, "what_was_trained_before_shapes_nothing"),
    (EncodesByEverybodySeen, "what_was_trained_before_shapes_nothing"),
    (DrawsFromOneStream, "what_was_trained_before_shapes_nothing"),
    (SubtractsInFloats, "what_is_subtracted_was_never_there"),
    (KnowsNobody, "what_is_subtracted_was_never_there"),
    (HandsOutItsOwnWeights, "a_network_taken_out_can_be_put_back"),
    (RebuildsWithoutTheNetwork, "a_network_taken_out_can_be_put_back"),
    (MeansItsLoss, "a_network_taken_out_can_be_put_back"),
    (PacksAPickle, "what_is_packaged_stands_alone"),
    (ServesWithThisPackage, "what_is_packaged_stands_alone"),
    (NamesNoVersions, "what_is_packaged_stands_alone"),
    (WritesOutOfItsFolder, "what_is_packaged_stands_alone"),
    (CountsItsEnvironment, "the_environment_is_plain_words"),
    (DrawsFromTheProcess, "global_random_state_is_left_alone"),
    (SeedsTheProcess, "global_random_state_is_left_alone"),
    (SeedsTheProcess, None),
    (ForgetsItsMomentum, "a_stored_state_is_the_whole_state"),
    (KeepsMomentumToItself, "threads_do_not_disturb_each_other"),
    (KeepsMomentumToItself, "a_stored_state_is_the_whole_state"),
    (TrainsInPlace, "fit_leaves_its_arguments_alone"),
    (DropsTheRaggedBatch, "every_record_shapes_the_state"),
    (DividesByTheRaggedBatch, "any_number_of_records_can_be_trained"),
    (TakesAnythingForAState, "bytes_that_are_no_state_are_damaged"),
    (GivesLogits, "answers_are_what_the_task_wants"),
    (GivesBits, "losses_are_the_tasks"),
    (NeverTrainsTheLastSlice, "every_stage_trains"),
    (IgnoresTheSeed, "preprocessing_is_fitted_on_the_first_slice"),
    (TrainsWithoutEpochs, "no_epochs_change_nothing"),
    (Ascends, "training_learns"),
    (StampsTheTime, "the_same_arguments_give_the_same_bytes"),
    (CentresWhenAsked, "asking_changes_nothing"),
]


@pytest.mark.parametrize(("broken", "check"), LEARNERS)
def test_a_defect_of_a_learner_is_found(broken, check):
    if check is None:
        with pytest.raises(Nonconforming, match=f"learner {broken.__name__}: 1 of {len(learner_checks())} checks failed"):
            check_learner(broken)
        return
    (found,) = (one for one in learner_checks() if one.__name__ == check)
    with pytest.raises(Nonconforming):
        found(broken)
