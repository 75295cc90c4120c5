"""Step 6, validate: the redacted tables and the candidate are judged; what fails is refused, never passed in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearning.domain.chain import Replay, Trained
from unlearning.domain.entities import CheckResult
from unlearning.domain.errors import MethodFailed, ValidationRefused
from unlearning.domain.events import CandidateValidated, DataRedacted, ModelRefused
from unlearning.erasure.steps.redact import check_unmoved
from unlearning.project import suppression
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.project.training import judging
from unlearning.project.training.judging import check_table, frame, profile_of
from unlearning.stores.rolls import among
from unlearning.stores.tables import loading

if TYPE_CHECKING:
    import pandas as pd

    from unlearning.domain.versions import DataVersion
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets
    from unlearning.stores.rolls import Roll


def data_checks(erasure: Erasure, paths: Collection[str]) -> tuple[CheckResult, ...]:
    """Great Expectations on those of these tables that the erasure rewrote, against the version each was made from."""
    workspace, redacted = erasure.workspace, erasure.done(DataRedacted)
    holdings, removed, again = Holdings.of(workspace), redacted.removed, set(erasure.after.values()) - set(redacted.after)
    results = [result for version in again if version.path in paths for result in absence_checks(erasure, version)]
    for before in erasure.plan.before:
        if before.path in {version.path for version in again}:
            continue
        if removed[before.path] and before.path in paths:
            person = holdings.person_in(before.path)
            file = workspace.data.fetch(before)
            theirs = people_of(workspace, file, person, named=before.path, past=True)
            with frame(file, before.path, person, known=workspace.facts) as old:
                was, canary = profile_of(workspace, old, before.path), _who_stays(erasure, old[person], theirs)
            report = check_table(
                workspace,
                before.path,
                person,
                redacted=erasure.plan.tokens,
                before=was,
                removed=removed[before.path],
                canary=canary,
            )
            results += [replace(result, name=f"{before.path}: {result.name}") for result in report.results]
    return tuple(results)


def absence_checks(erasure: Erasure, version: DataVersion) -> tuple[CheckResult, ...]:
    """Great Expectations on a table that a stage made anew: nobody who was erased is in it, whatever else it says now."""
    workspace, path = erasure.workspace, version.path
    person = Holdings.of(workspace).person_in(path)
    file = workspace.path(path)
    with frame(file, path, person) as now:
        canary = _who_stays(erasure, now[person], people_of(workspace, file, person, named=path, past=True))
    report = check_table(workspace, path, person, redacted=erasure.plan.tokens, canary=canary)
    return tuple(replace(result, name=f"{path}: {result.name}") for result in report.results)


def _who_stays(erasure: Erasure, before: pd.Series[Any], who: Roll) -> object | None:
    """Someone who must be found in the new version, of the old one if there is one: shows that the search spells people as the
    index does.

    Nobody who was erased before: a table that brought them back is refused for that, not for a canary on the wrong list.
    before, who: its person column, and whose its rows are.
    """
    gone = among(who.tokens, erasure.plan.tokens) | suppression.erased(erasure.workspace, who.tokens, who.hidden)
    if gone.all():
        return None
    stays = np.flatnonzero(~gone)
    chosen = stays[np.argmin(np.ascontiguousarray(who.tokens[stays, :8]).view(">u8"))]
    found: object = before.iloc[int(np.argmax(who.codes == chosen))]
    return found


def validate_step(erasure: Erasure, sets: RecordSets, trained: Trained, replay: Replay | None = None) -> CandidateValidated:
    """6: judge the new data and the candidate; says whether it may be promoted and, if not, why."""

    workspace = erasure.workspace

    def body() -> CandidateValidated:
        check_unmoved(erasure)
        tables = data_checks(erasure, (*workspace.settings.further_tables, *workspace.own.data.tables))
        loading.give_back()
        results = (
            *tables,
            *judging.model_checks(workspace, trained, forget=sets.forget, parent=sets.parent.trained, replay=replay),
        )
        blocking = judging.blocking(results, trained)
        return CandidateValidated(
            method=trained.method,
            passed=not blocking,
            blocking=tuple(result.name for result in blocking),
            checks=results,
            metrics=judging.metrics(results),
            replay=replay,
        )

    return erasure.once(CandidateValidated, body, method=trained.method)


def failed_step(erasure: Erasure, method: str, error: MethodFailed) -> CandidateValidated:
    """6, where a method gave no candidate: nothing to judge, and why."""
    why = CheckResult("method", None, "a model that may be judged", "failed", str(error))

    def body() -> CandidateValidated:
        return CandidateValidated(method=method, passed=False, blocking=(why.name,), checks=(why,), metrics={}, replay=None)

    return erasure.once(CandidateValidated, body, method=method)


def refuse(erasure: Erasure, judged: CandidateValidated) -> ValidationRefused:
    """No method of the ladder passed: the requests stay open, the alias does what the policy says; the error to raise."""
    own, of = erasure.own, f" of {erasure.own.model}" if erasure.plan.others else ""
    forbade = [check for check in judged.checks if check.name in judged.blocking]
    reason = "; ".join(map(_why, forbade))
    where = "withdrawn" if _withdraws(erasure) else "where it was"
    return ValidationRefused(
        f"{erasure.erasure_id}: no method of {', '.join(own.methods)} passed the checks{of} ({reason}); "
        f"the requests stay open and alias {own.alias!r}{of} is {where}. "
        "Look at `unlearn status`, correct data, recipe or thresholds, then run `unlearn erase` again",
        reason=reason,
    )


def _withdraws(erasure: Erasure) -> bool:
    return erasure.workspace.settings.policy.on_failure == "withdraw"


def give_up(erasure: Erasure, refused: Mapping[str, ValidationRefused]) -> ValidationRefused:
    """This attempt is over for these models; the error to raise. What the others got is theirs: they are not made again.

    refused: model → why.
    """
    owns = {own.model: erasure.of(own.model) for own in erasure.plan.owns if own.model in refused}
    withdrawn = {name for name, view in owns.items() if _withdraws(view)}
    for name in sorted(withdrawn):
        erasure.workspace.models.withdraw_alias(name, owns[name].own.alias)
    several = len(erasure.plan.turns) > 1
    said = [ModelRefused(name, error.reason, "withdraw" if name in withdrawn else "keep") for name, error in refused.items()]
    reason = "; ".join(f"{one.model}: {one.reason}" if several else one.reason for one in said)
    erasure.refuse(reason, withdrawn=bool(withdrawn), models=tuple(said) if several else ())
    return ValidationRefused("\n".join(map(str, refused.values())), reason=reason)


def _why(check: CheckResult) -> str:
    if check.name == "method":
        return check.how
    return f"{check.name} is {_measured(check)}, expected {check.threshold}"


def _measured(check: CheckResult) -> str:
    """A check's value, with its sampling error where it has one: it shows when a threshold is finer than the holdout."""
    error = check.details.get("standard_error")
    return f"{check.value:.4g} ± {error:.2g} (standard error)" if error else str(check.value)
