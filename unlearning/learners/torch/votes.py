"""A network of which every constituent has weights of its own: a program without weights, and all theirs in one file.

This file is served beside a model too, so it imports nothing of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.func import functional_call


def constituents(tensors: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """One mapping of tensors a shard, in shard order, from names like `shard-003/<name>`."""
    shards: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in sorted(tensors.items()):
        shard, _, rest = name.partition("/")
        shards.setdefault(shard, {})[rest] = tensor
    return list(shards.values())


class Votes:
    """On the CPU, from

    template.pt2               a torch.export program: (n, d) float32 → (n, k) answers; its weights are never used
    constituents.safetensors   `shard-003/<name>` → tensor, for every shard that votes
    """

    def __init__(self, folder: Path) -> None:
        self.network = torch.export.load(folder / "template.pt2").module()
        self.constituents = constituents(load_file(folder / "constituents.safetensors"))
        expected = set(self.network.state_dict())
        for vote in self.constituents:  # or else the template's own weights would answer for what is missing
            if strangers := expected ^ set(vote):
                raise ValueError(f"constituents and template differ in tensors {sorted(strangers)}; register the model again")

    def of(self, inputs: Any) -> Any:
        """(constituents, n, k) float64 from (n, d) float32."""
        rows = torch.from_numpy(inputs)
        with torch.inference_mode():
            votes = [functional_call(self.network, vote, (rows,)).double() for vote in self.constituents]
        return torch.stack(votes).numpy()
