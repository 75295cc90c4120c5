"""Step 6, validate: what the checks are shown, for an erasure and for a first training."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearning.checks import blocking as forbidden
from unlearning.checks.canary_search import persons
from unlearning.checks.data import Absent, DataQuestion, DataReport, Profile, check_data, profile
from unlearning.checks.data_profile import Depth, Facts, facts, together
from unlearning.domain import hashing
from unlearning.domain.chain import Replay, Trained
from unlearning.domain.entities import CheckResult, Guarantee
from unlearning.domain.errors import Damaged
from unlearning.domain.protocols import Evidence, Records
from unlearning.domain.tasks import Task
from unlearning.project import plugins, suppression
from unlearning.project.people import people_of, tokens_of
from unlearning.project.training import ensemble
from unlearning.stores.rolls import Tokens, spelled
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from unlearning.domain.protocols import Answers
    from unlearning.project.workspace import Workspace

MODEL_CHECKS = ("utility", "agreement", "membership", "exactness")

PieceAsked = tuple[str, str, Depth]
"""Digest of a part of a table, column, how much is asked of it."""
_MOST_VALUES = 1_000
"""A piece of a column with more distinct values, such as free text, is counted anew."""

_NOTHING: tuple[Any, Any] = (None, None), ()
"""What a workspace has learned of a table that was not checked."""


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
    settings, view = workspace.settings, _reading(workspace, path)
    recipe = view.recipe if view else None
    staying = () if canary is None else (canary,)

    @cache
    def tokens(people: tuple[object, ...]) -> tuple[Tokens, Tokens]:
        """Both tokens of each, made once for both lists, of the identifiers that were written."""
        return tokens_of(workspace, workspace.path(path), person, people, named=path)

    @cache
    def named(people: Sequence[object]) -> NDArray[np.bytes_]:
        return spelled(tokens(tuple(people))[0])

    def unlisted(erased: NDArray[np.bool_], staying: Sequence[object]) -> Absent:
        """Of the list those who are here: it is asked about everybody whom the table names, and may be a million long."""
        if _admitted(workspace, path):
            return Absent(frozenset(), named, canary=_first(named(staying)))  # nobody is looked for, and that is said
        return Absent(_named(index, erased), named, canary=_first(named(staying)), searched=len(erased))

    name = Path(path).stem if recipe else path.replace("/", "-")
    name = f"{view.own.model}-{name}" if view and settings.models else name
    folder = workspace.path(settings.stores.reports) / name
    with frame(workspace.path(path), path, person, known=workspace.facts) as table:
        people = persons(table, person)
        index, hidden = tokens(people.values)
        erased = suppression.erased(workspace, index, hidden)
        soon = erased | suppression.asked(workspace, index, hidden, redacted)
        shaped = _shaped(workspace, path, person)
        question = DataQuestion(
            table=table,
            person=person,
            features=recipe.features if recipe else (),
            target=recipe.target if recipe else None,
            labels=recipe.labels if recipe else (),
            categories=tuple(recipe.categories) if recipe else (),
            redacted=Absent(frozenset(redacted), named, canary=_first(named(staying))),
            suppressed=unlisted(erased, staying),
            before=before,
            removed=removed,
            drift_maximum=(view or workspace).settings.checks.drift_maximum,
            told=table.told,
        )
        plain = replace(question, before=None, removed=0, redacted=Absent(frozenset(), named), suppressed=unlisted(soon, ()))
        more = before is not None or bool(redacted)
        shutil.rmtree(folder, ignore_errors=True)
        report = check_data(question, people=people, folder=folder, name=name, also=plain if more else None)
    if _shaped(workspace, path, person) == shaped:
        workspace.learned["checks", path] = (shaped, _named(index, soon)), report.also if more else report.results
    return report


def _first(tokens: NDArray[np.bytes_]) -> str | None:
    return next((one.decode() for one in tokens.tolist()), None)


def _named(index: Tokens, which: NDArray[np.bool_]) -> frozenset[str]:
    return frozenset(one.decode() for one in spelled(index[which]).tolist())


def verdicts(workspace: Workspace, path: str, person: str) -> Sequence[CheckResult]:
    """What `check_table` says when nothing more is asked: as a step of this process found that asked more, or anew."""
    (shaped, here), known = workspace.learned.get(("checks", path), _NOTHING)
    if shaped == _shaped(workspace, path, person):
        who = people_of(workspace, workspace.path(path), person, named=path)
        if here == _named(who.tokens, suppression.erased(workspace, who.tokens, who.hidden)):
            handed_on: Sequence[CheckResult] = known
            return handed_on
    return check_table(workspace, path, person).results


def _reading(workspace: Workspace, path: str) -> Workspace | None:
    """The own model whose recipe says what the columns of a table mean, the one in view first; None for nobody's."""
    views = (workspace, *workspace.each) if workspace.settings.model else workspace.each
    return next((one for one in views if path in one.own.data.tables), None)


