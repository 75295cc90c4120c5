"""Canaries in every place that the embedded stack has, behind a real MLflow server; erased, and looked for byte by byte.

Every run looks so at what an erasure in the small project leaves, in `test_canary.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.campaign import __main__ as whole
from tests.campaign import page
from tests.campaign.judging import Told, behaves, by_place, erase, look
from tests.campaign.places import ROWS
from tests.campaign.plants import plant
from tests.campaign.worlds import database, world
from tests.small_project import Project

pytestmark = pytest.mark.timeout(600)

ELSEWHERE = frozenset({20, 21, 22, 23})
"""Other people's flows need a Prefect server of their own: the whole campaign plants those too."""
BEHAVIOUR = frozenset({9, 30, 33, 34, 35})
"""What no byte shows, and where nothing may ever be."""

ALSO = {"MLflow: files that are no text": 29, "files of the project, MLflow and Prefect": 27}
"""Other names under which the sweep finds the same."""


@dataclass
class Campaign:
    planted: dict[int, set[str]]
    left: dict[int, set[str]]
    told: Told
    behaved: dict[int, bool]


@pytest.fixture(scope="module")
def campaign(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with world(tmp_path_factory.mktemp("campaign") / "world", template, server=True, whole=False) as here:
        plant(here)
        planted = by_place(look(here))
        told = erase(here, {"MLFLOW_BACKEND_STORE_URI": database(here.project)})
        yield Campaign(planted, by_place(look(here)), told, behaves(here))


@pytest.mark.slow
def test_every_place_of_the_embedded_stack_was_planted(campaign: Campaign) -> None:
    empty = {row.number for row in ROWS if not campaign.planted.get(row.number)}
    assert empty == ELSEWHERE | BEHAVIOUR


@pytest.mark.slow
def test_what_is_left_is_only_what_the_sweep_and_the_certificate_name(campaign: Campaign) -> None:
    declared = {row.number for row in ROWS if any(name.startswith(row.declared) for name in campaign.told.left if row.declared)}
    silent = {number: sorted(where) for number, where in campaign.left.items() if number not in declared}
    assert silent == {}


@pytest.mark.slow
def test_what_the_sweep_calls_a_residual_is_there(campaign: Campaign) -> None:
    names = [(row.declared, row.number) for row in ROWS if row.declared] + list(ALSO.items())
    for row in campaign.told.swept["places"]:
        if row["outcome"] == "residual":
            numbers = [number for name, number in names if row["place"].startswith(name)]
            assert [number for number in numbers if campaign.left.get(number)], row["place"]


@pytest.mark.slow
def test_what_no_byte_shows_is_so_too(campaign: Campaign) -> None:
    assert campaign.behaved == {9: True, 14: True, 34: True, 35: True}


@pytest.mark.slow
def test_the_certificate_names_nobody(campaign: Campaign) -> None:
    statement = base64.b64decode(campaign.told.certificate["payload"]).decode()
    said = statement + json.dumps([campaign.told.report, campaign.told.swept])
    assert re.findall(r"Zq\d{4}-canary", said) == []


def test_the_page_shows_what_the_whole_campaign_measured() -> None:
    assert page.shown() == page.table(page.golden())


@pytest.mark.slow
def test_the_embedded_stack_keeps_what_the_whole_campaign_measured(campaign: Campaign) -> None:
    measured = {row["number"]: row["ours"] for row in page.golden()}
    assert {number: bool(campaign.left.get(number)) for number in campaign.planted} == {
        number: measured[number] for number in campaign.planted
    }


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
def test_the_whole_campaign_measures_what_the_page_shows(template: Project, tmp_path: Path) -> None:
    rows, told, _ = whole.measure(tmp_path, template)
    assert rows == page.golden()
    assert told.report["certificate"]


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
def test_with_every_database_on_postgresql_nothing_is_left_that_is_not_declared(tools: None, tmp_path: Path) -> None:
    done = whole.postgres(tmp_path / "world")
    assert {10, 13, 15, 16, 17, 18} <= done.planted.keys(), "rows of MLflow's database were planted"
    assert done.silent == {}
    assert done.told.report["certificate"]
