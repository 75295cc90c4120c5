"""An MLflow server that is not down but slow: what works, what is said, and that nothing is recorded by halves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.entrypoints.cli.commands import unlearn
from tests.registry import Elsewhere
from tests.servers import mlflow_server
from tests.slow_proxy import STALL, Manner, SlowProxy, slow_proxy
from tests.small_project import TRAIN, Project, copy, tracked
from unlearning.domain.versions import Tracked
from unlearning.lineage import follow

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("without_prefect", "impatient")]

LONGEST_S = 30
"""Three tries of two seconds each take a fifth of this: more would be waiting without an end."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TIMEOUT", "2"), ("MAX_RETRIES", "2"), ("BACKOFF_FACTOR", "0"), ("BACKOFF_JITTER", "0")):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)


@pytest.fixture(scope="module")
def slow(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, SlowProxy]]:
    """A project whose registry is behind the proxy, with two models of someone else's: one says its data, one does not."""
    folder = tmp_path_factory.mktemp("slow")
    project = copy(template, folder / "project")
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    elsewhere = Elsewhere.at(uri, folder)
    elsewhere.train("theirs", data=[trained_on(project)])
    elsewhere.train("silent")
    with mlflow_server(folder / "server", database=uri) as address, slow_proxy(address) as proxy:
        project.configure({"stores": {"mlflow": proxy.address}})
        follow.follow(project.workspace)
        yield project, proxy


@pytest.fixture
def project(slow: tuple[Project, SlowProxy]) -> Project:
    return slow[0]


@pytest.fixture
def proxy(slow: tuple[Project, SlowProxy]) -> Iterator[SlowProxy]:
    slow[1].asked.clear()
    yield slow[1]
    slow[1].manner = lambda _path, _before: None


def registry(project: Project) -> Elsewhere:
    """The registry behind the server, without it."""
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    return Elsewhere(uri, Elsewhere._client(uri).get_experiment_by_name("elsewhere").experiment_id, project.root)


def trained_on(project: Project) -> Tracked:
    return Tracked(TRAIN, tracked(project.root, TRAIN))


def rows(project: Project) -> dict[str, list[Any]]:
    """Everything in ledger and lineage."""
    found: dict[str, list[Any]] = {}
    for engine in {project.workspace.ledger.engine, project.workspace.followed._engine}:
        tables = sa.MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            for table in tables.sorted_tables:
                found[f"{engine.url} {table.name}"] = sorted(map(repr, connection.execute(sa.select(table))))
    return found


def instead(what: int | str, part: str) -> Manner:
    return lambda path, _before: what if part in path else None


FOLLOW, IMPACT = ("follow", "--all", "--json"), ("impact", "--subject", "-", "--json")
ANSWERS: dict[str, Manner] = {
    "every answer is late": lambda _path, _before: 0.3,
    "each request is refused once with 503": lambda _path, before: 503 if before == 0 else None,
    "each request is refused twice with 429": lambda _path, before: 429 if before < 2 else None,
    "each request hangs once": lambda _path, before: STALL if before == 0 else None,
}
SILENCES: dict[str, tuple[tuple[str, ...], Manner, str]] = {
    "nothing is answered": (FOLLOW, lambda _path, _before: STALL, "did not answer in time"),
    "runs hang": (FOLLOW, instead(STALL, "runs/get"), "did not answer in time"),
    "runs are refused with 503": (FOLLOW, instead(503, "runs/get"), "answers 503"),
    "runs are refused with 429": (FOLLOW, instead(429, "runs/get"), "answers 429"),
    "versions are a login page": (FOLLOW, instead("<html>Please log in</html>", "model-versions/"), "not as MLflow does"),
    "nothing is answered, asked for impact": (IMPACT, lambda _path, _before: STALL, "did not answer in time"),
    "aliases are refused with 503": (IMPACT, instead(503, "registered-models/search"), "answers 503"),
}


@pytest.mark.parametrize("manner", [pytest.param(one, marks=[pytest.mark.slow] if "hangs" in one else []) for one in ANSWERS])
def test_a_slow_server_that_answers_in_time_is_waited_for(project: Project, proxy: SlowProxy, manner: str) -> None:
    proxy.manner = ANSWERS[manner]
    followed = unlearn(project.root, *FOLLOW)
    assert followed.code == 0, followed.said
    assert followed.document["model_versions"] == len(registry(project).client.search_model_versions())
    assert [gap["what"] for gap in followed.document["gaps"]] == ["model silent/1"]
    asked = unlearn(project.root, *IMPACT, stdin=project.people(TRAIN)[0])
    assert asked.code == 0, asked.said
    assert {one["name"] for one in asked.document["model_versions"]} == {"outcome", "theirs"}


@pytest.mark.parametrize(
    "silence", [pytest.param(one, marks=[pytest.mark.slow] if "nothing" in one else []) for one in SILENCES]
)
def test_a_server_that_does_not_answer_in_time_is_named_and_nothing_is_recorded(
    project: Project, proxy: SlowProxy, silence: str
) -> None:
    words, proxy.manner, says = SILENCES[silence]
    registry(project).train("theirs", data=[trained_on(project)])  # something new, that could be recorded by halves
    before, began = rows(project), time.monotonic()
    answer = unlearn(project.root, *words, stdin=project.people(TRAIN)[0])
    assert time.monotonic() - began < LONGEST_S
    assert answer.code == 1, answer.said
    assert answer.document["error"] == "Unavailable"
    for part in (proxy.address, says, "stores.mlflow"):
        assert part in answer.document["message"]
    assert rows(project) == before
