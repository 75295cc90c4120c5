"""What runs started from: many asked at once say what each says alone, and an answer that lacks a run says nothing of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ensembles import client
from tests.registry import Elsewhere
from tests.slow_proxy import slow_proxy
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow.bulk_reader import Reader
from unlearning.stores.mlflow.model_inputs import started_from
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

NOBODYS = "0" * 32


def _elsewhere(models: MlflowModels, scratch: Path) -> Elsewhere:
    return Elsewhere(models.uri, client(models).create_experiment(f"elsewhere-{scratch.name}"), scratch)


def _trained(elsewhere: Elsewhere) -> list[str]:
    """Runs of every kind: more than are asked for alone, and more than fill one query."""
    data = Tracked("data/a.csv", "0" * 32)
    bases = [elsewhere.logged(elsewhere.run(data=[data], tags={"dvc.stage": f"fit {n}"})) for n in range(2)]
    runs = [elsewhere.run(models=bases[: n % 3], data=[data][: n % 2], foreign=['it\'s a "table"'][: n % 2]) for n in range(21)]
    runs.append(elsewhere.client.create_run(elsewhere.experiment).info.run_id)
    elsewhere.client.delete_run(runs[4])
    for run in runs[5:8]:
        elsewhere.logged(run)
    return runs


def test_what_many_runs_say_at_once_is_what_each_says_alone(models: MlflowModels, tmp_path: Path) -> None:
    runs = [*_trained(_elsewhere(models, tmp_path)), NOBODYS]
    with models.reader() as reader:
        alone = {name: facts for run in runs for name, facts in reader.runs([run]).items()}
        assert len({facts.models for facts in alone.values()}) == 3
        assert reader.runs(runs) == alone
        every = reader.every_run()
    assert {name: every[name] for name in alone} == alone


def test_a_run_is_asked_for_alone_only_where_nobody_answered_for_many(
    models: MlflowModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    runs, asked = _trained(_elsewhere(models, tmp_path)), []
    get_run = MlflowClient.get_run
    monkeypatch.setattr(MlflowClient, "get_run", lambda self, run_id: asked.append(run_id) or get_run(self, run_id))
    with models.reader() as reader:
        assert len(reader.runs([*runs, NOBODYS])) == len(runs)
    assert asked == [NOBODYS]


def test_runs_of_a_deleted_experiment_are_there(local: MlflowModels, tmp_path: Path) -> None:
    elsewhere = _elsewhere(local, tmp_path)
    runs = _trained(elsewhere)
    elsewhere.client.delete_experiment(elsewhere.experiment)
    with local.reader() as reader:
        assert reader.runs(runs).keys() == set(runs)


def test_many_logged_models_at_once_say_what_each_says_alone(local: MlflowModels, tmp_path: Path) -> None:
    elsewhere = _elsewhere(local, tmp_path)
    names = [elsewhere.logged(elsewhere.run(), tags={"number": str(number)}) for number in range(12)]
    elsewhere.client.delete_logged_model(names[3])
    with local.reader() as reader:
        alone = {name: facts for each in names for name, facts in reader.logged_models([each]).items()}
        assert reader.logged_models([*names, f"m-{NOBODYS}"]) == alone
    assert alone.keys() == {*names} - {names[3]}


# --- answers that are none -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _answering(status: int, body: str) -> Iterator[tuple[str, list[str]]]:
    """The address of somebody who says the same to everything, and what was asked."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