def _admitted(workspace: Workspace, path: str) -> bool:
    """With `drop`, the source may bring erased people back: what is prepared from it leaves them out."""
    data = [own.data for own in workspace.settings.owns]
    loaded = {one.source for one in data} - {made for one in data for made in (one.train, one.holdout)}
    return workspace.settings.policy.on_return == "drop" and path in {*loaded, *workspace.settings.further_tables}


def _shaped(workspace: Workspace, path: str, person: str) -> tuple[object, ...]:
    """What shapes the plain verdicts on a table, besides who of its people was erased and what is read once for good."""
    return person, _content(workspace, path), _admitted(workspace, path)


def _content(workspace: Workspace, path: str) -> str:
    """What the content of a table is called now; of one that is not there nothing: whoever reads it says so."""
    file = workspace.path(path)
    return workspace.rolls.content(file) if file.exists() else ""


class Columns:
    """A table as the checks read it: like a pandas table, of which one column at a time is in memory."""

    def __init__(self, table: tables.ByColumn, person: str, known: dict[PieceAsked, Facts]) -> None:
        """known: what was found of pieces, of this table and of others with the same ones."""
        self.columns: pd.Index[Any] = table.schema.empty_table().to_pandas().columns
        self._table, self._person, self._known, self._told = table, person, known, dict[tuple[str, Depth], Facts]()
        if len(tables.columns_of(person)) > 1:  # whom several columns name has a column of their own
            self.columns = self.columns.append(_index([person]))

    def __len__(self) -> int:
        return self._table.rows

    def __getitem__(self, name: str) -> pd.Series[Any]:
        parts = tables.columns_of(name) if name == self._person else ()
        if len(parts) > 1:
            table = self._table.column(parts[0])
            for one in parts[1:]:
                table = table.append_column(one, self._table.column(one)[one])
            table = table.append_column(name, tables.named(table, name)).select([name])
        else:
            table = self._table.column(name)
        return _as_pandas(table, name)

    def told(self, name: str, depth: Depth) -> Facts:
        """The facts of a column, each piece of which is read once however many tables it is in."""
        if (name, depth) not in self._told:
            several = name == self._person and len(tables.columns_of(name)) > 1
            pieces = () if several else self._table.pieces(name)
            found = together([self._of_piece(name, depth, one) for one in pieces]) if pieces else None
            self._told[name, depth] = facts(self[name], depth) if found is None else found
        return self._told[name, depth]

    def _of_piece(self, name: str, depth: Depth, piece: tables.Piece) -> Facts:
        asked = piece.content, name, depth
        if asked not in self._known:
            found = facts(_as_pandas(piece.read(), name), depth)
            if len(found.counts) > _MOST_VALUES:
                return found
            self._known[asked] = found
        return self._known[asked]


def _as_pandas(table: pa.Table, name: str) -> pd.Series[Any]:
    found: pd.Series[Any] = tables.measurable(table, name).to_pandas()[name]
    return found


def _index(names: Sequence[str]) -> pd.Index[Any]:
    import pandas as pd

    return pd.Index(names)


@contextmanager
def frame(file: Path, path: str, person: str, *, known: dict[PieceAsked, Facts] | None = None) -> Iterator[Columns]:
    """A table file, open to be checked column by column. Raises as `tables.read`. known: as `Columns` has it."""
    with tables.by_column(file, person=person, named=path) as table:
        if len(tables.columns_of(person)) > 1:
            tables.named(table.schema.empty_table(), person)  # it raises where one of them is missing
        yield Columns(table, person, {} if known is None else known)


