"""Whether a server lets this user delete is asked with a version that nobody has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from unlearning.stores.mlflow import readiness
from unlearning.stores.mlflow.models import MlflowModels


@contextmanager
def answering(code: int, body: str) -> Iterator[tuple[str, list[str]]]:
    """A server that knows a model and has one answer to who wants to delete; its address, and what that was."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, json.dumps({"registered_model": {"name": "churn"}}))

        def do_DELETE(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._say(code, body)

        def _say(self, code: int, body: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ABSENT = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version not found"})


@pytest.mark.parametrize(
    ("code", "body", "allowed"),
    [
        (404, ABSENT, True),
        (403, "Permission denied", False),
        (401, "You are not authenticated", False),
        (403, json.dumps({"error_code": "PERMISSION_DENIED", "message": "no"}), False),
    ],
)
def test_who_may_not_delete_is_told_before_anything_has_to_go(code: int, body: str, allowed: bool, tmp_path: Path) -> None:
    with answering(code, body) as (address, asked):
        found = list(readiness.undeletable(MlflowModels(address, "unlearning", tmp_path), ["churn"]))
    assert [json.loads(one)["version"] for one in asked] == [str(2**31 - 1)]
    assert (found == []) is allowed
    assert all("'churn'" in str(one) for one in found)


def test_a_database_asks_nobody(tmp_path: Path) -> None:
    assert list(readiness.undeletable(MlflowModels(None, "unlearning", tmp_path), ["churn"])) == []
    assert not (tmp_path / "mlflow.db").exists()
