"""Following: which data versions fed which model versions, read from the MLflow registry and the DVC history.

A round reads everything first and keeps it at once, so a server that fails half-way leaves the round before. It reads only what
is new: versions that the registry changed or that had a gap, commits that were not walked, objects that were not opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from unlearning.domain import derivation
from unlearning.domain.derivation import Edge
from unlearning.domain.errors import ProjectError, WrongUse, begun
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import gaps, index, sources
from unlearning.lineage.history import unwalked
from unlearning.lineage.index import Derivation, Opening
from unlearning.lineage.sources import Evidence, Registry, Seen
from unlearning.stores.dvc.snapshots import Snapshot
from unlearning.stores.mlflow.bulk_reader import LoggedFacts, Reader, RunFacts
from unlearning.stores.mlflow.models import Registered
from unlearning.stores.sql.followed import EVERY_PATH, Findings, Followed, Gap, Opened, RunRead, Source

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Round:
    """What one round found."""

    model_versions: int
    data_versions: int
    new: int
    gaps: Sequence[Gap]
    seconds: float


def follow(workspace: Workspace, *, everything: bool = False) -> Round:
    """One round. everything: also index every table of every commit whose object can still be had (backfill), and ask for
    the run of every version with a gap again, though MLflow shows no change of it."""
    began = time.perf_counter()
    known = workspace.followed.models()
    before = len(workspace.lineage.data_versions())
    history = _history(workspace)
    read = workspace.followed.runs()
    registry = _registry(workspace, known, {} if everything else read)
    edges = list(_edges(workspace, registry))
    said = workspace.followed.sources()
    found = {version.model: _evidence(version, registry, said) for version in registry.fresh}
    fed = _sources(found, said)
    _ = workspace.keys  # whatever is refused before here has changed nothing
    with begun("following", "run `unlearn follow`"):
        opening = _open(workspace, history, fed, everything=everything)
        workspace.lineage.add_edges(edges)
        missing = gaps.of_round(workspace, registry, opening, found, fed, shallow=history.shallow)
        workspace.followed.keep(_findings(registry, read, history, opening, found, fed, missing))
        _mark_deleted(workspace, registry)
    after = workspace.lineage.data_versions()
    return Round(
        model_versions=len(registry.versions),
        data_versions=len(after),
        new=sum(one.model not in known for one in registry.versions) + len(after) - before,
        gaps=missing,
        seconds=round(time.perf_counter() - began, 3),
    )


def add_column(workspace: Workspace, named: str) -> None:
    """Remember `PATH:COLUMN`, or `COLUMN` for any table, as what says whose record it is."""
    path, colon, column = named.rpartition(":")
    workspace.followed.add_column(path if colon else EVERY_PATH, column)


def add_edge(workspace: Workspace, parent: str, child: str, kind: str) -> dict[str, str]:
    """Say that one version was made from another. Raises WrongUse for what is no MODEL/VERSION, NotFound for one that is not
    in the registry and never was followed."""
    made = []
    for named in (parent, child):
        version = sources.parse(named)
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
    snapshots = unwalked(workspace)
    named: dict[Tracked, str] = {}
    for snapshot in snapshots:
        for out in snapshot.outs:
            named.setdefault(out, snapshot.rev)
    fresh = list(dict.fromkeys(each for snapshot in snapshots for each in snapshot.derivations()))
    return History(
        derivations=[*workspace.followed.derivations(), *fresh],
        fresh=fresh,
        commits=[snapshot.rev for snapshot in snapshots],
        named=named,
        shallow=workspace.data.git.shallow,
    )


def _registry(workspace: Workspace, known: Mapping[ModelVersion, Followed], read: Mapping[str, RunRead]) -> Registry:
    versions = workspace.models.every_version()
    fed = {(one.model, one.content) for one in workspace.followed.sources()}
    fresh = [one for one in versions if not _settled(one, known.get(one.model), fed)]
    every = (*(one.source for one in versions), *(one.source for one in known.values()))
    registered = frozenset(name for source in every if (name := sources.model_id(source)))
    if not fresh:
        return Registry(versions, (), Seen({}, {}, registered), known)
    touched = {one.run_id for one in fresh if one.model not in known or known[one.model].updated_ms != one.updated_ms}
    before = {run_id: run for run_id, run in read.items() if run_id not in touched}
    with workspace.models.reader() as reader:
        runs, logged, asked = _lines(reader, fresh, registered, before)
    gone = frozenset(asked - runs.keys())
    return Registry(versions, fresh, Seen(runs, logged, registered, snapshots(workspace), gone), known)


def _settled(version: Registered, known: Followed | None, fed: Collection[tuple[ModelVersion, Tracked]]) -> bool:
    """Nothing new can be read of it. A tag that was set later does not change when MLflow says that a version changed."""
    if known is None or known.deleted or not known.settled or known.updated_ms != version.updated_ms:
        return False
    return all((version.model, content) in fed for content in sources.tagged(version.tags))


def _lines(
    reader: Reader, versions: Sequence[Registered], registered: frozenset[str], before: Mapping[str, RunRead]
) -> tuple[dict[str, RunFacts], dict[str, LoggedFacts], set[str]]:
    """The runs behind these versions, and behind the unregistered models that those started from, and so on; with all that
    were wanted, there or not."""
    runs: dict[str, RunFacts] = {}
    without_run = {name for one in versions if not one.run_id and (name := sources.model_id(one.source))}
    logged = reader.logged_models(without_run)
    wanted = {one.run_id for one in versions if one.run_id} | {one.run_id for one in logged.values() if one.run_id}
    asked = set(wanted)
    while wanted:
        found = reader.runs(wanted, before)
        runs |= found
        parents = {parent for run in found.values() for parent in run.models} - registered - logged.keys()
        logged |= (more := reader.logged_models(parents))
        wanted = {one.run_id for one in more.values() if one.run_id} - asked
        asked |= wanted
    return runs, logged, asked


def snapshots(workspace: Workspace) -> Callable[[str], Snapshot | None]:
    """The DVC history at a commit; None for one that this clone does not have."""

    @cache
    def at(rev: str) -> Snapshot | None:
        try:
            return workspace.data.snapshot(rev)
        except ProjectError:
            return None

    return at


# --- deciding --------------------------------------------------------------------------------------------------------


def note_edges(workspace: Workspace) -> None:
    """The part of a round that says which versions were made from which: what is to be made again stands on it."""
    registry = _registry(workspace, workspace.followed.models(), workspace.followed.runs())
    workspace.lineage.add_edges(_edges(workspace, registry))


def _edges(workspace: Workspace, registry: Registry) -> Iterator[Edge]:
    """Which versions were made from which, as far as MLflow or our tags say.

    An alias is looked up once, while nothing is known of a version: later it may point elsewhere.
    """
    told = {child for _, child, _ in workspace.lineage.edges()}
    asked = [one for one in registry.versions if one.model not in told and "@" in one.tags.get(sources.DERIVED_TAG, "")]
    aliases = workspace.models.every_alias() if asked else {}
    for version in registry.versions:
        if derived := sources.derived(version.tags, version.model, aliases if version in asked else {}):
            yield (derived[0], version.model, derived[1])
    for version in registry.fresh:
        model, name = version.model, sources.model_id(version.source)
        if copied := sources.copied_from(version.source):
            yield copied, model, derivation.SAME_WEIGHTS
        elif name and registry.first[name] != model:
            yield registry.first[name], model, derivation.SAME_WEIGHTS
        run = registry.seen.runs.get(sources.run_of(version, registry.seen) or "")
        if run and (derived := sources.derived(run.said_of_parent, model)):
            yield (derived[0], model, derived[1])
        for parent in sources.started_from(run, registry.seen) if run else ():
            if registry.first.get(parent, model) != model:
                yield registry.first[parent], model, "fine_tuned"


def _evidence(version: Registered, registry: Registry, said: Sequence[Source]) -> Evidence:
    """What fed a version; what an earlier round read of its run stands when the run is gone meanwhile."""
    found, known = sources.evidence(version, registry.seen), registry.known.get(version.model)
    before = {one.content: one.how for one in said if one.model == version.model}
    if not before or known is None or sources.run_of(version, registry.seen) in registry.seen.runs:
        return found
    return Evidence({**before, **found.contents}, () if known.settled else found.complaints)


def _sources(found: Mapping[ModelVersion, Evidence], said: Sequence[Source]) -> dict[ModelVersion, list[Source]]:
    """What fed each version that was read, with what people said about it before."""
    fed = {
        model: [Source(model, content, how) for content, how in evidence.contents.items()] for model, evidence in found.items()
    }
    for one in said:
        if one.how in sources.SAID_BY_PEOPLE and one.model in fed:
            fed[one.model] = [each for each in fed[one.model] if each.content != one.content] + [one]
    return fed


def _open(workspace: Workspace, history: History, fed: Mapping[ModelVersion, Sequence[Source]], *, everything: bool) -> Opening:
    """Open what fed the models and, if asked, everything else."""
    followed = workspace.followed
    opened = followed.opened()
    revs = {one.content: one.rev for one in opened.values() if one.rev} | dict(history.named)
    columns = {path: list(names) for path, names in followed.columns().items()}
    if workspace.person:
        columns.setdefault(EVERY_PATH, []).insert(0, workspace.person)
    known = index.merged(opened, workspace.lineage.data_versions())
    opening = Opening(workspace, known, index.parents_of(history.derivations), revs, columns)
    wanted = {source.content for each in (*fed.values(), followed.sources()) for source in each}
    every = (
        set(history.named) | {content for origin, made, _ in history.derivations for content in (origin, made)} | set(opened)
    )
    wanted |= index.upwards(wanted, opening.parents)
    opening.open(_by_age(every | wanted if everything else wanted, revs, history))
    return opening


def _by_age(contents: Iterable[Tracked], revs: Mapping[Tracked, str], history: History) -> list[Tracked]:
    """Oldest first: old versions are recorded before young ones."""
    order = {rev: number for number, rev in enumerate(history.commits)}
    return sorted(contents, key=lambda one: (order.get(revs.get(one, ""), len(order)), one))


# --- keeping ---------------------------------------------------------------------------------------------------------


def _findings(
    registry: Registry,
    read: Mapping[str, RunRead],
    history: History,
    opening: Opening,
    found: Mapping[ModelVersion, Evidence],
    fed: Mapping[ModelVersion, Sequence[Source]],
    missing: Sequence[Gap],
) -> Findings:
    return Findings(
        models=[_followed(one, registry, found[one.model]) for one in registry.fresh],
        sources=fed,
        deleted=[model for model in registry.gone if not registry.known[model].deleted],
        runs=[one for one in _read(registry) if read.get(one.run_id) != one],
        derivations=[*history.fresh, *opening.folders],
        commits=history.commits,
        opened=[*opening.fresh, *_unopened(history, opening)],
        gaps=missing,
    )


def _read(registry: Registry) -> Iterator[RunRead]:
    """What is remembered of runs: of those that ended, and of those that are gone."""
    yield from (run.read for run in registry.seen.runs.values() if run.finished)
    yield from (RunRead(run_id, "", "", ()) for run_id in registry.seen.gone)


def _unopened(history: History, opening: Opening) -> list[Opened]:
    """What the new commits name and nobody opened: remembered for a later backfill."""
    return [Opened(content, rev, "unopened") for content, rev in history.named.items() if content not in opening.known]


def _followed(version: Registered, registry: Registry, evidence: Evidence) -> Followed:
    """A version whose run ended, that says all, and that began with nothing that may be registered later, is settled."""
    run_id, known = sources.run_of(version, registry.seen), registry.known.get(version.model)
    if run := registry.seen.runs.get(run_id or ""):
        settled = run.finished and not evidence.complaints and registry.seen.registered.issuperset(run.models)
    else:
        settled = known is not None and known.settled
    return Followed(version.model, run_id, version.source, version.updated_ms, settled)


def _mark_deleted(workspace: Workspace, registry: Registry) -> None:
    """Versions that are gone from the registry: those trained here, and those that people named and no round ever saw."""
    for record in workspace.lineage.models():
        if record.model not in registry.present:
            workspace.lineage.mark_deleted(record.model)
    named = {model for parent, child, _ in workspace.lineage.edges() for model in (parent, child)}
    named |= {one.model for one in workspace.followed.sources()}
    trained = {record.model for record in workspace.lineage.models(deleted=None)}
    for model in sorted(named - registry.present - registry.known.keys() - trained, key=str):
        workspace.followed.mark_deleted(model)


# --- for people ------------------------------------------------------------------------------------------------------


def say(found: Round) -> str:
    """Half a sentence on one round."""
    gaps = f"{len(found.gaps)} gaps" if found.gaps else "no gap"
    return f"{found.model_versions} model versions, {found.data_versions} data versions, {found.new} new, {gaps}"


def lines(found: Round) -> list[str]:
    """One round for people: the numbers, then each gap with the way to close it."""
    return [f"{say(found)}, {found.seconds} s", *(gap.line for gap in found.gaps)]


def markdown(found: Round) -> str:
    """One round as a Prefect artifact."""
    rows = [f"| {gap.what} | {gap.why} | {gap.remedy} |" for gap in found.gaps]
    table = ["| what | why | how to close it |", "|---|---|---|", *rows] if rows else ["Nothing is missing."]
    return "\n".join([f"# {say(found)}", "", *table])
