"""What the checks' answers together forbid."""

from __future__ import annotations

from collections.abc import Sequence

from unlearning.domain.entities import MEMBERSHIP, Certified, CheckResult, Exact, Guarantee


def blocking(results: Sequence[CheckResult], guarantee: Guarantee) -> tuple[CheckResult, ...]:
    """The results that forbid promotion; empty when the candidate may serve.

    Whatever failed blocks, with one exception. An exact method is proven by its chain of keys (and by replay, when asked),
    not by an attack: a model that never saw a person may still fit their look-alikes better than the average stranger, and
    an attack on a few records errs now and then. Its membership result is reported and does not block.
    A certified method is proven by its theorem as far as its assumptions hold: an attack that succeeds says that one does not,
    and one that is too weak to tell says nothing. A method without a proof must show that it forgot: for it, an attack that is
    too weak, or was not made at all, blocks too.
    """
    if isinstance(guarantee, Exact):
        return tuple(result for result in results if result.verdict == "failed" and result.name != MEMBERSHIP)
    failed = tuple(result for result in results if result.verdict == "failed")
    if isinstance(guarantee, Certified):
        return failed
    weak = tuple(result for result in results if result.name == MEMBERSHIP and result.verdict == "underpowered")
    made = any(result.name == MEMBERSHIP for result in results)
    return (*failed, *weak) if made else (*failed, _never_attacked(guarantee))


def _never_attacked(guarantee: Guarantee) -> CheckResult:
    return CheckResult(
        name=MEMBERSHIP,
        value=None,
        threshold="measured and passed",
        verdict="underpowered",
        how=f"not measured, and the guarantee is {guarantee}: without proof or measurement nothing says that it forgot",
    )
