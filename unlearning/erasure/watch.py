"""What an erasure ended comes back: found and reversed, each with an event in the ledger and a notice (TRACES 5, 34, 35).

One round looks at, in this order: the ledger itself, holds that have expired, aliases and versions in the registry, tables,
DVC's cache and remotes with the checkpoint store, deadlines. After it no alias points at a version that an erased person
shaped.
A place that does not answer is said to be unchecked, and the round goes on with the next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from unlearning.domain import lifecycle
from unlearning.domain.codec import LEFT_OUT
from unlearning.domain.errors import ParentMoved, Unavailable
from unlearning.domain.events import (
    AdoptedPromoted,
    AliasReverted,
    Fact,
    ImpactAssessed,
    ModelTrained,
    RequestOverdue,
    StartOverdue,
    TracesErased,
    TracesReturned,
    VersionFlagged,
)
from unlearning.domain.traces import MLFLOW_GC, MLFLOW_GC_TAKES, PURGE_DELETES, Trace
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import audit, decisions, pace, second_look, whole_look
from unlearning.erasure.steps import parentage, receive
from unlearning.lineage import follow, origins, shaped, sources
from unlearning.project import guards, suppression
from unlearning.project.holdings import Holdings
from unlearning.traces import deletion, sweep, within_reach
from unlearning.traces.places.checkpoints import CheckpointPlace
from unlearning.traces.places.dvc_bookkeeping import RunCachePlace
from unlearning.traces.places.dvc_objects import ObjectPlace
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.domain.clocks import Clock
    from unlearning.project.workspace import Workspace
    from unlearning.stores.sql.standing import Standing

SHAPED = "unlearning.shaped_by_erased"
"""Tag of a version that was registered after the erasure of somebody who shaped it."""

AGAIN = "`unlearn erase`, and correct where the data comes from"

ELSEWHERE = (
    "no purge deletes what was trained elsewhere: delete the version, then its run with `mlflow runs delete --run-id RUN` and "
    f"`{MLFLOW_GC} --run-ids RUN` ({MLFLOW_GC_TAKES}); or make it again without them"
)

SHOWN = 3
"""As many requests stand in a command."""

ROUNDS = 5
"""How often aliases are looked at again because somebody moves them meanwhile."""

progress = logging.getLogger("unlearning.progress")

Outcome = Literal["reversed", "reported", "unchecked"]


@dataclass(frozen=True)
class Sighting:
    """One thing that should not be there, and what was done about it."""

    kind: str
    """`alias`, `version`, `data`, `objects`, `hold`, `deadline` or `ledger`."""
    what: str
    outcome: Outcome
    why: str
    next_step: str = ""
    """What is left for people to do; empty when nothing is."""
    requests: Sequence[str] = field(default=(), metadata=LEFT_OUT)
    """Of the people whom it is about, where somebody has to decide."""

    def __str__(self) -> str:
        return f"{self.outcome}: {self.what}: {self.why}" + (f" → {self.next_step}" if self.next_step else "")


@dataclass(frozen=True)
class Report:
    """What one round found."""

    clean: bool
    found: Sequence[Sighting]
    reversed: int
    checked: Sequence[str]

    @classmethod
    def of(cls, found: Sequence[Sighting]) -> Report:
        """That of a round."""
        return cls(not found, found, _reversed(found), ["ledger", *LOOKS])


def _reversed(found: Sequence[Sighting]) -> int:
    return sum(sighting.outcome == "reversed" for sighting in found)


@dataclass(frozen=True)
class Round:
    """One look at everything."""

    workspace: Workspace
    clock: Clock

    @cached_property
    def tokens(self) -> frozenset[str]:
        """Index tokens of everyone who was ever erased."""
        standing = self.workspace.ledger.standing
        return standing.erased()[1].union(standing.readmitted().readmitted)

    @cached_property
    def named(self) -> frozenset[ModelVersion]:
        """Versions that an erasure found when it began: its plan, its purge and its certificate speak of them."""
        ledger = self.workspace.ledger
        finished = ledger.standing.finished()
        latest = {event.subject: event.fact.impact for event in ledger.of(ImpactAssessed, subjects=finished)}
        return frozenset(one.model for impact in latest.values() for one in impact.model_versions)

    def tainted(self) -> dict[ModelVersion, str]:
        """Every version that an erased person shaped, deleted ones included → how, in words."""
        trained, elsewhere = shaped.by_erased(self.workspace)
        return {
            **{model: "an erased person shaped it" for model in self.named},
            **{ModelVersion(one.name, one.version): f"an erased person shaped it: {one.via}" for one in elsewhere},
            **{model: "an erased person was in its training" for model in trained},
        }

    def record(self, subject: str, fact: Fact) -> None:
        """Write an event."""
        self.workspace.ledger.append(subject, fact, at=self.clock())


def watch(workspace: Workspace, *, clock: Clock) -> list[Sighting]:
    """One round: everything that was found, reversed where it can be. Nothing is decided by a ledger that was tampered with."""
    damaged = [
        Sighting("ledger", "the ledger", "reported", finding, "restore it from a backup; until then nothing is reversed")
        for finding in audit.audit(workspace).findings
    ]
    this = Round(workspace, clock)
    found = damaged or [sighting for name, look in LOOKS.items() for sighting in _guarded(name, look, this)]
    if not damaged:
        found += _guarded("ledger", _note, this)
    for sighting in found:
        progress.warning("watch  %s", sighting)
    return found


def _guarded(name: str, look: Callable[[Round], Iterator[Sighting]], this: Round) -> list[Sighting]:
    """What one look found; a service that is away stops this look and no other."""
    found: list[Sighting] = []
    try:
        found.extend(look(this))
    except Unavailable as error:
        found.append(Sighting(name, name, "unchecked", str(error), "watch again when it answers"))
    return found


# --- holds, deadlines, ledger ---------------------------------------------------------------------------------------


def _holds(this: Round) -> Iterator[Sighting]:
    for request_id in decisions.expire(this.workspace, now=this.clock()):
        yield Sighting(
            "hold", request_id, "reversed", f"its legal hold was released: {decisions.EXPIRED}", "run `unlearn erase`"
        )


def _deadlines(this: Round) -> Iterator[Sighting]:
    for request in this.workspace.ledger.standing.overdue(this.clock()):
        if not this.workspace.ledger.of(RequestOverdue, subject=request.request_id):
            this.record(request.request_id, RequestOverdue(due_at=request.due_at, state=request.state))
        why = f"due {request.due_at:%Y-%m-%d}, and still {request.state}"
        yield Sighting("deadline", request.request_id, "reported", why, "run `unlearn erase` now, and tell the person")


def _starts(this: Round) -> Iterator[Sighting]:
    """Requests that must have begun by now and have not."""
    now = this.clock()
    for request, begin in pace.overdue(this.workspace, now):
        if not this.workspace.ledger.of(StartOverdue, subject=request.request_id):
            this.record(request.request_id, StartOverdue(must_start_by=begin, state=request.state))
        if request.due_at is None or request.due_at >= now:
            why = f"had to begin by {begin:%Y-%m-%d} to be done by {request.due_at:%Y-%m-%d}, and is still {request.state}"
            yield Sighting("deadline", request.request_id, "reported", why, "run `unlearn erase` now")


def _note(this: Round) -> Iterator[Sighting]:
    """Note the ledger's head in the registry, so that a later cut is seen."""
    audit.note(this.workspace)
    yield from ()


