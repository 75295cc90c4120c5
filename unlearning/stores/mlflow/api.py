"""What a tracking server's API shows, piece by piece, with how to delete each where it can. Part of the home of MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from unlearning.stores.mlflow.connection import mlflow_exception

PARAM, METRIC, NAME, DATASET = "run parameter", "run metric", "run name", "run data set"
TAG, TRACE, RECORD, MODEL_TAG, MODEL_PARAM = (
    "run tag",
    "trace",
    "evaluation record",
    "logged model tag",
    "logged model parameter",
)


_AT_ONCE = 100
"""Names in one query."""


@dataclass(frozen=True)
class Spot:
    """One piece of text that the server keeps."""

    kind: str
    owner: str
    """Run, logged model, trace or evaluation data set."""
    key: str
    text: str = field(repr=False)
    remove: Callable[[], object] | None = field(default=None, repr=False)
    """None where the API has no way."""

    def delete(self) -> bool:
        """False when the API cannot, or the server refuses: a run that is marked as deleted cannot be changed."""
        if self.remove is None:
            return False
        try:
            self.remove()
        except mlflow_exception():
            return False
        return True


def spots(client: Any, experiments: Sequence[str]) -> Iterator[Spot]:
    """Every piece of text of runs, logged models, traces and evaluation data sets of these experiments."""
    if experiments:
        yield from _runs(client, experiments)
        yield from _logged_models(client, experiments)
        yield from _traces(client, experiments)
        yield from _records(client, experiments)


def _runs(client: Any, experiments: Sequence[str]) -> Iterator[Spot]:
    from mlflow.entities import ViewType

    for run in pages(client.search_runs, experiments, run_view_type=ViewType.ALL):
        name = run.info.run_id
        for key, value in run.data.tags.items():
            if key != "mlflow.runName":
                yield Spot(TAG, name, key, _pair(key, value), partial(client.delete_tag, name, key))
        yield Spot(NAME, name, "", str(run.info.run_name), partial(client.update_run, name, name=name))
        yield from (Spot(PARAM, name, key, _pair(key, value)) for key, value in run.data.params.items())
        yield from (Spot(METRIC, name, key, key) for key in run.data.metrics)
        for one in run.inputs.dataset_inputs if run.inputs else ():
            data = one.dataset
            text = json.dumps([data.name, data.source, data.schema, data.profile])
            yield Spot(DATASET, name, f"{data.name}/{data.digest}", text)


def _logged_models(client: Any, experiments: Sequence[str]) -> Iterator[Spot]:
    for model in pages(client.search_logged_models, experiments):
        name = model.model_id
        yield from (Spot(MODEL_PARAM, name, key, _pair(key, value)) for key, value in model.params.items())
        for key, value in model.tags.items():
            yield Spot(MODEL_TAG, name, key, _pair(key, value), partial(client.delete_logged_model_tag, name, key))


def _traces(client: Any, experiments: Sequence[str]) -> Iterator[Spot]:
    for trace in pages(client.search_traces, locations=list(experiments)):
        info = trace.info
        remove = partial(client.delete_traces, info.experiment_id, trace_ids=[info.trace_id])
        yield Spot(TRACE, info.trace_id, "", trace.to_json(), remove)


def _records(client: Any, experiments: Sequence[str]) -> Iterator[Spot]:
    for data in pages(client.search_datasets, list(experiments)):
        dataset = client.get_dataset(data.dataset_id)
        for row in dataset.to_df().to_dict("records"):
            record = str(row["dataset_record_id"])
            yield Spot(RECORD, data.dataset_id, record, json.dumps(row, default=str), partial(dataset.delete_records, [record]))


def runs(client: Any, names: Collection[str]) -> list[Any]:
    """Those of the runs that are there, also marked as deleted, without what came out of them."""
    from mlflow.entities import ViewType

    return _named(names, "attributes.run_id", client, partial(client.search_runs, run_view_type=ViewType.ALL))


def logged_models(client: Any, attribute: str, names: Collection[str]) -> list[Any]:
    """The logged models whose attribute, `model_id` or `source_run_id`, is among the names."""
    return _named(names, attribute, client, client.search_logged_models)


def experiments(client: Any) -> list[Any]:
    """All of them, also marked as deleted."""
    from mlflow.entities import ViewType

    return list(pages(client.search_experiments, view_type=ViewType.ALL))


def _named(names: Collection[str], attribute: str, client: Any, search: Callable[..., Any]) -> list[Any]:
    if not names:
        return []
    everywhere = [one.experiment_id for one in experiments(client)]
    asked = (f"{attribute} IN ({', '.join(map(repr, part))})" for part in _parts(names))
    return [one for filter_string in asked for one in pages(search, everywhere, filter_string)]


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    """In portions that a query can hold."""
    ordered = sorted(names)
    return (ordered[at : at + _AT_ONCE] for at in range(0, len(ordered), _AT_ONCE))


def _pair(key: str, value: object) -> str:
    return json.dumps({key: value}, default=str)


def pages(search: Callable[..., Any], *arguments: Any, **query: Any) -> Iterator[Any]:
    """Everything that a search finds, page by page."""
    token = None
    while True:
        page = search(*arguments, page_token=token, **query)
        yield from page
        if not (token := page.token):
            return
