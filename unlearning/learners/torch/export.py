"""What answers requests: preprocessing, network and, of labels, softmax; and how they travel without code or weights."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn

from unlearning.domain.errors import RecipeError
from unlearning.domain.protocols import Served
from unlearning.learners.torch.training import Described
from unlearning.stores import foreign_code


class Answering(nn.Module):
    """(n, features) → (n, labels) probabilities, or (n, 1) values."""

    def __init__(self, preprocessing: nn.Module, network: nn.Module, *, labels: bool) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.labels = labels

    def forward(self, features: Tensor) -> Tensor:
        """The answer for each record."""
        outputs: Tensor = self.network(self.preprocessing(features))
        return torch.softmax(outputs, dim=-1) if self.labels else outputs


def package(
    recipe: Described, template: bytes, constituents: Mapping[int, Mapping[str, NDArray[Any]]], had: Iterable[Tensor] = ()
) -> Served:
    """The files that the recipe's program reads, and that program.

    template: a torch.export program, (n, d) float32 → (n, k) answers, whose parameters and buffers are named as the tensors
    of the constituents (shard → tensors by name); its own weights are never used. had: as `TorchState.had`, where they have it.
    """
    tensors = {
        f"shard-{shard:03d}/{name}": np.asarray(value) for shard, vote in constituents.items() for name, value in vote.items()
    }
    return recipe.packaged({"constituents.safetensors": save(tensors), "template.pt2": template}, had)


def program(served: Answering, width: int) -> bytes:
    """`served` with all its weights zeroed, as a torch.export (pt2) file for any number of records.

    Traced on zeros alone. Raises RecipeError when torch cannot export the network, or the file does not answer as it does.
    """
    served = served.cpu().eval()
    served.load_state_dict({name: torch.zeros_like(value) for name, value in _tensors(served).items()}, strict=False)
    try:
        payload = _export(served, width)
        same = _answers_alike(payload, served, width)
    except Exception as error:
        raise RecipeError(
            "torch.export cannot export the recipe's network, so it could not be served: "
            f"{foreign_code.said(error)}; take Python control flow that depends on values out of its forward"
        ) from error
    if not same:
        raise RecipeError(
            "the exported network does not answer as the recipe's does once weights are loaded into it; keep every weight in a "
            "parameter or a persistent buffer"
        )
    return payload


def _export(served: Answering, width: int) -> bytes:
    with warnings.catch_warnings():
        # Recurrent layers keep a list of their weights; that the file follows its state dict is checked below.
        warnings.filterwarnings("ignore", "The tensor attributes? .* assigned during export", UserWarning)
        # Two records, because torch takes a dimension of size one for fixed.
        exported = torch.export.export(served, (torch.zeros(2, width),), dynamic_shapes=({0: torch.export.Dim("records")},))
    for node in exported.graph.nodes:
        # Where the recipe lies on this machine is nobody's business on the server.
        node.meta.pop("stack_trace", None)
    stream = io.BytesIO()
    torch.export.save(exported, stream)
    return stream.getvalue()


def _answers_alike(payload: bytes, served: Answering, width: int) -> bool:
    """What a server does, with weights that are nobody's: load the file, then the weights, then answer."""
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.rand(value.shape, generator=generator).to(value.dtype) if value.is_floating_point() else value
        for name, value in _tensors(served).items()
    }
    loaded = torch.export.load(io.BytesIO(payload)).module()
    loaded.load_state_dict(weights)
    served.load_state_dict(weights, strict=False)
    records = torch.rand(3, width, generator=generator)
    with torch.no_grad():
        return torch.allclose(loaded(records), served(records), rtol=1e-4, atol=1e-5, equal_nan=True)


def _tensors(served: Answering) -> dict[str, Tensor]:
    return {name: value for name, value in served.state_dict().items() if isinstance(value, Tensor)}
