"""The served model: the mean answer of an ensemble of constituents.

The folder it is given holds, besides what every model of a table has,

    template.pt2               a torch.export program: (n, d) float32 → (n, k) answers; its weights are never used
    constituents.safetensors   `shard-003/<name>` → tensor, for every shard that votes
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import torch
from safetensors.torch import load_file
from torch.func import functional_call

from unlearning.learners.tabular.serving import TableModel


def constituents(tensors: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """One mapping of tensors a shard, in shard order, from names like `shard-003/<name>`."""
    shards: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in sorted(tensors.items()):
        shard, _, rest = name.partition("/")
        shards.setdefault(shard, {})[rest] = tensor
    return list(shards.values())


class Ensemble(TableModel):
    """Every constituent is the same network with weights of its own."""

    def open(self, folder: Path) -> None:
        """Open the template and the constituents, on the CPU."""
        self.network = torch.export.load(folder / "template.pt2").module()
        self.constituents = constituents(load_file(folder / "constituents.safetensors"))
        expected = set(self.network.state_dict())
        for vote in self.constituents:  # or else the template's own weights would answer for what is missing
            if strangers := expected ^ set(vote):
                raise ValueError(f"constituents and template differ in tensors {sorted(strangers)}; register the model again")

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        inputs = torch.from_numpy(features)
        with torch.inference_mode():
            votes = [functional_call(self.network, vote, (inputs,)).double() for vote in self.constituents]
        return torch.stack(votes).numpy()


mlflow.models.set_model(Ensemble())
