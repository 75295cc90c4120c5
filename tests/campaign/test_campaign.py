"""Canaries in every place that the embedded stack has, behind a real MLflow server; erased, and looked for byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.campaign.judging import Told, behaves, by_place, erase, look
from tests.campaign.places import ROWS
from tests.campaign.plants import World, plant
from tests.servers import free_port, running
from tests.small_project import Project, copy

ELSEWHERE = frozenset({20, 21, 22, 23})
"""Other people's flows need a Prefect server of their own: the whole campaign plants those too."""
BEHAVIOUR = frozenset({9, 30, 34, 35})
"""What no byte shows."""


@dataclass
class Campaign:
    planted: dict[int, set[str]]
    left: dict[int, set[str]]
    told: Told
    behaved: dict[int, bool]


@pytest.fixture(scope="module")
def campaign(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    home = tmp_path_factory.mktemp("campaign")
    project = copy(template, home / "project")
    database, port = f"sqlite:///{project.root / 'mlflow.db'}", free_port()
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", str(home / "mlflow/artifacts")]
    address = f"http://127.0.0.1:{port}"
    with running(command, home / "mlflow/server.log", {}, f"{address}/health", 180):
        project.configure({"stores": {"mlflow": address}})
        world = World(home, project, address)
        plant(world)
        planted = by_place(look(world))
        told = erase(world, {"MLFLOW_BACKEND_STORE_URI": database})
        left = by_place(look(world))
        yield Campaign(planted, left, told, behaves(world))


def test_every_place_of_the_embedded_stack_was_planted(campaign: Campaign) -> None:
    empty = {row.number for row in ROWS if not campaign.planted.get(row.number)}
    assert empty == ELSEWHERE | BEHAVIOUR | {29, 33}


def test_what_is_left_is_only_what_the_sweep_and_the_certificate_name(campaign: Campaign) -> None:
    declared = {row.number for row in ROWS if any(name.startswith(row.declared) for name in campaign.told.left if row.declared)}
    silent = {number: sorted(where) for number, where in campaign.left.items() if number not in declared}
    assert silent == {}


def test_what_the_sweep_calls_a_residual_is_there(campaign: Campaign) -> None:
    residual = [row["place"] for row in campaign.told.swept["places"] if row["outcome"] == "residual"]
    there = {row.declared for row in ROWS if campaign.left.get(row.number)}
    assert [place for place in residual if not any(place.startswith(name) for name in there if name)] == []


def test_what_no_byte_shows_is_so_too(campaign: Campaign) -> None:
    assert campaign.behaved == {9: True, 14: True, 34: True, 35: True}


def test_the_certificate_names_nobody(campaign: Campaign) -> None:
    assert "canary" not in json.dumps([campaign.told.certificate, campaign.told.report, campaign.told.swept])
