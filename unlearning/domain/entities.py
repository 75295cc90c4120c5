"""The nouns of the domain, as frozen values; the glossary is `docs/glossary.md`.

Everything here is plain (strings, numbers, tuples), so it crosses process borders and goes into the ledger as it is.
Digests are SHA-256 in hex, tokens are HMAC-SHA256 in hex, moments are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from unlearning.domain.chain import Chain, Trained
from unlearning.domain.spellings import Difference
from unlearning.domain.versions import DataVersion, ModelVersion

Regulation = Literal["gdpr", "ccpa", "none"]
Verdict = Literal["passed", "failed", "underpowered"]
Level = Literal["logical", "physical", "model"]


# --- guarantees -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exact:
    """The result has the distribution (here: the bytes) of training without the forget set."""

    def __str__(self) -> str:
        return "exact"


@dataclass(frozen=True, slots=True)
class Certified:
    """(ε, δ)-indistinguishable from training without the forget set (Guo et al. 2020, arXiv:1911.03030)."""

    epsilon: float
    delta: float

    def __str__(self) -> str:
        return f"certified (ε={self.epsilon:g}, δ={self.delta:g})"


@dataclass(frozen=True, slots=True)
class Empirical:
    """No proof: the result must show in the checks that it forgot."""

    def __str__(self) -> str:
        return "empirical"


Guarantee = Exact | Certified | Empirical


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """One person's request, as the fold of its ledger events."""

    request_id: str
    token: str
    state: str
    regulation: Regulation
    received_at: datetime
    due_at: datetime | None
    group: str
    """The request this one duplicates, or its own id."""
    erasure_id: str | None = None
    certificate: str | None = None
    nearest: tuple[Difference, ...] | None = None
    """Of somebody who was not found: in what the nearest spelling in the tables differs; None when nobody could look."""
    # `LEFT_OUT` of the codec, which imports this: a request that came without is shown as before.
    reference: str | None = field(default=None, metadata={"unlearning.left_out": True})
    """What the house calls it elsewhere."""
    channel: str | None = field(default=None, metadata={"unlearning.left_out": True})
    """The way it came."""


# --- impact and plan ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShardImpact:
    """What one shard loses."""

    shard: int
    first_slice: int
    """1-based: the first slice with a record to forget; slices from here on are trained again."""
    slices: int
    records: int


@dataclass(frozen=True, slots=True)
class ShapedVersion:
    """A model version that at least one of the people shaped."""

    name: str
    version: int
    aliases: tuple[str, ...]
    data_digest: str
    """Of the training table of a version that was trained here; empty for any other."""
    via: str | None = None
    """How the people came into a version that was not trained here: `fine_tuned from fraud/3`, `dataset input data/a.csv`."""

    @property
    def model(self) -> ModelVersion:
        """The version itself."""
        return ModelVersion(self.name, self.version)


@dataclass(frozen=True, slots=True)
class ModelImpact:
    """What an erasure touches of one of several models."""

    model: str
    shards: tuple[ShardImpact, ...]
    shards_total: int
    slices_total: int
    method: str


@dataclass(frozen=True, slots=True)
class Impact:
    """What an erasure touches. Finding it changes nothing."""

    records: int
    tokens: tuple[str, ...]
    """The tokens that were found in a data version, or named in any other place."""
    not_found: tuple[str, ...]
    data_versions: tuple[DataVersion, ...]
    model_versions: tuple[ShapedVersion, ...]
    shards: tuple[ShardImpact, ...]
    shards_total: int
    slices_total: int
    checkpoints_stale: tuple[str, ...]
    estimated_seconds: float
    """Of training the project's own model; how long a stage of somebody else's takes, nobody here knows."""
    method: str | None
    """The first that is tried; None where the project trains no model of its own."""
    others: tuple[ModelImpact, ...] = field(default=(), metadata={"unlearning.left_out": True})
    """The same of the other models that the project trains itself; the seconds are those of all."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A model that was trained elsewhere and is looked after here: who shaped it, and how a clean version of it is made."""

    model: ModelVersion
    """The version that was adopted; the policy counts for every version of its registered model."""
    data: DataVersion
    """The table that trained it."""
    tables: tuple[tuple[str, str], ...]
    """(path, person column) of what an erasure redacts: that table and what it is made from, upstream first."""
    policy: str
    """`retrain`: run the user's own DVC stage on the redacted data; `none`: an erasure lists it as left."""
    stage: str | None
    minimum: tuple[tuple[str, float], ...] = ()
    """(metric, least value) that the run of a clean version must have logged."""


# --- jobs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What the lineage keeps of a registered model version: enough to say who shaped it, after MLflow has forgotten it."""

    model: ModelVersion
    run_id: str
    data: DataVersion
    """The training table's version."""
    chain: Chain
    trained: Trained
    suppressed_upto: int
    """Ledger position when training began: people suppressed at or before it were left out."""
    parent: ModelVersion | None = None
    """The version this one replaces after an erasure."""
    erasure_id: str | None = None


# --- checks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One judgement, with what it takes to repeat it."""

    name: str
    value: float | None
    threshold: str
    """In words and numbers: `≥ 0.90`, `within 0.50 ± 0.12`."""
    verdict: Verdict
    how: str
    """How it was measured, in one sentence."""
    details: Mapping[str, float | int | str | None] = field(default_factory=dict)
    floor: float | None = field(default=None, metadata={"unlearning.left_out": True})
    """What the same check gives for a model that never saw the people; None where nobody measured it."""

    @property
    def passed(self) -> bool:
        """True only for a verdict of passed: underpowered is no pass."""
        return self.verdict == "passed"


MEMBERSHIP = "membership"
