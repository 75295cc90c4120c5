"""Following: which data versions fed which model versions, read from the MLflow registry and the DVC history.

A round reads everything first and keeps it at once, so a server that fails half-way leaves the round before. It reads only what
is new: versions that the registry changed or that had a gap, commits that were not walked, objects that were not opened.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from unlearning import indexing, sources
from unlearning.entities import ModelVersion
from unlearning.errors import ProjectError, WrongUse
from unlearning.indexing import Derivation, Opening
from unlearning.sources import Evidence, Seen
from unlearning.stores.followed import EVERY_PATH, Findings, Followed, Gap, Opened, Source, State
from unlearning.stores.models import Registered
from unlearning.stores.registry import LoggedFacts, Reader, RunFacts
from unlearning.stores.snapshots import Snapshot, Tracked

if TYPE_CHECKING:
    from unlearning.workspace import Workspace

Edge = tuple[ModelVersion, ModelVersion, str]

DERIVED_TAG, KIND_TAG = "unlearning.derived_from", "unlearning.derived_kind"
"""Tags of a version that say which version it was made from, and how."""
NEEDS_NO_DATA = ("copied", "quantised", "exported")
"""Kinds of edges whose child saw no data of its own."""
SAID_BY_PEOPLE = ("adopted",)
CLOSED_BOOKS: Collection[State] = ("gone", "unanswered", "unreadable", "no person column")
"""Tables that could not be opened: gaps even where no model is known to stand on them."""


@dataclass(frozen=True)
class Registry:
    """What the registry says in this round."""

    versions: Sequence[Registered]
    fresh: Sequence[Registered]
    """Versions that are new, changed or had a gap: the ones that are read."""
    seen: Seen


def follow(workspace: Workspace, *, everything: bool = False) -> dict[str, Any]:
    """One round. everything: also index every table of every commit whose object can still be had (backfill)."""
    began = time.perf_counter()
    known = workspace.followed.models()
    before = len(workspace.lineage.data_versions())
    history = _history(workspace)
    registry = _registry(workspace, known)
    edges = list(_edges(registry))
    found = {version.model: sources.evidence(version, registry.seen) for version in registry.fresh}
    fed = _sources(workspace, found)
    opening = _open(workspace, history, fed, everything=everything)
    for edge in edges:
        workspace.lineage.add_edge(*edge)
    gaps = _gaps(workspace, history, opening, found, fed)
    findings = _findings(registry, known, history, opening, fed, gaps)
    workspace.followed.keep(findings)
    _mark_deleted(workspace, registry)
    after = workspace.lineage.data_versions()
    return {
        "model_versions": len(registry.versions),
        "data_versions": len(after),
        "new": sum(one.model not in known for one in registry.versions) + len(after) - before,
        "gaps": [{"what": gap.what, "why": gap.why, "how_to_close": gap.remedy} for gap in gaps],
        "seconds": round(time.perf_counter() - began, 3),
    }


def add_column(workspace: Workspace, named: str) -> None:
    """Remember `PATH:COLUMN`, or `COLUMN` for any table, as what says whose record it is."""
    path, colon, column = named.rpartition(":")
    workspace.followed.add_column(path if colon else EVERY_PATH, column)


def add_edge(workspace: Workspace, parent: str, child: str, kind: str) -> dict[str, str]:
    """Say that one version was made from another. Raises WrongUse for what is no MODEL/VERSION, NotFound for one that is not
    in the registry and never was followed."""
    made = []
    for named in (parent, child):
        version = parse(named)
        if version is None:
            raise WrongUse(f"{named!r} is no MODEL/VERSION; expected for example fraud/3")
        if version not in workspace.followed.models() and workspace.lineage.model(version.name, version.version) is None:
            workspace.models.version(version.name, version.version)
        made.append(version)
    workspace.lineage.add_edge(made[0], made[1], kind)
    return {"parent": parent, "child": child, "kind": kind}


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """The DVC history: what earlier rounds walked, and what is new."""

    derivations: Sequence[Derivation]
    fresh: Sequence[Derivation]
    commits: Sequence[str]
    """Commits that this round walked."""
    named: Mapping[Tracked, str]
    """Content → the first commit that names it, of the new commits."""
    shallow: bool


def _history(workspace: Workspace) -> History:
    walked = workspace.followed.commits()
    commits = [rev for rev in workspace.data.commits() if rev not in walked]
    snapshots = workspace.data.snapshots(commits)
    named: dict[Tracked, str] = {}
    for snapshot in sorted(snapshots, key=lambda one: commits.index(one.rev)):
        for out in snapshot.outs:
            named.setdefault(out, snapshot.rev)
    fresh = list(dict.fromkeys(each for snapshot in snapshots for each in snapshot.derivations()))
    return History(
        derivations=[*workspace.followed.derivations(), *fresh],
        fresh=fresh,
        commits=commits,
        named=named,
        shallow=workspace.data.git.shallow,
    )


def _registry(workspace: Workspace, known: Mapping[ModelVersion, Followed]) -> Registry:
    versions = workspace.models.every_version()
    fresh = [one for one in versions if not _settled(one, known.get(one.model))]
    registered = frozenset(name for one in versions if (name := sources.model_id(one.source)))
    if not fresh:
        return Registry(versions, (), Seen({}, {}, registered))
    with workspace.models.reader() as reader:
        runs, logged = _lines(reader, fresh, registered)
    return Registry(versions, fresh, Seen(runs, logged, registered, _snapshots(workspace)))


def _settled(version: Registered, known: Followed | None) -> bool:
    return known is not None and known.settled and not known.deleted and known.updated_ms == version.updated_ms


def _lines(
    reader: Reader, versions: Sequence[Registered], registered: frozenset[str]
) -> tuple[dict[str, RunFacts], dict[str, LoggedFacts]]:
    """The runs behind these versions, and behind the unregistered models that those started from, and so on."""
    runs: dict[str, RunFacts] = {}
    without_run = {name for one in versions if not one.run_id and (name := sources.model_id(one.source))}
    logged = reader.logged_models(without_run)
    wanted = {one.run_id for one in versions if one.run_id} | {one.run_id for one in logged.values() if one.run_id}
    asked = set(wanted)
    while wanted:
        found = reader.runs(wanted)
        runs |= found
        parents = {parent for run in found.values() for parent in run.models} - registered - logged.keys()
        logged |= (more := reader.logged_models(parents))
        wanted = {one.run_id for one in more.values() if one.run_id} - asked
        asked |= wanted
    return runs, logged


def _snapshots(workspace: Workspace) -> Any:
    @cache
    def at(rev: str) -> Snapshot | None:
        try:
            return next(iter(workspace.data.snapshots([rev])), None)
        except ProjectError:
            return None

    return at


# --- deciding --------------------------------------------------------------------------------------------------------


def _edges(registry: Registry) -> Iterator[Edge]:
    """Which versions were made from which, as far as MLflow or our tags say."""
    first: dict[str, ModelVersion] = {}
    for version in sorted(registry.versions, key=lambda one: (one.created_ms, str(one.model))):
        if name := sources.model_id(version.source):
            first.setdefault(name, version.model)
    for version in registry.fresh:
        yield from _edges_of(version, registry.seen, first)


def _edges_of(version: Registered, seen: Seen, first: Mapping[str, ModelVersion]) -> Iterator[Edge]:
    name = sources.model_id(version.source)
    if name is None and (copied := parse(version.source.removeprefix("models:/"))):
        yield copied, version.model, "copied"
    elif name and first[name] != version.model:
        yield first[name], version.model, "copied"
    run = seen.runs.get(sources.run_of(version, seen) or "")
    for parent in run.models if run else ():
        if parent in first and first[parent] != version.model:
            yield first[parent], version.model, "fine_tuned"
    if derived := parse(version.tags.get(DERIVED_TAG, "")):
        yield derived, version.model, version.tags.get(KIND_TAG, "fine_tuned")


def parse(text: str) -> ModelVersion | None:
    """`MODEL/VERSION`, or None for anything else."""
    name, slash, number = text.rpartition("/")
    return ModelVersion(name, int(number)) if slash and name and number.isdigit() else None


def _sources(workspace: Workspace, found: Mapping[ModelVersion, Evidence]) -> dict[ModelVersion, list[Source]]:
    """What fed each version that was read, with what people said about it before."""
    fed = {
        model: [Source(model, content, how) for content, how in evidence.contents.items()] for model, evidence in found.items()
    }
    for said in workspace.followed.sources():
        if said.how in SAID_BY_PEOPLE and said.model in fed:
            fed[said.model] = [one for one in fed[said.model] if one.content != said.content] + [said]
    return fed


def _open(workspace: Workspace, history: History, fed: Mapping[ModelVersion, Sequence[Source]], *, everything: bool) -> Opening:
    """Open what fed the models and, if asked, everything else."""
    followed = workspace.followed
    opened = followed.opened()
    revs = {one.content: one.rev for one in opened.values() if one.rev} | dict(history.named)
    columns = {path: list(names) for path, names in followed.columns().items()}
    columns.setdefault(EVERY_PATH, []).insert(0, workspace.recipe.person)
    known = opened | indexing.as_indexed(workspace.lineage.data_versions())
    opening = Opening(workspace, known, indexing.parents_of(history.derivations), revs, columns)
    wanted = {source.content for each in (*fed.values(), followed.sources()) for source in each}
    every = (
        set(history.named) | {content for origin, made, _ in history.derivations for content in (origin, made)} | set(opened)
    )
    wanted |= indexing.upwards(wanted, opening.parents)
    opening.open(sorted(every | wanted if everything else wanted, key=lambda one: _age(one, revs, history)))
    return opening


def _age(content: Tracked, revs: Mapping[Tracked, str], history: History) -> tuple[int, Tracked]:
    """Newest first, because what is opened is taken from the end: old versions are recorded before young ones."""
    order = {rev: number for number, rev in enumerate(history.commits)}
    return -order.get(revs.get(content, ""), len(order)), content


def _gaps(
    workspace: Workspace,
    history: History,
    opening: Opening,
    found: Mapping[ModelVersion, Evidence],
    fed: Mapping[ModelVersion, Sequence[Source]],
) -> list[Gap]:
    """What cannot be said after this round."""
    incoming = {child for _, child, kind in workspace.lineage.edges() if kind in NEEDS_NO_DATA}
    adopted = {model for model, each in fed.items() if any(one.how in SAID_BY_PEOPLE for one in each)}
    gaps = [
        Gap(f"model {model}", why, remedy)
        for model, evidence in found.items()
        if model not in incoming | adopted
        for why, remedy in evidence.complaints
    ]
    for content, models in sorted(_loose(workspace, opening, fed).items()):
        gaps.append(_data_gap(content, opening.known.get(content), models))
    if history.shallow:
        gaps.append(
            Gap("the Git history", "this clone is shallow, so older commits cannot be seen", "run `git fetch --unshallow`")
        )
    return sorted(gaps)


def _loose(
    workspace: Workspace, opening: Opening, fed: Mapping[ModelVersion, Sequence[Source]]
) -> dict[Tracked, set[ModelVersion]]:
    """Content that keeps an answer from being whole → the versions it matters to; none for one that only a backfill opened."""
    gone = {one.model for one in workspace.followed.models().values() if one.deleted}
    every = [one for one in workspace.followed.sources() if one.model not in fed] + [
        one for each in fed.values() for one in each
    ]
    ends: dict[Tracked, set[ModelVersion]] = {}
    for source in every:
        if source.model not in gone:
            for end in indexing.loose_ends(source.content, opening.known, opening.parents):
                ends.setdefault(end, set()).add(source.model)
    for content, opened in opening.known.items():
        if opened.state in CLOSED_BOOKS and content in indexing.loose_ends(content, opening.known, opening.parents):
            ends.setdefault(content, set())
    return ends


def _data_gap(content: Tracked, opened: Opened | None, models: Collection[ModelVersion]) -> Gap:
    state, detail = (opened.state, opened.detail) if opened else ("gone", "")
    fed = f"; it fed {', '.join(sorted(map(str, models))[:3])}{' and more' if len(models) > 3 else ''}" if models else ""
    why, remedy = {
        "gone": (f"its object is gone ({detail})", "bring the object back with `dvc push` from where it still is"),
        "unanswered": (f"its object could not be had ({detail})", "follow again when the remote answers"),
        "unreadable": (f"it cannot be read ({detail})", "restore or rewrite it; rows without a person need one"),
        "no person column": (
            f"it has no known person column (it has {detail}), and no commit says what it was made from",
            f"name the column: `unlearn follow --subject-column {content.path}:COLUMN`",
        ),
        "no table": ("it is no table, and no commit says what it was made from", "make it in a DVC stage, and commit dvc.lock"),
    }[state]
    return Gap(f"data {content.path} ({content.object[:12]})", why + fed, remedy)


# --- keeping ---------------------------------------------------------------------------------------------------------


def _findings(
    registry: Registry,
    known: Mapping[ModelVersion, Followed],
    history: History,
    opening: Opening,
    fed: Mapping[ModelVersion, Sequence[Source]],
    gaps: Sequence[Gap],
) -> Findings:
    open_ends = {gap.what for gap in gaps}
    present = {one.model for one in registry.versions}
    return Findings(
        models=[_followed(one, registry.seen, open_ends) for one in registry.fresh],
        sources=fed,
        deleted=[model for model, one in known.items() if model not in present and not one.deleted],
        derivations=[*history.fresh, *opening.folders],
        commits=history.commits,
        opened=[*opening.fresh, *_unopened(history, opening)],
        gaps=gaps,
    )


def _unopened(history: History, opening: Opening) -> list[Opened]:
    """What the new commits name and nobody opened: remembered for a later backfill."""
    return [Opened(content, rev, "unopened") for content, rev in history.named.items() if content not in opening.known]


def _followed(version: Registered, seen: Seen, open_ends: Collection[str]) -> Followed:
    run = seen.runs.get(sources.run_of(version, seen) or "")
    settled = run is not None and run.finished and f"model {version.model}" not in open_ends
    return Followed(version.model, sources.run_of(version, seen), version.source, version.updated_ms, settled)


def _mark_deleted(workspace: Workspace, registry: Registry) -> None:
    """Versions that were trained here and are gone from the registry."""
    present = {one.model for one in registry.versions}
    for record in workspace.lineage.models():
        if record.model not in present:
            workspace.lineage.mark_deleted(record.model)


# --- for people ------------------------------------------------------------------------------------------------------


def say(report: Mapping[str, Any]) -> str:
    """Half a sentence on one round."""
    gaps = f"{len(report['gaps'])} gaps" if report["gaps"] else "no gap"
    return f"{report['model_versions']} model versions, {report['data_versions']} data versions, {report['new']} new, {gaps}"


def lines(report: Mapping[str, Any]) -> list[str]:
    """One round for people: the numbers, then each gap with the way to close it."""
    told = [f"  {gap['what']}: {gap['why']}\n      → {gap['how_to_close']}" for gap in report["gaps"]]
    return [f"{say(report)}, {report['seconds']} s", *told]


def markdown(report: Mapping[str, Any]) -> str:
    """One round as a Prefect artifact."""
    rows = [f"| {gap['what']} | {gap['why']} | {gap['how_to_close']} |" for gap in report["gaps"]]
    table = ["| what | why | how to close it |", "|---|---|---|", *rows] if rows else ["Nothing is missing."]
    return "\n".join([f"# {say(report)}", "", *table])
