"""Is the candidate the model that training from scratch gives?

Every touched shard is trained again from nothing on the retained records, and the bytes are compared by their SHA-256.
Stronger than any attack: equal bytes cannot remember what never went in. Other bytes in another environment than made the
candidate show nothing: other library versions round otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence

_THRESHOLD = "every replayed shard equal"


def exactness(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:  # noqa: ARG001
    """Whether every replayed shard has the candidate's bytes; underpowered when nothing was replayed, or other bytes came of
    another environment."""
    if evidence.replayed is None:
        return CheckResult(
            "exactness", None, _THRESHOLD, "underpowered", "not replayed; ask for it with `unlearn erase --replay`"
        )
    return of_replay(evidence.replayed, evidence.digests, evidence.otherwise)


def of_replay(replayed: Mapping[int, str], digests: Mapping[int, str], otherwise: Sequence[str]) -> CheckResult:
    """The same of a replay. replayed, digests: shard → SHA-256. otherwise: what is other now, if that explains it."""
    if not replayed:
        return CheckResult("exactness", None, _THRESHOLD, "underpowered", "no shard was replayed")
    different = sorted(shard for shard, digest in replayed.items() if digests.get(shard) != digest)
    how = f"SHA-256 of {len(replayed)} shards, trained again from scratch on the retained records, against the candidate's"
    elsewhere = f"; another environment made it: {'; '.join(otherwise)}" if otherwise else ""
    return CheckResult(
        name="exactness",
        value=1 - len(different) / len(replayed),
        threshold=_THRESHOLD,
        verdict="passed" if not different else "underpowered" if elsewhere else "failed",
        how=how + elsewhere,
        details={
            "replayed": len(replayed),
            "shards": len(digests),
            "different": ", ".join(map(str, different)) or None,
        },
    )
