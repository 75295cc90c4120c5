"""What a round of following cannot say, in words, with the way to close each gap: nothing is whole while one is open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.derivation import SAME_WEIGHTS, Family
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import index, sources
from unlearning.lineage.index import Opening
from unlearning.lineage.sources import Evidence, Registry
from unlearning.stores.dvc import twin_map
from unlearning.stores.sql.followed import Gap, Opened, Source, State

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

NO_DATA_OF_ITS_OWN = ("quantised", "exported")
"""Kinds of edges whose child saw no data but its parent's."""
CLOSED_BOOKS: Collection[State] = ("gone", "unanswered", "unreadable", "no person column")
"""Tables that could not be opened: gaps even where no model is known to stand on them."""


def of_round(
    workspace: Workspace,
    registry: Registry,
    opening: Opening,
    found: Mapping[ModelVersion, Evidence],
    fed: Mapping[ModelVersion, Sequence[Source]],
    *,
    shallow: bool,
) -> list[Gap]:
    """What cannot be said after this round. shallow: older commits cannot be seen."""
    family = Family(workspace.lineage.edges())
    known = _known(workspace, registry)
    missing = [*_silent(family, known, found, fed), *_nameless(family, known, registry), *_left(workspace, family, registry)]
    forgotten = {model for model in registry.gone if not registry.present & family.descendants([model]).keys()}
    for content, models in sorted(_loose(workspace, opening, fed, forgotten).items()):
        missing.append(_data_gap(workspace.root, content, opening.known.get(content), models))
    indexed = {content: one.detail for content, one in opening.known.items() if one.state == "indexed"}
    missing += [_doubt(content, detail) for content, detail in indexed.items() if index.DOUBT in detail]
    if shallow:
        missing.append(
            Gap("the Git history", "this clone is shallow, so older commits cannot be seen", "run `git fetch --unshallow`")
        )
    return sorted(set(missing))


def _known(workspace: Workspace, registry: Registry) -> Collection[ModelVersion]:
    """Versions of which more than the name is known."""
    seen = {model for model, one in registry.known.items() if one.source}
    adopted = {one.model for one in workspace.followed.sources()}
    return seen | adopted | registry.present | {record.model for record in workspace.lineage.models(deleted=None)}


def _silent(
    family: Family,
    known: Collection[ModelVersion],
    found: Mapping[ModelVersion, Evidence],
    fed: Mapping[ModelVersion, Sequence[Source]],
) -> Iterator[Gap]:
    """Versions whose data nobody names; each model once, however often it is registered."""
    made = {child for parent, child, kind in family.edges if kind in NO_DATA_OF_ITS_OWN and parent in known}
    adopted = {model for model, each in fed.items() if any(one.how in sources.SAID_BY_PEOPLE for one in each)}
    told: set[ModelVersion] = set()
    for model in sorted((model for model in found if found[model].complaints), key=str):
        if not family.twins(model) & (made | adopted | told):
            yield from (Gap(f"model {model}", why, remedy) for why, remedy in found[model].complaints)
            told.add(model)


def _nameless(family: Family, known: Collection[ModelVersion], registry: Registry) -> Iterator[Gap]:
    """Versions that were made from one that no round ever saw. A copy of such a version still has its own run."""
    for parent, child, kind in family.edges:
        if child in registry.present and parent not in known and kind != SAME_WEIGHTS:
            yield Gap(f"model {child}", f"it was made from {parent}, of which nothing is known", sources.ADOPT)
    told = {child for _, child, _ in family.edges}  # an alias was looked up when the version was first seen
    for version in registry.versions:
        said = version.tags.get(sources.DERIVED_TAG, sources.NOTHING)
        looked_up = "@" in said and version.model in told
        if said != sources.NOTHING and not looked_up and sources.derived(version.tags, version.model) is None:
            why = f"its tags say it was made from {said!r}, {version.tags.get(sources.KIND_TAG)!r}, which cannot be"
            yield Gap(f"model {version.model}", why, f"set {sources.DERIVED_TAG} to MODEL/VERSION, and {sources.KIND_TAG}")


def _left(workspace: Workspace, family: Family, registry: Registry) -> Iterator[Gap]:
    """What was missing about versions that are gone, while something that was made from them, and is no copy, is there."""
    before: dict[str, list[Gap]] = {}
    for gap in workspace.followed.gaps():
        before.setdefault(gap.what, []).append(gap)
    for model in registry.gone:
        left = before.get(f"model {model}", ())
        if left and not registry.present & family.twins(model):
            yield from left if registry.present & family.descendants([model]).keys() else ()


def _loose(
    workspace: Workspace, opening: Opening, fed: Mapping[ModelVersion, Sequence[Source]], forgotten: Collection[ModelVersion]
) -> dict[Tracked, set[ModelVersion]]:
    """Content that keeps an answer from being whole → the versions it matters to; none for one that only a backfill opened.

    forgotten: versions that are gone, and everything made from them.
    """
    every = [one for one in workspace.followed.sources() if one.model not in fed] + [
        one for each in fed.values() for one in each
    ]
    ends: dict[Tracked, set[ModelVersion]] = {}
    for source in every:
        if source.model not in forgotten:
            for end in index.loose_ends(source.content, opening.known, opening.parents):
                ends.setdefault(end, set()).add(source.model)
    for content, opened in opening.known.items():
        if opened.state in CLOSED_BOOKS and content in index.loose_ends(content, opening.known, opening.parents):
            ends.setdefault(content, set())
    return ends


def _doubt(content: Tracked, detail: str) -> Gap:
    """People of an indexed table whom somebody should look at: named together, or spelled in several ways."""
    column, _, doubts = detail.partition(index.DOUBT)
    remedy = f"make one row a person in {column!r}; if one spelling means two people, correct subject.identifier in params.yaml"
    return Gap(f"data {content.name}", f"{doubts}: that needs review", remedy)


def _data_gap(root: Path, content: Tracked, opened: Opened | None, models: Collection[ModelVersion]) -> Gap:
    state, detail = (opened.state, opened.detail) if opened else ("gone", "")
    fed = f"; it fed {', '.join(sorted(map(str, models))[:3])}{' and more' if len(models) > 3 else ''}" if models else ""
    why, remedy = {
        "gone": (f"its object is gone ({detail})", twin_map.way_back(root, content.object) if state == "gone" else ""),
        "unanswered": (f"its object could not be had ({detail})", "follow again when the remote answers"),
        "unreadable": (f"it cannot be read ({detail})", "restore or rewrite it; rows without a person need one"),
        "no person column": (
            f"it has no known person column ({detail}), and no commit says what it was made from",
            f"name the column: `unlearn follow --subject-column {content.path}:COLUMN`",
        ),
        "no table": ("it is no table, and no commit says what it was made from", "make it in a DVC stage, and commit dvc.lock"),
    }[state]
    return Gap(f"data {content.name}", why + fed, remedy)