# --- the registry ---------------------------------------------------------------------------------------------------


def _registry(this: Round) -> Iterator[Sighting]:
    """Late versions first: a version is flagged before its alias moves, so that no reversal is ever silent."""
    if not this.tokens:
        return
    guards.registry(this.workspace)
    follow.follow(this.workspace)
    tainted = this.tainted()
    yield from _late(this, tainted)
    yield from _from_tainted(this, tainted)
    for _ in range(ROUNDS):
        wrong = [
            (ModelVersion(name, version), alias)
            for name, aliases in this.workspace.models.every_alias().items()
            for alias, version in aliases.items()
            if ModelVersion(name, version) in tainted
        ]
        if not wrong:
            return
        for version, alias in wrong:
            yield from _revert(this, version, alias, tainted)
    yield Sighting(
        "alias", "aliases", "reported", "somebody moves them as fast as they are moved back", "find out who, and stop it"
    )


def _late(this: Round, tainted: Mapping[ModelVersion, str]) -> Iterator[Sighting]:
    """Versions that are there now and that no erasure found when it began."""
    flagged = {event.subject for event in this.workspace.ledger.of(VersionFlagged)}
    going = {model for model, _ in shaped.to_go(this.workspace, this.tokens)}
    for version in this.workspace.models.every_version():
        if version.model not in tainted or version.model in this.named:
            continue
        why = f"registered, or first followed, after the erasure; {tainted[version.model]}"
        if str(version.model) not in flagged:
            this.record(str(version.model), VersionFlagged(tag=SHAPED, reason=why))
        if version.tags.get(SHAPED) != "true":
            this.workspace.models.tag(version.model, {SHAPED: "true"})
        step = f"tagged {SHAPED}; {PURGE_DELETES if version.model in going else ELSEWHERE}"
        yield Sighting("version", str(version.model), "reported", why, step)


