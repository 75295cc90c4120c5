"""A model's record as text and back: what the lineage keeps of a model version."""

from __future__ import annotations

import json

from unlearning.domain.chain import Chain
from unlearning.domain.codec import read, write
from unlearning.domain.entities import ModelRecord
from unlearning.domain.hashing import canonical


def dumps(record: ModelRecord) -> str:
    """The record as canonical JSON."""
    return canonical(write(record)).decode()


def loads(text: str) -> ModelRecord:
    """The record that `dumps` was given. Raises Damaged."""
    return read(ModelRecord, json.loads(text), of="a model's lineage")


def same_model(one: ModelRecord, other: ModelRecord) -> bool:
    """Same data, chain and constituents; seconds and counters may differ when a step ran again."""
    return _essence(one) == _essence(other)


def _essence(record: ModelRecord) -> tuple[str, Chain, frozenset[tuple[int, str, str]]]:
    return record.data.digest, record.chain, frozenset((part.shard, part.key, part.digest) for part in record.trained.parts)
