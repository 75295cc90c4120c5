"""SISA: sharded, isolated, sliced, aggregated training (Bourtoule et al. 2021, arXiv:1912.03817).

Guarantee: exact, byte for byte, for requests that do not depend on the published model (Gupta et al. 2021, arXiv:2106.04378).
Assumes a learner that is a pure function of its arguments and preprocessing that never leaves its shard. A request costs the
touched shard's stages from the touched slice on; every other constituent is only verified.
"""

from __future__ import annotations

from dataclasses import dataclass

from unlearning.methods.constituent import ByConstituent


@dataclass(frozen=True)
class Sisa(ByConstituent):
    """Train again only what an erasure touches, from the last checkpoint that never saw the forgotten."""

    name: str = "sisa"
    reuse: bool = True
