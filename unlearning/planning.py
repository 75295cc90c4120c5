"""Requests, impact and policy → the plan of one erasure. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from unlearning.entities import DataVersion, ModelVersion
from unlearning.errors import WouldEmptyData
from unlearning.hashing import digest


@dataclass(frozen=True, slots=True)
class Plan:
    """What one erasure will do, decided before anything is changed."""

    erasure_id: str
    model: str
    alias: str
    parent: ModelVersion
    """The version behind the alias when the plan was made; promotion refuses any other."""
    methods: tuple[str, ...]
    """The ladder: the next one runs when the checks of the one before fail."""
    tokens: tuple[str, ...]
    before: tuple[DataVersion, ...]
    """The tables as they are now, upstream first."""
    train: str
    """Path of the table that trains the model."""
    suppressed_upto: int
    """Ledger position as of which suppressed people are left out of the training."""
    retrain_model: bool
    """False when nobody to forget shaped the version behind the alias: the data is redacted, the model stays."""
    adopted: tuple[str, ...] = ()
    """Models that were trained elsewhere, that these people shaped, and that their own DVC stages make again."""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Plan:
        """The inverse of `entities.plain`."""
        return cls(
            **{
                **body,
                "parent": ModelVersion(**body["parent"]),
                "methods": tuple(body["methods"]),
                "tokens": tuple(body["tokens"]),
                "adopted": tuple(body.get("adopted", ())),
                "before": tuple(DataVersion(**version) for version in body["before"]),
            }
        )


def erasure_id(request_ids: Sequence[str]) -> str:
    """The name of a batch: the same requests make the same batch, so a second start finds the first."""
    return "erasure-" + digest(["unlearning/erasure/1", sorted(request_ids)])[:12]


def check_something_remains(*, table: str, rows: int, removed: int) -> None:
    """Raises WouldEmptyData when an erasure would leave no record to train on."""
    if removed >= rows:
        raise WouldEmptyData(
            f"erasing these people would remove all {rows} records of {table}; a model cannot be trained on nothing. "
            "Add data first, or retire the model and its data in MLflow and DVC"
        )


def must_start_by(due_at: datetime | None, *, expected: timedelta, margin: timedelta = timedelta(days=1)) -> datetime | None:
    """The latest start that keeps the promise: due − expected duration − margin for approval."""
    return due_at - expected - margin if due_at else None
