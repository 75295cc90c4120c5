"""Is a new data version what it should be? The one home of Great Expectations, imported late: it takes two seconds.

What a column holds, how much of it is missing and how far it drifted are measured before it runs (`data_questions.measured`),
of a large table piece by piece, and Great Expectations is shown these measures. Of the person and the label it sees every value
once: what is asked of them is asked of each row, or whether some row has it, and does not change with how many have it.

Great Expectations prints what it is given: the arguments of expectations stand in suites, results and Data Docs whatever the
result format is. So it is given no identity and no old distribution: numbers stand for people, a random handle stands for a
list of people or a profile, and it answers yes or no (`BOOLEAN_ONLY`). `data_questions.py` says what is asked.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unlearning.checks.canary_search import Absent, Persons, persons
from unlearning.checks.data_profile import Profile, kind, profile
from unlearning.checks.data_questions import Asked, DataQuestion, Expected, Measured, asked, measured
from unlearning.domain.entities import CheckResult
from unlearning.domain.hashing import canonical
from unlearning.domain.lean_import import importing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Absent", "DataQuestion", "DataReport", "Profile", "check_data", "profile", "warm"]

_IMPORT, _RUN = Lock(), Lock()
"""Great Expectations keeps its metrics, and the current project, in globals."""
_SECRETS: dict[str, Any] = {}
"""Random handle → what must not be printed; filled for the time of one run."""
_MEASURED: dict[str, Measured] = {}
"""Column → what was measured of it; filled likewise."""
_ROWS: list[int] = []
"""How many the table has; filled likewise."""


@dataclass(frozen=True)
class DataReport:
    """The judgement on a data version."""

    results: tuple[CheckResult, ...]
    docs: Path
    """`index.html` of the Data Docs."""
    also: tuple[CheckResult, ...] = ()
    """The answer to the other question about the same table."""

    @property
    def passed(self) -> bool:
        """Every check passed."""
        return all(result.passed for result in self.results)

    @property
    def json(self) -> str:
        """The results as canonical JSON: the same question gives the same text."""
        return canonical({"passed": self.passed, "checks": [asdict(one) for one in self.results]}).decode()


def warm() -> None:
    """Import Great Expectations, two seconds; call it in another thread while something else runs."""
    _expectations()


def check_data(
    question: DataQuestion,
    *,
    people: Persons | None = None,
    folder: Path,
    name: str = "data",
    also: DataQuestion | None = None,
) -> DataReport:
    """The judgement on a new data version; Data Docs go to `folder/data_docs`, which is made anew.

    people: whose the rows are, where that was read already. name: what the suite is called there. also: a question with no old
    version about the same table, answered as it would be alone, and what both ask is asked once. Raises DataError when there
    is no person column.
    """
    people = people or persons(question.table, question.person)
    columns = measured(question)
    frame = _seen(question, people)
    checks = asked(question, people, columns)
    more = asked(also, people, {}) if also is not None else ()
    expected = [one for check in checks for one in check.expected]
    where = [*range(len(expected)), *(_placed(one, expected) for check in more for one in check.expected)]
    with _RUN, _silent(), _of(columns, len(question.table)), _handles(expected) as suite:
        met, docs = _run(frame, suite, docs=folder.resolve() / "data_docs", name=name)
    positions = iter(where)
    first, second = (
        tuple(_result(check, [next(positions) in met for _ in check.expected]) for check in theirs) for theirs in (checks, more)
    )
    return DataReport(first, docs, second)


def _placed(wanted: Expected, among: list[Expected]) -> int:
    """Where the same is asked, however it is said; at the end when it was not."""
    for at, one in enumerate(among):
        same = one.type == wanted.type and one.arguments == wanted.arguments
        if same and (one.secret is wanted.secret or np.array_equal(one.secret, wanted.secret)):
            return at
    among.append(wanted)
    return len(among) - 1


def _seen(question: DataQuestion, people: Persons) -> pd.DataFrame:
    """What Great Expectations is shown: a number for each person, each label, and of every other column that it is there.

    The shorter of the two columns is filled up with what is in it.
    """
    import pandas as pd

    table, some = question.table, len(people.values)
    numbers = np.arange(some + (people.nobody > 0))
    values: dict[Any, Any] = {question.person: pd.Series(pd.arrays.IntegerArray(numbers, numbers >= some))}
    if question.target is not None and question.target in table.columns and question.target != question.person:
        column = table[question.target]
        values[question.target] = column if kind(column) == "other" else column.drop_duplicates()  # lists cannot be told apart
    rows = np.arange(max(map(len, values.values())))
    here, full = np.ones(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
    shown: dict[Any, Any] = {}
    for name in table.columns:
        if name in values:
            shown[name] = values[name].array.take(np.minimum(rows, len(values[name]) - 1))
        else:
            shown[name] = pd.arrays.BooleanArray(here, full)
    return pd.DataFrame(shown, copy=False)


@contextmanager
def _of(columns: Mapping[str, Measured], rows: int) -> Iterator[None]:
    """For the time of one run, what was measured of its table."""
    _MEASURED.update(columns)
    _ROWS.append(rows)
    try:
        yield
    finally:
        _MEASURED.clear()
        _ROWS.clear()


def _result(check: Asked, met: Sequence[bool]) -> CheckResult:
    unmet = [expected.unmet for expected, success in zip(check.expected, met, strict=True) if not success]
    return CheckResult(
        name=check.name,
        value=check.value,
        threshold=check.threshold,
        verdict="failed" if unmet else "passed",
        how=check.how,
        details={**check.details, **({"unmet": "; ".join(unmet)} if unmet else {})},
    )


@contextmanager
def _handles(wanted: Sequence[Expected]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Each expectation's class and arguments, with a handle in place of its secret."""
    handles: list[str] = []
    try:
        suite = []
        for expected in wanted:
            arguments = {**expected.arguments, "description": expected.says}
            if expected.secret is not None:
                handles.append(secrets.token_hex(8))
                _SECRETS[handles[-1]] = expected.secret
                arguments["ref"] = handles[-1]
            suite.append((expected.type, arguments))
        yield suite
    finally:
        for handle in handles:
            del _SECRETS[handle]


