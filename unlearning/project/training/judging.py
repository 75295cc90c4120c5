"""Step 6, validate: what the checks are shown, for an erasure and for a first training."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.checks import blocking as forbidden
from unlearning.checks.data import Absent, DataQuestion, DataReport, Profile, check_data, profile
from unlearning.domain import hashing
from unlearning.domain.chain import Replay, Trained
from unlearning.domain.entities import CheckResult, Guarantee
from unlearning.domain.protocols import Evidence, Records
from unlearning.domain.tasks import Task
from unlearning.project import plugins, suppression
from unlearning.project.training import ensemble
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pandas as pd

    from unlearning.domain.protocols import Answers
    from unlearning.project.workspace import Workspace

MODEL_CHECKS = ("utility", "agreement", "membership", "exactness")


def check_table(
    workspace: Workspace,
    path: str,
    person: str,
    *,
    redacted: Collection[str] = (),
    before: Profile | None = None,
    removed: int = 0,
    canary: object | None = None,
) -> DataReport:
    """The judgement on one current table; people who were erased must not have come back.

    person: the column that says whose record it is.
    canary: the identifier, in memory only, of somebody who must still be there.
    """
    settings, own = workspace.settings, workspace.settings.own
    recipe = workspace.recipe if own and path in own.data.tables else None  # nobody declared what columns of others mean
    table = frame(workspace.path(path), path, person)
    erased = suppression.erased(workspace)
    # With `drop`, the source may bring them back: what is prepared from it leaves them out.
    admitted = settings.policy.on_return == "drop" and own is not None and path == own.data.source
    forbidden_here = frozenset() if admitted else erased.hidden | erased.index
    staying = [] if canary is None else [canary]

    @cache
    def tokens(people: tuple[object, ...]) -> list[list[bytes]]:
        """Both tokens of each, made once for both lists; of the table itself, not of its roll: they judge what was written."""
        keys = [workspace.keys.index, workspace.keys.suppression]
        return hashing.tokens(people, workspace.settings.subject.identifier, keys=keys)

    def named(people: Sequence[object]) -> list[str]:
        return [index.hex() for index in tokens(tuple(people))[0]]

    def hidden(people: Sequence[object]) -> list[str]:
        pairs = zip(named(people), tokens(tuple(people))[1], strict=True)
        return [index if index in erased.index else token.hex() for index, token in pairs]

    question = DataQuestion(
        table=table,
        person=person,
        features=recipe.features if recipe else (),
        target=recipe.target if recipe else None,
        labels=recipe.labels if recipe else (),
        categories=tuple(recipe.categories) if recipe else (),
        redacted=Absent(frozenset(redacted), named, canary=next(iter(named(staying)), None)),
        suppressed=Absent(forbidden_here, hidden, canary=next(iter(hidden(staying)), None)),
        before=before,
        removed=removed,
        drift_maximum=settings.checks.drift_maximum,
    )
    name = Path(path).stem if recipe else path.replace("/", "-")
    folder = workspace.path(settings.stores.reports) / name
    shutil.rmtree(folder, ignore_errors=True)
    return check_data(question, folder=folder, name=name)


def frame(file: Path, path: str, person: str) -> pd.DataFrame:
    """A table file as pandas; a person whom several columns name has a column of their own."""
    table = tables.read(file, person=person, named=path)
    if len(tables.columns_of(person)) > 1:
        table = table.append_column(person, tables.named(table, person))
    # Column by column, and without keeping what is made: two tables at once would be the peak of an erasure.
    made: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return made


def profile_of(workspace: Workspace, table: pd.DataFrame, path: str) -> Profile:
    """What is compared of a table and its redacted version: no columns where nobody said what they mean."""
    own = workspace.settings.own
    if own is None or path not in own.data.tables:  # nobody has declared what its columns mean
        return profile(table, features=(), target=None)
    recipe = workspace.recipe
    coded, numbers = (recipe.target, ()) if recipe.labels else (None, (recipe.target,))
    return profile(table, features=(*recipe.features, *numbers), target=coded, categories=tuple(recipe.categories))


def model_checks(
    workspace: Workspace,
    trained: Trained,
    *,
    forget: Records,
    parent: Trained | None,
    replay: Replay | None = None,
    only: Sequence[str] = MODEL_CHECKS,
) -> tuple[CheckResult, ...]:
    """Utility, agreement, membership and exactness of a candidate; parent: the version that serves now."""
    holdout = ensemble.read_records(workspace, workspace.own.data.holdout)
    after = ensemble.Ensemble.of(workspace, trained)
    before = ensemble.Ensemble.of(workspace, parent) if parent and _stored(workspace, parent) else None
    evidence = Evidence(
        holdout_target=holdout.target,
        holdout_before=_predict(before, holdout),
        holdout_after=after.predict(holdout.features),
        forget_target=forget.target,
        forget_before=_predict(before, forget),
        forget_after=after.predict(forget.features),
        guarantee=guarantee(trained),
        digests={part.shard: part.digest for part in trained.parts},
        replayed=replay.digests if replay else None,
        task=workspace.task,
        metric=workspace.metric,
    )
    thresholds = workspace.settings.checks.model_dump()
    return tuple(plugins.check(name)(evidence, thresholds) for name in only)


@dataclass(frozen=True)
class ModelReport:
    """The judgement on a first or routine training."""

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Nothing failed."""
        return not any(result.verdict == "failed" for result in self.results)

    @property
    def metrics(self) -> Mapping[str, float]:
        """For MLflow."""
        return metrics(self.results)


def judge_training(workspace: Workspace, trained: Trained, *, parent: Trained | None) -> ModelReport:
    """Utility on the holdout and, when there is a version that serves, agreement with it."""
    wanted = ("utility", "agreement") if parent else ("utility",)
    nobody = ensemble.read_records(workspace, workspace.own.data.holdout)[:0]
    return ModelReport(model_checks(workspace, trained, forget=nobody, parent=parent, only=wanted))


Measured = Mapping[str, float]
"""The task's metrics on the holdout, rounded so that they read well in a diff, and the records and constituents behind them."""


def measure(ensemble: ensemble.Ensemble, holdout: Records, task: Task) -> Measured:
    """How well it answers on the holdout; a metric that has no value there is left out."""
    values = task.measured(ensemble.predict(holdout.features), holdout.target)
    told = {name: round(value, 6) for name, value in values.items() if isfinite(value)}
    return {**told, "records": len(holdout), "constituents": len(ensemble.states)}


def _stored(workspace: Workspace, trained: Trained) -> bool:
    """A version whose checkpoints were purged, and whose alias was rolled back since, cannot be compared with."""
    return all(part.key in workspace.checkpoints for part in trained.parts)


def _predict(ensemble: ensemble.Ensemble | None, records: Records) -> Answers | None:
    return ensemble.predict(records.features) if ensemble else None


def guarantee(trained: Trained) -> Guarantee:
    """What the candidate's method promises."""
    return plugins.method(trained.method).guarantee


def blocking(results: Sequence[CheckResult], trained: Trained) -> tuple[CheckResult, ...]:
    """The results that forbid promotion."""
    return forbidden(results, guarantee(trained))


def metrics(results: Sequence[CheckResult]) -> Mapping[str, float]:
    """The measured values, by check, for MLflow."""
    return {result.name: result.value for result in results if result.value is not None and ":" not in result.name}