def profile_of(workspace: Workspace, table: Columns, path: str) -> Profile:
    """What is compared of a table and its redacted version: no columns where nobody said what they mean."""
    if (view := _reading(workspace, path)) is None:
        return profile(table, features=(), target=None, told=table.told)
    recipe = view.recipe
    coded, numbers = (recipe.target, ()) if recipe.labels else (None, (recipe.target,))
    return profile(
        table, features=(*recipe.features, *numbers), target=coded, categories=tuple(recipe.categories), told=table.told
    )


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
    shaped = _shaped_by(workspace, trained)
    holdout, forget = _holdout(workspace), forget[workspace.task.judged(forget.target)]
    after = ensemble.Ensemble.of(workspace, trained)
    before = _before(workspace, parent, after) if parent and _stored(workspace, parent) else None
    holdout_after, holdout_before = after.with_other(before, holdout.features)
    forget_after, forget_before = after.with_other(before, forget.features)
    if _shaped_by(workspace, trained) == shaped:
        workspace.learned["measured", workspace.own.data.holdout] = (
            shaped,
            measured(workspace.task, holdout_after, holdout, trained),
        )
    evidence = Evidence(
        holdout_target=holdout.target,
        holdout_before=holdout_before,
        holdout_after=holdout_after,
        holdout_drawn_from=_drawn_from(workspace),
        forget_target=forget.target,
        forget_before=forget_before,
        forget_after=forget_after,
        guarantee=guarantee(trained),
        digests={part.shard: part.digest for part in trained.parts},
        replayed=replay.digests if replay else None,
        otherwise=replay.otherwise if replay else (),
        task=workspace.task,
        metric=workspace.metric,
    )
    thresholds = workspace.settings.checks.model_dump(exclude={"metric", "holdout_records"})
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
    nobody = _holdout(workspace)[:0]
    return ModelReport(model_checks(workspace, trained, forget=nobody, parent=parent, only=wanted))


Measured = Mapping[str, float]
"""The task's metrics on the holdout, rounded so that they read well in a diff, and the records and constituents behind them."""


def measure(workspace: Workspace, trained: Trained) -> Measured:
    """How well a version answers on the holdout: found by a step of this process that asked it, or anew."""
    shaped, known = workspace.learned.get(("measured", workspace.own.data.holdout), (None, None))
    if known is None or shaped != _shaped_by(workspace, trained):
        model = ensemble.Ensemble.of(workspace, trained)
        holdout = _holdout(workspace)
        known = measured(workspace.task, model.predict(holdout.features), holdout, trained)
    found: Measured = known
    return found


def _holdout(workspace: Workspace) -> Records:
    """The records of people who are in no training set, of those that can be judged; of a large holdout of drawn ones."""
    most = workspace.settings.checks.holdout_records
    holdout = ensemble.read_records(workspace, workspace.own.data.holdout, most=most)
    return holdout[workspace.task.judged(holdout.target)]


def _drawn_from(workspace: Workspace) -> int | None:
    """Rows of a holdout from which those that judge were drawn."""
    path, person = workspace.own.data.holdout, workspace.recipe.person
    rows = len(people_of(workspace, workspace.path(path), person, named=path, past=True).codes)
    return rows if rows > workspace.settings.checks.holdout_records else None


def _shaped_by(workspace: Workspace, trained: Trained) -> tuple[object, ...]:
    """Everything that shapes what a version answers on the holdout, besides what a workspace read once for good."""
    return _content(workspace, workspace.own.data.holdout), [(one.shard, one.key) for one in trained.parts]


def measured(task: Task, answers: Answers, holdout: Records, trained: Trained) -> Measured:
    """The same of what it answered; a metric that has no value there is left out."""
    values = task.measured(answers, holdout.target) if len(holdout) else {}
    told = {name: round(value, 6) for name, value in values.items() if isfinite(value)}
    return {**told, "records": len(holdout), "constituents": len(trained.parts)}


def _stored(workspace: Workspace, trained: Trained) -> bool:
    """A version whose checkpoints were purged, and whose alias was rolled back since, cannot be compared with."""
    return all(part.key in workspace.checkpoints for part in trained.parts)


def _before(workspace: Workspace, parent: Trained, after: ensemble.Ensemble) -> ensemble.Ensemble | None:
    """The version that serves, to be compared with; None where its states are whole and none of this recipe's.

    So it is once a recipe names another learner, or other columns. Raises Damaged for a state that is not as it was trained.
    """
    try:
        return ensemble.Ensemble.of(workspace, parent, like=after)
    except Damaged:
        whole = (hashing.bytes_digest(workspace.checkpoints.get(part.key) or b"") == part.digest for part in parent.parts)
        if not all(whole):
            raise
    return None


def guarantee(trained: Trained) -> Guarantee:
    """What the candidate's method promises."""
    return plugins.method(trained.method).guarantee


def blocking(results: Sequence[CheckResult], trained: Trained) -> tuple[CheckResult, ...]:
    """The results that forbid promotion."""
    return forbidden(results, guarantee(trained))


def metrics(results: Sequence[CheckResult]) -> Mapping[str, float]:
    """The measured values, by check, for MLflow."""
    return {result.name: result.value for result in results if result.value is not None and ":" not in result.name}
