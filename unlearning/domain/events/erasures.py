"""What an erasure does, step by step; the event's subject is the erasure.

Each step says how long it took: `seconds`, which nobody measured for what is no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from unlearning.domain.chain import Replay, Trained
from unlearning.domain.codec import AS, BESIDE, LEFT_OUT
from unlearning.domain.entities import CheckResult, Impact
from unlearning.domain.planning.plan import Plan
from unlearning.domain.traces import Deleted, Inventory, Residual
from unlearning.domain.versions import DataVersion, ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStarted:
    """A batch of requests is carried out from here on; steps done before no longer count."""

    requests: tuple[str, ...]
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """The project's own model, where it trains one."""
    alias: str | None = field(default=None, metadata=LEFT_OUT)
    plan: str | None = field(default=None, metadata=LEFT_OUT)
    """What `Plan.content` has to come to: that plan was shown, and another one is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactAssessed:
    """Step 2: what the erasure touches is known."""

    impact: Impact = field(metadata=BESIDE)
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """Step 3: what will be done is decided."""

    plan: Plan = field(metadata=BESIDE)
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """The plan waits for somebody's yes."""

    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureQueued:
    """Somebody approved the plan, or the policy asked nobody about it."""

    approved_by: str | None = field(default=None, metadata=LEFT_OUT)
    """In words; None where it was the policy."""
    plan: str | None = field(default=None, metadata=LEFT_OUT)
    """Digest of the plan."""
    access: str | None = field(default=None, metadata=LEFT_OUT)
    """The key that it was approved with, over HTTP."""
    below: Mapping[str, float] | None = field(default=None, metadata=LEFT_OUT)
    """Name → the threshold of the policy that the plan is not above."""
    measured: Mapping[str, float] | None = field(default=None, metadata=LEFT_OUT)
    """Name → what the plan has of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRedacted:
    """Step 4: the tables are without the people."""

    removed: Mapping[str, int]
    """Path → rows taken out."""
    after: tuple[DataVersion, ...]
    """The tables as they are now, also those that held nobody."""
    clone: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """What a fresh clone gets that is not these tables, and what of it nobody looked at, in words."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTrained:
    """Step 5: a candidate that never saw the people, by one method."""

    method: str
    trained: Trained
    head: str
    """Digest over its constituents."""
    training_seconds: float
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """Which of several; None where the project trains a single one."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateValidated:
    """Step 6: tables and candidate are judged."""

    method: str
    passed: bool
    blocking: tuple[str, ...]
    """Names of the checks that forbid promotion."""
    checks: tuple[CheckResult, ...]
    metrics: Mapping[str, float]
    replay: Replay | None
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """Which of several; None where the project trains a single one."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRegistered:
    """Step 7: the candidate is a version of the registered model."""

    version: int
    run_id: str
    files_digest: str
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """Which of several; None where the project trains a single one."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMoved:
    """Step 7: the new version serves."""

    alias: str
    from_version: int = field(metadata={AS: "from"})
    to_version: int = field(metadata={AS: "to"})
    served_digest: str
    more: bool = field(default=False, metadata=LEFT_OUT)
    """Other models of the project still know the people."""
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """Which of several; None where the project trains a single one."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedRetrained:
    """Steps 5 and 6 of a model that was trained elsewhere: its own stage made a version that passed its checks."""

    model: str
    version: int = field(metadata={AS: "to"})
    stage: str | None
    stages: tuple[str, ...]
    guarantee: str
    data: DataVersion
    checks: tuple[CheckResult, ...]
    tables: tuple[DataVersion, ...] = field(default=(), metadata=LEFT_OUT)
    """Redacted tables that the stages made anew: they come out of what was made again."""
    beside: tuple[ModelVersion, ...] = field(default=(), metadata=LEFT_OUT)
    """Versions of other models that the same stages registered: a stage runs once."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Superseded:
    """A version that a clean one replaced."""

    version: int
    run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedPromoted:
    """Step 7 of a model that was trained elsewhere: every alias of a version that they shaped points at the clean one."""

    model: str
    version: int = field(metadata={AS: "to"})
    replaced: tuple[Superseded, ...] = field(metadata={AS: "from"})
    aliases: tuple[str, ...]
    tokens: tuple[str, ...]
    seconds: float | None = field(default=None, metadata=LEFT_OUT)

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """The versions that were replaced."""
        return tuple(ModelVersion(self.model, one.version) for one in self.replaced)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesFound:
    """Step 8: what is to be deleted, listed before anything is; also of a later purge, whose subject is `purge`."""

    inventory: Inventory = field(metadata=BESIDE)
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """Step 8: what holds the people is deleted."""

    deleted: Deleted = field(metadata=BESIDE)
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedAgain:
    """A later purge went over the same people."""

    deleted: Deleted = field(metadata=BESIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealed:
    """After step 8: what an instant answer left behind its chain was trained, as a second version."""

    version: int | None = field(metadata={AS: "to"})
    """None where none came of it."""
    promoted: bool
    """The alias moved to it; else the instant answer serves on."""
    checks: tuple[CheckResult, ...]
    files_digest: str | None = None
    served_digest: str | None = None
    why: str | None = None
    """It was not promoted."""
    model: str | None = field(default=None, metadata=LEFT_OUT)
    """Which of several; None where the project trains a single one."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued:
    """Step 9: the certificate is signed; its subject is the request where the person was in no data."""

    path: str | None
    """Relative to the project; None for an erasure of nobody."""
    digest: str | None = field(default=None, metadata=LEFT_OUT)
    residuals: int
    """How many places are left or unverified; the request ends accordingly."""
    decision: Literal["erased", "not_found"]
    left: tuple[Residual, ...] = field(default=(), metadata=LEFT_OUT)
    """Which ones."""
    seconds: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True)
class ModelRefused:
    """One of several models of which no clean version came: the requests stay open for it."""

    model: str
    reason: str
    alias: Literal["keep", "withdraw"]
    """What its alias did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRefused:
    """The attempt is over; the requests stay open."""

    reason: str
    alias: Literal["keep", "withdraw"]
    """What the own model's alias did."""
    models: tuple[ModelRefused, ...] = field(default=(), metadata=LEFT_OUT)
    """Which of several models were refused; the others serve without the people."""


ErasureFact = (
    ErasureStarted
    | ImpactAssessed
    | PlanMade
    | ApprovalRequested
    | ErasureQueued
    | DataRedacted
    | CandidateTrained
    | CandidateValidated
    | VersionRegistered
    | AliasMoved
    | AdoptedRetrained
    | AdoptedPromoted
    | TracesFound
    | Purged
    | PurgedAgain
    | ModelHealed
    | CertificateIssued
    | ErasureRefused
)
"""Any of these."""

ModelFact = CandidateTrained | CandidateValidated | VersionRegistered | AliasMoved | ModelHealed
"""Those about one model of the project's own."""

StepFact = (
    ImpactAssessed
    | PlanMade
    | ApprovalRequested
    | DataRedacted
    | CandidateTrained
    | CandidateValidated
    | VersionRegistered
    | AliasMoved
    | AdoptedRetrained
    | AdoptedPromoted
    | TracesFound
    | Purged
    | ModelHealed
    | CertificateIssued
)
"""Those that say how long they took."""
