"""Any history of a ledger, as Hypothesis makes it up: what was usual, then whatever somebody tries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from tests.examples import example
from unlearning.domain.events import (
    KINDS,
    CandidateValidated,
    CertificateIssued,
    ErasureStarted,
    RequestExtended,
    RequestHeld,
    RequestReceived,
    SubjectNotFound,
    SubjectSuppressed,
)
from unlearning.stores.sql import database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

NAMES = ("r0", "r1", "r2", "e0", "e1", "purge")
names = st.sampled_from(NAMES)
told: dict[type[Any], st.SearchStrategy[dict[str, Any]]] = {
    RequestReceived: st.fixed_dictionaries(
        {
            "token": st.sampled_from("ab"),
            "suppression_token": st.sampled_from("xy"),
            "group": names | st.none(),
            "due_at": st.just(NOON) | st.none(),
        }
    ),
    ErasureStarted: st.fixed_dictionaries({"requests": st.lists(names, max_size=3).map(tuple)}),
    CandidateValidated: st.fixed_dictionaries({"passed": st.booleans()}),
    SubjectNotFound: st.fixed_dictionaries({"nearest": st.sampled_from([None, (), ("case",)])}),
    CertificateIssued: st.fixed_dictionaries({"residuals": st.integers(0, 1)}),
    RequestHeld: st.fixed_dictionaries({"data": st.sampled_from([(), ("data/a.csv",)])}),
    RequestExtended: st.fixed_dictionaries({"due_at": st.just(NOON + timedelta(days=90))}),
}
facts = st.sampled_from(sorted(KINDS.values(), key=lambda kind: kind.__name__)).flatmap(
    lambda kind: told.get(kind, st.just({})).map(lambda changes: example(kind, **changes))
)
usual = [
    ("r0", example(RequestReceived, token="a", group="r0")),
    ("r0", example(SubjectSuppressed)),
    ("e0", ErasureStarted(requests=("r0",))),
    *(
        ("e0", example(KINDS[kind]))
        for kind in (
            "ImpactAssessed",
            "PlanMade",
            "DataRedacted",
            "CandidateTrained",
            "CandidateValidated",
            "VersionRegistered",
            "AliasMoved",
            "Purged",
            "CertificateIssued",
        )
    ),
]
beginnings = st.integers(0, len(usual)).map(lambda length: usual[:length])
histories = st.tuples(beginnings, st.lists(st.tuples(names, facts), max_size=40)).map(lambda parts: [*parts[0], *parts[1]])


def in_memory() -> sa.Engine:
    """A new database that is gone with its engine."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    database._migrate(engine)
    return engine
