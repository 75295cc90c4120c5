"""What an erasure did and measured, gathered as the facts that its certificate states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from unlearning import __version__
from unlearning.certificate import facts
from unlearning.domain import hashing, merkle
from unlearning.domain.chain import Engine, Trained
from unlearning.domain.codec import write
from unlearning.domain.entities import ErasureRequest, ModelImpact
from unlearning.domain.events import (
    AdoptedPromoted,
    AdoptedRetrained,
    AliasMoved,
    CandidateTrained,
    DataRedacted,
    ErasureQueued,
    Event,
    Fact,
    ImpactAssessed,
    ModelFact,
    ModelHealed,
    PlanMade,
    Purged,
    PurgedAgain,
    TracesFound,
    VersionRegistered,
)
from unlearning.domain.planning.price import INSTANT
from unlearning.domain.traces import OPEN, Residual, left
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.erasure import decisions, not_run_again, plans, report, second_look, whole_look
from unlearning.erasure.code_digest import code_digest
from unlearning.erasure.erasure import began as step_began
from unlearning.erasure.left import elsewhere
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.project.tables import current_version
from unlearning.project.training.environment import engine, environment, otherwise
from unlearning.project.training.registration import record_of, unproven
from unlearning.project.workspace import Workspace
from unlearning.stores.rolls import Tokens, packed
from unlearning.stores.tables.tables import digest as file_digest
from unlearning.traces import sweep
from unlearning.traces.out_of_reach import out_of_reach

if TYPE_CHECKING:
    from pathlib import Path

    from unlearning.domain.entities import Impact
    from unlearning.domain.traces import Deleted
    from unlearning.erasure.erasure import Erasure, Made

NEVER_FOLLOWED = "the registry and the Git history were not followed: versions known only there are not counted"
"""Gap of a project where `unlearn follow` never ran."""


MERKLE_BYTES = 16
"""Tokens are cut to this length in the index and in Merkle trees; 128 bits keep a million people apart."""


def promoted_versions(erasure: Erasure) -> list[ModelVersion]:
    """The clean versions that serve since this erasure: of the own model and of adopted ones."""
    return [
        *(one for made in erasure.made for one in (made.new, made.second) if one),
        *(ModelVersion(made.model, made.version) for made, _ in report.adopted_models(erasure)),
    ]


def erasure_facts(erasure: Erasure, *, identifiers: Sequence[str] = (), quick: bool = False) -> facts.CertificateFacts:
    """Everything that the certificate of an erasure states.

    identifiers: the same people raw, for the second look, in memory only; quick: without one, and the certificate says so.
    """
    now, workspace = erasure.now(), erasure.workspace
    approved = event.fact if (event := plans.approval(erasure)) else None
    first, *others = erasure.made or (None,)
    done = sweep.sweep(workspace, erasure.plan.tokens, spelled=identifiers)
    # A later purge searched places alone, and models that are made elsewhere are in none.
    listed = left(done.left, _purged(erasure).residuals, tuple(elsewhere(erasure)))
    last = None if quick else whole_look.last(workspace, erasure.plan.tokens, now=now)
    again = None if quick else second_look.look(workspace, erasure.plan.tokens, identifiers, last=last)
    found, unseen = again.against(listed) if again else (), (second_look.NOT_MADE,) if quick else ()
    return facts.CertificateFacts(
        frame=frame(erasure, _erased(erasure), erasure.erasure_id, now, gaps=(*unseen, *not_run_again.gaps(erasure))),
        impact=_impact(erasure, first),
        tables=_tables(erasure),
        unlearning=_unlearning(workspace, first) if first else None,
        promotion=_promotion(workspace, first) if first else None,
        trains_own=erasure.plan.own is not None,
        validation=(
            *(first.judged.checks if first else ()),
            *(check for made, _ in report.adopted_models(erasure) for check in made.checks),
        ),
        actions=(*_actions(erasure), *_adopted_actions(erasure)),
        findings=(*findings(done, now), *_again(again, found, now)),
        residuals=left(listed, found),
        plan_digest=_digest(erasure.progress.event(PlanMade)),
        approved_by=approved.approved_by if approved else None,
        below=_below(approved) if approved else (),
        recipients=decisions.told(workspace, erasure.started.requests),
        backups=_backups(workspace, now),
        children=len(workspace.lineage.descendants(_replaced(erasure))),
        others=tuple(_other(workspace, made) for made in others if made),
    )


def _impact(erasure: Erasure, first: Made | None) -> Impact:
    """What was touched; the shards are those of the first model that was made again."""
    impact = erasure.done(ImpactAssessed).impact
    if first is None:
        return impact
    of = _touched(first)
    return replace(impact, shards=of.shards, shards_total=of.shards_total, slices_total=of.slices_total)


def _touched(made: Made) -> ModelImpact:
    """The shards of a model that its attempt found touched."""
    impact, model = made.assessed.impact, made.own.model
    first = ModelImpact(model, impact.shards, impact.shards_total, impact.slices_total, impact.method or "")
    return next((one for one in impact.others if one.model == model), first)


def _other(workspace: Workspace, made: Made) -> facts.OfModel:
    return facts.OfModel(_touched(made), _unlearning(workspace, made), _promotion(workspace, made), made.judged.checks)


def _digest(event: Event[Any] | None) -> str | None:
    """SHA-256 of an event's body as it was written, whatever this version would write in its place."""
    return hashing.digest(event.body) if event else None


