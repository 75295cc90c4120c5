"""Which model versions given people shaped, and which of those are superseded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from unlearning.domain.entities import ModelRecord, ShapedVersion
from unlearning.domain.events import AdoptedPromoted
from unlearning.domain.lifecycle import State
from unlearning.domain.planning import impact
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.lineage import graph
from unlearning.lineage.readmitted import Readmitted
from unlearning.stores.mlflow.models import Registered

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

STRAY = "unlearning.stray"
"""Tag of a version that an erasure had made and nothing came of; its value is the erasure."""


def holding(workspace: Workspace, tokens: Iterable[str]) -> dict[DataVersion, frozenset[str]]:
    """Every indexed data version with somebody of these people in it → who."""
    held: dict[DataVersion, set[str]] = {}
    for token, versions in workspace.lineage.versions_holding(sorted(map(bytes.fromhex, tokens))).items():
        for version in versions:
            held.setdefault(version, set()).add(token.hex())
    return {version: frozenset(people) for version, people in held.items()}


def shaped_by(
    workspace: Workspace, holders: Mapping[str, frozenset[str]], model: str | None = None, *, deleted: bool | None = None
) -> list[tuple[ModelRecord, frozenset[str]]]:
    """Every version trained here, of one model or of any, that people shaped. holders: data digest → tokens found in it."""
    records = [one for one in workspace.lineage.models(model, deleted=deleted) if holders.get(one.data.digest)]
    people = frozenset().union(*(holders[one.data.digest] for one in records))
    theirs = workspace.ledger.standing.people(people) if people else State()
    out = {upto: theirs.suppressed_index_tokens(upto) for upto in {one.suppressed_upto for one in records}}
    shaped = ((record, impact.shaped_by(record, holders, out[record.suppressed_upto])) for record in records)
    return [(record, tokens) for record, tokens in shaped if tokens]


def to_go(
    workspace: Workspace, tokens: frozenset[str], *, readmitted: Readmitted | None = None
) -> list[tuple[ModelVersion, str | None]]:
    """Every version of which nothing may be left, with its run: those trained here, and adopted ones that were replaced."""
    ours = [(record.model, record.run_id) for record in shaped(workspace, tokens, readmitted=readmitted)]
    replaced = superseded(workspace).items()
    return [*ours, *((model, run_id) for model, (run_id, people) in replaced if people & tokens)]


def shaped(workspace: Workspace, tokens: Iterable[str], *, readmitted: Readmitted | None = None) -> list[ModelRecord]:
    """The lineage of every version that these people shaped, and of what was made from those; deleted ones included.

    readmitted: leaves out what those of them who were let in again may have shaped since.
    """
    holders = {version.digest: held for version, held in holding(workspace, tokens).items()}
    found = [
        record
        for record, people in shaped_by(workspace, holders)
        if readmitted is None or people - readmitted.may_hold(record, people)
    ]
    made = set(workspace.lineage.descendants(record.model for record in found))
    every = workspace.lineage.models(deleted=None)
    return [*found, *(record for record in every if record.model in made and record not in found)]


def tainted(workspace: Workspace, tokens: Iterable[str]) -> set[ModelVersion]:
    """Every version that these people or anybody who was erased shaped, wherever it was trained, gone ones as far as known."""
    trained, elsewhere = by_erased(workspace, also=tokens)
    return {*trained, *superseded(workspace), *(one.model for one in elsewhere)}


def by_erased(workspace: Workspace, *, also: Iterable[str] = ()) -> tuple[list[ModelVersion], list[ShapedVersion]]:
    """Versions that anybody who was erased shaped, and may not know: (trained here, trained elsewhere).

    Of people who were let in again, those of before. also: more people.
    """
    readmitted, people = Readmitted(workspace), frozenset(also) | workspace.ledger.standing.erased()[1]
    again = frozenset(readmitted.since) - people
    here = [*shaped(workspace, people), *shaped(workspace, again, readmitted=readmitted)]
    trained = list(dict.fromkeys(record.model for record in here))
    held = {version.digest for version in holding(workspace, people)}
    for version, who in holding(workspace, again).items():
        held |= {version.digest} if who - readmitted.objects.get(version.object, frozenset()) else set()
    return trained, graph.shaped_elsewhere(workspace, held, trained)


def run_of(workspace: Workspace, model: ModelVersion) -> str | None:
    """The run that made a version, also of one that is gone."""
    replaced = superseded(workspace).get(model)
    return replaced[0] if replaced else graph.load(workspace).run_of(model)


def superseded(workspace: Workspace) -> dict[ModelVersion, tuple[str | None, frozenset[str]]]:
    """Adopted versions that a clean one has replaced → (the run that made each, the people it was replaced for)."""
    found: dict[ModelVersion, tuple[str | None, frozenset[str]]] = {}
    for event in workspace.ledger.of(AdoptedPromoted):
        for one in event.fact.replaced:
            found[ModelVersion(event.fact.model, one.version)] = one.run_id, frozenset(event.fact.tokens)
    return found


def made_elsewhere(workspace: Workspace, versions: Sequence[Registered]) -> list[ModelVersion]:
    """Those that no erasure had made: a candidate that failed its checks was trained on redacted data all the same."""
    if not versions:
        return []
    with workspace.models.reader() as reader:
        runs = reader.runs([one.run_id for one in versions if one.run_id])
    return [one.model for one in versions if one.run_id not in runs or runs[one.run_id].erasure is None]
