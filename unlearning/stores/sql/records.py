"""A model's record as text and back: what the lineage keeps of a model version."""

from __future__ import annotations

import json

from unlearning.domain.chain import Chain, Part, ShardChain, Trained
from unlearning.domain.entities import ModelRecord, plain
from unlearning.domain.hashing import canonical
from unlearning.domain.versions import DataVersion, ModelVersion


def dumps(record: ModelRecord) -> str:
    """The record as canonical JSON."""
    return canonical(plain(record)).decode()


def loads(text: str) -> ModelRecord:
    """The record that `dumps` was given."""
    value = json.loads(text)
    chain, trained = value["chain"], value["trained"]
    shards = tuple(ShardChain(item["shard"], tuple(item["keys"]), tuple(item["rows"])) for item in chain["shards"])
    parts = tuple(Part(**item) for item in trained["parts"])
    return ModelRecord(
        **value
        | {
            "model": ModelVersion(**value["model"]),
            "data": DataVersion(**value["data"]),
            "chain": Chain(**chain | {"shards": shards}),
            "trained": Trained(**trained | {"parts": parts, "dropped": tuple(trained["dropped"])}),
            "parent": value["parent"] and ModelVersion(**value["parent"]),
        }
    )


def same_model(one: ModelRecord, other: ModelRecord) -> bool:
    """Same data, chain and constituents; seconds and counters may differ when a step ran again."""
    return _essence(one) == _essence(other)


def _essence(record: ModelRecord) -> tuple[str, Chain, frozenset[tuple[int, str, str]]]:
    return record.data.digest, record.chain, frozenset((part.shard, part.key, part.digest) for part in record.trained.parts)
