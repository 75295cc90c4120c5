"""What an erasure knows about itself when it is done: the facts that a certificate states, as frozen values.

None always means that nobody knows, or nobody asked; the certificate then says so in words: "not recorded", or what `OTHERWISE`
has for a field. A field stands there under its name in camel case, or under what `AS` has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from unlearning.domain import lifecycle
from unlearning.domain.chain import Chain, Trained
from unlearning.domain.entities import CheckResult, ErasureRequest, Impact, ModelImpact
from unlearning.domain.merkle import Proof
from unlearning.domain.spellings import Difference
from unlearning.domain.traces import OPEN, Residual, left
from unlearning.domain.versions import DataVersion, ModelVersion

AS, OTHERWISE = "unlearning.stated_as", "unlearning.otherwise"
"""Metadata of a field: its name in a certificate, None where it has no place there; and the words for None or nothing."""

FORM = "unlearning.form"
HASH, TOKEN = {FORM: "hash"}, {FORM: "token"}
"""Metadata of a text: 64 hex digits, or the 32 or 64 of a keyed token."""
LATER = {"unlearning.later": True}
"""Metadata of a field that certificates of earlier versions do not have: a reader does without it."""

DOES_NOT_PROVE = (
    "That the weights alone show what they were trained on: they cannot (Thudi et al. 2022). It states that a named algorithm "
    "ran on named data; an exact method can be replayed to check that.",
    "That every copy was found: it covers the systems it names, and lists what was out of reach.",
    "That the measurements are true: the issuer signs for them. Whoever holds the data can repeat them.",
    "That any law is satisfied: that is for people to judge.",
)
"""What no certificate of this software shows, in plain words; add what is particular to a case."""

Operation = Literal["redacted", "trained", "registered", "promoted", "deleted", "rewritten", "notified"]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, in which role, with which software."""

    name: str
    role: str
    tool: str
    version: str
    code_digest: str | None = field(default=None, metadata=HASH)


@dataclass(frozen=True, slots=True)
class Lineage:
    """How many of the known data versions are indexed."""

    indexed: int | None = None
    known: int | None = None


@dataclass(frozen=True, slots=True)
class FreeOfPeople:
    """Files that nobody here can read, and of which the project says that they are about nobody."""

    paths: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Where was looked, how complete the lineage is, and what nobody could reach."""

    systems: tuple[str, ...]
    out_of_reach: tuple[Residual, ...]
    """Never empty: backups, copies and clones always are."""
    lineage: Lineage = Lineage()
    gaps: tuple[str, ...] = ()
    free_of_people: tuple[FreeOfPeople, ...] = field(default=(), metadata=LATER)
    """Believed, not read."""


@dataclass(frozen=True, slots=True)
class LedgerLink:
    """The certificate's own place in the ledger."""

    position: int
    previous: str = field(metadata=HASH)
    """Hash of the event before."""
    head: str = field(metadata=HASH)
    """Hash of the last event when the certificate was issued."""


@dataclass(frozen=True, slots=True)
class Retired:
    """What a rule of retention took out of a table."""

    column: str
    after_days: int
    before: datetime
    """Rows of before this day left."""
    rows: int
    undated: int
    """Rows without a date, which stay."""


@dataclass(frozen=True, slots=True)
class RetiredTable:
    """A table before and after outdated rows left it."""

    rule: Retired
    before: DataVersion
    after: DataVersion


@dataclass(frozen=True, slots=True)
class Suppression:
    """The list that keeps the people from coming back: since when, and the Merkle root over its tokens."""

    since: datetime
    commitment: str | None = field(default=None, metadata={OTHERWISE: "not committed", **HASH})
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that was on a request: it kept the purge back, or the objects of some data sets out of it."""

    request_id: str = field(metadata={AS: None})
    held_at: datetime
    reason: str
    scope: str | None = None
    """What had to be kept, in words."""
    data: tuple[str, ...] = field(default=(), metadata={AS: "dataSets", OTHERWISE: "all"})
    """The data sets whose versions it kept; empty when it kept everything."""
    until: datetime | None = field(default=None, metadata={OTHERWISE: "until released"})
    released_at: datetime | None = field(default=None, metadata={OTHERWISE: "not released"})
    released_because: str | None = field(default=None, metadata={OTHERWISE: "not released"})

    def ended(self, at: datetime, because: str) -> Hold:
        """The same hold, released."""
        return replace(self, released_at=at, released_because=because)


@dataclass(frozen=True, slots=True)
class Extension:
    """A longer deadline that the law allows, given once with a reason."""

    request_id: str = field(metadata={AS: None})
    extended_at: datetime
    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every certificate has, whatever was decided."""

    certificate_id: str
    issued_at: datetime
    issuer: Issuer
    requests: tuple[ErasureRequest, ...]
    scope: Scope
    ledger: LedgerLink
    valid_until: datetime | None = None
    suppression: Suppression | None = None
    holds: tuple[Hold, ...] = ()
    extensions: tuple[Extension, ...] = ()
    does_not_prove: tuple[str, ...] = DOES_NOT_PROVE


@dataclass(frozen=True, slots=True)
class Absence:
    """That one person's token is not in a data version."""

    token: str = field(metadata=TOKEN)
    """The request's token, or its first 16 bytes where the tree holds only those."""
    proof: Proof


