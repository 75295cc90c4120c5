"""`unlearn deploy` on a started server: what it makes, what it leaves, and whose deployments it does not touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.entrypoints.flows.conftest import Server
from unlearning.domain.errors import Unavailable, WrongUse
from unlearning.entrypoints.flows import server as deploying
from unlearning.entrypoints.flows.deployments import ERASE, TRAIN, Deployment, of_project

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

NAMES = ["train", "erase", "watch", "follow"]


@pytest.fixture
def empty(server: Server) -> Iterator[Server]:
    server.delete_deployments()
    yield server
    server.delete_deployments()


@pytest.fixture
def wanted(tmp_path: Path) -> list[Deployment]:
    (tmp_path / "params.yaml").write_text("unlearning: {model: outcome, recipe: 'recipes/outcome.py:recipe'}\n")
    return of_project(tmp_path)


def deploy(server: Server, wanted: list[Deployment], pool: str = "unlearning", **more: bool) -> dict[str, str]:
    done = deploying.deploy(server.address, wanted, pool=pool, **more)
    return {change.name: change.result for change in done.changes}


def ids(server: Server) -> dict[str, object]:
    return {name: (one.id, [schedule.id for schedule in one.schedules]) for name, one in server.deployments().items()}


def test_it_creates_them_once_and_leaves_them_the_next_time(empty: Server, wanted: list[Deployment]) -> None:
    assert deploy(empty, wanted, dry_run=True) == dict.fromkeys(NAMES, "created")
    assert not empty.deployments()

    assert deploy(empty, wanted) == dict.fromkeys(NAMES, "created")

    there, before, root = empty.deployments(), ids(empty), wanted[0].project
    assert {name: [each.schedule.cron for each in one.schedules] for name, one in there.items()} == {
        "train": [],
        "erase": ["0 * * * *"],
        "watch": ["*/15 * * * *"],
        "follow": ["30 * * * *"],
    }
    assert {(one.work_pool_name, one.parameters["root"]) for one in there.values()} == {("unlearning", root)}
    started_by = [
        ("erasure-requested", {"root": root, "request_id": "{{ event.payload.request_id }}"}),
        ("registry-changed", {"root": root}),
    ]
    assert empty.automations() == started_by
    assert empty.ask("read_work_pool", work_pool_name="unlearning").type == "process"

    assert deploy(empty, wanted) == dict.fromkeys(NAMES, "kept")
    assert (ids(empty), empty.automations()) == (before, started_by)

    assert set(deploy(empty, wanted, pool="another").values()) == {"updated"}
    assert {name: one[0] for name, one in ids(empty).items()} == {name: one[0] for name, one in before.items()}
    assert empty.automations() == started_by


def test_what_differs_is_put_right_and_named(empty: Server, wanted: list[Deployment]) -> None:
    deploy(empty, wanted)
    erase = next(one for one in wanted if one.name == ERASE.name)
    other = [one if one is not erase else replace(one, cron="5 * * * *", trigger=None) for one in wanted]
    assert deploy(empty, other) == {**dict.fromkeys(NAMES, "kept"), "erase": "updated"}
    assert [name for name, _ in empty.automations()] == ["registry-changed"]

    done = deploying.deploy(empty.address, wanted, pool="unlearning")

    assert {one.name: one.differs for one in done.changes if one.differs} == {"erase": ("schedule", "trigger")}
    assert [each.schedule.cron for each in empty.deployments()["erase"].schedules] == ["0 * * * *"]
    assert [name for name, _ in empty.automations()] == ["erasure-requested", "registry-changed"]


def test_an_automation_of_somebody_s_own_that_starts_a_flow_of_ours_is_theirs(empty: Server, wanted: list[Deployment]) -> None:
    from prefect.events import DeploymentEventTrigger

    deploy(empty, wanted)
    theirs = DeploymentEventTrigger(name="at our release", expect={"release"})
    theirs.set_deployment_id(empty.deployments()["erase"].id)
    made = theirs.as_automation()
    made.owner_resource = None
    known = empty.ask("create_automation", automation=made)
    try:
        assert deploy(empty, wanted) == dict.fromkeys(NAMES, "kept")
        assert set(deploy(empty, wanted, pool="another").values()) == {"updated"}
        assert [name for name, _ in empty.automations()] == ["at our release", "erasure-requested", "registry-changed"]
    finally:
        empty.ask("delete_automation", automation_id=known)


def test_the_training_of_a_project_that_stopped_to_train_is_removed(empty: Server, wanted: list[Deployment]) -> None:
    deploy(empty, wanted)
    without = [one for one in wanted if one.name != TRAIN.name]

    assert deploy(empty, without, dry_run=True)["train"] == "removed"
    assert "train" in empty.deployments()
    assert deploy(empty, without) == {**dict.fromkeys(NAMES[1:], "kept"), "train": "removed"}

    assert empty.deployments().keys() == set(NAMES[1:])
    assert deploy(empty, without) == dict.fromkeys(NAMES[1:], "kept")


def test_what_somebody_paused_stays_paused_and_is_said(empty: Server, wanted: list[Deployment]) -> None:
    deploy(empty, wanted)
    empty.ask("pause_deployment", deployment_id=empty.deployments()["erase"].id)

    done = deploying.deploy(empty.address, wanted, pool="another")

    assert {one.name: (one.result, one.paused) for one in done.changes}["erase"] == ("updated", True)
    assert {name for name, one in empty.deployments().items() if one.paused} == {"erase"}


def test_what_was_served_before_goes_on(empty: Server, wanted: list[Deployment]) -> None:
    for one in wanted:
        deploying.as_prefect(one, pool=None, paused=True).apply()

    assert set(deploy(empty, wanted).values()) == {"updated"}

    assert {(one.paused, one.work_pool_name) for one in empty.deployments().values()} == {(False, "unlearning")}


def test_the_deployments_of_another_project_are_not_touched(empty: Server, wanted: list[Deployment], tmp_path: Path) -> None:
    deploy(empty, wanted)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "params.yaml").write_text("unlearning: {model: null, recipe: null}\n")
    before = ids(empty)

    with pytest.raises(WrongUse, match="--take-over") as error:
        deploy(empty, of_project(theirs))

    assert str(tmp_path) in str(error.value)
    assert ids(empty) == before
    assert deploy(empty, of_project(theirs), take_over=True) == {**dict.fromkeys(NAMES[1:], "updated"), "train": "removed"}
    assert {one.parameters["root"] for one in empty.deployments().values()} == {str(theirs.resolve())}


def test_a_server_that_is_none_of_prefect_s_is_named(
    server: Server, wanted: list[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    address = server.address.removesuffix("/api")
    with temporary_settings({PREFECT_API_URL: address}), pytest.raises(Unavailable, match="usually ends in /api"):
        deploying.deploy(address, wanted, pool="unlearning")