def _replaced(erasure: Erasure) -> list[ModelVersion]:
    """The versions that own models were made from; in a project without one, the adopted versions that were replaced."""
    if erasure.plan.owns:
        return list(dict.fromkeys((*(made.old for made in erasure.made), *(own.parent for own in erasure.plan.owns))))
    return [version for _, moved in report.adopted_models(erasure) for version in moved.versions]


def _below(queued: ErasureQueued) -> tuple[facts.Below, ...]:
    """The thresholds of the policy that let the erasure begin, and what it had of each."""
    measured = queued.measured or {}
    return tuple(facts.Below(name, measured[name], most) for name, most in sorted((queued.below or {}).items()))


def _purged(erasure: Erasure) -> Deleted:
    """The last purge of these people: a later one may have reached what the first could not."""
    return (erasure.progress.done(PurgedAgain) or erasure.done(Purged)).deleted


def _erased(erasure: Erasure) -> list[ErasureRequest]:
    return [request for request in erasure.requests if request.token in erasure.plan.tokens]


def frame(
    erasure: Erasure, requests: Sequence[ErasureRequest], name: str, now: datetime, *, gaps: Sequence[str] = ()
) -> facts.Frame:
    """What every certificate states, whatever came of the requests."""
    workspace = erasure.workspace
    listed = [bytes.fromhex(token) for token in workspace.ledger.standing.suppressed()]
    position, head = workspace.ledger.head()
    held, extended = decisions.on_record(workspace, [request.request_id for request in requests])
    return facts.Frame(
        certificate_id=name,
        issued_at=now,
        issuer=issuer(workspace),
        requests=tuple(requests),
        scope=_scope(workspace, gaps),
        ledger=facts.LedgerLink(position=position + 1, previous=head, head=head),
        suppression=facts.Suppression(
            since=min(request.received_at for request in requests), commitment=merkle.root(listed), size=len(listed)
        ),
        holds=held,
        extensions=extended,
    )


def issuer(workspace: Workspace) -> facts.Issuer:
    """Who signs here, and with what."""
    return facts.Issuer(
        name=workspace.settings.issuer,
        role="operator",
        tool="mlflow-unlearning",
        version=__version__,
        code_digest=code_digest(),
    )


def _scope(workspace: Workspace, more: Sequence[str]) -> facts.Scope:
    """Where was looked, how many of the known data versions the index covers, and what following could not say."""
    followed, holdings = workspace.followed, Holdings.of(workspace)
    indexed = {(version.path, version.object) for version in workspace.lineage.data_versions()}
    tables = {(one.content.path, one.content.object) for one in followed.opened().values() if one.state != "no table"}
    gaps = [*more, *(f"{gap.what}: {gap.why}" for gap in followed.gaps())]
    return facts.Scope(
        systems=(
            "DVC tables " + ", ".join(holdings.tables),
            "MLflow model " + ", ".join(holdings.models),
        ),
        out_of_reach=out_of_reach(workspace.settings),
        lineage=facts.Lineage(indexed=len(indexed), known=len(indexed | tables)),
        free_of_people=tuple(facts.FreeOfPeople(one.paths, one.reason) for one in workspace.settings.free_of_people),
        gaps=tuple(gaps) if followed.commits() else (NEVER_FOLLOWED, *gaps),
    )


def _backups(workspace: Workspace, now: datetime) -> tuple[facts.Backup, ...]:
    """The declared backups: a copy made just before the purge expires so many days after it."""
    return tuple(
        facts.Backup(one.name, now + timedelta(days=one.keeps_days) if one.keeps_days is not None else None)
        for one in workspace.settings.backups
    )


