"""Events: sent only where a server is named and there is something to say."""

from __future__ import annotations

import pytest

from unlearning.entrypoints.flows import events


def test_without_a_server_or_without_a_request_nothing_is_sent_and_nothing_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert not events.announce(["request-1"], {})
    assert not events.announce(["request-1"], {"PREFECT_API_URL": ""})
    assert not events.announce([], {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    assert not events.registry_changed("fraud", {})
    assert capsys.readouterr() == ("", "")
