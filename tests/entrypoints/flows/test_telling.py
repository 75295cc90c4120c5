"""People are told through Prefect's blocks, in words that name nobody; without such a block nothing begins."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from tests.entrypoints.flows.conftest import Server
from tests.examples import example
from tests.histories import History
from tests.receivers import receiving
from tests.small_project import TRAIN, Project
from unlearning.domain.errors import SettingsError
from unlearning.domain.events import RequestReceived, StartOverdue
from unlearning.entrypoints.flows import erase, telling, watch
from unlearning.entrypoints.flows.telling import Told
from unlearning.project.settings import Settings
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Heard(NotificationBlock):
    """A block that keeps what it is told, or fails."""

    heard: list[tuple[str, str | None]] = []  # noqa: RUF012 - a field of pydantic's
    fails: bool = False

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]
        if self.fails:
            raise OSError("patient-4711 is not on Slack")
        self.heard.append((body, subject))


@dataclass
class House:
    """A project that names blocks."""

    workspace: Workspace
    blocks: dict[str, Any] = field(default_factory=dict)

    def told(self) -> Told:
        return Told(self.workspace)


@pytest.fixture
def house(beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = beginning.copy(tmp_path / "project").workspace
    said = Settings.model_validate({**made.settings.model_dump(), "notify": ["slack-webhook/one", "slack-webhook/other"]})
    found = House(Workspace(made.root, said), {"slack-webhook/one": Heard(), "slack-webhook/other": Heard()})
    monkeypatch.setattr(telling.Block, "load", lambda name, **_: found.blocks[name])
    return found


def late(workspace: Workspace, *names: str) -> None:
    for name in names:
        asked = example(RequestReceived, token=f"{int(name[8:], 16):064x}", group=name)
        workspace.ledger.append(name, asked, at=NOON)
        workspace.ledger.append(name, StartOverdue(must_start_by=NOON, state="suppressed"), at=NOON + timedelta(hours=1))


def test_an_alarm_is_told_once_to_each_and_names_requests_alone(house: House) -> None:
    late(house.workspace, "request-0000000000000000")
    people = house.told()
    people.alarms()
    assert [block.heard for block in house.blocks.values()] == [[], []]  # it was told when it was seen
    names = [f"request-{number:016x}" for number in range(1, 31)]
    late(house.workspace, *names)
    people.alarms()
    for block in house.blocks.values():
        [(body, subject)] = block.heard
        assert subject == "30 requests must begin now or came too late"
        assert names[0] in body
        assert "and 10 more" in body


def test_one_that_fails_holds_up_nobody_and_its_words_are_not_repeated(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.blocks["slack-webhook/one"] = Heard(fails=True)
    with caplog.at_level(logging.WARNING):
        house.told().refused("erasure-1")
    assert [subject for _, subject in house.blocks["slack-webhook/other"].heard] == ["erasure-1 stopped before its end"]
    assert "slack-webhook/one was not told (OSError)" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize("kept", [None, object()])
def test_a_block_that_is_not_there_or_tells_nobody_is_refused_before_anything_begins(house: House, kept: object) -> None:
    if kept is None:
        del house.blocks["slack-webhook/other"]
    else:
        house.blocks["slack-webhook/other"] = kept
    for flow in (erase.erase, watch.watch):
        with pytest.raises(SettingsError, match="slack-webhook/other"):
            erase._erase(house.workspace, [], {}) if flow is erase.erase else watch._watch(house.workspace)
    assert house.workspace.ledger.head()[0] == 0


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_real_block_is_told_of_an_erasure_and_a_missing_one_stops_it(project: Project, server: Server) -> None:
    person = project.people(TRAIN)[0]
    [request] = project.request(person)
    with receiving() as receiver:
        project.configure({"notify": ["custom-webhook/team"]})
        with pytest.raises(SettingsError, match="custom-webhook/team"):
            erase.run(project.workspace, [])
        assert project.states() == {request.request_id: "suppressed"}
        said = {"subject": "{{subject}}", "body": "{{body}}"}
        CustomWebhookNotificationBlock(name="team", url=receiver.url(), json_data=said).save("team")
        [done] = erase.run(project.workspace, [])
        [got] = receiver.got
    assert done.erasure_id in got.body.decode()
    assert request.request_id in got.body.decode()
    assert person not in got.body.decode()
