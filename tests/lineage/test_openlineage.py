"""OpenLineage events of a real training, erasure and round of following, held against the published schema's own classes.

The classes are those of openlineage-python 1.54.0, which OpenLineage generates from spec 2-0-2. They also make the events, so
one event stands here in full, as the specification has it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import event_v2, facet_v2, serde

from tests.registry import Elsewhere
from tests.servers import free_port
from tests.small_project import TRAIN, Project, patient, tracked
from unlearning.domain.errors import SettingsError
from unlearning.domain.events import LineageNotSent
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.lineage import openlineage

FACETS = {
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "datasetType": facet_v2.dataset_type_dataset.DatasetTypeDatasetFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "tags": facet_v2.tags_run.TagsRunFacet,
}
FILE = "lineage.jsonl"


def told(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.root / FILE).read_text().splitlines()]


def ended(project: Project) -> list[dict[str, Any]]:
    return [one for one in told(project) if one["eventType"] != "START"]


def named(datasets: list[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (one["name"], one["facets"]["datasetType"]["datasetType"], one["facets"]["version"]["datasetVersion"])
        for one in datasets
    }


def published(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same event, made by OpenLineage's own classes from what it says; they refuse what the schema does not allow."""

    def facets(found: Mapping[str, Any]) -> dict[str, Any]:
        made = {}
        for name, facet in found.items():
            values = {key: value for key, value in facet.items() if not key.startswith("_")}
            if name == "tags":
                values["tags"] = [facet_v2.tags_run.TagsRunFacetFields(**tag) for tag in values["tags"]]
            made[name] = FACETS[name](producer=facet["_producer"], **values)
        return made

    def datasets(kind: Any, found: list[Mapping[str, Any]]) -> list[Any]:
        return [kind(one["namespace"], one["name"], facets=facets(one["facets"])) for one in found]

    run, job = event["run"], event["job"]
    made = event_v2.RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=event_v2.Run(run["runId"], facets=facets(run["facets"])),
        job=event_v2.Job(job["namespace"], job["name"], facets=facets(job["facets"])),
        eventType=event_v2.RunState[event["eventType"]],
        inputs=datasets(event_v2.InputDataset, event["inputs"]),
        outputs=datasets(event_v2.OutputDataset, event["outputs"]),
    )
    shown: dict[str, Any] = json.loads(serde.Serde.to_json(made))
    return shown


def without_nothing(value: Any) -> Any:
    """What is empty says nothing; the client leaves it out or in, by its kind."""
    if isinstance(value, Mapping):
        found = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item not in (None, {}, [])}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def telling(project: Project) -> Project:
    project.configure({"openlineage": {"file": FILE}})
    return project


def test_an_erasure_takes_new_data_and_the_old_model_to_the_new_model(telling: Project) -> None:
    telling.request(patient(3))
    telling.erase()
    start, complete = told(telling)
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert named(complete["inputs"]) == {(TRAIN, "FILE", tracked(telling.root, TRAIN)), ("outcome", "MODEL", "1")}
    assert named(complete["outputs"]) == {("outcome", "MODEL", "2")}
    for event in told(telling):
        assert without_nothing(event) == without_nothing(published(event))
    text = (telling.root / FILE).read_text()
    assert patient(3) not in text
    assert telling.token(patient(3)) not in text
    assert "ompare" not in text


def test_an_erasure_that_is_refused_fails_by_the_kind_of_what_went_wrong(telling: Project) -> None:
    telling.configure({"checks": {"agreement_minimum": 1.0, "utility_tolerance": 0.0, "drift_maximum": 0.0}})
    telling.request(patient(3))
    with pytest.raises(Exception, match="requests stay open"):
        telling.erase()
    [failed] = ended(telling)
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValidationRefused"
    assert without_nothing(failed) == without_nothing(published(failed))


def test_a_training_takes_the_table_to_the_version(telling: Project) -> None:
    made = telling.train()
    workspace = telling.workspace
    with openlineage.reported(workspace, "train") as report:
        openlineage.tell_training(workspace, report, ModelVersion("outcome", made["version"]))
    [complete] = ended(telling)
    assert named(complete["inputs"]) == {(TRAIN, "FILE", tracked(telling.root, TRAIN))}
    assert named(complete["outputs"]) == {("outcome", "MODEL", str(made["version"]))}
    assert without_nothing(complete) == without_nothing(published(complete))