RUNS = {f"{number:032x}": 5 for number in range(35)}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, '{"error_code": "ENDPOINT_NOT_FOUND"}'),
        (200, "<html>Please sign in</html>"),
        (403, "Permission denied"),
        (200, '{"data": null, "errors": ["at most 5 root fields"]}'),
        (200, '{"data": {"r0": null, "r1": null}}'),
        (200, '{"data": {"r0": {"run": null}}}'),
        (200, '{"data": {"r0": {"run": {"inputs": null}}}}'),
        (200, '{"data": {"r0": {"run": {"inputs": {}}}}}'),
        (200, '{"data": {"r0": {"run": {"inputs": {"modelInputs": null}}}}}'),
        (200, "[]"),
        (200, ""),
    ],
)
def test_what_is_no_answer_says_nothing_of_any_run_and_is_asked_for_once(status: int, body: str, tmp_path: Path) -> None:
    with _answering(status, body) as (address, asked):
        assert started_from(client(MlflowModels(address, "unlearning", tmp_path)), RUNS, None) == {}
    assert len(asked) == 1


def test_a_run_that_an_answer_leaves_out_is_not_answered_for(tmp_path: Path) -> None:
    body = '{"data": {"r1": {"run": {"inputs": {"modelInputs": [{"modelId": "m-1"}]}}}, "r2": null}, "errors": ["not found"]}'
    with _answering(200, body) as (address, _):
        found = started_from(client(MlflowModels(address, "unlearning", tmp_path)), dict(list(RUNS.items())[:10]), None)
    assert found == {f"{1:032x}": ("m-1",)}


@pytest.mark.parametrize("spoilt", [404, 403, "<html>Please sign in</html>"])
def test_a_server_whose_own_pages_are_closed_is_asked_for_each_run_alone(
    spoilt: int | str, registry_server: tuple[str, str], tmp_path: Path
) -> None:
    direct = MlflowModels(registry_server[0], tmp_path.name, tmp_path)
    runs = _trained(_elsewhere(direct, tmp_path))
    with slow_proxy(registry_server[0]) as proxy:
        # The second query of many is refused too: half an answer is none for the rest.
        proxy.manner = lambda path, before: spoilt if path == "/graphql" and (before or spoilt != 403) else None
        with direct.reader() as reader, MlflowModels(proxy.address, tmp_path.name, tmp_path).reader() as behind:
            assert behind.runs(runs) == reader.runs(runs)


# --- the database of a server ----------------------------------------------------------------------------------------


def test_the_database_of_a_server_answers_for_it_but_only_for_runs_that_ended_as_the_server_says(
    local: MlflowModels, tmp_path: Path
) -> None:
    runs = _trained(_elsewhere(local, tmp_path))
    with local.reader() as reader:
        facts = reader.runs(runs)
    ended = {name: one.ended_ms for name, one in facts.items()}
    moved = {**ended, runs[1]: 1, NOBODYS: 1}
    with _answering(404, "") as (address, asked):
        found = started_from(client(MlflowModels(address, "unlearning", tmp_path)), moved, local.uri)
    assert found == {name: one.models for name, one in facts.items() if name != runs[1]}
    assert runs[1] in asked[0]


@pytest.mark.parametrize(
    "database",
    ["sqlite:///{0}/none.db", "sqlite:///{0}/other.db", "postgresql://x@127.0.0.1:1/mlflow", "no address", "nosql://x"],
)
def test_a_database_that_is_not_there_or_another_one_answers_for_nobody_and_is_not_made(database: str, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"no database")
    named = database.format(tmp_path)
    with _answering(404, "") as (address, _):
        assert started_from(client(MlflowModels(address, "unlearning", tmp_path)), RUNS, named) == {}
    assert not (tmp_path / "none.db").exists()


def test_a_reader_of_a_server_asks_its_database_where_that_is_named(
    registry_server: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unlearning.stores.mlflow import model_inputs

    models = MlflowModels(registry_server[0], tmp_path.name, tmp_path, registry_server[1])
    runs = _trained(_elsewhere(models, tmp_path))
    with models.reader() as reader:
        alone = {name: facts for run in runs for name, facts in reader.runs([run]).items()}
        monkeypatch.setattr(model_inputs, "_answered", lambda *_: pytest.fail("the server was asked"))
        assert reader.runs(runs) == alone
    assert isinstance(reader, Reader)
