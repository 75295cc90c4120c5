"""A training state as bytes and back: safetensors only, no pickle, the same bytes every time.

Tensors are named by their path (`network.0.weight`); everything else is JSON in the uint8 tensor `structure`.
"""

from __future__ import annotations

import json
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from unlearning.domain.errors import Damaged, RecipeError

_STRUCTURE = "structure"


def pack(tree: dict[str, Any]) -> bytes:
    """Nested dicts, lists and tuples of tensors and plain values as bytes; raises RecipeError for anything else."""
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_flatten(tree, "", tensors), sort_keys=True, separators=(",", ":")).encode()
    tensors[_STRUCTURE] = torch.tensor(list(structure), dtype=torch.uint8)
    return safetensors.torch.save(tensors)


def unpack(payload: bytes) -> dict[str, Any]:
    """The inverse of pack; raises Damaged."""
    try:
        tensors = safetensors.torch.load(payload)
        tree = _restore(json.loads(bytes(tensors.pop(_STRUCTURE).tolist())), tensors)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Damaged(
            f"a checkpoint of {len(payload)} bytes cannot be read ({error}); delete it and run `unlearn train`"
        ) from error
    if not isinstance(tree, dict):
        raise Damaged(f"a checkpoint holds a {type(tree).__name__}, expected a state; delete it and run `unlearn train`")
    return tree


def _flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON, with its tensors moved to `tensors`."""
    if isinstance(value, Tensor):
        while path in tensors:
            path += "_"
        # A clone, because tied weights share memory and safetensors refuses that.
        tensors[path] = value.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(value, dict):
        return {"dict": [[key, _flatten(item, f"{path}.{key}" if path else str(key), tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [_flatten(item, f"{path}.{index}", tensors) for index, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"plain": value}
    raise RecipeError(
        f"the state keeps a {type(value).__name__} at {path!r}, which a checkpoint cannot hold; "
        "use tensors, numbers, strings, lists and dicts"
    )


def _restore(node: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    ((kind, value),) = node.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: _restore(item, tensors) for key, item in value}
    if kind in ("tuple", "list"):
        items = [_restore(item, tensors) for item in value]
        return tuple(items) if kind == "tuple" else items
    return value
