"""What a table suggests: whose record a row is, what to learn, and a recipe that trains on it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearning.domain.errors import UnlearningError, WrongUse
from unlearning.entrypoints.scaffold import proposal
from unlearning.entrypoints.scaffold.proposal import Table
from unlearning.project.recipes import load_recipe
from unlearning.stores.tables import columns, tables

PEOPLE = 30


def rows(**more: Any) -> dict[str, Any]:
    """Two rows a person, with two numbers, a category and a label."""
    each = range(2 * PEOPLE)
    return {
        "customer_id": [f"C{number // 2:03d}" for number in each],
        "age": [20 + number % 40 for number in each],
        "plan": [("basic", "plus", "pro")[number % 3] for number in each],
        "churned": [("no", "yes")[number % 2] for number in each],
        **more,
    }


def table(folder: Path, content: dict[str, Any], name: str = "people.parquet") -> Table:
    file = folder / name
    if name.endswith(".csv"):
        lines = [",".join(content), *(",".join(map(str, row)) for row in zip(*content.values(), strict=True))]
        file.write_text("\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table(content), file)
    read = tables.read(file)
    return Table(name, file, columns.describe(read), tables.said_columns(read))


@pytest.mark.parametrize(
    ("names", "person"),
    [
        (["age", "customer_id", "ward"], "customer_id"),
        (["age", "userId", "email"], "userId"),
        (["id", "age"], "id"),
        (["age", "e_mail", "ward"], "e_mail"),
        (["patient", "age"], "patient"),
        (["patient_id", "customer_id"], None),
        (["patient_name_of_ward", "patient"], "patient_name_of_ward"),
        (["age", "height"], None),
        (["video", "valid"], None),
    ],
)
def test_the_column_of_people_is_told_by_its_name_or_not_at_all(tmp_path: Path, names: list[str], person: str | None) -> None:
    assert table(tmp_path, {name: ["a", "b"] for name in names}).person == person


def test_a_column_with_gaps_or_fractions_names_nobody(tmp_path: Path) -> None:
    assert table(tmp_path, {"customer_id": ["a", None], "age": [1, 2]}).person is None
    assert table(tmp_path, {"customer_id": [1.5, 2.5], "age": [1, 2]}).person is None


@pytest.mark.parametrize(
    ("more", "target"),
    [
        ({}, "churned"),
        ({"label": [number % 2 for number in range(2 * PEOPLE)]}, None),
        ({"spend": [float(number) for number in range(2 * PEOPLE)]}, "churned"),
    ],
)
def test_the_target_is_told_by_its_name_or_by_being_last(tmp_path: Path, more: dict[str, Any], target: str | None) -> None:
    assert table(tmp_path, rows(**more)).target("customer_id") == target


def test_a_last_column_of_few_values_is_the_target_and_one_of_many_is_none(tmp_path: Path) -> None:
    content = rows()
    content["went"] = content.pop("churned")
    assert table(tmp_path, content).target("customer_id") == "went"
    assert table(tmp_path, {**content, "spend": [number / 7 for number in range(2 * PEOPLE)]}).target("customer_id") is None


@pytest.mark.parametrize("name", ["people.parquet", "people.csv"])
def test_the_recipe_that_is_proposed_fits_the_table(tmp_path: Path, name: str) -> None:
    each = range(2 * PEOPLE)
    found = table(
        tmp_path,
        rows(
            phone=[f"07{number:05d}" for number in each],
            note=[f"text {number}" for number in each],
            country=["fr"] * 2 * PEOPLE,
            ward=["east", "west"] * (PEOPLE - 1) + ["attic", 'a "b" \\ cellar'.replace('"', "'")],
        ),
        name,
    )
    proposed = proposal.propose(found, person=None, target="churned")
    assert (proposed.features, proposed.people) == (["age", "plan", "ward"], PEOPLE)
    assert set(proposed.left_out) == {"phone", "note", "country"}
    assert (proposed.categories["ward"].shared, proposed.categories["ward"].rarer) == (("east", "west"), 2)
    (tmp_path / "recipe.py").write_text(text := proposal.recipe('churn of \'new\' """ ones', proposed))
    assert "attic" not in text
    recipe = load_recipe(tmp_path, "recipe.py:recipe")
    encoded = recipe.encode(tables.read(found.file, person="customer_id"))
    assert encoded.records.features.shape == (2 * PEOPLE, 1 + 3 + 2)
    assert recipe.labels == ("no", "yes")


