"""What all conformance lists share: how a check says no, and how a list is run as one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unlearning.domain.protocols import Learner

LearnerFactory = Callable[[], Learner]


class Nonconforming(AssertionError):
    """A plugin breaks the promise of its role; the message lists every finding."""


def require(condition: object, finding: str) -> None:
    """Raise Nonconforming with this finding unless the condition holds."""
    if not condition:
        raise Nonconforming(finding)


def run_all(checks: Sequence[Callable[..., None]], subject: str, *arguments: object) -> None:
    """Run every check, then raise one Nonconforming with all findings; a check that crashes is a finding, too."""
    findings = []
    for check in checks:
        try:
            check(*arguments)
        except Exception as error:
            said = str(error) if isinstance(error, Nonconforming) else f"{type(error).__name__}: {error}"
            findings.append(f"  {check.__name__}: {said}")
    if findings:
        raise Nonconforming(f"{subject}: {len(findings)} of {len(checks)} checks failed\n" + "\n".join(findings))
