"""What the DVC stages do: prepare → check → train → evaluate. Each is an `unlearn` command of the same name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from unlearning.domain.chain import Trained
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.codec import BESIDE
from unlearning.domain.entities import CheckResult, ModelRecord
from unlearning.domain.errors import ValidationRefused
from unlearning.domain.events import ModelTrained
from unlearning.domain.partition import split
from unlearning.domain.versions import ModelVersion
from unlearning.project import placement, preflight, settings, suppression
from unlearning.project.holdings import Holdings, further
from unlearning.project.people import people_of, read_with_people
from unlearning.project.tables import current_version, index_table
from unlearning.project.training import judging, registration, stage_reports, train
from unlearning.project.training.registration import parent_of, record_of
from unlearning.project.training.train import Map
from unlearning.project.training.training_set import TrainingSet, training_set
from unlearning.project.workspace import Workspace
from unlearning.stores.tables import redaction, tables


def prepare(workspace: Workspace, *, clock: Clock = utc_now) -> dict[str, int]:
    """Source → training and holdout tables, by person; rows of each, and of erased people who came back and were dropped.

    Raises SubjectsReturned, before anything is written, when the policy is to refuse them. Waits while an erasure rewrites the
    tables: from the old source it would write again who just went.
    """
    with workspace.ledger.exclusive("data"):
        return _prepare(workspace, clock)


def _prepare(workspace: Workspace, clock: Clock) -> dict[str, int]:
    data, column = workspace.own.data, workspace.recipe.person
    source = workspace.path(data.source)
    back = suppression.admit(workspace, {data.source: column}, clock=clock)
    people = people_of(workspace, source, column, named=data.source)
    returned = people.mask(frozenset(token for one in back for token in one.index_tokens))
    held_out = split(people.where[people.codes], data.holdout_share)
    redaction.extract(source, workspace.path(data.train), ~held_out & ~returned, named=data.source)
    redaction.extract(source, workspace.path(data.holdout), held_out & ~returned, named=data.source)
    return {
        "train": int((~held_out & ~returned).sum()),
        "holdout": int((held_out & ~returned).sum()),
        "dropped": int(returned.sum()),
    }


def check(workspace: Workspace, *, clock: Clock = utc_now) -> stage_reports.Verdicts:
    """Great Expectations on the tables that train models; raises ValidationRefused naming what failed.

    Training and holdout of an own model; without one, every table of adopted models. Raises SubjectsReturned when erased
    people are back in any table and the policy is to refuse them, WrongUse when there is no table.
    """
    own, person = workspace.settings.own, _tables_to_check(workspace)
    if workspace.settings.policy.on_return == "fail":
        suppression.admit(workspace, person, clock=clock)
    judged = (own.data.train, own.data.holdout) if own else tuple(person)
    results = {path: judging.verdicts(workspace, path, person[path]) for path in judged}
    report = stage_reports.data_report(results)
    stage_reports.write(workspace, (own.reports if own else settings.REPORTS).data, report)
    if failed := [f"{path}: {r.name} ({r.how})" for path, checks in results.items() for r in checks if not r.passed]:
        raise ValidationRefused("the data did not pass: " + "; ".join(failed))
    return report


def _tables_to_check(workspace: Workspace) -> dict[str, str]:
    """Path → person column of further tables, and of those that feed the own model or, without one, adopted models."""
    beside = further(workspace)
    if own := workspace.settings.own:
        return beside | dict.fromkeys(own.data.tables, workspace.recipe.person)
    holdings = Holdings.of(workspace)
    holdings.require_tables()
    return beside | {path: holdings.person_in(path) for each in holdings.adoptions.values() for path, _ in each.tables}


@dataclass(frozen=True)
class Training:
    """One training on its way from the table to a registered version."""

    workspace: Workspace
    retain: TrainingSet
    suppressed_upto: int
    parent: ModelRecord | None
    """The version that serves now."""

    @property
    def done(self) -> ModelRecord | None:
        """The version that these records made already: training again gives the same bytes, so it is not done again."""
        name = self.workspace.own.model
        records = self.workspace.lineage.models(name)
        known = {version.model.version for version in self.workspace.models.versions(name)}
        return next((r for r in records if r.chain == self.retain.chain and r.model.version in known and _whole(r)), None)


@dataclass(frozen=True)
class TrainingReport:
    """What `unlearn train` says."""

    model: str
    version: int
    alias: str | None
    data_version: str
    records: int
    people: int
    excluded_records: int
    shards: int
    slices: int
    metrics: Mapping[str, float]
    checks: Sequence[CheckResult]
    cpu_seconds: float

    @property
    def made(self) -> ModelVersion:
        """The version that was registered."""
        return ModelVersion(self.model, self.version)


@dataclass(frozen=True)
class Evaluation:
    """What `unlearn evaluate` says."""

    model: str
    version: int
    measured: judging.Measured = field(metadata=BESIDE)


def _whole(record: ModelRecord) -> bool:
    return record.trained.guarantee == "exact" and not record.trained.behind(record.chain)


def load(workspace: Workspace, *, clock: Clock = utc_now) -> Training:
    """The training table, without the people who are suppressed.

    Raises SubjectsReturned when erased people are back in it and the policy is to refuse them.
    """
    _ = workspace.own
    preflight.require(workspace, preflight.TRAINING)
    with workspace.ledger.exclusive("data"):  # no table is rewritten between one reading and the next
        return _load(workspace, clock)


def _load(workspace: Workspace, clock: Clock) -> Training:
    own, person = workspace.own, workspace.recipe.person
    beside = {path: column for path, column in further(workspace).items() if workspace.path(path).exists()}  # no need of them
    columns = beside | dict.fromkeys(own.data.tables, person)
    versions = {path: current_version(workspace, path, column) for path, column in columns.items()}
    version, position = versions[own.data.train], workspace.ledger.head()[0]
    table, people = read_with_people(workspace, workspace.path(version.path), person, named=version.path)
    left_out = suppression.suppressed(workspace, people, position)
    with tables.about(version.path):
        placement.check_declared(workspace, table, people)
        retain = training_set(workspace, table, people, exclude=left_out.keys())
    # Nothing is recorded before all of it was read: what cannot be used leaves no trace.
    suppression.admit(workspace, {own.data.train: person}, clock=clock)
    for path, one in versions.items():
        index_table(workspace, one, workspace.path(path), columns[path])
    behind = workspace.models.alias(own.model, own.alias)
    return Training(
        workspace=workspace,
        retain=retain,
        suppressed_upto=position,
        parent=workspace.lineage.model(behind.name, behind.version) if behind else None,
    )


def fit(work: Training, *, map: Map = map) -> Trained:
    """Train every constituent whose key is missing."""
    return train.make(work.workspace, work.retain, method="sisa", map=map)


def judge(work: Training, trained: Trained) -> judging.ModelReport:
    """Utility and agreement against the version that serves now."""
    return judging.judge_training(work.workspace, trained, parent=work.parent.trained if work.parent else None)


def register(work: Training, trained: Trained, report: judging.ModelReport, *, clock: Clock = utc_now) -> TrainingReport:
    """Register the version, and point the alias at it when every check passed."""
    workspace = work.workspace
    data = current_version(workspace, workspace.own.data.train, workspace.recipe.person)
    with workspace.ledger.exclusive(f"register:{workspace.own.model}"):  # two that train the same register it once
        record = work.done or registration.register(
            workspace, trained, work.retain, data=data, metrics=report.metrics, suppressed_upto=work.suppressed_upto
        )
    if not workspace.ledger.of(ModelTrained, subject=str(record.model)):
        done = ModelTrained(data=data.digest, chain_head=registration.head(trained), passed=report.passed)
        workspace.ledger.append(str(record.model), done, at=clock())
    alias = _promote(work, record.model) if report.passed else None
    stage_reports.write(workspace, workspace.own.reports.train, stage_reports.TrainedVersion.of(record))
    return summary(work, record, report, alias=alias)


def _promote(work: Training, new: ModelVersion) -> str:
    workspace, own = work.workspace, work.workspace.own
    expected = work.parent.model if work.parent else workspace.models.alias(own.model, own.alias)
    with workspace.ledger.exclusive(f"promote:{own.model}"):
        workspace.models.move_alias(own.model, own.alias, expected=expected, to=new)
    return own.alias


def summary(work: Training, record: ModelRecord, report: judging.ModelReport, *, alias: str | None) -> TrainingReport:
    """What one training did."""
    return TrainingReport(
        model=record.model.name,
        version=record.model.version,
        alias=alias,
        data_version=record.data.name,
        records=work.retain.rows,
        people=work.retain.people,
        excluded_records=work.retain.excluded,
        shards=len(record.chain.shards),
        slices=len(record.chain.shards[0].rows),
        metrics=report.metrics,
        checks=report.results,
        cpu_seconds=round(record.trained.cpu_seconds, 3),
    )


def refresh(workspace: Workspace, models: Collection[str] | None = None) -> list[str]:
    """Write the reports that `dvc.yaml` declares and an earlier run made, for the data and version of now; which they are.

    models: the own ones whose reports are written; None for all.
    """
    writers: dict[str, Callable[[], object]] = {}
    for one in workspace.each:
        if models is None or one.own.model in models:
            at = one.own.reports
            writers |= {at.data: partial(check, one), at.train: partial(_report_version, one)}
            writers |= {at.metrics: partial(evaluate, one)}
    if not workspace.settings.owns:
        writers = {settings.REPORTS.data: partial(check, workspace)}
    declared = [path for path in writers if workspace.path(path).exists() and workspace.data.declares(path)]
    for path in declared:
        writers[path]()
    if declared:
        workspace.data.record(declared)
    return declared


def _report_version(workspace: Workspace) -> None:
    record = record_of(workspace, parent_of(workspace))
    stage_reports.write(workspace, workspace.own.reports.train, stage_reports.TrainedVersion.of(record))


def evaluate(workspace: Workspace) -> Evaluation:
    """Accuracy of the version behind the alias on the holdout, as DVC metrics."""
    record = record_of(workspace, parent_of(workspace))
    content = judging.measure(workspace, record.trained)
    stage_reports.write(workspace, workspace.own.reports.metrics, content)
    return Evaluation(record.model.name, record.model.version, content)
