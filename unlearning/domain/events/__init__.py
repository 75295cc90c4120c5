"""Every event of the ledger as a frozen value, and one codec: what is written, and what is read of it.

`requests` and `erasures` are what the states of a request follow from, `others` is what happened besides; `event` is a line of
the ledger. The classes are called as the ledger calls the kinds.
"""

from collections.abc import Mapping
from typing import Any

from unlearning.domain.entities import CheckResult, Impact, ShapedVersion, ShardImpact
from unlearning.domain.events.erasures import (
    AdoptedPromoted,
    AdoptedRetrained,
    AliasMoved,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ErasureFact,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    ImpactAssessed,
    PlanMade,
    Purged,
    PurgedAgain,
    StepFact,
    Superseded,
    TracesFound,
    VersionRegistered,
)
from unlearning.domain.events.event import KINDS, Event, Fact, Unknown, decode, encode, kind_of
from unlearning.domain.events.others import (
    AliasReverted,
    LineageNotSent,
    ModelAdopted,
    ModelTrained,
    OtherFact,
    SubjectReturned,
    TracesErased,
    TracesReturned,
    VersionFlagged,
)
from unlearning.domain.events.requests import (
    RecipientTold,
    RequestCancelled,
    RequestExempted,
    RequestExtended,
    RequestFact,
    RequestHeld,
    RequestOverdue,
    RequestReceived,
    RequestReleased,
    SubjectNotFound,
    SubjectSuppressed,
)
from unlearning.domain.versions import DataVersion

__all__ = [
    "KINDS",
    "AdoptedPromoted",
    "AdoptedRetrained",
    "AliasMoved",
    "AliasReverted",
    "ApprovalRequested",
    "CandidateTrained",
    "CandidateValidated",
    "CertificateIssued",
    "DataRedacted",
    "ErasureFact",
    "ErasureQueued",
    "ErasureRefused",
    "ErasureStarted",
    "Event",
    "Fact",
    "ImpactAssessed",
    "LineageNotSent",
    "ModelAdopted",
    "ModelTrained",
    "OtherFact",
    "PlanMade",
    "Purged",
    "PurgedAgain",
    "RecipientTold",
    "RequestCancelled",
    "RequestExempted",
    "RequestExtended",
    "RequestFact",
    "RequestHeld",
    "RequestOverdue",
    "RequestReceived",
    "RequestReleased",
    "StepFact",
    "SubjectNotFound",
    "SubjectReturned",
    "SubjectSuppressed",
    "Superseded",
    "TracesErased",
    "TracesFound",
    "TracesReturned",
    "Unknown",
    "VersionFlagged",
    "VersionRegistered",
    "check_from",
    "decode",
    "encode",
    "impact_from",
    "kind_of",
]


def impact_from(body: Mapping[str, Any]) -> Impact:
    """The inverse of `entities.plain` for an impact."""
    kinds = {"data_versions": DataVersion, "model_versions": ShapedVersion, "shards": ShardImpact}
    nested = {name: tuple(kind(**item) for item in body[name]) for name, kind in kinds.items()}
    flat = {name: tuple(body[name]) for name in ("tokens", "not_found", "checkpoints_stale")}
    return Impact(**{**{key: value for key, value in body.items() if key != "seconds"}, **nested, **flat})


def check_from(body: Mapping[str, Any]) -> CheckResult:
    """The inverse of `entities.plain` for a check's result."""
    return CheckResult(**{key: value for key, value in body.items() if key != "passed"})
