"""What is asked of a new data version. Pure: the expectations are named here and put by `data.py`.

No expectation holds an identity or a number from which one could be computed: see `data_profile.py` for why means and shares
of the old version are handed over under `secret` and never as arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearning.checks.canary_search import Absent, Persons, Search, search, tokens_of
from unlearning.checks.data_profile import (
    Depth,
    Facts,
    Profile,
    Table,
    Told,
    drift,
    facts,
    hundredths,
    spelled,
)
from unlearning.domain.hashing import several

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]


@dataclass(frozen=True)
class DataQuestion:
    """A new data version and what it is held against."""

    table: Table
    person: str
    features: Sequence[str]
    target: str | None
    """None, like no features, for a table of which nothing but the people is declared."""
    labels: Sequence[str]
    """The declared label set, as text; a cell counts by its spelling. Empty where the target is a number."""
    redacted: Absent
    suppressed: Absent | None = None
    categories: Collection[str] = ()
    """Features whose numbers are codes."""
    before: Profile | None = None
    """The old version's profile. Without one, columns are held against what is declared, and types, missing values, row count
    and distribution are not asked for."""
    removed: int = 0
    """Rows that were taken out of the old version."""
    drift_maximum: float = 0.25
    missing_margin: float = 0.05
    """By how much the share of missing values in a column may grow."""
    told: Told | None = None
    """Who knows the facts of a column; without, it is read."""


@dataclass(frozen=True)
class Expected:
    """One expectation, by the name of its class."""

    type: str
    says: str
    """What it expects, for the Data Docs."""
    unmet: str
    """What to say when it is not met: a column, or a reason."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    secret: Any = None
    """What it needs and must not be printed."""