def _from_tainted(this: Round, tainted: Mapping[ModelVersion, str]) -> Iterator[Sighting]:
    """Versions that an erasure promoted, of models that come from one which an erased person shaped, while nothing says that
    these come from a clean one."""
    present = {version.model: version for version in this.workspace.models.every_version()}
    for event in this.workspace.ledger.of(AdoptedPromoted):
        new = ModelVersion(event.fact.model, event.fact.version)
        if new not in present or new in tainted:
            continue
        said = origins.started(this.workspace, present[new])
        clean = {one.name for one in (*origins.parents(this.workspace, [new]), *said.versions) if one not in tainted}
        known = {
            one for one in origins.parents(this.workspace, event.fact.versions) if one in tainted and one.name not in clean
        }
        if known and not said.from_nothing:
            names = ", ".join(sorted(map(str, known)))
            why = (
                f"its model was made from {names}, which an erased person shaped, and nothing says what this one was made from"
            )
            step = f"make {names} again, then this one; {parentage.SAY_SO}"
            yield Sighting("version", str(new), "reported", why, step)


def _revert(this: Round, version: ModelVersion, alias: str, tainted: Mapping[ModelVersion, str]) -> Iterator[Sighting]:
    """Move one alias to the newest clean version of its model, or withdraw it; nothing when somebody moved it meanwhile."""
    models = this.workspace.models
    clean = _newest_clean(this.workspace, version.name, tainted)
    with this.workspace.ledger.exclusive(f"promote:{version.name}"):
        if models.alias(version.name, alias) != version:
            return
        try:
            if clean is None:
                models.withdraw_alias(version.name, alias)
            else:
                models.move_alias(version.name, alias, expected=version, to=clean)
        except ParentMoved:
            return
        to_version, reason = clean.version if clean else None, tainted[version]
        reverted = AliasReverted(alias=alias, from_version=version.version, to_version=to_version, reason=reason)
        this.record(version.name, reverted)
    done = f"moved to {clean}" if clean else "withdrawn, since the model has no clean version"
    what = f"alias {alias!r} of {version.name!r}"
    step = "" if clean else "train or register a clean version, then set the alias"
    yield Sighting("alias", what, "reversed", f"it pointed at {version}, {tainted[version]}; {done}", step)


def _newest_clean(workspace: Workspace, name: str, tainted: Mapping[ModelVersion, str]) -> ModelVersion | None:
    """The newest version that nobody erased shaped: trained here with passed checks, or elsewhere on data that is all known, by
    what MLflow says or by its adoption."""
    followed = workspace.followed.models()
    adopted = {one.model for one in workspace.followed.sources() if one.how in sources.SAID_BY_PEOPLE}
    for version in reversed(workspace.models.versions(name)):
        model = version.model
        record = workspace.lineage.model(name, model.version)
        settled = model in adopted or (model in followed and followed[model].settled)
        if model not in tainted and (_passed(workspace, model) if record else settled):
            return model
    return None


def _passed(workspace: Workspace, model: ModelVersion) -> bool:
    """A version trained here passed its checks: an erasure registers no other, a training says so."""
    record = workspace.lineage.model(model.name, model.version)
    said = workspace.ledger.of(ModelTrained, subject=str(model))
    return bool(record and record.erasure_id) or any(event.fact.passed for event in said)


# --- data -----------------------------------------------------------------------------------------------------------


def _tables(this: Round) -> Iterator[Sighting]:
    """Erased people in a table: named by their requests for people to decide, or requested anew where the policy says so."""
    workspace, policy = this.workspace, this.workspace.settings.policy
    for path, person in Holdings.of(workspace).tables.items():
        found = suppression.look(workspace, path, person)
        if found is None:
            continue
        suppression.record(workspace, found, "reported", at=this.clock())
        if policy.on_watch == "request":
            opened = receive.reopen(workspace, found.people, regulation=policy.regulation, now=this.clock())
            done = f"{len(opened)} new requests, {len(found.people) - len(opened)} open already"
            yield Sighting("data", path, "reported", f"{found}; {done}", AGAIN)
        else:
            yield _proposed(path, found, workspace.ledger.standing)


