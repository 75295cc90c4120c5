"""What opens a receiver lies in a private file, and in no event."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.callbacks import Wanted
from unlearning.domain.errors import SettingsError, WrongUse
from unlearning.project import callbacks
from unlearning.project.settings import CallbackSettings, load
from unlearning.project.workspace import Workspace


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


WANTED = Wanted("fides", "https://fides.example/api/v1/privacy-request/pri_1/resume", "token-1")


def test_a_token_is_private_replaced_by_a_newer_one_and_gone_once_used(workspace: Workspace) -> None:
    [(subject, fact)] = callbacks.asked(workspace, [WANTED], ["request-1", "request-2"])
    assert (subject, fact.further) == ("request-1", ("request-2",))
    assert "token-1" not in str(fact)
    assert "token-1" not in repr(WANTED)
    file = workspace.root / callbacks.TOKENS / fact.callback
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert callbacks.token(workspace.root, fact.callback) == "token-1"
    [(_, again)] = callbacks.asked(workspace, [Wanted("fides", WANTED.url, "token-2")], ["request-1", "request-2"])
    assert again == fact
    assert callbacks.token(workspace.root, fact.callback) == "token-2"
    callbacks.use_up(workspace.root, fact.callback)
    callbacks.use_up(workspace.root, fact.callback)
    assert callbacks.token(workspace.root, fact.callback) is None


def test_own_json_is_told_of_each_request_by_itself(workspace: Workspace) -> None:
    made = list(callbacks.asked(workspace, [Wanted("own", "https://a.example/")], ["request-1", "request-2"]))
    assert [subject for subject, _ in made] == ["request-1", "request-2"]
    assert len({fact.callback for _, fact in made}) == 2


def test_tokens_of_what_was_never_recorded_go_after_a_day_and_no_other(workspace: Workspace) -> None:
    facts = [fact for number in range(3) for _, fact in callbacks.asked(workspace, [WANTED], [f"request-{number}"])]
    yesterday = time.time() - 25 * 3600
    for fact in facts[:2]:
        os.utime(workspace.root / callbacks.TOKENS / fact.callback, (yesterday, yesterday))
    callbacks.forget(workspace.root, {facts[0].callback})
    kept = [callbacks.token(workspace.root, fact.callback) for fact in facts]
    assert kept == ["token-1", None, "token-1"]


def test_the_operators_own_fides_may_be_internal_and_nothing_else_at_its_host(workspace: Workspace) -> None:
    said = CallbackSettings(fides="http://fides:8080/api/v1", hosts=("a.example",))
    made = Workspace(workspace.root, workspace.settings.model_copy(update={"callbacks": said}))
    callbacks.require_permitted(made, [Wanted("fides", "http://fides:8080/api/v1/privacy-request/pri_1/resume")])
    callbacks.require_permitted(made, [Wanted("own", "https://a.example/")])
    for url in ("http://fides:8080/api/v1/user", "http://fides:8081/", "https://b.example/", "http://a.example/"):
        with pytest.raises(WrongUse):
            callbacks.require_permitted(made, [Wanted("own", url)])


@pytest.mark.parametrize(
    "said", ["internal: ['fides']", "hosts: ['https://a.example']", "fides: fides.example", "fides: 'http://a/?b'"]
)
def test_a_setting_that_names_no_receiver_is_refused(workspace: Workspace, said: str) -> None:
    file = workspace.root / "params.yaml"
    file.write_text(file.read_text() + f"  callbacks:\n    {said}\n")
    with pytest.raises(SettingsError, match=r"unlearning\.callbacks"):
        load(workspace.root)
