"""Train a PyTorch module slice by slice, to the same bytes every time.

A stage is a pure function of (recipe, state, records, epochs, seed): an order per epoch that each
record's own key draws, so that who is gone moves nobody else's place much; steps
of constant shape (the last batch is filled up with records of the same epoch, which count nothing in the loss, though batch
normalisation sees them); one torch thread; and a network rebuilt from its stored state, so that nothing a checkpoint cannot
hold is carried from one stage to the next.
Method: SISA training, Bourtoule et al. 2021, arXiv:1912.03817.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unlearning.domain import draws
from unlearning.domain.environ import CUBLAS_WORKSPACE
from unlearning.domain.errors import Damaged, RecipeError, SettingsError
from unlearning.domain.protocols import Records, Served
from unlearning.domain.tasks import CLASSIFICATION, named
from unlearning.learners.torch.determinism import draws_numbers, job, seeded
from unlearning.learners.torch.export import Answering, package, program
from unlearning.learners.torch.recipe import cross_entropy
from unlearning.learners.torch.state import pack, unpack
from unlearning.learners.torch.training import Described, TorchState, check_finite, check_shapes, run_steps, weights
from unlearning.stores import foreign_code

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features
    from unlearning.learners.torch.feeding import Feed

_INFERENCE_ROWS = 256


class TorchLearner:
    """Trains what a TorchRecipe or TorchRankingRecipe describes; satisfies `unlearning.domain.protocols.Learner`."""

    def __init__(self, recipe: Described, device: str = "cpu") -> None:
        self.recipe = recipe
        self._device = _device(device)
        self._draws: bool | None = None

    def fresh(self, seed: int, first_slice: Records) -> TorchState:
        """An untrained state; preprocessing is fitted on `first_slice` and on nothing else."""
        if not len(first_slice):
            raise ValueError("preprocessing cannot be fitted on an empty slice; pass the shard's first slice with a record")
        features = self.recipe.inputs(first_slice.features)
        with self._job():
            state = self._build(seed, features)
            self._check_preprocessing(state, features)
        return state

    def fit(self, state: TorchState, records: Records, *, epochs: int, seed: int) -> TorchState:
        """The state after `epochs` passes over the records; `state` itself is left as it is.

        Raises RecipeError when the network cannot be trained with this loss and optimiser, or when training diverges.
        """
        if not len(records) or epochs < 1:
            return state
        with self._job():
            trained = self._rebuild(state.tree(), state.preprocessing)
            with self._randomness(seed):
                self._train(trained, records, epochs, seed)
            check_finite(trained.network)
        return replace(trained, had=self.recipe.had(records))

    def stage_epochs(self, slices: int) -> list[int]:
        """(R,) passes e_r after slice r whose work Σ e_r·r/R is the recipe's e epochs; never less than one pass each.

        SISA gives every stage 2e/(R+1) epochs (Bourtoule et al. 2021). Whole numbers come from error diffusion, from the last
        stage to the first, so that the smallest stages even out the rest: the sum is exact whenever e ≥ (R+1)/2.
        """
        passes = [0] * slices
        left, owed = self.recipe.epochs * slices, 0  # work in units of 1/R and of 1/(R(R+1)) epochs
        for stage in range(slices, 0, -1):
            owed += 2 * self.recipe.epochs * stage
            one_pass = stage * (slices + 1)
            nearest = (2 * owed + one_pass) // (2 * one_pass)
            affordable = (left - stage * (stage - 1) // 2) // stage  # with one pass for every stage before
            passes[stage - 1] = max(1, min(nearest, affordable))
            owed -= passes[stage - 1] * one_pass
            left -= passes[stage - 1] * stage
        return passes

    def predict(self, state: TorchState, features: Features) -> Answers:
        """(n, labels) probabilities, (n, 1) values or (n, items) scores, in storage order of the features."""
        answering = self._answering(state).eval()
        with self._job(), torch.no_grad():
            outputs = self._in_batches(answering, self.recipe.inputs(features)).cpu().double().numpy()
        return self.recipe.answers(outputs, features)

    def losses(self, state: TorchState, records: Records) -> NDArray[np.float64]:
        """(n,) cross-entropy of each record in nats, or the loss of another task, whatever the recipe's own loss is."""
        if not self._classifies:
            return named(self.recipe.task).losses(self.predict(state, records.features), records.target)
        network = nn.Sequential(state.preprocessing, state.network).eval()
        with self._job(), torch.no_grad():
            logits = self._in_batches(network, self.recipe.inputs(records.features)).cpu().double()
            return cross_entropy(logits, torch.tensor(records.target)).numpy()

    def dumps(self, state: TorchState) -> bytes:
        """The whole state as safetensors bytes: network, preprocessing, optimiser."""
        return pack(state.tree())

    def loads(self, payload: bytes) -> TorchState:
        """The inverse of dumps; raises Damaged when the bytes are no state, or not one of this recipe's network."""
        tree = unpack(payload)
        with self._job():
            try:
                return self._rebuild(tree)
            except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
                raise Damaged(f"a checkpoint does not fit the recipe: {error}; delete it and run `unlearn train`") from error

    @contextmanager
    def repeatable(self, seed: int) -> Iterator[torch.Generator]:
        """Within: one thread, and global generators that start from the seed; yields one more, to draw batches with."""
        with self._job(), seeded(self._device, seed):
            yield torch.Generator().manual_seed(seed)

    def network(self, state: TorchState) -> nn.Module:
        """The state's network, (n, …) preprocessed features → (n, labels) logits; a copy that shares no memory with it."""
        return self._rebuild(state.tree(), state.preprocessing).network

    def batches(
        self, state: TorchState, records: Records, *, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """(size, …) features and (size,) labels, without end; a pass has a new order, and its last batch is filled up."""
        with torch.no_grad():
            feed = self._feed(state, records)
        steps = -(-len(records) // size)
        seed = generator.initial_seed()
        for number in count():
            order = torch.randperm(len(records), generator=generator)
            rows = order[torch.arange(steps * size) % len(records)].view(steps, size).to(self._device)
            yield from feed.batches(rows, seed, number)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) the recipe's loss of each record."""
        return self.recipe.objective(logits, labels)

    def rebuild(self, state: TorchState, network: nn.Module) -> TorchState:
        """The state with this network, and with an optimiser that starts anew."""
        return replace(state, network=network.eval(), optimizer=self.recipe.optimizer(network.parameters()))

    def served(self, state: TorchState) -> dict[str, NDArray[Any]]:
        """The tensors that answering needs (preprocessing and network, no optimiser), by name."""
        tensors = self._answering(state).state_dict()
        return {name: value.detach().cpu().numpy().copy() for name, value in tensors.items() if isinstance(value, Tensor)}

    def package(self, states: Mapping[int, TorchState]) -> Served:
        """The constituents' tensors, one program for all of them, and the file that answers with both.

        Raises RecipeError when torch cannot export the network.
        """
        had = [state.had for _, state in sorted(states.items()) if state.had is not None]
        return package(self.recipe, self.template(), {shard: self.served(state) for shard, state in states.items()}, had)

    def environment(self) -> dict[str, str]:
        """torch's version and the instruction set that it runs on."""
        return {"torch": torch.__version__, "instructions": str(torch.backends.cpu.get_cpu_capability())}

    def template(self) -> bytes:
        """The served computation without its weights, as a torch.export (pt2) file: (n, features) → (n, k) answers.

        `torch.export.load(…).module()` needs neither this package nor the recipe's code; its state dict has the names of
        `served`. Raises RecipeError when torch cannot export the network.
        """
        return program(self._answering(self._build(0, self._zeros())), self.recipe.width)

    def _answering(self, state: TorchState) -> Answering:
        return Answering(state.preprocessing, state.network, labels=self._classifies)

    @property
    def _classifies(self) -> bool:
        return self.recipe.task == CLASSIFICATION.name

    def _feed(self, state: TorchState, records: Records) -> Feed:
        return self.recipe.feed(records, lambda features: self._in_batches(state.preprocessing, features), self._device)

    def _job(self) -> AbstractContextManager[None]:
        return job(deterministic=self._device.type == "cuda")

    def _randomness(self, seed: int) -> AbstractContextManager[None]:
        """The global generators, seeded and locked, if the network draws from them; else threads run in parallel."""
        if self._draws is None:
            self._draws = self._rehearse()
        return seeded(self._device, seed) if self._draws else nullcontext()

    def _rehearse(self) -> bool:
        """True when a training step draws random numbers; tried on zeros, twice, with networks that are thrown away.

        Raises RecipeError when the step fails, or does not give the same bytes both times.
        """
        with seeded(self._device, 0):
            first, drew = self._step_on_zeros()
        with seeded(self._device, 0):
            second, _ = self._step_on_zeros()
        if first != second:
            raise RecipeError(
                "the same training step gave two results; the recipe's network, loss and optimizer must draw random numbers "
                "from torch alone (not from `random` or numpy) and depend on nothing else that changes"
            )
        return drew

    def _step_on_zeros(self) -> tuple[bytes, bool]:
        """The state after one step from scratch, and whether the step drew random numbers."""
        state, rows = self._build(0, self._zeros()), self.recipe.batch_size
        features = state.preprocessing(torch.zeros(rows, self.recipe.width, device=self._device))
        labels = self.recipe.questions(rows).to(self._device)
        shares = weights(rows, rows)[0].to(self._device)
        state.network.train()
        try:
            check_shapes(state.network(features), self.recipe.objective, labels, outputs=self.recipe.outputs)
            drew = draws_numbers(lambda: run_steps(state, self.recipe.objective, [(features, labels, shares)]))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise RecipeError(
                f"one training step on {rows} records of zeros failed: {foreign_code.said(error)}; "
                "check network, loss, optimizer and batch_size in the recipe"
            ) from error
        return self.dumps(state), drew

    def _train(self, state: TorchState, records: Records, epochs: int, seed: int) -> None:
        with torch.no_grad():
            feed = self._feed(state, records)
        shares = weights(len(records), self.recipe.batch_size).to(self._device)
        repeated = torch.arange(shares.numel()) % len(records)
        state.network.train()
        for number in range(epochs):
            order = torch.from_numpy(draws.order(records.keys, seed, number))[repeated].to(self._device)
            fed = feed.batches(order.view(shares.shape), seed, number)
            batches = ((features, asked, share) for (features, asked), share in zip(fed, shares, strict=True))
            run_steps(state, self.recipe.objective, batches)
        state.network.eval()

    def _in_batches(self, module: nn.Module, features: Tensor) -> Tensor:
        """module(features) in steps of one shape: a ragged last step may give other bits on two threads than on one."""
        rows = max(self.recipe.batch_size, _INFERENCE_ROWS)
        steps = [features[start : start + rows] for start in range(0, max(1, len(features)), rows)]
        steps[-1] = torch.cat([steps[-1], features.new_zeros(rows - len(steps[-1]), features.shape[1])])
        return torch.cat([module(step.to(self._device)) for step in steps])[: len(features)]

    def _build(self, seed: int, features: Tensor) -> TorchState:
        """An untrained state with preprocessing fitted on `features`."""
        try:
            with seeded(self._device, seed):
                network = self.recipe.made().to(self._device)
                fit = self.recipe.preprocessing
                preprocessing = (nn.Identity() if fit is None else fit(features)).requires_grad_(False).eval()
                optimizer = self.recipe.optimizer(network.parameters())
        except Exception as error:
            raise RecipeError(
                f"the recipe's parts cannot be made: {foreign_code.said(error)}; "
                f"network is called with ({self.recipe.width}, {self.recipe.outputs}), preprocessing with a tensor "
                f"{tuple(features.shape)}, optimizer with the network's parameters"
            ) from error
        return TorchState(seed, preprocessing.to(self._device), network, optimizer)

    def _rebuild(self, tree: dict[str, Any], preprocessing: nn.Module | None = None) -> TorchState:
        """A state of its own from what a checkpoint holds; preprocessing may be shared, because training leaves it alone."""
        blank = self._build(int(tree["seed"]), self._zeros())
        if preprocessing is None:
            preprocessing = blank.preprocessing
            preprocessing.load_state_dict(tree["preprocessing"])
        blank.network.load_state_dict(tree["network"])
        # A copy, because torch would go on with the very tensors of the state that this one starts from.
        blank.optimizer.load_state_dict(deepcopy(tree["optimizer"]))
        return TorchState(blank.seed, preprocessing, blank.network.eval(), blank.optimizer, tree.get("had"))

    def _zeros(self) -> Tensor:
        """Synthetic features, where a shape is needed and nobody's record."""
        return torch.zeros(max(2, self.recipe.batch_size), self.recipe.width)

    def _check_preprocessing(self, state: TorchState, features: Tensor) -> None:
        """Refuse preprocessing that keeps what it fitted outside its state dict: it would be lost in a checkpoint."""
        with torch.no_grad():
            blank = self._build(state.seed, self._zeros()).preprocessing
            try:
                blank.load_state_dict(state.preprocessing.state_dict())
                kept, fitted = (self._in_batches(module, features) for module in (blank, state.preprocessing))
                same = torch.allclose(kept, fitted, rtol=0, atol=0, equal_nan=True)
            except RuntimeError as error:
                raise RecipeError(
                    f"the recipe's preprocessing has other shapes on other data: {foreign_code.said(error)}; fix them"
                ) from error
        if not same:
            raise RecipeError(
                "the recipe's preprocessing keeps fitted values outside its buffers; use register_buffer for them"
            )


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(f"run.device: {name!r} is no torch device; use cpu, cuda or cuda:0") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SettingsError(f"run.device: {name!r}, but torch finds no CUDA here; use cpu")
        # cuBLAS is deterministic only with a fixed workspace (its documentation, "Results reproducibility").
        for name, value in CUBLAS_WORKSPACE.items():
            os.environ.setdefault(name, value)
    return device