def test_following_tells_each_version_whose_data_it_found_once(telling: Project, tmp_path: Path) -> None:
    from unlearning.lineage import follow

    elsewhere = Elsewhere.at(telling.workspace.models.uri, tmp_path)
    content = Tracked(TRAIN, tracked(telling.root, TRAIN))
    run_id = elsewhere.run(data=[content])
    elsewhere.register("other", elsewhere.logged(run_id), run_id)
    for _ in range(2):
        before = frozenset(telling.workspace.followed.sources())
        follow.follow(telling.workspace)
        openlineage.tell_followed(telling.workspace, before)
    by_job = {one["job"]["name"]: one for one in ended(telling)}
    assert len(by_job) == len(ended(telling))
    other = by_job["other.training"]
    assert other["run"]["runId"].replace("-", "") == run_id
    assert named(other["inputs"]) == {(TRAIN, "FILE", content.object)}
    assert named(other["outputs"]) == {("other", "MODEL", "1")}
    assert without_nothing(other) == without_nothing(published(other))


@pytest.mark.slow  # what is told around any run is the same
def test_a_dead_endpoint_is_said_aloud_and_recorded_and_stops_no_erasure(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.configure({"openlineage": {"url": f"http://127.0.0.1:{free_port()}"}})
    project.request(patient(3))
    with caplog.at_level("WARNING", logger="unlearning.progress"):
        project.erase()
    assert project.champion == 2
    missed = [event.body for event in project.events() if event.kind == "LineageNotSent"]
    assert [(one["state"], one["why"]) for one in missed] == [("START", "URLError"), ("COMPLETE", "URLError")]
    assert "was not sent (URLError)" in caplog.text


@contextmanager
def serving(status: int = 201, **headers: str) -> Iterator[tuple[str, list[tuple[str, str | None, dict[str, Any]]]]]:
    """A lineage server that keeps what it gets, and answers as it is told to."""
    got: list[tuple[str, str | None, dict[str, Any]]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            got.append((self.path, self.headers.get("Authorization"), json.loads(self.rfile.read(length) or "{}")))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Keep) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()
        thread.join()


def tell_once(project: Project, url: str) -> list[dict[str, Any]]:
    """What the ledger says was not sent, after one run with nothing in it."""
    project.configure({"openlineage": {"url": url, "namespace": "clinic"}})
    with openlineage.reported(project.workspace, "train"):
        pass
    return [dict(event.body) for event in project.workspace.ledger.of(LineageNotSent)]


def test_a_lineage_server_gets_each_event_where_it_expects_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    with serving() as (url, got):
        assert tell_once(project, url) == []
    assert [(path, key, body["eventType"]) for path, key, body in got] == [
        ("/api/v1/lineage", "Bearer secret", "START"),
        ("/api/v1/lineage", "Bearer secret", "COMPLETE"),
    ]
    assert {body["job"]["namespace"] for *_, body in got} == {"clinic"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_key_elsewhere_or_counts_as_sent(
    project: Project, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    with ExitStack() as both:
        elsewhere, strayed = both.enter_context(serving())
        url, got = both.enter_context(serving(status, Location=f"{elsewhere}api/v1/lineage"))
        missed = tell_once(project, url)
    assert [one["why"] for one in missed] == [f"HTTP {status}"] * 2
    assert len(got) == 2
    assert strayed == []


@pytest.mark.parametrize(
    ("status", "headers"), [(304, {}), (429, {"Retry_After": "3600"}), (500, {}), (503, {"Retry_After": "3600"})]
)
def test_what_a_lineage_server_turns_away_is_recorded_and_not_waited_for(
    project: Project, status: int, headers: dict[str, str]
) -> None:
    with serving(status, **headers) as (url, got):
        missed = tell_once(project, url)
    assert [(one["state"], one["why"]) for one in missed] == [("START", f"HTTP {status}"), ("COMPLETE", f"HTTP {status}")]
    assert len(got) == 2


def test_a_dead_endpoint_is_said_aloud_and_recorded_and_stops_nothing(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="unlearning.progress"):
        missed = tell_once(project, f"http://127.0.0.1:{free_port()}")
    assert [(one["state"], one["why"]) for one in missed] == [("START", "URLError"), ("COMPLETE", "URLError")]
    assert "was not sent (URLError)" in caplog.text


def test_an_answer_that_is_no_http_stops_nothing(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            for _ in range(2):
                with door.accept()[0] as caller:
                    caller.recv(1 << 16)
                    caller.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        missed = tell_once(project, f"http://127.0.0.1:{door.getsockname()[1]}")
        thread.join()
    assert [one["why"] for one in missed] == ["BadStatusLine"] * 2


@pytest.mark.parametrize(
    ("key", "url", "why"),
    [
        ("two\nlines", "http://127.0.0.1", "ValueError"),
        ("—", "http://127.0.0.1", "UnicodeEncodeError"),
        ("secret", "http://no host", "InvalidURL"),
    ],
)
def test_a_key_or_an_address_that_cannot_be_sent_stops_nothing_and_is_not_repeated(
    project: Project, key: str, url: str, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", key)
    assert [one["why"] for one in tell_once(project, url)] == [why] * 2
    assert key not in caplog.text


def test_a_target_without_the_extra_is_refused_before_anything_happens(
    telling: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.request(patient(3))
    monkeypatch.setitem(sys.modules, "openlineage.client.facet_v2", None)
    with pytest.raises(SettingsError, match=r"pip install 'mlflow-unlearning\[openlineage\]'"):
        telling.erase()
    assert not (telling.root / FILE).exists()
    assert telling.champion == 1


def test_one_event_stands_as_the_specification_has_it() -> None:
    told = openlineage.Told("outcome.erase", "01941f29-7c00-7743-9b9a-000000000000", {"erasure": "E-1"})
    told.inputs.append(openlineage.Dataset("dvc://clinic", "data/train.parquet", "f2a6a04e", "FILE"))
    made = openlineage.event("FAIL", told, namespace="unlearning", at=datetime(2026, 11, 2, 12, tzinfo=UTC), error="Refused")

    def facet(schema: str, **said: Any) -> dict[str, Any]:
        address = f"https://openlineage.io/spec/facets/{schema}.json#/$defs/{schema.partition('/')[2]}"
        return {"_producer": openlineage.PRODUCER, "_schemaURL": address, **said}

    tags = [{"key": "erasure", "value": "E-1", "source": "INTEGRATION"}]
    kinds = {"processingType": "BATCH", "integration": "MLFLOW_UNLEARNING", "jobType": "JOB"}
    assert without_nothing(json.loads(serde.Serde.to_json(made))) == {
        "eventType": "FAIL",
        "eventTime": "2026-11-02T12:00:00+00:00",
        "run": {
            "runId": "01941f29-7c00-7743-9b9a-000000000000",
            "facets": {
                "tags": facet("1-0-0/TagsRunFacet", tags=tags),
                "errorMessage": facet("1-0-1/ErrorMessageRunFacet", message="Refused", programmingLanguage="python"),
            },
        },
        "job": {
            "namespace": "unlearning",
            "name": "outcome.erase",
            "facets": {"jobType": facet("2-0-4/JobTypeJobFacet", **kinds)},
        },
        "inputs": [
            {
                "namespace": "dvc://clinic",
                "name": "data/train.parquet",
                "facets": {
                    "version": facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion="f2a6a04e"),
                    "datasetType": facet("1-0-1/DatasetTypeDatasetFacet", datasetType="FILE"),
                },
            }
        ],
        "producer": openlineage.PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


@pytest.mark.parametrize(
    "target", [{}, {"file": "a", "url": "http://b"}, {"url": "ftp://b"}, {"file": "a", "transport": "kafka"}]
)
def test_a_target_that_means_nothing_is_refused(project: Project, target: dict[str, str]) -> None:
    project.configure({"openlineage": target})
    with pytest.raises(SettingsError, match="openlineage"):
        _ = project.workspace


def test_without_a_target_nothing_is_told_and_nothing_needed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openlineage.client.facet_v2", None)
    with openlineage.reported(project.workspace, "train"):
        pass
    assert not (project.root / FILE).exists()
    assert "LineageNotSent" not in project.kinds()
