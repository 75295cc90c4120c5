"""Step 8, purge: what holds the people goes; what stays is listed with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from unlearning.domain.entities import ModelVersion, Residual, Trace, plain
from unlearning.domain.planning.impact import stale_in_chain, stale_keys
from unlearning.erasure.erasure import Erasure, utc_now
from unlearning.erasure.steps import adopted as remaking
from unlearning.erasure.steps.assess import shaped_records
from unlearning.project.settings import Settings
from unlearning.project.workspace import Workspace
from unlearning.stores.dvc import objects as dvc_stores
from unlearning.traces import twins, within_reach
from unlearning.traces.places import checkpoints
from unlearning.traces.places.dvc_objects import OBJECTS

OUT_OF_REACH = (
    Residual(
        place="backups and snapshots",
        level="physical",
        outcome="out_of_reach",
        count=None,
        why="they are not part of this project",
        remedy="replay the suppression list after any restore, and record when they expire",
    ),
    Residual(
        place="other clones and DVC caches",
        level="physical",
        outcome="out_of_reach",
        count=None,
        why="copies on other machines cannot be seen from here, and `dvc push` from one brings erased objects back",
        remedy="tell their owners, and have them delete the clone's cache",
    ),
    Residual(
        place="contents of the Git history",
        level="logical",
        outcome="out_of_reach",
        count=None,
        why="Git keeps what was committed, and what small files said needs the identifier itself to be found",
        remedy="search with `unlearn sweep --subject`; rewrite with `git filter-repo --replace-text`, then every clone anew",
    ),
    Residual(
        place="other flows and experiments on shared servers",
        level="logical",
        outcome="out_of_reach",
        count=None,
        why="only this project's own flows and experiments are looked at",
        remedy="their owners: `prefect flow-run delete`, `prefect artifact delete`, `mlflow runs delete` and `mlflow gc`",
    ),
    Residual(
        place="models copied, exported or loaded elsewhere",
        level="model",
        outcome="out_of_reach",
        count=None,
        why="a serving process keeps the old version in memory until it reloads",
        remedy="restart what serves the alias, and withdraw exported copies",
    ),
)
"""What no run of this software can delete; a certificate always says so."""


def out_of_reach(settings: Settings) -> tuple[Residual, ...]:
    """What nobody here can search: always the same three, and what the project declares."""
    declared = (
        Residual(place=one.place, level=one.level, outcome="out_of_reach", count=None, why=one.why, remedy=one.remedy)
        for one in settings.out_of_reach
    )
    return (*OUT_OF_REACH, *declared)


def purge(erasure: Erasure) -> Mapping[str, Any]:
    """Find everything, then delete it: what holds the people in every place within reach; what could not go is listed.

    Raises Unavailable when a place does not answer: the request stays open, and the next run goes on where this one stopped.
    """
    workspace = erasure.workspace
    with workspace.ledger.exclusive("purge"):
        inventory = erasure.once("TracesFound", lambda: find(workspace, erasure.plan.tokens, stale=_stale(erasure)))
        return _twins_then_deletion(workspace, inventory, erasure.plan.tokens, _elsewhere(erasure))


def find(workspace: Workspace, tokens: Iterable[str], *, stale: Iterable[str] = (), derived: bool = False) -> dict[str, Any]:
    """Every trace of these people within reach, by place, as plain values; changes nothing.

    stale: names of checkpoints that hold them, which nobody can work out once their data is gone.
    derived: also what stages made from their data and nobody can read.
    """
    wanted = within_reach.wanted(workspace, tokens, trust_index=True)
    found: dict[str, set[Trace]] = {checkpoints.NAME: set(map(Trace, stale))}
    made: set[str] = set()
    for place in within_reach.places(workspace):
        # An object that was found in one store is erased in all, and so is what names it.
        known = {name: frozenset(found.get(name, ())) | wanted.known.get(name, frozenset()) for name in {*wanted.known, *found}}
        here = place.find(replace(wanted, known=known))
        found.setdefault(within_reach.remembered_as(place), set()).update(here.traces, here.derived if derived else ())
        made.update(trace.name for trace in here.derived)
    # A declared table that holds them now is redacted by an erasure, never pulled from under its project.
    present = dvc_stores.named_now(workspace.data, tuple(workspace.tables))
    found[OBJECTS] = {trace for trace in found.get(OBJECTS, ()) if trace.name not in present}
    traces = {name: plain(sorted(traces, key=_order)) for name, traces in sorted(found.items()) if traces}
    return {"traces": traces, "derived": sorted(made)}


def _twins_then_deletion(
    workspace: Workspace, inventory: Mapping[str, Any], tokens: Collection[str], more: Iterable[Residual]
) -> dict[str, Any]:
    """Old revisions keep everybody else: what stands in for an object is stored everywhere before the object goes."""
    made = stand_ins(workspace, inventory, tokens)
    done = carry_out(workspace, traces_from(inventory))
    residuals = [*done["residuals"], *(plain(residual) for residual in more)]
    said = {"twins": len(made.twins), "twin_commits": made.commits, "without_twin": list(made.without)}
    return {**done, "residuals": residuals, **said}


def stand_ins(workspace: Workspace, inventory: Mapping[str, Any], tokens: Collection[str]) -> twins.Made:
    """The twins of every object in an inventory."""
    objects = [trace.name for trace in traces_from(inventory).get(OBJECTS, ())]
    return twins.make(workspace, objects, tokens, stale=inventory.get("derived", ()))


def again(workspace: Workspace, tokens: Collection[str], *, derived: bool = False) -> dict[str, Any]:
    """Search and delete once more for people who were erased: what came back, what could not be reached then."""
    with workspace.ledger.exclusive("purge"):
        found = find(workspace, tokens, derived=derived)
        if found["traces"]:
            workspace.ledger.append("TracesFound", "purge", found, at=utc_now())
        return _twins_then_deletion(workspace, found, tokens, ())


def carry_out(workspace: Workspace, found: Mapping[str, Sequence[Trace]]) -> dict[str, Any]:
    """Delete what was found. What is gone already is no error, so a killed purge is finished by running it again."""
    residuals = [
        residual
        for place in within_reach.places(workspace)
        for residual in place.erase(found.get(within_reach.remembered_as(place), ()))
    ]
    return {
        "removed": [{"place": name, "count": len(traces), "names": [t.name for t in traces]} for name, traces in found.items()],
        "residuals": [plain(residual) for residual in residuals],
        "out_of_reach": [plain(residual) for residual in out_of_reach(workspace.settings)],
    }


def traces_from(inventory: Mapping[str, Any]) -> dict[str, tuple[Trace, ...]]:
    """The inverse of `find`."""
    return {name: tuple(Trace(**trace) for trace in traces) for name, traces in inventory["traces"].items()}


def _order(trace: Trace) -> tuple[str, str, str]:
    return trace.kind, trace.name, trace.location


def _stale(erasure: Erasure) -> frozenset[str]:
    """Checkpoints that hold the people: of every version they shaped, and of heuristic candidates that did not pass."""
    shaped = shaped_records(erasure.workspace, erasure.before, deleted=None)
    stale = frozenset[str]().union(*(stale_keys(record, erasure.before.people) for record, _ in shaped))
    return (stale | _attempted(erasure) | _rejected(erasure)) - _served(erasure)


def _attempted(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of trainings that died or failed their checks: no version names them, their chains do.

    A chain does not say who was in it, so what versions hold that these people never shaped is left alone.
    """
    if erasure.plan.own is None:
        return frozenset()
    workspace, model = erasure.workspace, erasure.plan.own.model
    chains = workspace.attempts.chains(model)
    stale = frozenset[str]().union(*(stale_in_chain(chain, erasure.before.people) for chain in chains))
    # Nobody can say in which shard people were that are lost, or under another partition key: what no clean version needs goes.
    lost = (chain for chain in chains if erasure.before.lost or chain.recipe != workspace.recipe_digest)
    stale = stale.union(*(chain.keys for chain in lost))
    shaped = {record.model for record, _ in shaped_records(workspace, erasure.before)}
    clean = (record.chain.keys for record in workspace.lineage.models(model) if record.model not in shaped)
    return stale.difference(erasure.retain.chain.keys, *clean)


