"""Is the candidate the model that training from scratch gives?

Every touched shard is trained again from nothing on the retained records, and the bytes are compared by their SHA-256.
Stronger than any attack: equal bytes cannot remember what never went in. Other bytes in another environment than made the
candidate show nothing: other library versions round otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence

_THRESHOLD = "every replayed shard equal"


def exactness(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:  # noqa: ARG001
    """Whether every replayed shard has the candidate's bytes; underpowered when nothing was replayed, or other bytes came of
    another environment."""
    replayed = evidence.replayed
    if not replayed:
        why = "not replayed; ask for it with `unlearn erase --replay`" if replayed is None else "no shard was replayed"
        return CheckResult("exactness", None, _THRESHOLD, "underpowered", why)
    different = sorted(shard for shard, digest in replayed.items() if evidence.digests.get(shard) != digest)
    how = f"SHA-256 of {len(replayed)} shards, trained again from scratch on the retained records, against the candidate's"
    elsewhere = f"; another environment made it: {'; '.join(evidence.otherwise)}" if evidence.otherwise else ""
    return CheckResult(
        name="exactness",
        value=1 - len(different) / len(replayed),
        threshold=_THRESHOLD,
        verdict="passed" if not different else "underpowered" if elsewhere else "failed",
        how=how + elsewhere,
        details={
            "replayed": len(replayed),
            "shards": len(evidence.digests),
            "different": ", ".join(map(str, different)) or None,
        },
    )
