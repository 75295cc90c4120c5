"""The chains that trainings set out to make, kept before the first checkpoint is stored.

A training that dies, or a candidate that fails its checks, leaves checkpoints that no model version names. Through its chain
they are found all the same when one of their people is erased.
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from unlearning.domain.chain import Chain, ShardChain
from unlearning.domain.codec import write
from unlearning.domain.hashing import canonical, digest
from unlearning.stores.sql import database
from unlearning.stores.sql.schema import attempts


class SqlAttempts:
    """Chains by model name. Recording one twice changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, model: str, chain: Chain) -> None:
        """Keep the chain of a training that is about to begin."""
        name = digest([model, [shard.head for shard in chain.shards]])
        known = sa.select(attempts.c.name).where(attempts.c.name == name)
        with database.writing(self._engine, "attempts") as connection:
            if connection.execute(known).first() is None:
                row = {"name": name, "model": model, "chain": canonical(write(chain)).decode()}
                connection.execute(attempts.insert().values(row))

    def chains(self, model: str) -> list[Chain]:
        """Every chain that a training of this model set out to make."""
        query = sa.select(attempts.c.chain).where(attempts.c.model == model).order_by(attempts.c.name)
        with database.reading(self._engine) as connection:
            return [_chain(text) for text in connection.scalars(query)]


def _chain(text: str) -> Chain:
    body = json.loads(text)
    shards = (ShardChain(shard=s["shard"], keys=tuple(s["keys"]), rows=tuple(s["rows"])) for s in body["shards"])
    members = body.get("members_of_person", 1)
    return Chain(recipe=body["recipe"], seed=body["seed"], shards=tuple(shards), members_of_person=members)