@dataclass(frozen=True)
class Asked:
    """One check: passed when all of its expectations are met."""

    name: str
    value: float | None
    threshold: str
    how: str
    expected: tuple[Expected, ...]
    details: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What the checks ask about one column."""

    facts: Facts
    drift: float | None
    """From the old version; None where that says nothing of it."""


def measured(question: DataQuestion) -> Mapping[str, Measured]:
    """Column → what is asked about it; without an old version, of the target alone where that is a number."""
    before = question.before
    if before is None:
        number = question.target if question.target and not question.labels else None
        return {number: Measured(_facts(question, number, "value"), None)} if number else {}
    names = dict.fromkeys([*map(str, question.table.columns), *before["kinds"], *before["missing"], *before["features"]])
    found = {}
    for name in names:
        old = before["features"].get(name)
        now = _facts(question, name, "kind" if old is None else "code" if "shares" in old else "value")
        found[name] = Measured(now, None if old is None else drift(now, old))
    return found


def _facts(question: DataQuestion, name: str, depth: Depth) -> Facts:
    if question.told is not None and name in question.table.columns:
        return question.told(name, depth)
    return facts(_column(question, name), depth)


def asked(question: DataQuestion, people: Persons, columns: Mapping[str, Measured] | None = None) -> tuple[Asked, ...]:
    """Every check that the question calls for, in the order of the report. columns: as `measured` gives them."""
    columns = measured(question) if columns is None else columns
    lists = {"redacted": question.redacted, "suppressed": question.suppressed}
    tokenisers = {absent.tokenise for absent in lists.values() if absent}
    tokens = {tokenise: tokens_of(people, tokenise) for tokenise in tokenisers}
    searches = {what: search(absent, tokens[absent.tokenise]) for what, absent in lists.items() if absent}
    checks = [
        _present(question, people),
        *([_alone(question, people)] if question.before is None else []),  # an erasure of others does not wait for such a row
        *(_absent(what, answer, question) for what, answer in searches.items()),
    ]
    checks += [_columns(question), *([_target(question, question.target)] if question.target else [])]
    if (before := question.before) is not None:
        # Without declared features there is nothing to measure shares or distributions of, and an empty check always passes.
        features, rows = bool(question.features), _rows(question, before)
        checks += [_types(question, before), *([_missing(question, before, columns)] if features else []), rows]
        checks += [_distribution(question, before, columns)] if features else []
    return tuple(checks)


def _present(question: DataQuestion, people: Persons) -> Asked:
    return Asked(
        name="data.people_present",
        value=people.nobody,
        threshold="0 rows without a person",
        how="rows whose person is missing or blank; nobody could ask for their erasure, and no search would find them",
        expected=(
            Expected(
                "ExpectColumnValuesToNotBeNull",
                "every row belongs to a person",
                f"{people.nobody} rows without a person",
                {"column": question.person},
            ),
        ),
    )


def _alone(question: DataQuestion, people: Persons) -> Asked:
    together = np.array([type(one) is not int and bool(several(one)) for one in people.values], dtype=np.bool_)
    column = {"column": question.person}
    return Asked(
        name="data.people_alone",
        value=int(together.sum()),
        threshold="0 cells that name several people",
        how="cells like `one;other`: nobody can say whose record such a row is, or erase half of it",
        expected=(
            Expected("ExpectListedPeopleAbsent", "every row is of one person", f"{together.sum()} cells", column, together),
        ),
    )


def _absent(what: str, answer: Search, question: DataQuestion) -> Asked:
    column = {"column": question.person}
    origin = "with the list" if answer.independent else "from the table"
    return Asked(
        name=f"data.{what}_absent",
        value=int(answer.found.sum()),
        threshold=f"0 of {answer.searched} people",
        how=f"{what} people searched for by keyed token; a canary taken {origin} shows that the search can see",
        expected=(
            Expected("ExpectListedPeopleAbsent", f"no {what} person is here", f"{what} people are here", column, answer.found),
            Expected(
                "ExpectCanaryFound",
                f"the search for {what} people finds somebody who is here",
                "the canary was not found, so the search is blind: identifiers in the table and on the list are spelled or "
                "keyed differently; compare subject.identifier in params.yaml with the column, and the keys",
                column,
                answer.canary,
            ),
        ),
        details={"searched": answer.searched, "canary": origin},
    )


def _columns(question: DataQuestion) -> Asked:
    exact = question.before is not None
    columns = (
        question.before["columns"]
        if question.before
        else [*question.features, *filter(None, [question.target]), question.person]
    )
    here = {str(name) for name in question.table.columns}
    gone, new = sorted(set(columns) - here), len(here - set(columns)) if exact else 0
    # New ones are counted: where a header line is missing, somebody's record stands in its place.
    unmet = ", ".join([*gone, *([f"{new} new columns"] if new else [])])
    return Asked(
        name="data.columns",
        value=len(gone) + new,
        threshold="0 columns that are new or gone" if exact else "0 declared columns that are not there",
        how=f"the table's columns against {'the old version' if exact else 'the declared ones'}",
        expected=(
            Expected(
                "ExpectTableColumnsToMatchSet",
                "the columns are as before" if exact else "the declared columns are there",
                unmet,
                {"column_set": list(dict.fromkeys(columns)), "exact_match": exact},
            ),
        ),
    )


def _target(question: DataQuestion, name: str) -> Asked:
    return _labels(question, name) if question.labels else _values(question, name)


def _values(question: DataQuestion, name: str) -> Asked:
    now, target = _facts(question, name, "value"), {"column": name}
    missing = now.rows - now.finite
    most = float(np.finfo(np.float64).max)
    return Asked(
        name="data.target",
        value=missing,
        threshold="0 records without a finite number",
        how=f"column {name}, which the model is to predict",
        expected=(
            Expected("ExpectColumnKind", "it holds numbers", f"{missing} without a number", {**target, "kind": "number"}),
            Expected("ExpectColumnValuesToNotBeNull", "every record has a value", f"{missing} without a value", target),
            Expected(
                "ExpectColumnValuesToBeBetween",
                "every value is finite",
                f"{missing} that are not finite",
                {**target, "min_value": -most, "max_value": most},
            ),
        ),
    )


def _labels(question: DataQuestion, name: str) -> Asked:
    now, target = _facts(question, name, "code"), {"column": name}
    undeclared = sum(rows for value, rows in now.counts.items() if value not in question.labels)
    return Asked(
        name="data.labels",
        value=now.missing + undeclared,
        threshold="0 records without a declared label",
        how=f"column {name} against the {len(question.labels)} labels that the recipe declares",
        expected=(
            Expected("ExpectColumnValuesToNotBeNull", "every record has a label", f"{now.missing} without a label", target),
            Expected(
                "ExpectColumnValuesToBeInSet",
                "every label is declared",
                f"{undeclared} with an undeclared label",
                {**target, "value_set": _as_stored(_column(question, name), question.labels)},
            ),
        ),
    )


def _types(question: DataQuestion, before: Profile) -> Asked:
    # Identifiers are normalised before they are compared, so the person column may be text or numbers.
    kinds = {name: old for name, old in before["kinds"].items() if name != question.person and old != "empty"}
    return Asked(
        name="data.types",
        value=None,
        threshold="as in the old version",
        how=f"what {len(kinds)} columns hold (numbers, text, …), missing values aside",
        expected=tuple(
            Expected("ExpectColumnKind", f"{name} holds {old}", name, {"column": name, "kind": old})
            for name, old in kinds.items()
        ),
    )


def _missing(question: DataQuestion, before: Profile, columns: Mapping[str, Measured]) -> Asked:
    grown = {name: columns[name].facts.missing_share - old for name, old in before["missing"].items()}
    return Asked(
        name="data.missing",
        value=hundredths(max([0.0, *grown.values()])),
        threshold=f"≤ {question.missing_margin:g} more than before",
        how="largest growth of a column's share of missing values",
        expected=tuple(
            Expected(
                "ExpectColumnMissingAtMost",
                f"{name} is not missing more often than before",
                name,
                # 1e-9: a share right at the bound must not fail by a rounding of the sum
                {"column": name, "maximum": old + question.missing_margin + 1e-9},
            )
            for name, old in before["missing"].items()
        ),
    )


def _rows(question: DataQuestion, before: Profile) -> Asked:
    expected = before["rows"] - question.removed
    return Asked(
        name="data.rows",
        value=len(question.table),
        threshold=f"= {expected} ({before['rows']} before - {question.removed} removed)",
        how="rows of the table",
        expected=(
            Expected(
                "ExpectRowsToEqual",
                "as many rows as before, without the removed ones",
                f"{len(question.table)} rows",
                {"value": expected},
            ),
        ),
    )


def _distribution(question: DataQuestion, before: Profile, columns: Mapping[str, Measured]) -> Asked:
    distances = {name: distance for name in before["features"] if (distance := columns[name].drift) is not None}
    worst = max(distances, key=lambda name: distances[name], default=None)
    largest = distances[worst] if worst is not None else 0.0
    return Asked(
        name="data.drift",
        value=None if isinf(largest) else hundredths(largest),
        threshold=f"≤ {question.drift_maximum:g} in every column",
        how="largest of: shift of a number's mean in old standard deviations; population stability index of a category",
        expected=tuple(
            Expected(
                "ExpectColumnDriftAtMost",
                f"{name} is distributed as before",
                name,
                {"column": name, "maximum": question.drift_maximum},
                distance,
            )
            for name, distance in distances.items()
        ),
        details={"column": worst},
    )


def _column(question: DataQuestion, name: str) -> Column:
    """A column, or an empty one: that it is not there is the finding of another check, and of its own expectation."""
    import pandas as pd

    return question.table[name] if name in question.table.columns else pd.Series(dtype=object)


def _as_stored(column: Column, labels: Sequence[str]) -> list[Any]:
    """The declared labels as the column holds them: 1 or 1.0 for the label "1"."""
    held = {spelled(value): value for value in column.dropna().unique().tolist()}
    return [held.get(label, label) for label in labels]
