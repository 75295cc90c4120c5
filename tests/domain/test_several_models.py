"""A request about several models is erasing until the last of them serves, and open while one is refused."""

from __future__ import annotations

from tests.domain.test_lifecycle import REDACTED, Said, requests, said, states
from unlearning.domain import lifecycle
from unlearning.domain.codec import read, write
from unlearning.domain.events import (
    AliasMoved,
    CandidateTrained,
    CandidateValidated,
    ErasureRefused,
    ErasureStarted,
    ModelRefused,
    Purged,
    VersionRegistered,
)


def promoted(model: str, *, more: bool) -> tuple[Said, ...]:
    """Steps 5 to 7 of one model."""
    return (
        said(CandidateTrained, "e", method="sisa", model=model),
        said(CandidateValidated, "e", method="sisa", passed=True, model=model),
        said(VersionRegistered, "e", model=model),
        said(AliasMoved, "e", model=model, more=more),
    )


REFUSED = (
    said(CandidateTrained, "e", method="sisa", model="b"),
    said(CandidateValidated, "e", method="sisa", passed=False, model="b"),
)


def test_only_the_last_model_that_serves_makes_the_people_erased() -> None:
    first = (*REDACTED, *promoted("a", more=True))
    assert states(*first) == {"r": "erasing"}
    assert "erasing" not in lifecycle.ERASED
    assert states(*first, *promoted("b", more=False)) == {"r": "purging"}
    assert states(*first, *promoted("b", more=False), said(Purged, "e")) == {"r": "purging"}


def test_a_refused_model_leaves_the_request_open_whichever_comes_first() -> None:
    refused = said(ErasureRefused, "e", models=(ModelRefused("b", "auc", "keep"),))
    for lines in ((*promoted("a", more=True), *REFUSED), (*REFUSED, *promoted("a", more=True))):
        whole = (*REDACTED, *lines, refused)
        assert states(*whole) == {"r": "failed"}
        assert [one.request_id for one in lifecycle.open_requests(requests(*whole))] == ["r"]
        again = (*whole, said(ErasureStarted, "e", requests=("r",)))
        assert states(*again) == {"r": "erasing"}


def test_what_a_project_with_one_model_writes_has_no_new_field() -> None:
    for event in promoted("a", more=False):
        kind = type(event.fact)
        plain = write(said(kind, "e").fact)
        assert "model" not in plain
        assert "more" not in plain
        assert read(kind, write(event.fact)) == event.fact