@contextmanager
def _silent() -> Iterator[None]:
    """Its log goes nowhere: a traceback of a failed metric may quote cells, and what failed is in the results."""
    log, nowhere = logging.getLogger("great_expectations"), logging.NullHandler()
    before = log.propagate
    log.addHandler(nowhere)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = before
        log.removeHandler(nowhere)


def _run(
    frame: pd.DataFrame, suite: Sequence[tuple[str, dict[str, Any]]], *, docs: Path, name: str
) -> tuple[frozenset[int], Path]:
    """One pass over the table: positions of the expectations that were met, and the index of the Data Docs."""
    classes = _expectations()
    import great_expectations as gx
    from great_expectations.data_context import set_context

    context = _context(docs)
    table = context.data_sources.add_pandas("records").add_dataframe_asset("new").add_batch_definition_whole_dataframe("all")
    wanted = [classes[kind](**arguments, meta={"position": at}) for at, (kind, arguments) in enumerate(suite)]
    asked_for = context.suites.add(gx.ExpectationSuite(name=name, expectations=wanted))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=table, suite=asked_for))
    try:
        answer = definition.run(batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY")
        _build_docs(context, docs)
    finally:
        set_context(None)  # it would keep the table until the next one comes
    # Results come back in another order; one that does not come back is not met.
    return frozenset(one.expectation_config.meta["position"] for one in answer.results if one.success), docs / "index.html"


def _context(docs: Path) -> Any:
    """A project in memory that writes nothing but Data Docs and sends nothing."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    def view(name: str) -> dict[str, str]:
        return {"module_name": "unlearning.checks.data_pages", "class_name": name}

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=base.ProgressBarsConfig(globally=False, metric_calculations=False),
        data_docs_sites={
            "local": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": view("IndexPage")},
                "site_section_builders": {
                    **{name: {"view": view("Page")} for name in ("expectations", "validations")},
                    "profiling": "none",
                },
            }
        },
    )
    return gx.get_context(project_config=config, mode="ephemeral")


def _build_docs(context: Any, docs: Path) -> None:
    shutil.rmtree(docs, ignore_errors=True)
    context.build_data_docs()
    if not any(docs.glob("validations/**/*.html")):
        raise RuntimeError(f"Great Expectations wrote no page about its results into {docs}")
    for animation in docs.glob("static/images/*.gif"):
        animation.unlink()  # 3 MB of instructions for buttons that are switched off


@cache
def _metrics() -> None:
    """Teach Great Expectations what was measured, and who is on a list; defining registers."""
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.metrics import ColumnAggregateMetricProvider, column_aggregate_value
    from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial
    from great_expectations.expectations.metrics.metric_provider import metric_value
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

    class Rows(TableMetricProvider):  # type: ignore[misc]
        metric_name = "table.rows"

        @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(cls, **_: Any) -> int:  # noqa: N805
            return _ROWS[0]

    class Listed(ColumnMapMetricProvider):  # type: ignore[misc]
        condition_metric_name = "column_values.not_listed"
        condition_value_keys = ("ref",)

        @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(cls, column: Any, ref: str, **_: Any) -> Any:  # noqa: N805
            return column.notna() & ~_SECRETS[ref][column.to_numpy(dtype="int64")]

    class HeldKind(ColumnAggregateMetricProvider):  # type: ignore[misc]
        metric_name = "column.kind"

        @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(cls, column: Any, **_: Any) -> str:  # noqa: N805
            return _MEASURED[str(column.name)].facts.kind

    class Missing(ColumnAggregateMetricProvider):  # type: ignore[misc]
        metric_name = "column.missing_share"

        @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(cls, column: Any, **_: Any) -> float:  # noqa: N805
            return _MEASURED[str(column.name)].facts.missing_share

    class Drift(ColumnAggregateMetricProvider):  # type: ignore[misc]
        metric_name = "column.drift"
        value_keys = ("ref",)

        @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(cls, column: Any, ref: str, **_: Any) -> float:  # noqa: N805, ARG002
            distance: float = _SECRETS[ref]
            return distance


def _expectations() -> Mapping[str, Any]:
    """Our expectations and the built-in ones, by class name."""
    with _IMPORT:
        return _load_expectations()


@cache
def _load_expectations() -> Mapping[str, Any]:
    # A second of pictures, statistical tests and object stores, none of which is asked of it here.
    with importing(late=("altair", "scipy.stats"), absent=("boto3", "botocore", "google.oauth2")):
        import great_expectations.expectations as built_in
    from great_expectations.expectations.expectation import (
        BatchExpectation,
        ColumnAggregateExpectation,
        ColumnMapExpectation,
    )

    _metrics()

    class ExpectListedPeopleAbsent(ColumnMapExpectation):  # type: ignore[misc]
        """Nobody on a list is here."""

        ref: str
        map_metric: ClassVar[str] = "column_values.not_listed"
        success_keys: ClassVar[tuple[str, ...]] = ("ref", "mostly")

    class ExpectCanaryFound(ExpectListedPeopleAbsent):
        """The same search, for somebody who is here, finds them."""

        def _validate(self, metrics: Any, **_: Any) -> dict[str, bool]:
            return {"success": metrics["column_values.not_listed.unexpected_count"] > 0}

    class ExpectRowsToEqual(BatchExpectation):  # type: ignore[misc]
        """The table has so many rows."""

        value: int
        metric_dependencies: ClassVar[tuple[str, ...]] = ("table.rows",)
        success_keys: ClassVar[tuple[str, ...]] = ("value",)

        def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
            return {"success": metrics["table.rows"] == self.value, "result": {}}

    class ExpectColumnKind(ColumnAggregateExpectation):  # type: ignore[misc]
        """A column holds numbers, text, … as before; one that became empty holds neither."""

        kind: str
        metric_dependencies: ClassVar[tuple[str, ...]] = ("column.kind",)
        success_keys: ClassVar[tuple[str, ...]] = ("kind",)

        def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
            return {"success": metrics["column.kind"] in (self.kind, "empty"), "result": {}}

    class ExpectColumnMissingAtMost(ColumnAggregateExpectation):  # type: ignore[misc]
        """A column misses no larger share of its values than this."""

        maximum: float
        metric_dependencies: ClassVar[tuple[str, ...]] = ("column.missing_share",)
        success_keys: ClassVar[tuple[str, ...]] = ("maximum",)

        def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
            return {"success": bool(metrics["column.missing_share"] <= self.maximum), "result": {}}

    class ExpectColumnDriftAtMost(ColumnAggregateExpectation):  # type: ignore[misc]
        """A column is distributed as before."""

        ref: str
        maximum: float
        metric_dependencies: ClassVar[tuple[str, ...]] = ("column.drift",)
        success_keys: ClassVar[tuple[str, ...]] = ("ref", "maximum")

        def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
            return {"success": bool(metrics["column.drift"] <= self.maximum), "result": {}}

    ours = (
        ExpectListedPeopleAbsent,
        ExpectCanaryFound,
        ExpectRowsToEqual,
        ExpectColumnKind,
        ExpectColumnMissingAtMost,
        ExpectColumnDriftAtMost,
    )
    return {**vars(built_in), **{expectation.__name__: expectation for expectation in ours}}
