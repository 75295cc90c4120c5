"""Versions and records to store, small enough to read; and somebody who changes a database behind its store."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.entities import ModelRecord
from unlearning.domain.versions import DataVersion, ModelVersion


def version(name: str, people: int = 0, path: str = "data/train.csv", rev: str | None = None) -> DataVersion:
    return DataVersion(path, hashlib.sha256(f"{path} {name}".encode()).hexdigest(), f"md5-{name}", rev, 2 * people, people)


def record(number: int, data: DataVersion, *, name: str = "diagnosis", digest: str = "d0") -> ModelRecord:
    shard = ShardChain(shard=0, keys=("k0", f"k{number}"), rows=(3,))
    part = Part(0, f"k{number}", digest, slices_trained=1, rows_trained=30, cpu_seconds=0.123456789)
    return ModelRecord(
        model=ModelVersion(name, number),
        run_id="run",
        data=data,
        chain=Chain("recipe", 7, (shard,)),
        trained=Trained("sisa", "exact", (part,), dropped=(1, 2)),
        suppressed_upto=4,
        parent=ModelVersion(name, number - 1) if number > 1 else None,
        erasure_id="e1" if number > 1 else None,
    )


def tamper(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