def _rejected(erasure: Erasure) -> frozenset[str]:
    """States of candidates without a proof: what failed the checks may still know the people."""
    bodies = erasure.bodies("CandidateTrained")
    return frozenset(
        part["key"] for body in bodies if body["trained"]["guarantee"] != "exact" for part in body["trained"]["parts"]
    )


def _served(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of the candidate that was promoted."""
    trained = erasure.promoted
    return frozenset(part.key for part in trained.parts) if trained else frozenset()


def _elsewhere(erasure: Erasure) -> Iterable[Residual]:
    """Versions that this project did not train: making them again needs whoever did."""
    yield from _unexplained(erasure)
    gone = remaking.superseded(erasure.workspace)
    shaped = [version for version in erasure.body("ImpactAssessed")["model_versions"] if version.get("via")]
    named = [version for version in shaped if ModelVersion(version["name"], version["version"]) not in gone]
    if named:
        names = ", ".join(f"{version['name']}/{version['version']} ({version['via']})" for version in named)
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
    workspace = erasure.workspace
    known = {source.model for source in workspace.followed.sources()} | {child for _, child, _ in workspace.lineage.edges()}
    known |= remaking.superseded(workspace).keys() | {adopted.model for adopted in workspace.adoptions.values()}
    every = [version for name in workspace.adoptions for version in workspace.models.versions(name)]
    if unknown := remaking.made_elsewhere(workspace, [version for version in every if version.model not in known]):
        yield Residual(
            place=f"versions of adopted models whose data nobody knows: {', '.join(map(str, unknown))}",
            level="model",
            outcome="unverified",
            count=len(unknown),
            why="their runs name no data version, so nobody can say whether the people shaped them; an alias may serve them",
            remedy="`unlearn follow`, or `unlearn adopt` each with the table that trained it, then `unlearn erase`",
        )
