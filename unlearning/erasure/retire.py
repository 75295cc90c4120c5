"""Retention: rows, not people, leave by a rule of age. Whoever has younger rows stays, and nobody is suppressed.

The same way as an erasure, with a mask of rows in place of a set of people: planned, redacted, the models made again by the
chain of keys (a training, which is nothing else), and then what held the rows of before deleted: old objects of these tables,
with twins in their place, model versions that learned from them, checkpoints that no other version needs. Each step writes down
that it is done; one that was cut off is done again from the planned versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearning.certificate import retention
from unlearning.certificate.facts import LedgerLink, Retired, RetiredTable
from unlearning.domain import hashing
from unlearning.domain.codec import write
from unlearning.domain.errors import DataError, NotFound, OnHold, Refused, SettingsError, VerificationFailed
from unlearning.domain.events import (
    Event,
    Fact,
    Outdated,
    RetirementCertified,
    RetirementEnded,
    RetirementPlanned,
    RowsRetired,
    TracesFound,
)
from unlearning.domain.lifecycle import EVERY_PURGE
from unlearning.domain.planning import plan as planning
from unlearning.domain.traces import Inventory, Residual, Trace, left
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.erasure import certificates
from unlearning.erasure.certified_facts import issuer
from unlearning.erasure.steps.redact import check_folders, planned, record_tables, write_redacted
from unlearning.lineage import graph
from unlearning.project import guards, preflight
from unlearning.project.holdings import Holdings
from unlearning.project.settings import RetentionSettings
from unlearning.project.tables import current_version, index_table
from unlearning.stores.dvc.objects import named_now, object_stores, with_files
from unlearning.stores.tables import dates, parts
from unlearning.traces import deletion, old_revisions, twins
from unlearning.traces.out_of_reach import out_of_reach
from unlearning.traces.places import checkpoints
from unlearning.traces.places.dvc_objects import OBJECTS
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.domain.clocks import Clock
    from unlearning.domain.entities import Level, ModelRecord
    from unlearning.domain.versions import DataVersion
    from unlearning.project.workspace import Workspace
    from unlearning.stores.dvc.repository import DvcData

F = TypeVar("F", bound=Fact)

NOT_SEARCHED = Residual(
    place="copies of outdated rows besides the versions of their tables",
    level="logical",
    outcome="out_of_reach",
    count=None,
    why="a rule of age is asked of the tables it names; texts, logs, reports, and tables made of them by other stages are not",
    remedy="give each table that has such a column a rule of its own; look into the rest yourself",
)
"""What no retirement looks at: said of each."""


@dataclass(frozen=True)
class Report:
    """What a retirement did, or would."""

    retirement_id: str | None
    """None where no row is older than its rule allows."""
    dry_run: bool
    outdated: tuple[Outdated, ...]
    models: tuple[ModelVersion, ...] = ()
    certificate: str | None = None
    """Its signed record, relative to the project."""
    removed: Mapping[str, int] = field(default_factory=dict)
    residuals: tuple[Residual, ...] = ()
    out_of_reach: tuple[Residual, ...] = ()


@dataclass(frozen=True)
class Retirement:
    """One on its way through its steps."""

    workspace: Workspace
    name: str
    plan: RetirementPlanned

    @property
    def rules(self) -> dict[str, Outdated]:
        """Path → the rule, with its day as it was when this was planned."""
        return {one.path: one for one in self.plan.outdated}

    def last(self, kind: type[F]) -> Event[F] | None:
        """What a step wrote down."""
        return next(iter(self.workspace.ledger.of(kind, subject=self.name, last=1)), None)


# --- what goes ------------------------------------------------------------------------------------------------------


def look(workspace: Workspace, *, now: datetime) -> tuple[Outdated, ...]:
    """What the rules of `retention:` take out of the tables as they are; changes nothing. Raises SettingsError, DataError."""
    return tuple(_look(workspace, rule, now)[0] for rule in _rules(workspace).values())


def _rules(workspace: Workspace) -> dict[str, RetentionSettings]:
    """Path → its rule; of a table that `prepare` splits, what is made of it has the same."""
    tables, said = Holdings.of(workspace).tables, dict[str, RetentionSettings]()
    for rule in workspace.settings.retention:
        if rule.table not in tables:
            raise SettingsError(
                f"retention: {rule.table} is no table that erasures redact here; expected one of {', '.join(tables) or 'none'}"
            )
        if said.setdefault(rule.table, rule) is not rule:
            raise SettingsError(f"retention: {rule.table} has two rules; expected one")
    split = {
        path: said[own.data.source] for own in workspace.settings.owns if own.data.source in said for path in own.data.tables
    }
    made = {path: rule.model_copy(update={"table": path}) for path, rule in split.items() if path not in said}
    return {path: rule for path, rule in (said | made).items() if path in tables}


def _look(workspace: Workspace, rule: RetentionSettings, now: datetime) -> tuple[Outdated, DataVersion]:
    person = Holdings.of(workspace).person_in(rule.table)
    check_folders(workspace.path(rule.table), rule.table, person)
    version = current_version(workspace, rule.table, person)
    day = datetime.combine(now.astimezone(UTC).date() - timedelta(days=rule.after_days), time(), UTC)
    found = dates.older(workspace.path(rule.table), rule.column, day, named=rule.table)
    rows = int(found.older.sum())
    return Outdated(rule.table, rule.column, rule.after_days, day, rows, len(found.older), found.undated), version


def begin(workspace: Workspace, *, clock: Clock) -> Retirement | None:
    """The retirement that was cut off, or a new one; None where nothing is outdated. Raises Refused before anything changes."""
    guards.books(workspace)
    if (open_ := unfinished(workspace)) is not None:
        return open_
    if not any(one.rows for one in look(workspace, now=clock())):
        return None
    preflight.require(workspace, {**preflight.TRAINING, **preflight.ERASING})  # it waits for others at the tables itself
    with workspace.ledger.exclusive("data"):
        due = [
            (one, version)
            for one, version in (_look(workspace, rule, clock()) for rule in _rules(workspace).values())
            if one.rows
        ]
        preflight.check_owned(workspace, [one.path for one, _ in due])
        for own in workspace.settings.owns:
            for one in (one for one, _ in due if one.path == own.data.train):
                planning.check_something_remains(table=one.path, rows=one.of, removed=one.rows)
        _require_free(workspace)
        plan = RetirementPlanned(outdated=tuple(one for one, _ in due), before=tuple(version for _, version in due))
        name = "retirement-" + hashing.digest(["unlearning/retirement/1", write(plan), str(clock())])[:12]
        workspace.ledger.append(name, plan, at=clock())
    return Retirement(workspace, name, plan)


def unfinished(workspace: Workspace) -> Retirement | None:
    """The newest retirement, while it has not ended."""
    last = workspace.ledger.of(RetirementPlanned, last=1)
    found = Retirement(workspace, last[0].subject, last[0].fact) if last else None
    return found if found and found.last(RetirementCertified) is None else None


def _require_free(workspace: Workspace) -> None:
    """Raises OnHold while the law keeps everything of somebody: whose rows are old is not asked."""
    if held := [name for name, hold in workspace.ledger.standing.held().holds.items() if not hold.data]:
        raise OnHold(f"a legal hold is on {', '.join(sorted(held))}, so no row is retired; `unlearn release REQUEST` ends it")


# --- the tables -----------------------------------------------------------------------------------------------------


def redact(it: Retirement, *, clock: Clock) -> RowsRetired:
    """The tables without their outdated rows, as new DVC versions. Raises ParentMoved where somebody changed one meanwhile."""
    workspace, rules = it.workspace, it.rules
    with workspace.ledger.exclusive("data"):
        if (done := it.last(RowsRetired)) is not None:
            return done.fact
        preflight.check_stores(workspace)
        holdings = Holdings.of(workspace)
        for before in it.plan.before:
            file, rule = planned(workspace, before), rules[before.path]
            index_table(workspace, before, file, holdings.person_in(before.path))
            outdated = dates.older(file, rule.column, rule.before, named=before.path).older
            write_redacted(workspace, before, ~outdated, holdings.person_in(before.path))
        after = record_tables(workspace, it.plan.before, it.plan.before, holdings, f"Retire rows for {it.name}")
        return workspace.ledger.append(it.name, RowsRetired(after=tuple(after)), at=clock()).fact


# --- what held them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Past:
    """Old objects of these tables by what they hold."""

    objects: frozenset[str]
    """Those with outdated rows: files, and the folders whose parts they are."""
    rows: Mapping[str, NDArray[np.bool_]]
    """File → (n,) true for its outdated rows."""
    unclear: tuple[Residual, ...]


def purge(it: Retirement, *, clock: Clock) -> RetirementEnded:
    """Delete what held the rows, with twins in place of old objects, and look again. Raises Refused while a model serves them.

    What is found is written down first: a sweep and `unlearn watch` know it wherever it turns up again.
    """
    workspace = it.workspace
    with workspace.ledger.exclusive("purge"):
        if (earlier := it.last(RetirementEnded)) is not None:
            return earlier.fact
        _require_free(workspace)
        preflight.check_stores(workspace)
        reach = Reach(workspace)
        past = _old_objects(it, reach)
        learned = _learned(workspace, past)
        serving = _require_replaced(workspace, learned)
        traces = {OBJECTS: set(map(Trace, past.objects)), checkpoints.NAME: set(map(Trace, _stale(workspace, learned)))}
        traces[reach.registry.name] = set(reach.registry.garbage.of([(one.model, one.run_id) for one in learned]))
        found = {
            place: tuple(sorted(some, key=lambda one: (one.kind, one.name, one.location)))
            for place, some in traces.items()
            if some
        }
        workspace.ledger.append(EVERY_PURGE, TracesFound(inventory=Inventory(found)), at=clock())
        without = twins.make(reach, past.objects, (), rows=past.rows).without
        done = deletion.carry_out(reach, found)
        residuals = left(done.residuals, past.unclear, tuple(_elsewhere(it, learned)), tuple(_still(it, reach, found)))
        if without:
            residuals += (_without_twin(without),)
        removed = {one.place: one.count for one in done.removed}
        ended = RetirementEnded(models=serving, removed=removed, residuals=residuals)
        return workspace.ledger.append(it.name, ended, at=clock()).fact


def _old_objects(it: Retirement, reach: Reach) -> _Past:
    """Every version of these tables that is known, and every twin of one, opened: what the rule takes out of each.

    A part that several folders share is read once; where their names date it differently, what any of them calls old goes.
    """
    data, rows, objects = it.workspace.data, dict[str, NDArray[np.bool_]](), set[str]()
    now, unread, held = named_now(data, tuple(reach.holdings.tables)), set[str](), set[str]()
    elsewhere, used = with_files({out.object for out in data.present().outs}, object_stores(data)) - now, set[str]()
    dated = cache(partial(_dated, data))
    for content in _versions(it, reach):
        if content.object in now:
            continue
        rule, files = it.rules[content.path], _files(data, content)
        has_dates = not files
        for part in files:
            if part.object in now and rule.column not in parts.said_by_folders(part.path):
                has_dates = True  # it is as the rule wants it
                continue
            try:
                found = dated(rule, part)
            except NotFound:
                has_dates = True  # erased before
                continue
            except DataError:
                unread.add(part.object)
                continue
            has_dates |= found.has_column
            if not found.older.any():
                continue
            if part.object in now or part.object in elsewhere:
                used.add(part.object)
            elif reach.kept.get(part.object):
                held.add(part.object)
            else:
                rows[part.object] = rows.get(part.object, np.zeros(len(found.older), dtype=bool)) | found.older
                objects |= {part.object, content.object}
        if not has_dates:
            unread.add(content.object)
    return _Past(frozenset(objects), rows, tuple(_unclear(unread, held, used)))


def _versions(it: Retirement, reach: Reach) -> Iterator[Tracked]:
    """Every content that one of these tables had, and what earlier erasures and retirements put in its place."""
    made = old_revisions.known(it.workspace).twins
    for content in sorted(reach.past.contents):
        if content.path in it.rules:
            yield content
            name = content.object
            while name in made and made[name].new != name:
                name = made[name].new
                yield Tracked(content.path, name)


def _files(data: DvcData, content: Tracked) -> Sequence[Tracked]:
    """The file itself, or what lies in a folder; nothing of one whose list is gone."""
    if not content.object.endswith(parts.LISTING):
        return [content]
    try:
        return data.inside(content.path, content.object)
    except NotFound:
        return []


def _dated(data: DvcData, rule: Outdated, part: Tracked) -> dates.Dated:
    """The rows of a file of this table. Raises NotFound, DataError."""
    file = data.content(part.path, part.object)
    if part.path == rule.path:
        return dates.older(file, rule.column, rule.before, named=part.path)
    if not file.stat().st_size:
        return dates.Dated(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), has_column=False)  # a marker, such as `_SUCCESS`
    return dates.older_in_part(file, part.path.removeprefix(f"{rule.path}/"), rule.column, rule.before, named=part.path)


def _unclear(unread: set[str], held: set[str], used: set[str]) -> Iterator[Residual]:
    if unread:
        yield Residual(
            place="old versions of these tables without dates",
            level="physical",
            outcome="unverified",
            count=len(unread),
            why="they have no such column, or no dates in it, so nobody can say how old their rows are",
            remedy="delete them by hand where they are no longer needed",
            names=tuple(sorted(unread)),
        )
    if held:
        yield Residual(
            place="old versions of these tables that a legal hold keeps",
            level="physical",
            outcome="residual",
            count=len(held),
            why="somebody in them is under a legal hold on this data set",
            remedy="`unlearn release REQUEST` ends the hold; the next retirement takes them",
            names=tuple(sorted(held)),
        )

    if used:
        yield Residual(
            place="outputs of now that are the same file as an old version of these tables",
            level="physical",
            outcome="residual",
            count=len(used),
            why="no rule takes rows out of them, and they are in use",
            remedy="give them a rule of their own, or make them again from the tables as they are now",
            names=tuple(sorted(used)),
        )


def _learned(workspace: Workspace, past: _Past) -> list[ModelRecord]:
    """Every version trained here on one of these objects, and what was made from those; deleted ones included."""
    every = workspace.lineage.models(deleted=None)
    found = [one for one in every if one.data.object in past.objects]
    made = set(workspace.lineage.descendants(one.model for one in found))
    return [*found, *(one for one in every if one.model in made and one not in found)]


def _require_replaced(workspace: Workspace, learned: list[ModelRecord]) -> tuple[ModelVersion, ...]:
    """What serves, of each own model. Raises Refused where one of these versions does: nothing may be deleted under it."""
    serving = [one for own in workspace.settings.owns if (one := workspace.models.alias(own.model, own.alias)) is not None]
    known = {one.model for one in learned}
    if still := [str(one) for one in serving if one in known]:
        raise Refused(
            f"{', '.join(still)} learned from outdated rows and serves; the tables are rewritten, and nothing else is deleted. "
            "`unlearn train` says which check refused the new version; then `unlearn retire` goes on"
        )
    return tuple(serving)


def _stale(workspace: Workspace, learned: list[ModelRecord]) -> frozenset[str]:
    """Checkpoints of these versions, and of trainings that died, which no other version needs: a difference of key chains."""
    gone = {one.model for one in learned}
    kept = [one for one in workspace.lineage.models() if one.model not in gone]
    needed = {key for one in kept for key in (*one.chain.keys, *(part.key for part in one.trained.parts))}
    chains = [
        *(one.chain for one in learned),
        *(chain for own in workspace.settings.owns for chain in workspace.attempts.chains(own.model)),
    ]
    every = {key for chain in chains for key in chain.keys} | {part.key for one in learned for part in one.trained.parts}
    return frozenset(key for key in every - needed if key in workspace.checkpoints)


def _elsewhere(it: Retirement, learned: list[ModelRecord]) -> Iterator[Residual]:
    """Versions that this project did not train, of these tables or of versions that learned from them."""
    digests = [one.digest for one in it.plan.before]
    if found := graph.shaped_elsewhere(it.workspace, digests, [one.model for one in learned]):
        yield Residual(
            place=f"model versions that this project did not train: {', '.join(str(one.model) for one in found)}",
            level="model",
            outcome="residual",
            count=len(found),
            why="outdated rows shaped them, and a retirement makes only the project's own models again",
            remedy="make them again from the tables as they are now, then move their aliases",
        )


def _still(it: Retirement, reach: Reach, found: Mapping[str, tuple[Trace, ...]]) -> Iterator[Residual]:
    """What is there all the same: each store is asked again, and each table that was rewritten is opened."""
    workspace = it.workspace
    stores, names = object_stores(workspace.data), [one.name for one in found.get(OBJECTS, ())]
    checked = found.get(checkpoints.NAME, ())
    yield from _kept(OBJECTS, "physical", [name for name in names if any(store.holds(name) for store in stores)])
    yield from _kept(checkpoints.NAME, "model", [one.name for one in checked if one.name in workspace.checkpoints])
    yield from _kept(
        reach.registry.name, "model", [one.name for one in reach.registry.garbage.still(found.get(reach.registry.name, ()))]
    )
    for rule in it.plan.outdated:
        if number := int(dates.older(workspace.path(rule.path), rule.column, rule.before, named=rule.path).older.sum()):
            yield Residual(rule.path, "logical", "residual", number, "outdated rows are in it again", "`unlearn retire` again")


def _kept(place: str, level: Level, names: Sequence[str]) -> Iterator[Residual]:
    if names:
        why, remedy = "they were to be deleted and are there still", "see whether this account may delete there"
        yield Residual(place, level, "residual", len(names), why, remedy, tuple(sorted(names)))


def _without_twin(objects: tuple[str, ...]) -> Residual:
    return Residual(
        place="old revisions of these tables",
        level="logical",
        outcome="unverified",
        count=len(objects),
        why="no table without the rows could be put in their place, so these revisions have none",
        remedy="`unlearn twins` says which",
        names=objects,
    )


# --- the record -----------------------------------------------------------------------------------------------------


def certify(it: Retirement, *, clock: Clock) -> RetirementCertified:
    """Sign what was done, and keep it beside the certificates; again is once."""
    workspace = it.workspace
    with workspace.ledger.exclusive("purge"):
        if (done := it.last(RetirementCertified)) is not None:
            return done.fact
        envelope = retention.signed(_facts(it, clock), workspace.keys.signing)
        if (found := retention.verify(envelope, workspace.keys.public, now=clock())).refused:
            raise VerificationFailed(f"the record of {it.name} contradicts itself, so it was not written: {found.grade}")
        path, digest = certificates.keep(workspace, it.name, envelope)
        fact = RetirementCertified(path=path, digest=digest)
        return workspace.ledger.append(it.name, fact, at=clock()).fact


def _facts(it: Retirement, clock: Clock) -> retention.RetirementFacts:
    workspace, rules = it.workspace, it.rules
    begun, rows, ended = it.last(RetirementPlanned), it.last(RowsRetired), it.last(RetirementEnded)
    if begun is None or rows is None or ended is None:
        raise RuntimeError(f"{it.name} was to be certified before it ended")
    after = {one.path: one for one in rows.fact.after}
    position, head = workspace.ledger.head()
    return retention.RetirementFacts(
        retirement_id=it.name,
        issuer=issuer(workspace),
        planned_at=begun.at,
        issued_at=max(clock(), ended.at),
        tables=tuple(RetiredTable(_rule(rules[one.path]), one, after[one.path]) for one in it.plan.before),
        serving=ended.fact.models,
        removed=ended.fact.removed,
        residuals=ended.fact.residuals,
        out_of_reach=(NOT_SEARCHED, *out_of_reach(workspace.settings)),
        ledger=LedgerLink(position=position + 1, previous=head, head=head),
    )


def _rule(one: Outdated) -> Retired:
    return Retired(one.column, one.after_days, one.before, one.rows, one.undated)


def report(it: Retirement, ended: RetirementEnded, issued: RetirementCertified) -> Report:
    """What was done."""
    return Report(
        certificate=issued.path,
        retirement_id=it.name,
        dry_run=False,
        outdated=it.plan.outdated,
        models=ended.models,
        removed=ended.removed,
        residuals=ended.residuals,
        out_of_reach=(NOT_SEARCHED, *out_of_reach(it.workspace.settings)),
    )
