"""The whole MLflow registry at once: every version, and the runs behind those that are asked for.

Part of the home of MLflow, with `models.py`. What a search shows is read from searches; the models that runs started from it
does not show, so they are asked for apart, and again only when a search shows that a run changed. Whatever one answer for
many lacks is asked for alone: an answer that lacks something never says that there is nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from unlearning.domain.hashing import canonical, digest
from unlearning.stores.mlflow.api import experiments, logged_models, pages
from unlearning.stores.mlflow.connection import mlflow_exception
from unlearning.stores.mlflow.model_inputs import started_from
from unlearning.stores.sql.followed import RunRead

if TYPE_CHECKING:
    from mlflow import MlflowClient

_AT_ONCE = 8
_FEW = 10
"""So many names are asked for alone: a search reads the list of experiments first."""
_A_SEARCH = 500
"""Runs that one search asks for."""
_NOTHING: Mapping[str, RunRead] = MappingProxyType({})
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


@dataclass(frozen=True)
class Input:
    """A data set that a run logged."""

    name: str
    kind: str
    """MLflow's source type: `dvc`, `local`, `s3`, …"""
    source: Mapping[str, Any]
    context: str
    """`training`, `evaluation`, …; empty when the run did not say."""


@dataclass(frozen=True)
class RunFacts:
    """What a run says of where its model comes from."""

    run_id: str
    finished: bool
    datasets: tuple[Input, ...]
    models: tuple[str, ...]
    """Logged models it started from."""
    git_rev: str | None
    dirty: bool
    """It began with changes that no commit holds."""
    stage: str | None
    """The DVC stage it ran in."""
    outputs: Mapping[str, str]
    """Path, as a tag can hold it → DVC object hash, of what lay beside the run when it began."""
    outputs_total: int
    """How many there were; a run's tags hold the first ones only."""
    erasure: str | None = None
    """The erasure that had it made again."""
    experiment: str = ""
    ended_ms: int | None = None
    said_of_parent: Mapping[str, str] = field(default_factory=dict)
    """Those of its tags that say which version it made its model from, and how."""
    parent: str | None = None
    """The run that it was started in."""
    made: tuple[str, ...] = ()
    """Logged models that came out of it."""

    @property
    def read(self) -> RunRead:
        """What is remembered of it: everything but its models as a digest, in no order that MLflow chose."""
        shown = {**vars(self), "models": None, "made": None, "datasets": sorted(map(vars, self.datasets), key=canonical)}
        return RunRead(self.run_id, self.experiment, digest(shown), self.models)


@dataclass(frozen=True)
class LoggedFacts:
    """What a logged model says of where it comes from."""

    model_id: str
    run_id: str | None
    tags: Mapping[str, str]