def test_ranges_are_too_coarse_to_be_somebodys(tmp_path: Path) -> None:
    spend = [number / 7 - 3 for number in range(2 * PEOPLE)]
    proposed = proposal.propose(table(tmp_path, rows(spend=spend)), person=None, target="spend", learner="statistics")
    assert proposed.ranges["spend"] == (-16.0, 16.0)
    assert all(low in (0, -high) and (high / 2 ** int(math.log2(high))) == 1 for low, high in proposed.ranges.values())
    assert proposed.shards == 1


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (list(range(100, 100 + 2 * PEOPLE)), "integer"),
        ([f"{number:04d}" for number in range(2 * PEOPLE)], "text"),
        ([f"p{number}@example.org" for number in range(2 * PEOPLE)], "email"),
        ([f"P-{number}" for number in range(2 * PEOPLE)], "text"),
    ],
)
@pytest.mark.parametrize("name", ["people.parquet", "people.csv"])
def test_identifiers_have_the_kind_that_merges_nobody(tmp_path: Path, who: list[Any], kind: str, name: str) -> None:
    assert proposal.propose(table(tmp_path, rows(customer_id=who), name), person=None, target=None).identifier == kind


def test_two_columns_may_name_a_person(tmp_path: Path) -> None:
    found = table(tmp_path, rows(clinic=["a", "b"] * PEOPLE, patient=[number // 4 for number in range(2 * PEOPLE)]))
    proposed = proposal.propose(found, person="clinic/patient", target="churned")
    assert (proposed.identifier, proposed.people) == ("text/integer", PEOPLE)
    assert not {"clinic", "patient"} & set(proposed.features)


@pytest.mark.parametrize(
    ("person", "target", "says"),
    [
        ("nobody", None, "no column 'nobody'"),
        ("clinic/age", None, "no column 'clinic'"),
        (None, "gone", "no column 'gone'"),
        (None, "customer_id", "another column"),
        (None, "note", "60 values"),
        ("plan", "rare", "expected from 2 to 20"),
    ],
)
def test_what_cannot_be_is_refused_with_what_came(tmp_path: Path, person: str | None, target: str | None, says: str) -> None:
    spend = [number / 7 for number in range(2 * PEOPLE)]
    notes = [f"text {number}" for number in range(2 * PEOPLE)]
    found = table(tmp_path, rows(spend=spend, note=notes, rare=["a"] * (2 * PEOPLE - 1) + ["Zq0001"]))
    with pytest.raises(UnlearningError, match=says) as refused:
        proposal.propose(found, person=person, target=target or "churned")
    assert "Zq0001" not in str(refused.value)


def test_what_nobody_said_and_nothing_shows_is_asked_for_by_its_option(tmp_path: Path) -> None:
    found = table(tmp_path, {"a": ["x", "y"] * 20, "b": [number + 0.5 for number in range(40)]})
    with pytest.raises(WrongUse, match="--person; it has a, b"):
        proposal.propose(found, person=None, target=None)
    with pytest.raises(WrongUse, match=r"--target.*--adopt-only"):
        proposal.propose(found, person="a", target=None)


@pytest.mark.parametrize(("people", "shards"), [(1, 1), (49, 1), (60, 2), (5000, 8)])
def test_few_people_are_not_spread_over_many_shards(tmp_path: Path, people: int, shards: int) -> None:
    proposed = proposal.propose(table(tmp_path, rows()), person=None, target=None)
    assert replace(proposed, people=people).shards == shards
