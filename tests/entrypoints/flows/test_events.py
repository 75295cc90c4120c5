"""Events: sent only where a server is named and there is something to say."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from unlearning.entrypoints.flows import events


def test_without_a_server_or_without_a_request_nothing_is_sent_and_nothing_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert not events.announce(["request-1"], {})
    assert not events.announce(["request-1"], {"PREFECT_API_URL": ""})
    assert not events.announce([], {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    assert not events.registry_changed("fraud", {})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_server_that_points_elsewhere_took_nothing_and_the_key_goes_nowhere_else(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path.startswith("/elsewhere"):
                elsewhere.append(str(self.headers.get("Authorization")))
            self.send_response(status)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://ann:s3cret@127.0.0.1:{server.server_address[1]}/api"
        with temporary_settings({PREFECT_API_KEY: "k3y"}, restore_defaults={PREFECT_API_URL}):
            assert not events.announce(["request-1"], {"PREFECT_API_URL": url})
        server.shutdown()
    said = capsys.readouterr().err
    assert "did not take the event" in said
    assert "s3cret" not in said
    assert elsewhere == []


def test_what_is_warm_reads_nothing_more_to_announce() -> None:
    asked = """
import os, sys
from unlearning.entrypoints.flows import events
events.warm()
before = set(sys.modules)
events.announce(["request-1"], os.environ)
print(*(set(sys.modules) - before))
"""
    nobody = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120, env=nobody)
    assert "did not take the event (ConnectError)" in done.stderr
    assert set(done.stdout.split()) <= {"stringprep", "encodings.idna"}
