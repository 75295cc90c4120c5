"""Our training against the loop of every tutorial: a DataLoader over the same records, the same model and optimiser."""

from __future__ import annotations

import time
from functools import cache
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import adult
from benchmarks.report import Section, say
from unlearning.domain.protocols import Records
from unlearning.learners.torch import TorchLearner, TorchRecipe

ROUNDS, EPOCHS, AIM = 5, 2, 1.5
COLUMNS = ("batch", "ours, CPU s", "DataLoader, CPU s", "× as fast", "loss, ours", "loss, DataLoader")


def section() -> Section:
    """Both loops in turn, several times, at two batch sizes."""
    rows = [measure(batch) for batch in (32, 64, 256)]
    text = (
        f"{EPOCHS} epochs over {len(_records()):,} records of {_whose()}, one thread, median of {ROUNDS} rounds in which the "
        "two take turns. Ours does more: it shuffles by a seed of its own, fills up the last batch, and rebuilds the network "
        "from its state first."
    )
    return Section("Training against a plain DataLoader loop", f"{text} Aim: at least {AIM} × as fast.", COLUMNS, rows)


def _whose() -> str:
    return "Adult" if adult.present() else "made-up data as wide as Adult"


def measure(batch: int) -> tuple[str, ...]:
    say(f"plain loop, batch {batch}")
    records, ours, theirs = _records(), [], []
    losses = (0.0, 0.0)
    for _ in range(ROUNDS):
        one, other = _ours(records, batch), _plain(records, batch)
        ours.append(one[0])
        theirs.append(other[0])
        losses = one[1], other[1]
    ratio = median(there / here for here, there in zip(ours, theirs, strict=True))
    return (str(batch), f"{median(ours):.2f}", f"{median(theirs):.2f}", f"{ratio:.2f}", *(f"{loss:.3f}" for loss in losses))


@cache
def _records() -> Records:
    if adult.present():
        return _standardized(adult.population("train").records)
    random = np.random.default_rng(0)
    features = random.normal(size=(32_561, 105)).astype(np.float32)
    return Records(features, (features[:, 0] + random.normal(size=len(features)) > 1).astype(np.int64))


def _standardized(records: Records) -> Records:
    """So that both loops start from the same numbers and neither pays for preprocessing."""
    features = records.features
    spread = features.std(axis=0)
    return Records((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0).astype(np.float32), records.target)


def _ours(records: Records, batch: int) -> tuple[float, float]:
    """CPU seconds, and mean loss afterwards."""
    learner = TorchLearner(_recipe(records.features.shape[1], batch))
    state = learner.fresh(0, records[:1000])
    learner.fit(state, records[: 4 * batch], epochs=1, seed=0)
    began = time.process_time()
    state = learner.fit(state, records, epochs=EPOCHS, seed=0)
    return time.process_time() - began, float(learner.losses(state, records).mean())


def _recipe(width: int, batch: int) -> TorchRecipe:
    return TorchRecipe(
        network=adult.network,
        features=[f"x{column}" for column in range(width)],
        target=adult.TARGET,
        person=adult.PERSON,
        labels=adult.LABELS,
        optimizer=adult.optimizer,
        epochs=EPOCHS,
        batch_size=batch,
    )


def _plain(records: Records, batch: int) -> tuple[float, float]:
    """CPU seconds, and mean loss afterwards."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    features, labels = torch.from_numpy(records.features), torch.from_numpy(records.target)
    network = adult.network(features.shape[1], len(adult.LABELS))
    optimizer, criterion = adult.optimizer(network.parameters()), nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(features, labels), batch_size=batch, shuffle=True)
    began = time.process_time()
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(network(inputs), targets)
            loss.backward()
            optimizer.step()
    spent = time.process_time() - began
    with torch.no_grad():
        left = float(criterion(network(features), labels))
    torch.set_num_threads(threads)
    return spent, left
