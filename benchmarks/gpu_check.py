"""Does an accelerator keep the promise? Exact unlearning byte for byte, repeated runs, accuracy and speed beside the CPU.

    python -m benchmarks.gpu_check --device cuda

Needs torch, numpy and safetensors, and this repository as the working folder or on PYTHONPATH; nothing needs to be installed.
Prints a table; exits with 1 when any line that must hold does not.
"""

from __future__ import annotations

import argparse
import io
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn, optim

from benchmarks.ensembles import Ensemble, Population, digests, votes
from unlearning.domain.chain import Trained
from unlearning.domain.errors import UnlearningError
from unlearning.domain.hashing import digest
from unlearning.domain.protocols import Records
from unlearning.learners.torch import TorchLearner, TorchRecipe, standardize
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing.population import MemoryCheckpoints

FEATURES, LABELS, PEOPLE = 16, 4, 600
SHARDS, SLICES = 3, 4
GONE = (3, 77, 402)
TOLERANCE = 0.05
"""Two devices round differently: accuracies may differ by this much on a holdout of some hundred records."""


@dataclass(frozen=True)
class Line:
    """One finding; `holds` is None where nothing is promised."""

    what: str
    value: str
    holds: bool | None = None


class Convolution(nn.Module):
    """Convolution, batch normalisation and pooling over the features as a line."""

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 8, 3, padding=1), nn.BatchNorm1d(8)
        self.pool, self.head = nn.MaxPool1d(2), nn.Linear(8 * (features // 2), labels)

    def forward(self, features: Tensor) -> Tensor:
        inner = self.pool(torch.relu(self.norm(self.conv(features[:, None]))))
        logits: Tensor = self.head(inner.flatten(1))
        return logits


class Words(nn.Module):
    """Embedding (its gradient adds up with atomics), recurrence and attention over the features as words."""

    place: Tensor

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.embedding, self.recurrence = nn.Embedding(32 * features, 16), nn.GRU(16, 16, batch_first=True)
        self.register_buffer("place", 32 * torch.arange(features))
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, labels)

    def forward(self, features: Tensor) -> Tensor:
        words = self.embedding((features * 4 + 16).long().clamp(0, 31) + self.place)
        logits: Tensor = self.head(self.attention(self.recurrence(words)[0]).mean(1))
        return logits


def perceptron(features: int, labels: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(features, 64),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, labels),
    )


def wide(features: int, labels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, labels))


def adam(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    return optim.Adam(parameters, lr=3e-3)


def sgd(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    return optim.SGD(parameters, lr=0.01, momentum=0.9)


NETWORKS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "MLP, dropout, batch norm": perceptron,
    "convolution, batch norm": Convolution,
    "embedding, GRU, attention": Words,
}


def recipe(
    network: Callable[[int, int], nn.Module], *, features: int = FEATURES, epochs: int = 5, batch: int = 32
) -> TorchRecipe:
    return TorchRecipe(
        network=network,
        features=[f"x{number}" for number in range(features)],
        target="label",
        person="person",
        labels=[str(number) for number in range(LABELS)],
        optimizer=adam,
        epochs=epochs,
        batch_size=batch,
        preprocessing=standardize,
    )


def population(people: int, features: int, seed: int = 1) -> Population:
    """One to three records a person around one centre a label."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(people), 1 + np.arange(people) % 3)
    labels = random.integers(0, LABELS, len(owners))
    centres = np.random.default_rng(0).normal(0, 1, (LABELS, features))
    values = centres[labels] + random.normal(0, 1.5, (len(owners), features))
    return Population(Records(values.astype(np.float32), labels.astype(np.int64)), owners)


def main() -> int:
    options = _options()
    if options.digest:
        print(fingerprint(options.device))
        return 0
    lines = [Line("machine", machine(options.device))]
    for name, network in NETWORKS.items():
        try:
            lines += exactness(name, network, options.device)
        except (UnlearningError, RuntimeError) as error:  # the other networks are still worth knowing
            lines.append(Line(name, f"{type(error).__name__}: {error}", False))
    lines += [other_process(options.device), in_threads(options.device), *portable(options.device)]
    lines += speed(options.device, options.rows, options.features)
    for line in lines:
        print(f"{line.what:66} {line.value:42} {'' if line.holds is None else 'yes' if line.holds else 'NO'}")
    return int(any(line.holds is False for line in lines))


def machine(device: str) -> str:
    name = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else "CPU"
    return f"Python {platform.python_version()}, torch {torch.__version__}, {name}"


def exactness(name: str, network: Callable[[int, int], nn.Module], device: str) -> list[Line]:
    """Unlearning against training without the forgotten, training twice, and accuracy beside the CPU's."""
    everyone = population(PEOPLE, FEATURES)
    before = Ensemble.of(everyone, shards=SHARDS, slices=SLICES)
    after = Ensemble.of(everyone.without(GONE), shards=SHARDS, slices=SLICES)
    learner, store = TorchLearner(recipe(network), device), MemoryCheckpoints()
    first = before.make(Sisa(), learner, store)
    again = before.make(Retrain(), TorchLearner(recipe(network), device), MemoryCheckpoints())
    unlearned = after.make(Sisa(), learner, store)
    gold = after.make(Retrain(), learner, MemoryCheckpoints())
    steps = sum(part.slices_trained for part in unlearned.parts)
    on_cpu, shelf = TorchLearner(recipe(network)), MemoryCheckpoints()
    beside = after.make(Retrain(), on_cpu, shelf)
    test = population(PEOPLE, FEATURES, seed=2).records
    here = float((votes(learner, store, unlearned.parts, test.features) == test.target).mean())
    there = float((votes(on_cpu, shelf, beside.parts, test.features) == test.target).mean())
    stages = f"{steps} of {SHARDS * SLICES} stages trained again"
    return [
        Line(f"{name}: two trainings, same bytes", short(first), digests(first) == digests(again)),
        Line(f"{name}: unlearned = trained without them", f"{short(unlearned)}, {stages}", digests(unlearned) == digests(gold)),
        Line(f"{name}: forgetting changed the model", short(unlearned), digests(first) != digests(unlearned)),
        Line(f"{name}: accuracy here, CPU", f"{here:.3f}, {there:.3f}", abs(here - there) <= TOLERANCE),
    ]


def short(trained: Trained) -> str:
    return digest(sorted(digests(trained).items()))[:12]


def fingerprint(device: str) -> str:
    """One digest over a training."""
    ensemble = Ensemble.of(population(PEOPLE, FEATURES), shards=SHARDS, slices=SLICES)
    return short(ensemble.make(Retrain(), TorchLearner(recipe(perceptron), device), MemoryCheckpoints()))


def other_process(device: str) -> Line:
    here = fingerprint(device)
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--device", device, "--digest"]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return Line("a process of its own, same bytes", f"{here}, {there}", here == there)


def in_threads(device: str) -> Line:
    """Jobs side by side on one device, as the default runner has them."""
    ensemble = Ensemble.of(population(PEOPLE, FEATURES), shards=SHARDS, slices=SLICES)
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(
                lambda _: short(ensemble.make(Retrain(), TorchLearner(recipe(perceptron), device), MemoryCheckpoints())),
                range(4),
            )
        )
    alone = fingerprint(device)
    return Line("four trainings side by side, same bytes", alone, set(made) == {alone})