def _proposed(path: str, found: suppression.Return, standing: Standing) -> Sighting:
    theirs = [standing.person(index, hidden)[-1].request for hidden, index in found.people]
    undecided = tuple(sorted(one.request_id for one in theirs if one.state in lifecycle.ENDED))
    if not undecided:
        return Sighting("data", path, "reported", f"{found}; {len(theirs)} requests open already", AGAIN)
    named = "".join(f" --request {one}" for one in undecided[:SHOWN])
    more = f" (and {len(undecided) - SHOWN} more, which --json lists)" if undecided[SHOWN:] else ""
    step = (
        f"whoever agreed to be there again: `unlearn readmit{named} --reason TEXT`{more}; the others: `unlearn request "
        f"--returned`, then {AGAIN}"
    )
    why = f"{found}; nobody has decided about {len(undecided)} of them"
    return Sighting("data", path, "reported", why, step, undecided)


def _objects(this: Round) -> Iterator[Sighting]:
    """Erased objects in a cache, a remote or the checkpoint store: pushed from a stale clone, restored from a backup."""
    workspace = this.workspace
    gone = _purged_tokens(this)
    if not gone:
        return
    with workspace.ledger.exclusive("purge"):
        reach = Reach(workspace)
        wanted = {within_reach.remembered_as(place) for place in reach.places() if isinstance(place, _COMES_BACK)}
        inventory = deletion.find(reach, gone)
        found = {place: traces for place, traces in inventory.traces.items() if place in wanted}
        if not found:
            return
        counts = {place: len(traces) for place, traces in found.items()}
        names = {place: tuple(trace.name for trace in traces) for place, traces in found.items()}
        this.record(lifecycle.EVERY_PURGE, TracesReturned(count=counts, names=names))
        deletion.stand_ins(reach, inventory, gone)
        yield from _deleted(this, reach, found)


def _deleted(this: Round, reach: Reach, found: Mapping[str, Sequence[Trace]]) -> Iterator[Sighting]:
    """Delete them again, after what stands in for new ones is stored."""
    left = deletion.carry_out(reach, found).residuals
    counts = {place: len(traces) for place, traces in found.items()}
    this.record(lifecycle.EVERY_PURGE, TracesErased(count=counts, residuals=left))
    for place, traces in found.items():
        why = f"{len(traces)} erased traces were there again and were deleted"
        yield Sighting("objects", place, "reversed", why, "have every clone and backup delete them, or they come back")
    for one in left:
        yield Sighting("objects", one.place, "reported", one.why, one.remedy)


def _purged_tokens(this: Round) -> frozenset[str]:
    """Who may be deleted everywhere: their purge is over, and no newer request of theirs is open or on hold."""
    return this.workspace.ledger.standing.purged()


_COMES_BACK = (ObjectPlace, RunCachePlace, CheckpointPlace)


def look_at_everything(workspace: Workspace, *, clock: Clock) -> Iterator[Sighting]:
    """The whole look, when the last one is too long ago: what the search for traces says nothing of."""
    this = Round(workspace, clock)
    if this.tokens and whole_look.due(workspace, now=clock()):
        seen = second_look.look_for_everybody(workspace, this.tokens, now=clock())
        for one in seen.against(sweep.sweep(workspace, this.tokens).left):
            yield Sighting("objects", one.place, "reported", f"{one.count}: {one.why}", one.remedy)


LOOKS: Mapping[str, Callable[[Round], Iterator[Sighting]]] = {
    "holds": _holds,
    "registry": _registry,
    "tables": _tables,
    "objects": _objects,
    "deadlines": _deadlines,
    "starts": _starts,
}
"""What a round looks at, in order."""


# --- for people -----------------------------------------------------------------------------------------------------


def say(found: Sequence[Sighting]) -> str:
    """Half a sentence on one round."""
    return f"{len(found)} found, {_reversed(found)} reversed" if found else "nothing came back"


def markdown(found: Sequence[Sighting]) -> str:
    """One round as a Prefect artifact."""
    rows = [f"| {one.kind} | {one.what} | {one.outcome} | {one.why} | {one.next_step} |" for one in found]
    table = ["| | what | outcome | why | next step |", "|---|---|---|---|---|", *rows] if rows else ["Nothing came back."]
    return "\n".join([f"# {say(found)}", "", *table])
