"""A state as bytes and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from unlearning.domain.errors import Damaged, RecipeError
from unlearning.learners.torch.state import pack, unpack

PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5)
KEYS = st.integers(-5, 5) | st.text(st.characters(codec="utf-8"), max_size=4)
TREES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), TREES, max_size=4))
def test_plain_values_come_back_as_they_were(tree: dict[str, Any]) -> None:
    assert unpack(pack(tree)) == tree
    assert repr(unpack(pack(tree))) == repr(tree)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(1.5),
        torch.zeros(0, 3),
        torch.arange(6).view(2, 3),
        torch.arange(6.0).view(2, 3).t(),
        torch.tensor([True, False]),
        torch.tensor([1.0, float("nan"), float("inf")], dtype=torch.bfloat16),
        torch.tensor([-0.0]).double(),
    ],
)
def test_tensors_come_back_bit_by_bit(tensor: torch.Tensor) -> None:
    back = unpack(pack({"x": tensor}))["x"]
    assert back.dtype == tensor.dtype
    assert back.shape == tensor.shape
    assert torch.equal(back.contiguous().view(-1).view(torch.uint8), tensor.contiguous().view(-1).view(torch.uint8))


def test_tensors_that_share_memory_are_both_kept() -> None:
    shared = torch.ones(3)
    back = unpack(pack({"a": shared, "b": shared, "c": shared[1:]}))
    assert [value.tolist() for value in back.values()] == [[1, 1, 1], [1, 1, 1], [1, 1]]


def test_names_that_spell_the_same_path_keep_apart() -> None:
    back = unpack(pack({"a.b": torch.tensor(1), "a": {"b": torch.tensor(2)}}))
    assert (int(back["a.b"]), int(back["a"]["b"])) == (1, 2)


def test_later_changes_do_not_reach_what_was_packed() -> None:
    live = torch.ones(2)
    payload = pack({"x": live})
    live.zero_()
    assert unpack(payload)["x"].tolist() == [1, 1]


def test_what_cannot_be_kept_is_refused_by_its_place() -> None:
    with pytest.raises(RecipeError, match=r"keeps a set at 'optimizer\.state\.0\.seen'"):
        pack({"optimizer": {"state": {0: {"seen": {1, 2}}}}})


def _structure(value: object) -> bytes:
    return save({"structure": torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"PK\x03\x04",
        save({"x": torch.ones(2)}),
        _structure([1, 2]),
        _structure({"plain": 1}),
        _structure({"dict": [["x", {"tensor": "gone"}]]}),
        _structure({"dict": 3}),
        _structure({"riddle": 3}),
        save({"structure": torch.tensor([255, 0], dtype=torch.uint8)}),
        save({"structure": torch.tensor([1.5])}),
    ],
)
def test_bytes_of_another_form_are_damaged(payload: bytes) -> None:
    with pytest.raises(Damaged, match="unlearn train"):
        unpack(payload)


@pytest.mark.parametrize(
    "cut", [lambda payload: payload[:-1], lambda payload: payload[: len(payload) // 2], lambda payload: payload + b"x"]
)
def test_a_cut_or_longer_payload_is_damaged(cut: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Damaged):
        unpack(cut(pack({"x": torch.ones(4)})))


def test_the_file_is_plain_safetensors() -> None:
    assert load(pack({"network": {"0.weight": torch.ones(2)}}))["network.0.weight"].tolist() == [1, 1]