class Reader:
    """Reads through one open client; what a server shows of each run alone from its database, where that is named."""

    def __init__(self, client: MlflowClient, database: str | None = None) -> None:
        self._client = client
        self._database = database

    def aliases(self) -> dict[str, dict[str, int]]:
        """Model → alias → version, of every registered model."""
        found: dict[str, dict[str, int]] = {}
        token = None
        while True:
            page = self._client.search_registered_models(page_token=token, max_results=1000)
            for each in page:
                found[each.name] = {alias: int(version) for alias, version in each.aliases.items()}
            if not (token := page.token):
                return found

    def runs(self, run_ids: Collection[str], before: Mapping[str, RunRead] = _NOTHING) -> dict[str, RunFacts]:
        """The runs that are still there. before: what they said once; whichever a search shows unchanged is not asked again."""
        wanted = {run_id for run_id in run_ids if run_id not in before or before[run_id].experiment}
        homes = {run_id: before[run_id].experiment for run_id in wanted if run_id in before}
        unknown = wanted - homes.keys()
        shown = self._search(homes, sorted(set(homes.values())))
        if len(unknown) > _FEW:
            shown |= self._search(unknown, self._everywhere())
        return self._with_models(wanted, shown, before)

    def _search(self, wanted: Collection[str], experiments: Sequence[str]) -> dict[str, RunFacts]:
        """Runs without their input models; also those that are marked as deleted, as asking for them alone gives them too."""
        from mlflow.entities import ViewType

        every = sorted(wanted)
        found: dict[str, RunFacts] = {}
        for some in (every[at : at + _A_SEARCH] for at in range(0, len(every), _A_SEARCH)):
            query = f"attributes.run_id IN ({', '.join(map(repr, some))})"
            search = pages(self._client.search_runs, experiments, filter_string=query, run_view_type=ViewType.ALL)
            try:
                found |= {run.run_id: run for run in map(_run_facts, search)}
            except mlflow_exception() as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":  # a server that does not know this query
                    raise
        return found

    def every_run(self, before: Mapping[str, RunRead] = _NOTHING) -> dict[str, RunFacts]:
        """Every run of every experiment, those that are marked as deleted too. before: as in `runs`."""
        from mlflow.entities import ViewType

        everywhere = self._everywhere()
        found = pages(self._client.search_runs, everywhere, run_view_type=ViewType.ALL) if everywhere else ()
        shown = {run.run_id: run for run in map(_run_facts, found)}
        return self._with_models(shown.keys(), shown, before)

    def _with_models(
        self, wanted: Collection[str], shown: Mapping[str, RunFacts], before: Mapping[str, RunRead]
    ) -> dict[str, RunFacts]:
        """The runs with the models they started from: as they were before, or asked for. Who is not answered for is asked
        alone, and what it says then counts."""
        models = {name: before[name].models for name, run in shown.items() if name in before and _same(run, before[name])}
        asked = {name: run.ended_ms for name, run in shown.items() if name not in models}
        if len(asked) > _FEW:
            models |= started_from(self._client, asked, self._database)
        alone = self._several(set(wanted) - models.keys(), self._client.get_run)
        return {name: replace(shown[name], models=models[name]) for name in models} | {
            name: _run_facts(run) for name, run in alone.items()
        }

    def _everywhere(self) -> list[str]:
        return [str(one.experiment_id) for one in experiments(self._client)]

    def every_logged_model(self) -> dict[str, LoggedFacts]:
        """Every logged model of every experiment."""
        everywhere = self._everywhere()
        return dict(map(_logged_facts, pages(self._client.search_logged_models, everywhere) if everywhere else ()))

    def logged_models(self, model_ids: Collection[str]) -> dict[str, LoggedFacts]:
        """The logged models that are still there."""
        bulk = logged_models(self._client, "model_id", model_ids) if len(model_ids) > _FEW else []
        found = dict(map(_logged_facts, bulk))
        alone = self._several(set(model_ids) - found.keys(), self._client.get_logged_model)
        return found | dict(map(_logged_facts, alone.values()))

    def _several(self, names: Collection[str], get: Any) -> dict[str, Any]:
        def one(name: str) -> tuple[str, Any]:
            try:
                return name, get(name)
            except mlflow_exception() as error:
                if error.error_code not in _ABSENT:
                    raise
                return name, None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {name: found for name, found in pool.map(one, sorted(set(names))) if found is not None}


def _same(run: RunFacts, before: RunRead) -> bool:
    """A search shows it as it was when it had ended."""
    return run.finished and run.read.shown == before.shown


def _logged_facts(model: Any) -> tuple[str, LoggedFacts]:
    return model.model_id, LoggedFacts(model.model_id, model.source_run_id or None, dict(model.tags or {}))


def _run_facts(run: Any) -> RunFacts:
    tags = dict(run.data.tags)
    outputs = {key.removeprefix("dvc.out:"): value for key, value in tags.items() if key.startswith("dvc.out:")}
    inputs = run.inputs
    return RunFacts(
        run_id=run.info.run_id,
        finished=run.info.status in ("FINISHED", "FAILED", "KILLED"),
        datasets=tuple(_inputs(inputs.dataset_inputs if inputs else ())),
        models=tuple(one.model_id for one in (inputs.model_inputs if inputs else None) or ()),
        git_rev=tags.get("dvc.git_rev"),
        dirty=tags.get("dvc.git_dirty") == "true",
        stage=tags.get("dvc.stage"),
        outputs=outputs,
        outputs_total=int(tags.get("dvc.outs_count", len(outputs))),
        erasure=tags.get("unlearning.erasure"),
        experiment=run.info.experiment_id,
        ended_ms=run.info.end_time,
        parent=tags.get("mlflow.parentRunId"),
        made=tuple(one.model_id for one in (run.outputs.model_outputs if run.outputs else None) or ()),
        said_of_parent={key: value for key, value in tags.items() if key.startswith("unlearning.derived_")},
    )


def _inputs(found: Any) -> Iterator[Input]:
    for one in found:
        context = next((tag.value for tag in one.tags if tag.key == "mlflow.data.context"), "")
        source: Any = {}
        with contextlib.suppress(ValueError):  # a source of someone else's making, shown as foreign
            source = json.loads(one.dataset.source)
        yield Input(one.dataset.name, one.dataset.source_type, source if isinstance(source, dict) else {}, context)