def trees_of_tables(workspace: Workspace) -> list[tuple[DataVersion, merkle.Tree]]:
    """The current tables with the Merkle trees over their people's tokens."""
    current = [(current_version(workspace, path, person), person) for path, person in Holdings.of(workspace).tables.items()]
    return [
        (version, _tree(_people_in(workspace, workspace.path(version.path), version.path, person)))
        for version, person in current
    ]


def _people_in(workspace: Workspace, file: Path, named: str, person: str) -> Tokens:
    """Everyone in a table whose bytes are read now: what is signed of them stands on no earlier reading of the file."""
    return people_of(workspace, file, person, named=named, anew=True).tokens


def _tree(tokens: Tokens) -> merkle.Tree:
    return merkle.Tree(tokens[:, :MERKLE_BYTES])


def absences(tree: merkle.Tree, tokens: Sequence[str]) -> tuple[facts.Absence, ...]:
    """That each of these people is in no row of a table."""
    cut = [bytes.fromhex(token)[:MERKLE_BYTES] for token in tokens]
    return tuple(facts.Absence(token=token.hex(), proof=tree.prove(token)) for token in cut)


def _tables(erasure: Erasure) -> tuple[facts.Table, ...]:
    """The tables as this erasure left them; another one may have redacted them again since."""
    workspace, holdings = erasure.workspace, Holdings.of(erasure.workspace)
    before = {version.path: version for version in erasure.plan.before}
    left = erasure.after.values()
    trees = [(version, _tree(_people_left(workspace, version, holdings.person_in(version.path)))) for version in left]
    return tuple(
        facts.Table(
            before=before[version.path],
            after=version,
            root_before=workspace.lineage.root(before[version.path]),
            root_after=tree.root,
            absences=absences(tree, erasure.plan.tokens),
        )
        for version, tree in trees
    )


def _people_left(workspace: Workspace, version: DataVersion, person: str) -> Tokens:
    """Everyone in a version: read again, or as it was indexed when a later erasure has put a twin in its place."""
    file = workspace.data.fetch(version)
    if file_digest(file, anew=True) == version.digest:
        return people_of(workspace, file, person, named=version.path).tokens
    return packed(workspace.lineage.holders(version.digest), width=MERKLE_BYTES)


def _unlearning(workspace: Workspace, made: Made) -> facts.Unlearning:
    replay, parent = made.judged.replay, record_of(workspace, made.old)
    learner, trained = workspace.of(made.own.model).learner, made.trained.trained
    record = record_of(workspace, made.new)
    after = record.chain
    return facts.Unlearning(
        trained=trained,
        chain_before=parent.chain,
        chain_after=after,
        parent_data_digest=parent.data.digest,
        code_digest=code_digest(),
        environment_digest=hashing.digest(environment(learner)),
        replay_equal=replay.equal if replay else None,
        replay_digest=hashing.digest(write(replay.digests)) if replay else None,
        replay_differs=replay.otherwise if replay else (),
        made_elsewhere=tuple(_made_elsewhere(trained, engine(learner))),
        behind=tuple(
            facts.Behind(shard, at, len(after.shards[shard].rows)) for shard, at in sorted(trained.behind(after).items())
        ),
        healed=_healed(workspace, made),
        unproven_in_a_row=unproven(workspace, record),
    )


def _healed(workspace: Workspace, made: Made) -> facts.Healed | str | None:
    """What took over from an instant answer, or why nothing did."""
    if made.healed is None or made.second is None:
        return None if made.healed is None else f"not healed: {made.healed.why}"
    return facts.Healed(
        trained=record_of(workspace, made.second).trained,
        new=made.second,
        model_digest=str(made.healed.files_digest),
        served_digest=made.healed.served_digest,
        validation=made.healed.checks,
    )


def _made_elsewhere(trained: Trained, now: Engine) -> Iterator[facts.MadeElsewhere]:
    """What the digest of today's environment would say too much of."""
    for made in trained.made_with:
        unknown = ("not recorded",) if not all(made.engines) or not made.engines else ()
        if differs := (*otherwise(made.engines, now), *unknown):
            yield facts.MadeElsewhere(made.shards, differs)


def _promotion(workspace: Workspace, made: Made) -> facts.Promotion:
    return facts.Promotion(
        registry=workspace.models.shown,
        alias=made.own.alias,
        old=made.old,
        new=made.new,
        model_digest=made.registered.files_digest,
        served_digest=made.moved.served_digest,
    )


