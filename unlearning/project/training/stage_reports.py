"""The outputs of the DVC stages: small JSON files, the same bytes for the same result, so that `dvc status` stays clean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain import codec
from unlearning.domain.entities import CheckResult, ModelRecord
from unlearning.project.training import registration
from unlearning.project.training.judging import Measured
from unlearning.stores.files import replacing

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


Verdicts = Mapping[str, Mapping[str, str]]
"""Table → its checks, by name and verdict."""


@dataclass(frozen=True)
class TrainedVersion:
    """Which version the training table made."""

    model: str
    version: int
    data_digest: str
    recipe: str
    chain_head: str
    shards: int
    slices: int

    @classmethod
    def of(cls, record: ModelRecord) -> TrainedVersion:
        """That of a record."""
        return cls(
            model=record.model.name,
            version=record.model.version,
            data_digest=record.data.digest,
            recipe=record.chain.recipe,
            chain_head=registration.head(record.trained),
            shards=len(record.chain.shards),
            slices=len(record.chain.shards[0].rows),
        )


def write(workspace: Workspace, path: str, content: Verdicts | TrainedVersion | Measured) -> None:
    """One report, atomically."""
    target = workspace.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as stream:
        stream.write(json.dumps(codec.write(content), indent=2, sort_keys=True).encode() + b"\n")


def data_report(results: Mapping[str, Sequence[CheckResult]]) -> Verdicts:
    """Values move with the data and stay in the Data Docs."""
    return {path: {result.name: result.verdict for result in checks} for path, checks in results.items()}
