"""People whom several columns name, who have several identifiers, or who share a row: from the table to the erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small_project
from tests.histories import History
from tests.registry import Elsewhere
from tests.small_project import SOURCE, TRAIN, Project, copy, patient
from unlearning.domain.errors import IdentifierError, NeedsReview, SettingsError
from unlearning.erasure import search
from unlearning.erasure.steps import receive
from unlearning.lineage import follow
from unlearning.project.workspace import open_workspace
from unlearning.stores.tables import tables

ALIASES = "data/aliases.csv"


_COLUMNS = small_project.columns


def two_clinics() -> dict[str, Any]:
    """The small project's people in two clinics that each count their patients from 1."""
    found = _COLUMNS()
    numbers = {name: number for number, name in enumerate(dict.fromkeys(found["patient"]))}
    return {
        "clinic": ["north" if numbers[name] % 2 else "south" for name in found["patient"]],
        **found,
        "patient": [1 + numbers[name] // 2 for name in found["patient"]],
    }


@pytest.fixture(scope="module")
def clinics_template(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    recipe = small_project.RECIPE.replace('person="patient"', 'person="clinic/patient"')
    params = {**small_project.PARAMS, "subject": {"identifier": "text/integer"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_project, "columns", lambda _people: two_clinics())
        return small_project.create(tmp_path_factory.mktemp("clinics") / "project", params=params, recipe=recipe)


@pytest.fixture
def clinics(clinics_template: Project, tmp_path: Path) -> Project:
    return copy(clinics_template, tmp_path / "project")


def people(project: Project, path: str) -> set[tuple[str, int]]:
    table = tables.read(project.root / path)
    return set(zip(table["clinic"].to_pylist(), table["patient"].to_pylist(), strict=True))


# --- composite identifiers -------------------------------------------------------------------------------------------


def test_the_patient_of_one_clinic_goes_and_her_namesake_of_the_other_stays(clinics: Project) -> None:
    assert {("north", 3), ("south", 3)} <= people(clinics, SOURCE)
    clinics.request("north/3")
    [report] = clinics.erase()
    left = people(clinics, SOURCE)
    assert ("north", 3) not in left
    assert ("south", 3) in left
    assert {one["state"] for one in report["requests"]} <= {"completed", "completed_with_residuals"}
    assert clinics.workspace.data.status() == []


def test_an_identifier_without_its_clinic_is_refused_before_anything_is_recorded(clinics: Project) -> None:
    with pytest.raises(IdentifierError, match="expected 2 parts"):
        clinics.request("3")
    assert "RequestReceived" not in clinics.kinds()


def test_as_many_columns_as_kinds_are_expected(clinics: Project) -> None:
    clinics.configure({"subject": {"identifier": "integer"}})
    with pytest.raises(SettingsError, match="clinic/patient"):
        _ = clinics.workspace.recipe


# --- several identifiers of one person -------------------------------------------------------------------------------


def test_whoever_is_known_by_two_identifiers_is_erased_under_both_and_from_the_list(clinics: Project) -> None:
    file = clinics.root / ALIASES
    file.write_text("identifier,person\nnorth/3,a\nsouth/5,a\nnorth/7,b\n")
    clinics.workspace.data.add([ALIASES])
    clinics.workspace.data.git.commit("Aliases", ["."])
    clinics.configure({"subject": {"aliases": ALIASES}})
    assert len(clinics.request("south/5")) == 2
    clinics.erase()
    left = people(clinics, SOURCE)
    assert not {("north", 3), ("south", 5)} & left
    assert {("south", 3), ("north", 5), ("north", 7)} <= left
    assert file.read_text() == "identifier,person\nnorth/7,b\n"


def test_an_identifier_that_means_two_people_needs_review(clinics: Project) -> None:
    (clinics.root / ALIASES).write_text("identifier,person\nnorth/3,a\nnorth/3,b\n")
    clinics.configure({"subject": {"aliases": ALIASES}})
    with pytest.raises(NeedsReview, match="several people"):
        receive.known_as(clinics.workspace, ["north/3"])
    assert "RequestReceived" not in clinics.kinds()


# --- a row of two people ---------------------------------------------------------------------------------------------


def share(project: Project, path: str, cell: str) -> None:
    """One more row, of a cell that names several people."""
    table = tables.read(project.root / path)
    row = {**table.slice(0, 1).to_pylist()[0], "patient": cell}
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([row], schema=table.schema)]), project.root / path)
    project.workspace.data.add([path])


def test_a_row_of_two_people_is_never_half_erased(project: Project) -> None:
    share(project, SOURCE, f"{patient(3)};{patient(5)}")
    before = small_project.snapshot(project.root, without=("ledger.db", "lineage.db"))
    project.request(patient(3))
    with pytest.raises(NeedsReview, match="named in one cell together with others") as refused:
        project.erase()
    assert patient(3) not in str(refused.value)
    assert small_project.snapshot(project.root, without=("ledger.db", "lineage.db")) == before
    assert set(project.states().values()) == {"suppressed"}
    [other] = project.request(patient(8))
    project.erase(other.request_id)
    assert project.champion == 2
    assert sorted(project.states().values())[0].startswith("completed")


def test_somebody_who_is_only_named_with_others_is_not_called_unknown(project: Project) -> None:
    share(project, SOURCE, f"{patient(3)};nobody-else")
    token = project.token("nobody-else")
    with pytest.raises(NeedsReview):
        search.search(project.workspace, [token])


def test_data_with_a_row_of_two_people_does_not_pass_its_check(project: Project) -> None:
    from unlearning.project.training import judging

    share_train = project.root / TRAIN
    table = tables.read(share_train)
    row = {**table.slice(0, 1).to_pylist()[0], "patient": "ann;bob"}
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([row], schema=table.schema)]), share_train)
    report = judging.check_table(open_workspace(project.root), TRAIN, "patient")
    failed = [one.name for one in report.results if not one.passed]
    assert failed == ["data.people_alone"]


def test_following_reports_people_who_are_named_together_or_in_several_spellings(tmp_path: Path) -> None:
    history = History.create(tmp_path / "project")
    history.workspace.models.names()
    elsewhere = Elsewhere.at(history.workspace.models.uri, tmp_path)
    content = history.table("data/train.csv", ["ann;bob", "eve", "eve "])
    history.commit()
    elsewhere.train("model", data=[content])
    for _ in range(2):  # it is not forgotten in the next round
        [gap] = follow.follow(history.workspace).gaps
        assert "2 people are named in one cell together with others; 1 person is spelled in several ways (spaces)" in gap.why
