"""How the diagnosis model is made. Make it yours: the columns, the declared labels, the network, the training.

Whatever is set here names the model's checkpoints, so editing this file trains everything again.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize

MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)


def network(features: int, labels: int) -> nn.Module:
    """A small perceptron: (n, features) to (n, labels) logits."""
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters; weight decay keeps constituents with few records from overfitting."""
    return optim.AdamW(parameters, lr=0.01, weight_decay=0.05)


recipe = TorchRecipe(
    network=network,
    features=[
        *(f"mean_{name}" for name in MEASURES),
        *(f"{name}_error" for name in MEASURES),
        *(f"worst_{name}" for name in MEASURES),
    ],
    target="diagnosis",
    person="patient",
    labels=("benign", "malignant"),
    optimizer=optimizer,
    epochs=200,
    batch_size=16,
    preprocessing=standardize,
)
