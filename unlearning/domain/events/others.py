"""What happens to models and tables outside of an erasure, and what watching saw and undid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from unlearning.domain.codec import AS, BESIDE
from unlearning.domain.entities import Adoption
from unlearning.domain.traces import Residual
from unlearning.domain.versions import DataVersion, ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrained:
    """A training registered a version, the event's subject."""

    data: str
    """Digest of the training table."""
    chain_head: str
    passed: bool
    """Whether its checks let it serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAdopted:
    """A version that was trained elsewhere, the event's subject, is looked after from now on."""

    adoption: Adoption = field(metadata=BESIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReturned:
    """Erased people are in a table again, the event's subject."""

    path: str
    digest: str
    people: int
    rows: int
    tokens: tuple[str, ...]
    """Suppression tokens."""
    answer: Literal["refused", "dropped", "reported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFlagged:
    """Watching tagged a version, the event's subject, that an erased person shaped."""

    tag: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasReverted:
    """Watching moved an alias of a model, the event's subject, away from a version that an erased person shaped."""

    alias: str
    from_version: int = field(metadata={AS: "from"})
    to_version: int | None = field(metadata={AS: "to"})
    """None when the alias was withdrawn: no version is clean."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesReturned:
    """Watching found erased objects in a cache, a remote or the checkpoint store."""

    count: Mapping[str, int]
    """Place → how many."""
    names: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesErased:
    """Watching deleted them again."""

    count: Mapping[str, int]
    residuals: tuple[Residual, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageNotSent:
    """An OpenLineage event did not reach its target."""

    job: str
    run: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGranted:
    """A key to ask this project over the network, the event's subject, was given."""

    scopes: tuple[str, ...]
    salt: str
    digest: str
    """SHA-256 of salt and secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRevoked:
    """The key, the event's subject, opens nothing any more."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """What a rule of retention takes out of one table."""

    path: str
    column: str
    after_days: int
    before: datetime
    """Rows of before this day go."""
    rows: int
    of: int
    """Rows of the whole table."""
    undated: int
    """Rows without a date, which stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirementPlanned:
    """Rows are older than the rules of retention allow; nothing is changed yet. The subject is the retirement."""

    outdated: tuple[Outdated, ...]
    before: tuple[DataVersion, ...]
    """Those tables as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRetired:
    """The tables are rewritten without them."""

    after: tuple[DataVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirementEnded:
    """What held them of before is deleted, and was looked for again."""

    models: tuple[ModelVersion, ...]
    """What serves: none of it learned from these rows."""
    removed: Mapping[str, int]
    """Place → how much was deleted there."""
    residuals: tuple[Residual, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirementCertified:
    """Its record is signed."""

    path: str
    """Relative to the project."""
    digest: str


OtherFact = (
    ModelTrained
    | ModelAdopted
    | SubjectReturned
    | VersionFlagged
    | AliasReverted
    | TracesReturned
    | TracesErased
    | LineageNotSent
    | AccessGranted
    | AccessRevoked
    | RetirementPlanned
    | RowsRetired
    | RetirementEnded
    | RetirementCertified
)
"""Any of these."""