_ACTIONS: Mapping[type[Fact], tuple[facts.Operation, str]] = {
    DataRedacted: ("redacted", "rewritten without the people"),
    CandidateTrained: ("trained", "constituents trained on the retained records"),
    VersionRegistered: ("registered", "registered as a new version"),
    AliasMoved: ("promoted", "alias moved to the new version"),
    ModelHealed: ("registered", "what was behind trained on the retained records, as a second version"),
    Purged: ("deleted", "everything within reach that held them; a search of every place follows"),
}


def _timed(erasure: Erasure) -> list[tuple[Event[Fact], datetime]]:
    """Each step with when it began: not before the erasure did, whatever a clock says that was set back meanwhile."""
    opened = erasure.progress.events[0].at
    here = [(event, max(began, opened)) for event, began in erasure.timed()]
    known = {event.seq for event, _ in here}
    before = [event for made in erasure.made for event in made.events if event.seq not in known]  # of earlier attempts
    return [*((event, step_began(event)) for event in sorted(before, key=lambda one: one.seq)), *here]


def _actions(erasure: Erasure) -> tuple[facts.Action, ...]:
    return tuple(
        facts.Action(
            target=target,
            operation=_ACTIONS[type(event.fact)][0],
            digest_before=before,
            started_at=began,
            finished_at=event.at,
            result=_result(event.fact),
        )
        for event, began in _timed(erasure)
        if type(event.fact) in _ACTIONS and not (isinstance(event.fact, ModelHealed) and event.fact.version is None)
        for target, before in _targets(erasure, event.fact)
    )


def _result(done: Fact) -> str:
    if isinstance(done, CandidateTrained) and not done.trained.shards_trained and done.method == INSTANT:
        return "constituents fell back to stored checkpoints without the people; none was trained"
    return _ACTIONS[type(done)][1]


def _targets(erasure: Erasure, done: Fact) -> list[tuple[str, str | None]]:
    """What a step changed, with the digest of what was there; the list of what was to be deleted for a purge."""
    if isinstance(done, DataRedacted):
        return [(version.path, version.digest) for version in erasure.plan.before if done.removed.get(version.path)]
    found = erasure.progress.event(TracesFound) if isinstance(done, Purged) else None
    owns = [own.model for own in erasure.plan.owns] or Holdings.of(erasure.workspace).models
    one = done.model if isinstance(done, ModelFact) else None
    return [(one or ", ".join(owns), _digest(found))]


def _adopted_actions(erasure: Erasure) -> tuple[facts.Action, ...]:
    """What was done to models that were trained elsewhere, and how sure that is."""
    done = {made.model: (made, moved) for made, moved in report.adopted_models(erasure)}
    return tuple(
        facts.Action(
            target=f"{event.fact.model}/{done[event.fact.model][0].version}",
            operation="trained" if isinstance(event.fact, AdoptedRetrained) else "promoted",
            started_at=began,
            finished_at=event.at,
            result=_said(event.fact, *done[event.fact.model]),
        )
        for event, began in _timed(erasure)
        if isinstance(event.fact, (AdoptedRetrained, AdoptedPromoted)) and event.fact.model in done
    )


def _said(step: Fact, made: AdoptedRetrained, moved: AdoptedPromoted) -> str:
    if isinstance(step, AdoptedRetrained):
        return f"{made.guarantee}; DVC stage {made.stage}"
    aliases = " ".join(f"@{alias}" for alias in moved.aliases) or "none"
    return f"in place of {', '.join(map(str, moved.versions))}; aliases moved: {aliases}"


def findings(done: sweep.Sweep, now: datetime) -> tuple[facts.Finding, ...]:
    """What a search of every place shows after the purge: an exit code is no evidence."""
    return tuple(_finding(row, row.how, now) for row in done.places)


def _again(seen: second_look.Seen | None, found: Sequence[Residual], now: datetime) -> Iterator[facts.Finding]:
    """What other code saw of the same: that it agrees, or what the search says nothing of."""
    if seen is None:
        return
    yield from (_finding(one, f"{one.why}; {seen.how}", now) for one in found)
    if not any(one.outcome in OPEN for one in found):
        yield facts.Finding(second_look.NAME, "physical", "verified", seen.how, now, 0)


def _finding(said: sweep.Looked | Residual, how: str, now: datetime) -> facts.Finding:
    """What a search says of one place, as a certificate states it."""
    return facts.Finding(
        place=said.place,
        level=said.level,
        outcome=said.outcome,
        how=how,
        at=now,
        count=said.count,
        names=said.names,
        remedy=said.remedy,
    )
