"""What answers requests: preprocessing, network and softmax, and how they travel without code or weights."""

from __future__ import annotations

import io

import torch
from torch import Tensor, nn

from unlearning.errors import RecipeError
from unlearning.learners.torch_training import first_line


class Served(nn.Module):
    """(n, features) → (n, labels) probabilities."""

    def __init__(self, preprocessing: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """The answer for each record."""
        return torch.softmax(self.network(self.preprocessing(features)), dim=-1)


def program(served: Served, width: int) -> bytes:
    """`served` with all its weights zeroed, as a torch.export (pt2) file for any number of records.

    Traced on zeros alone. Raises RecipeError when torch cannot export the network.
    """
    served = served.cpu().eval()
    with torch.no_grad():
        for value in served.state_dict().values():
            if isinstance(value, Tensor):
                value.zero_()
    try:
        # Two records, because torch takes a dimension of size one for fixed.
        example = (torch.zeros(2, width),)
        exported = torch.export.export(served, example, dynamic_shapes=({0: torch.export.Dim("records")},))
    except Exception as error:
        raise RecipeError(
            f"torch.export cannot export the recipe's network, so it could not be served: "
            f"{type(error).__name__}: {first_line(error)}; take Python control flow that depends on values out of its forward"
        ) from error
    return _bytes(exported)


def _bytes(exported: torch.export.ExportedProgram) -> bytes:
    for node in exported.graph.nodes:
        # Where the recipe lies on this machine is nobody's business on the server.
        node.meta.pop("stack_trace", None)
    stream = io.BytesIO()
    torch.export.save(exported, stream)
    return stream.getvalue()
