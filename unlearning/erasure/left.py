"""What is left of people after their erasure: as their newest certificates say it, and as a search says it now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from unlearning.domain.events import CertificateIssued, ImpactAssessed
from unlearning.domain.lifecycle import ERASED
from unlearning.domain.traces import Residual, left
from unlearning.erasure.erasure import Erasure
from unlearning.lineage.shaped import made_elsewhere, superseded
from unlearning.project.holdings import adoptions

if TYPE_CHECKING:
    from unlearning.domain.entities import ErasureRequest
    from unlearning.project.workspace import Workspace


def certified(workspace: Workspace, requests: Iterable[ErasureRequest]) -> tuple[Residual, ...]:
    """What the newest certificates of these requests list, each place once."""
    return left(*listed(workspace, requests).values())


def listed(workspace: Workspace, requests: Iterable[ErasureRequest]) -> dict[str, tuple[Residual, ...]]:
    """Request → what its newest certificate lists."""
    # Who was not found is answered alone, whatever became of the others of the erasure.
    answered = {one.request_id: one.request_id if one.state == "not_found" else one.erasure_id or "" for one in requests}
    events = workspace.ledger.of(CertificateIssued, subjects=set(answered.values()))
    newest = {event.subject: event.fact.left for event in events}
    return {request: newest[name] for request, name in answered.items() if name in newest}


def models(workspace: Workspace, tokens: Collection[str]) -> tuple[Residual, ...]:
    """Versions that these people shaped and nothing here can make again: no search of places sees that, their erasures do."""
    erased = [one for one in workspace.ledger.standing.of_people(tokens) if one.state in ERASED]
    names = dict.fromkeys(one.erasure_id for one in erased if one.erasure_id)
    return left(*(tuple(elsewhere(Erasure(workspace, name))) for name in names))


def elsewhere(erasure: Erasure) -> Iterable[Residual]:
    """Versions that this project did not train: making them again needs whoever did."""
    yield from _unexplained(erasure)
    gone = superseded(erasure.workspace)
    touched = [version for version in erasure.done(ImpactAssessed).impact.model_versions if version.via]
    named = [version for version in touched if version.model not in gone]
    if named:
        names = ", ".join(f"{version.model} ({version.via})" for version in named)
        yield Residual(
            place=f"model versions that this project did not train: {names}",
            level="model",
            outcome="residual",
            count=len(named),
            why="the people shaped them, and this erasure did not touch them; an alias may still serve them",
            remedy="make them again from the clean version or the redacted data, then move their aliases; or let the next "
            "erasure do so: `unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN --stage NAME` (docs/lineage.md)",
        )


def _unexplained(erasure: Erasure) -> Iterable[Residual]:
    """Versions of adopted models of which nobody knows the data: what came after an adoption may have seen these people."""
    workspace, adopted = erasure.workspace, adoptions(erasure.workspace)
    known = {source.model for source in workspace.followed.sources()} | {child for _, child, _ in workspace.lineage.edges()}
    known |= superseded(workspace).keys() | {each.model for each in adopted.values()}
    every = [version for name in adopted for version in workspace.models.versions(name)]
    if unknown := made_elsewhere(workspace, [version for version in every if version.model not in known]):
        yield Residual(
            place=f"versions of adopted models whose data nobody knows: {', '.join(map(str, unknown))}",
            level="model",
            outcome="unverified",
            count=len(unknown),
            why="their runs name no data version, so nobody can say whether the people shaped them; an alias may serve them",
            remedy="have its run name its data and `unlearn follow`, or name it with `unlearn adopt MODEL/VERSION --data "
            "PATH@REV --subject-column COLUMN`; then `unlearn purge`, which renews the certificate",
        )