def portable(device: str) -> list[Line]:
    """A state made here answers alike on a CPU, and so does the program that is served."""
    ensemble, store = Ensemble.of(population(PEOPLE, FEATURES), shards=1, slices=1), MemoryCheckpoints()
    learner = TorchLearner(recipe(perceptron), device)
    (part,) = ensemble.make(Retrain(), learner, store).parts
    payload, features = store.payloads[part.key], population(100, FEATURES, seed=3).records.features
    state = learner.loads(payload)
    here = learner.predict(state, features)
    there = TorchLearner(recipe(perceptron))
    on_cpu = there.predict(there.loads(payload), features)
    served = torch.export.load(io.BytesIO(learner.template())).module()
    served.load_state_dict({name: torch.from_numpy(value) for name, value in learner.served(state).items()})
    with torch.no_grad():
        answered = served(torch.from_numpy(features)).numpy()
    far, further = (float(np.abs(here - other).max()) for other in (on_cpu, answered))
    return [
        Line("a checkpoint of this device answers alike on the CPU", f"largest difference {far:.1e}", far < 1e-3),
        Line("the served program answers alike on the CPU", f"largest difference {further:.1e}", further < 1e-3),
        Line("dumped, loaded, dumped: same bytes", f"{len(payload)} bytes", learner.dumps(state) == payload),
    ]


def speed(device: str, rows: int, features: int) -> list[Line]:
    """Seconds of one epoch here and on one CPU thread."""
    lines = []
    for name, network, batch in (("wide MLP", wide, 512), ("small MLP", perceptron, 32)):
        here, there = (epoch_seconds(network, one, rows, features, batch) for one in (device, "cpu"))
        value = f"{here:.2f} s, {there:.2f} s: {there / here:.1f} × as fast"
        lines.append(Line(f"{name}, batch {batch}, {rows} rows, one epoch here, on one CPU thread", value))
    return lines


def epoch_seconds(network: Callable[[int, int], nn.Module], device: str, rows: int, features: int, batch: int) -> float:
    learner = TorchLearner(recipe(network, features=features, batch=batch), device)
    records = population(rows // 2, features).records[:rows]
    state = learner.fit(learner.fresh(0, records), records[: 2 * batch], epochs=1, seed=0)  # kernels are loaded at first use
    began = time.perf_counter()
    learner.dumps(learner.fit(state, records, epochs=1, seed=0))  # dumping waits for the device
    return time.perf_counter() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=20_000, help="of the speed comparison")
    parser.add_argument("--features", type=int, default=784, help="of the speed comparison")
    parser.add_argument("--digest", action="store_true", help="only print the digest of one training")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
