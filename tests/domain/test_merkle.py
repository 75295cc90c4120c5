"""The tree against RFC 6962's own recursion, and proofs against everything that could be done to them."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.merkle import Leaf, Proof, Tree, from_plain, prove, root, sorted_root, verify

WIDTH = st.sampled_from([16, 32])
TOKENS = WIDTH.flatmap(lambda width: st.sets(st.binary(min_size=width, max_size=width), max_size=40).map(sorted))


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def number(value: int) -> bytes:
    return value.to_bytes(16, "big")


def evens(count: int) -> Tree:
    """Tokens 10, 12, 14, …: every odd number between them is absent."""
    return Tree(number(10 + 2 * index) for index in range(count))


@given(TOKENS)
def test_the_root_is_the_merkle_tree_hash_of_rfc_6962(tokens: list[bytes]) -> None:
    assert root(tokens) == tree_hash(tokens).hex()


def test_the_root_of_three_tokens_is_what_one_writes_down_by_hand() -> None:
    one, two, three = (sha256(b"\x00" + number(value)).digest() for value in (1, 2, 3))
    by_hand = sha256(b"\x01" + sha256(b"\x01" + one + two).digest() + three).hexdigest()
    assert root([number(3), number(1), number(2), number(1)]) == by_hand


@given(TOKENS, st.randoms(use_true_random=False))
def test_storage_order_and_repetitions_do_not_matter(tokens: list[bytes], random: Any) -> None:
    mixed = tokens + tokens[:3]
    random.shuffle(mixed)
    assert root(mixed) == root(tokens)


@drawn(few=6, many=60, size=st.sampled_from([1023, 1024, 1025, 2048, 2049, 3073, 5000]), seed=st.integers(0, 1 << 30))
def test_blocks_of_leaves_change_neither_root_nor_proof(size: int, seed: int) -> None:
    drawn_tokens = np.random.default_rng(seed).integers(0, 256, (size, 16), dtype=np.uint8)
    tree, tokens = Tree(drawn_tokens), sorted({one.tobytes() for one in drawn_tokens})
    assert tree.root == tree_hash(tokens).hex() == sorted_root(b"".join(tokens), 16)
    ends = {0, len(tokens) - 1, *(at for edge in range(1024, len(tokens), 1024) for at in (edge - 1, edge))}
    for at in ends:
        here, stranger = tokens[at], (int.from_bytes(tokens[at], "big") ^ 1).to_bytes(16, "big")
        assert verify(tree.prove(here), tree.root, here, size=len(tokens))
        assert verify(tree.prove(stranger), tree.root, stranger, size=len(tokens))
        assert tree.prove(stranger).kind == "absence"


@given(TOKENS)
def test_an_array_of_tokens_is_the_set_of_them(tokens: list[bytes]) -> None:
    width = len(tokens[0]) if tokens else 16
    rows = np.frombuffer(b"".join([*tokens, *tokens[:2]]), dtype=np.uint8).reshape(-1, width)
    assert (Tree(rows).root, Tree(rows).size) == (root(tokens), len(tokens))


@given(TOKENS)
def test_every_token_of_the_tree_proves_its_inclusion(tokens: list[bytes]) -> None:
    tree = Tree(tokens)
    for token in tokens:
        proof = tree.prove(token)
        assert proof.kind == "inclusion"
        assert verify(proof, tree.root, token, size=len(tokens))


@given(TOKENS, st.data())
def test_every_other_token_proves_its_absence(tokens: list[bytes], data: st.DataObject) -> None:
    width = len(tokens[0]) if tokens else 32
    stranger = data.draw(st.binary(min_size=width, max_size=width))
    assume(stranger not in tokens)
    proof = prove(tokens, stranger)
    assert proof.kind == "absence"
    assert verify(proof, root(tokens), stranger, size=len(tokens))


@given(st.integers(0, 40), st.integers(0, 90))
def test_a_proof_survives_json(count: int, value: int) -> None:
    proof = evens(count).prove(number(value))
    assert from_plain(json.loads(json.dumps(proof.plain()))) == proof


@given(st.integers(0, 20), st.integers(8, 52), st.data())
def test_a_proof_with_one_flipped_bit_does_not_verify(count: int, value: int, data: st.DataObject) -> None:
    tree, token = evens(count), number(value)
    proof = tree.prove(token)
    assert verify(proof, tree.root, token, size=count)
    hidden = flip_one(proof, data)
    assume(hidden is not None)
    assert not verify(hidden, tree.root, token, size=count)


def flip_one(proof: Proof, data: st.DataObject) -> Proof | None:
    """The proof with one bit of one of its parts changed; None when it has no such part."""
    part = data.draw(st.sampled_from(["size", "kind", "index", "token", "path"]))
    bit = data.draw(st.integers(0, 127))
    if part == "size":
        return replace(proof, size=proof.size ^ (1 << bit % 20))
    if part == "kind":
        return replace(proof, kind="absence" if proof.kind == "inclusion" else "inclusion")
    if not proof.leaves:
        return None
    chosen = data.draw(st.integers(0, len(proof.leaves) - 1))
    leaf = flipped_leaf(proof.leaves[chosen], part, bit, data)
    return leaf and replace(proof, leaves=(*proof.leaves[:chosen], leaf, *proof.leaves[chosen + 1 :]))


def flipped_leaf(leaf: Leaf, part: str, bit: int, data: st.DataObject) -> Leaf | None:
    if part == "index":
        return replace(leaf, index=leaf.index ^ (1 << bit % 20))
    if part == "token":
        return replace(leaf, token=flipped(leaf.token, bit))
    if not leaf.path:
        return None
    step = data.draw(st.integers(0, len(leaf.path) - 1))
    return replace(leaf, path=(*leaf.path[:step], flipped(leaf.path[step], bit), *leaf.path[step + 1 :]))


def flipped(text: str, bit: int) -> str:
    return (int(text, 16) ^ (1 << bit)).to_bytes(len(text) // 2, "big").hex()


@given(st.integers(1, 20), st.integers(8, 52), st.integers(8, 52))
def test_a_proof_says_nothing_about_a_token_outside_its_gap(count: int, value: int, other: int) -> None:
    tree = evens(count)
    proof = tree.prove(number(value))
    truth = tree.prove(number(other))
    assert verify(proof, tree.root, number(other), size=count) == (truth == proof)


@given(st.integers(1, 20), st.integers(8, 52))
def test_a_proof_holds_under_no_other_root(count: int, value: int) -> None:
    proof = evens(count).prove(number(value))
    assert not verify(proof, evens(count + 1).root, number(value))
    assert not verify(proof, evens(count).root.upper() + " ", number(value))


@given(st.integers(3, 33), st.data())
def test_leaves_that_are_not_neighbours_prove_no_absence(count: int, data: st.DataObject) -> None:
    """Whoever stands between them could be hidden; also with a made-up size or index."""
    tree = evens(count)
    low = data.draw(st.integers(0, count - 3))
    high = data.draw(st.integers(low + 2, count - 1))
    left, right = (tree.prove(number(10 + 2 * index)).leaves[0] for index in (low, high))
    token = number(11 + 2 * low)
    size = data.draw(st.integers(0, 64))
    for pair in ((left, right), (left, replace(right, index=left.index + 1)), (replace(left, index=right.index - 1), right)):
        assert not verify(Proof("absence", count, pair), tree.root, token)
        assert not verify(Proof("absence", size, pair), tree.root, token)


@pytest.mark.parametrize("count", range(1, 34))
def test_no_made_up_size_or_index_hides_a_token_that_is_there(count: int) -> None:
    """The root does not cover the size, so try every size and index there could be: neighbours stay neighbours."""
    tree = evens(count)
    leaves = [tree.prove(number(10 + 2 * index)).leaves[0] for index in range(count)]
    hidden = number(10 + 2 * (count // 2))
    sizes = range(0, 2 * count + 2)
    for leaf in leaves:
        for size in sizes:
            for index in (0, size - 1):
                assert not verify(Proof("absence", size, (replace(leaf, index=index),)), tree.root, hidden)
    assert not any(verify(Proof("absence", size, ()), tree.root, hidden) for size in sizes)


@pytest.mark.parametrize("count", range(2, 12))
def test_no_pair_of_leaves_under_any_size_hides_a_token_that_is_there(count: int) -> None:
    tree = evens(count)
    leaves = [tree.prove(number(10 + 2 * index)).leaves[0] for index in range(count)]
    tokens = [number(10 + 2 * index) for index in range(count)]
    for size in range(2, 2 * count + 2):
        for index in range(size - 1):
            for left in leaves:
                for right in leaves:
                    pair = (replace(left, index=index), replace(right, index=index + 1))
                    between = tokens[leaves.index(left) + 1 : leaves.index(right)]
                    assert not any(verify(Proof("absence", size, pair), tree.root, token) for token in between)


def test_a_node_cannot_pass_for_a_leaf() -> None:
    """Without domain separation the two hashes under a node would be a 64-byte leaf."""
    tree = evens(2)
    inner = "".join(sha256(b"\x00" + number(value)).hexdigest() for value in (10, 12))
    assert not verify(Proof("inclusion", 1, (Leaf(0, inner, ()),)), tree.root, bytes.fromhex(inner))


@pytest.mark.parametrize(
    "leaf",
    [
        Leaf(0, "zz" * 16, ()),
        Leaf(0, "0A" * 16, ()),
        Leaf(0, "0a" * 15, ()),
        Leaf(-1, "0a" * 16, ()),
        Leaf(0, "0a" * 16, ("0a" * 32,)),
        Leaf(0, "0a" * 16, ("no hex",)),
    ],
)
def test_a_leaf_in_another_spelling_does_not_verify(leaf: Leaf) -> None:
    token = bytes.fromhex("0a" * 16)
    assert verify(Proof("inclusion", 1, (Leaf(0, "0a" * 16, ()),)), root([token]), token)
    assert not verify(Proof("inclusion", 1, (leaf,)), root([token]), token)


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"kind": "maybe", "size": 1, "leaves": []}, {"kind": "absence", "size": "1", "leaves": []},
     {"kind": "absence", "size": 1, "leaves": [{"index": 0, "token": "00", "path": [1]}]},
     {"kind": "absence", "size": 1, "leaves": [7]}],
)  # fmt: skip
def test_something_else_is_refused_as_a_proof(value: Any) -> None:
    with pytest.raises(VerificationFailed, match="malformed"):
        from_plain(value)


def test_tokens_of_several_or_odd_widths_are_refused() -> None:
    with pytest.raises(WrongUse, match="16, 32"):
        Tree([bytes(16), bytes(32)])
    with pytest.raises(WrongUse, match="8"):
        Tree([bytes(8)])
    with pytest.raises(WrongUse, match="32 bytes came"):
        evens(3).prove(bytes(32))
    with pytest.raises(WrongUse, match="5 bytes came"):
        Tree([]).prove(bytes(5))


def test_a_hundred_thousand_tokens_need_a_proof_of_about_a_kilobyte() -> None:
    tokens = [sha256(number(value)).digest() for value in range(100_000)]
    tree = Tree(tokens)
    proof = tree.prove(sha256(b"a stranger").digest())
    assert verify(proof, tree.root, sha256(b"a stranger").digest(), size=100_000)
    assert max(len(leaf.path) for leaf in proof.leaves) <= 17
