"""Commitments to who is in a data version: one root names the whole set, a short proof shows that a token is in it or is not.

The tree is RFC 6962's Merkle tree hash (§2.1: leaf `SHA-256(0x00 ‖ token)`, node `SHA-256(0x01 ‖ left ‖ right)`, split at the
largest power of two) over the sorted, distinct tokens. Because the leaves are sorted, two neighbouring leaves with nothing
between them show that whoever would stand between them is absent (about 1.3 kB at a million tokens).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from unlearning.domain.errors import VerificationFailed, WrongUse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["inclusion", "absence"]

WIDTHS = (16, 32)
"""Bytes of a token: the whole HMAC, or its first half where an index keeps only that."""

_HASH_BYTES = 32
_BLOCK = 1 << 10
"""Leaves whose hashes are made again for a proof; what is above them is kept."""
_KEPT = 16
"""Sets of tokens of which that is remembered in a process: an index names the root of a set, a certificate proves about it."""
_above: dict[bytes, tuple[bytes, ...]] = {}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One token of the tree and the way from it to the root."""

    index: int
    token: str
    path: tuple[str, ...]
    """Sibling hashes in hex, from the leaf upwards."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That a token is in a tree (its own leaf), or is not (its neighbours, one at either end, none in an empty tree)."""

    kind: Kind
    size: int
    """Leaves of the tree. RFC 6962's root does not cover it: hand `verify` the size that was stated with the root."""
    leaves: tuple[Leaf, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values; `from_plain` is the inverse."""
        leaves = [{"index": leaf.index, "token": leaf.token, "path": list(leaf.path)} for leaf in self.leaves]
        return {"kind": self.kind, "size": self.size, "leaves": leaves}


class Tree:
    """The tree over a set of tokens: each proof costs O(log n), and a block of leaves hashed once more."""

    def __init__(self, tokens: Iterable[bytes] | NDArray[np.uint8]) -> None:
        """tokens: in any order, bytes or an (n, width) array. Raises WrongUse for other widths than 16 or 32, or for both."""
        self._packed, self._width = _packed(tokens)
        self.size = len(self._packed) // self._width
        """Distinct tokens."""
        self._blocks: dict[int, list[bytes]] = {}
        self._above = _above_blocks(self._packed, self._width)

    @property
    def root(self) -> str:
        """The commitment, 64 hex digits; of no tokens at all it is SHA-256 of nothing."""
        return (self._above[-1] if self.size else sha256().digest()).hex()

    def prove(self, token: bytes) -> Proof:
        """Inclusion when the token is in the tree, absence when it is not. Raises WrongUse for another width."""
        widths = (self._width,) if self.size else WIDTHS
        if len(token) not in widths:
            raise WrongUse(f"a token of {len(token)} bytes came; this tree holds tokens of {widths} bytes")
        at = bisect_left(range(self.size), token, key=self._token)
        if at < self.size and self._token(at) == token:
            return Proof("inclusion", self.size, (self._leaf(at),))
        around = [index for index in (at - 1, at) if 0 <= index < self.size]
        return Proof("absence", self.size, tuple(self._leaf(index) for index in around))

    def _token(self, index: int) -> bytes:
        return self._packed[index * self._width : (index + 1) * self._width]

    def _leaf(self, index: int) -> Leaf:
        block, inside = divmod(index, _BLOCK)
        if block not in self._blocks:
            self._blocks[block] = _levels(_tokens(self._packed, self._width, block))
        path = [*_siblings(self._blocks[block], inside), *_siblings(self._above, block)]
        return Leaf(index, self._token(index).hex(), tuple(path))


def _packed(tokens: Iterable[bytes] | NDArray[np.uint8]) -> tuple[bytes, int]:
    """The distinct tokens one behind the other, sorted, and how wide each is. Raises WrongUse."""
    if hasattr(tokens, "shape"):  # an auditor, who has only proofs, needs no NumPy
        from unlearning.domain.token_words import ordered

        array: NDArray[np.uint8] = tokens  # type: ignore[assignment]
        widths = {array.shape[1]}
        packed = ordered(array).tobytes() if widths <= set(WIDTHS) else b""
    else:
        distinct = sorted(set(tokens))
        widths, packed = {len(token) for token in distinct}, b"".join(distinct)
    if len(widths) > 1 or not widths <= set(WIDTHS):
        raise WrongUse(f"tokens of {sorted(widths)} bytes came; a tree holds tokens of one width, 16 or 32 bytes")
    return packed, next(iter(widths), min(WIDTHS))


def _siblings(levels: Sequence[bytes], at: int) -> Iterator[str]:
    for level in levels[:-1]:
        sibling = (at ^ 1) * _HASH_BYTES
        if sibling < len(level):  # the last node of an odd level goes up unchanged
            yield level[sibling : sibling + _HASH_BYTES].hex()
        at >>= 1


def sorted_root(packed: bytes, width: int) -> str:
    """`root` of tokens that are distinct and lie sorted one behind the other, each so wide."""
    return (_above_blocks(packed, width)[-1] if packed else sha256().digest()).hex()


def root(tokens: Iterable[bytes]) -> str:
    """The commitment to a set of tokens, 64 hex digits. Raises WrongUse for tokens that are not all 16 or all 32 bytes."""
    return Tree(tokens).root


def ordered_root(leaves: Sequence[bytes]) -> str:
    """The commitment to a list in its order, 64 hex digits: RFC 6962's tree hash, as a transparency log states it."""
    return (_levels(leaves)[-1] if leaves else sha256().digest()).hex()


def prove(tokens: Iterable[bytes], token: bytes) -> Proof:
    """A proof about one token; for several about the same set, keep a Tree."""
    return Tree(tokens).prove(token)


def verify(proof: Proof, root: str, token: bytes, *, size: int | None = None) -> bool:
    """True when the proof shows what it says about this token under this root; False for everything else, however malformed.

    size: the number of tokens stated with the root. Neighbours are shown adjacent with or without it, see docs/certificate.md.
    """
    if len(token) not in WIDTHS or (size is not None and proof.size != size):
        return False
    if not all(_stands(leaf, proof.size, root, len(token)) for leaf in proof.leaves):
        return False
    if proof.kind == "inclusion":
        return [leaf.token for leaf in proof.leaves] == [token.hex()]
    return proof.kind == "absence" and _surrounds(proof, root, token.hex())


def from_plain(value: Any) -> Proof:
    """The inverse of `Proof.plain`. Raises VerificationFailed for anything that is not shaped like a proof."""
    match value:
        case {"kind": "inclusion" | "absence" as kind, "size": int(size), "leaves": list(leaves)}:
            return Proof(kind, size, tuple(_leaf_from(leaf) for leaf in leaves))
    raise VerificationFailed("a proof is malformed: expected kind (inclusion or absence), size and leaves; make it again")


def _above_blocks(packed: bytes, width: int) -> tuple[bytes, ...]:
    """The levels from the roots of the blocks to the root; of nothing, none."""
    if not packed:
        return ()
    name = sha256(width.to_bytes(1, "big") + packed).digest()
    if (known := _above.get(name)) is None:
        blocks = -(-len(packed) // (width * _BLOCK))
        known = tuple(_upwards(b"".join([_levels(_tokens(packed, width, block))[-1] for block in range(blocks)])))
        while len(_above) >= _KEPT:
            _above.pop(next(iter(_above)), None)
        _above[name] = known
    return known


def _tokens(packed: bytes, width: int, block: int) -> list[bytes]:
    part = packed[block * _BLOCK * width : (block + 1) * _BLOCK * width]
    return [part[at : at + width] for at in range(0, len(part), width)]


def _levels(tokens: Sequence[bytes]) -> list[bytes]:
    """Leaf hashes first, the root last; each level is one contiguous buffer of 32-byte hashes."""
    return _upwards(b"".join([sha256(b"\x00" + token).digest() for token in tokens]))


def _upwards(level: bytes) -> list[bytes]:
    levels = [level]
    while len(levels[-1]) > _HASH_BYTES:
        levels.append(_parents(levels[-1]))
    return levels


def _parents(level: bytes) -> bytes:
    pair = 2 * _HASH_BYTES
    whole = len(level) - len(level) % pair
    nodes = [sha256(b"\x01" + level[at : at + pair]).digest() for at in range(0, whole, pair)]
    return b"".join(nodes) + level[whole:]


def _stands(leaf: Leaf, size: int, root: str, width: int) -> bool:
    """Whether a leaf of that width stands at its index in a tree of that size and root."""
    if not 0 <= leaf.index < size:
        return False
    token, path = _bytes(leaf.token), [_bytes(step) for step in leaf.path]
    if len(token) != width or any(len(step) != _HASH_BYTES for step in path):
        return False
    node = _climb(sha256(b"\x00" + token).digest(), leaf.index, size, path)
    return node is not None and node.hex() == root


def _climb(node: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf hash leads to; None when the path is longer or shorter than its place asks for."""
    used = 0
    while size > 1:
        if index ^ 1 < size:
            if used == len(path):
                return None
            pair = path[used] + node if index & 1 else node + path[used]
            node = sha256(b"\x01" + pair).digest()
            used += 1
        index, size = index >> 1, (size + 1) >> 1
    return node if used == len(path) else None


def _surrounds(proof: Proof, root: str, token: str) -> bool:
    """Whether the leaves leave no room for the token. Hex of one width sorts as its bytes do."""
    match proof.leaves:
        case ():
            return proof.size == 0 and root == sha256().hexdigest()
        case (only,):
            first, last = only.index == 0, only.index == proof.size - 1
            return (first and token < only.token) or (last and only.token < token)
        case (left, right):
            return right.index == left.index + 1 and left.token < token < right.token
    return False


def _leaf_from(value: Any) -> Leaf:
    match value:
        case {"index": int(index), "token": str(token), "path": list(path)} if all(isinstance(step, str) for step in path):
            return Leaf(index, token, tuple(path))
    raise VerificationFailed("a proof is malformed: expected index, token and path for each leaf; make it again")


def _bytes(text: str) -> bytes:
    """Lower-case hex as bytes; nothing at all for any other spelling, so that a proof has exactly one."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return b""
    return value if value.hex() == text else b""