@dataclass(frozen=True, slots=True)
class Table:
    """One table that was redacted, with Merkle roots over its tokens where they were made."""

    before: DataVersion
    after: DataVersion
    root_before: str | None = None
    root_after: str | None = None
    absences: tuple[Absence, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchedTable:
    """One data version that was searched and held none of the people."""

    data: DataVersion
    root: str | None = field(default=None, metadata={OTHERWISE: "not committed", **HASH})
    absences: tuple[Absence, ...] = field(default=(), metadata={AS: "absence"})


@dataclass(frozen=True, slots=True)
class MadeElsewhere:
    """Constituents of which a stored state goes on that another environment made, such as another library version."""

    shards: tuple[int, ...]
    differs: tuple[str, ...]
    """What is other, then and now; or `not recorded`."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A constituent that knows of its shard's first slices alone."""

    shard: int
    slices: int
    """0: it left the vote."""
    of: int


@dataclass(frozen=True, slots=True)
class Healed:
    """A second version, of all that is retained, that took over from an instant answer."""

    trained: Trained
    new: ModelVersion
    model_digest: str
    served_digest: str | None
    validation: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Unlearning:
    """What ran on what. The chains hold every checkpoint name before and after, so the difference can be recomputed."""

    trained: Trained
    chain_before: Chain
    chain_after: Chain
    parent_data_digest: str | None = None
    """Of the training table that the version before was made from; tells redaction apart from other changes of the data."""
    code_digest: str | None = None
    environment_digest: str | None = None
    base_checkpoint: str | None = None
    """Digest of a model that training started from, where it did not start from nothing."""
    replay_equal: bool | None = None
    """Whether training from scratch gave the same bytes; None when nobody asked."""
    replay_digest: str | None = None
    replay_differs: tuple[str, ...] = ()
    """What is other than where the replayed constituents were made: other bytes then show nothing."""
    made_elsewhere: tuple[MadeElsewhere, ...] = ()
    """Constituents that another environment than that of the digest made, or made a part of."""
    behind: tuple[Behind, ...] = ()
    """Of an instant answer: constituents that are older than the data."""
    healed: Healed | str | None = None
    """What took over from it since, or in words why nothing did; None where nothing is behind."""
    unproven_in_a_row: int = 0
    """Versions without a proof that they forgot, up to this one, which add up."""


@dataclass(frozen=True, slots=True)
class Action:
    """One change that was made, in the past tense."""

    target: str
    operation: Operation
    started_at: datetime
    finished_at: datetime
    result: str
    digest_before: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the search for traces found in one place, after the deletion."""

    place: str
    level: Literal["logical", "physical", "model"]
    outcome: Literal["verified", "unverified", "residual", "out_of_reach"]
    how: str
    at: datetime
    count: int | None = field(default=None, metadata={OTHERWISE: "not counted"})
    names: tuple[str, ...] = field(default=(), metadata=LATER)
    """Which ones, where they are listed."""
    remedy: str = field(default="", metadata=LATER)
    """The way out."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Which version serves now."""

    registry: str
    alias: str
    old: ModelVersion | None
    new: ModelVersion
    model_digest: str
    """SHA-256 of the new version's manifest: sorted (relative path, SHA-256) pairs of its files."""
    served_digest: str | None = None
    """The same, read back from what the alias serves."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone who was told, because they hold a copy or a child."""

    name: str
    notified_at: datetime


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that still holds the people, and when it expires."""

    name: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OfModel:
    """How one of several models of the issuer's own forgot."""

    touched: ModelImpact
    unlearning: Unlearning
    promotion: Promotion
    validation: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """A threshold of the policy that a plan was not above, so that no person was asked."""

    name: str
    """`models`, `minutes` or `records`."""
    found: float
    at_most: float


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Everything an erasure knows about itself when it is done."""

    frame: Frame
    impact: Impact
    tables: tuple[Table, ...]
    unlearning: Unlearning | None
    """None, as is the promotion, when none of the people shaped the served model, or the project trains none of its own."""
    promotion: Promotion | None
    validation: tuple[CheckResult, ...]
    trains_own: bool = True
    """False where every model is adopted: what was made again is among the actions."""
    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    residuals: tuple[Residual, ...] = ()
    plan_digest: str | None = None
    approved_by: str | None = None
    """A person, in words."""
    below: tuple[Below, ...] = ()
    """What the policy let it begin by, where it asked no person."""
    children: int | None = None
    """Models derived from the touched ones; None when nobody looked."""
    recipients: tuple[Recipient, ...] = ()
    backups: tuple[Backup, ...] = ()
    others: tuple[OfModel, ...] = ()
    """The same of the other models of the issuer's own that were made again."""

    @property
    def left(self) -> tuple[Residual, ...]:
        """What is left or unverified, by the purge and by the search after it."""
        return left(self.residuals, (_listed(found) for found in self.findings if found.outcome in OPEN))

    @property
    def state(self) -> str:
        """`completed` only when every place in reach was searched again and is clean."""
        return lifecycle.end(len(self.left))


def _listed(found: Finding) -> Residual:
    """A finding that no residual says more about."""
    outcome: Literal["residual", "unverified"] = "residual" if found.outcome == "residual" else "unverified"
    return Residual(
        place=found.place,
        level=found.level,
        outcome=outcome,
        count=found.count,
        why=found.how,
        remedy=found.remedy or "not recorded",
        names=found.names,
    )


@dataclass(frozen=True, slots=True)
class NotFoundFacts:
    """The answer about people of whom no record was found: where was looked, and what that does not show."""

    frame: Frame = field(metadata={AS: None})
    searched: tuple[SearchedTable, ...]
    nearest: tuple[Difference, ...] | None = field(default=None, metadata={OTHERWISE: "not looked for", **LATER})
    """In what the nearest spelling in these tables differs; None when none could be looked for."""
    findings: tuple[Finding, ...] = field(default=(), metadata={AS: "verification", OTHERWISE: "not searched", **LATER})
    """Of a search of every place."""

    @property
    def left(self) -> tuple[Residual, ...]:
        """What that search could not read, or found."""
        return left(_listed(found) for found in self.findings if found.outcome in OPEN)
