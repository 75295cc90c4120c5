"""The chain of keys: every step of a training by name, the jobs that make what is missing, and what they gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Engine = tuple[tuple[str, str], ...]
"""What a training runs on, by name, see `training/environment.py`; empty where nobody recorded it."""


@dataclass(frozen=True, slots=True)
class ShardChain:
    """The names of one shard's checkpoints."""

    shard: int
    keys: tuple[str, ...]
    """(R+1,): `keys[0]` names the untrained start, `keys[r]` the checkpoint after slice r."""
    rows: tuple[int, ...]
    """(R,): retained records of each slice."""

    @property
    def head(self) -> str:
        """The name of the fully trained constituent."""
        return self.keys[-1]

    @property
    def empty(self) -> bool:
        """No record is left, so the shard has no vote."""
        return not any(self.rows)

    def stage_of(self, key: str) -> int | None:
        """After how many slices the checkpoint of this name is; None where the chain has no such name."""
        return self.keys.index(key) if key in self.keys else None


@dataclass(frozen=True, slots=True)
class Room:
    """Where the token places the people of one group: in so many shards and slices from these, 0-based, on."""

    first_shard: int
    shards: int
    first_slice: int
    slices: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A declared placement, without its words: a person's group chooses the room, and the token the place in it."""

    rooms: tuple[Room, ...]
    """By number of the group."""
    declared: str
    """Digest of the whole declaration: people of a table have the same groups under the same one."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The names of all checkpoints of one model: a pure function of recipe, seed, partition key and retained records."""

    recipe: str
    """Digest of the recipe: learner, hyperparameters, code, S, R, id of the partition key."""
    seed: int
    shards: tuple[ShardChain, ...]
    # `LEFT_OUT` of the codec, which imports this: the chain of yesterday is written as it was.
    members_of_person: int = field(default=1, metadata={"unlearning.left_out": True})
    """In so many shards is every person."""
    placement: Placement | None = field(default=None, metadata={"unlearning.left_out": True})
    """None: every person anywhere."""

    @property
    def keys(self) -> frozenset[str]:
        """Every checkpoint name that a record went into (the untrained starts hold nobody)."""
        return frozenset(key for shard in self.shards for key in shard.keys[1:])


@dataclass(frozen=True, slots=True)
class Job:
    """Independent work on one constituent: plain values only, the one thing that crosses a process border."""

    method: str
    root: str
    """The project folder; the recipe is resolved in it."""
    recipe: str
    """`path/to/file.py:attribute`, relative to root."""
    recipe_digest: str
    """What the recipe says, whatever its address: `Chain.recipe`."""
    device: str
    checkpoints: str
    """URL of the checkpoint store."""
    records: str
    """Folder of the spooled arrays, see `stores/spool.py`; with `records_key`, the job's own object, see `stores/sealed.py`."""
    seed: int
    shard: int
    keys: tuple[str, ...]
    """(R+1,) names; the state to make is the last one, or `keys[stop]`."""
    bounds: tuple[int, ...]
    """(R+1,) offsets of the shard's slices in the spool: slice r is rows bounds[r-1]:bounds[r]."""
    reuse: bool = True
    """Start from the longest stored prefix of the chain; False trains from scratch."""
    stop: int | None = None
    """After so many slices it is done; None: after all."""
    save: bool = True
    """Store each checkpoint under its key; False leaves the store as it is (replay)."""
    forget: tuple[int, int] | None = None
    """Offsets of the forget set in the spool, for methods that look at it."""
    parent: str | None = None
    """Name of the state to start from, for methods that change a trained model."""
    params: tuple[tuple[str, float], ...] = ()
    records_key: str = field(default="", repr=False)
    """Hex; opens `records` where they are sealed, lives as long as the training, and stands nowhere else."""
    engine: Engine = ()
    """What the training began with: whoever has another gives other bytes."""


@dataclass(frozen=True, slots=True)
class Part:
    """The result of one job."""

    shard: int
    key: str
    """Name of the constituent's final state in the checkpoint store."""
    digest: str
    """SHA-256 of that state's bytes."""
    slices_trained: int
    """0 when the stored constituent was already the right one."""
    rows_trained: int
    """Records shown to the learner, summed over epochs."""
    cpu_seconds: float
    """Thread CPU time of the training."""
    repaired: int = 0
    """Stored checkpoints that were damaged and made again."""
    engines: tuple[Engine, ...] = field(default=(), metadata={"unlearning.left_out": True})
    """What made it and every state that it goes on from."""
    spent: float | None = field(default=None, metadata={"unlearning.left_out": True})
    """Of a certified method, the share of its budget that this version has used up; 1 is all of it."""


@dataclass(frozen=True, slots=True)
class MadeWith:
    """Constituents that the same engines made."""

    engines: tuple[Engine, ...]
    """Several where one went on from what another had made."""
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A candidate: the constituents of an ensemble and how they came to be."""

    method: str
    guarantee: str
    parts: tuple[Part, ...]
    dropped: tuple[int, ...] = ()
    """Shards without a vote: no record of them is left, or no checkpoint that nobody who left is in."""
    made_with: tuple[MadeWith, ...] = field(default=(), metadata={"unlearning.left_out": True})
    """What made the constituents: stored states of another library version are gone on from."""

    def behind(self, chain: Chain) -> Mapping[int, int]:
        """Shard → slices, of each whose constituent is an earlier checkpoint of the chain, or 0 of one that left the vote.

        A method that leaves the chain is behind nowhere.
        """
        stages = {part.shard: chain.shards[part.shard].stage_of(part.key) for part in self.parts}
        late = {shard: stage for shard, stage in stages.items() if stage is not None and stage < len(chain.shards[shard].rows)}
        return late | {shard: 0 for shard in self.dropped if not chain.shards[shard].empty}

    @property
    def shards_trained(self) -> int:
        """Constituents that had to be trained."""
        return sum(part.slices_trained > 0 for part in self.parts)

    def changed_from(self, other: Trained) -> frozenset[int]:
        """Shards whose constituent is another one, whether it was trained now or in a run that was killed."""
        before = {(part.shard, part.key) for part in other.parts}
        return frozenset(part.shard for part in self.parts if (part.shard, part.key) not in before)

    @property
    def cpu_seconds(self) -> float:
        """Training time, summed over jobs."""
        return sum(part.cpu_seconds for part in self.parts)


@dataclass(frozen=True, slots=True)
class Replay:
    """The same training again from nothing, stored nowhere."""

    equal: bool
    """Whether every constituent came out with the same bytes."""
    digests: Mapping[int, str]
    """Shard → digest of what came out."""
    seconds: float
    """Wall time of the replay."""
    cpu_seconds: float
    otherwise: tuple[str, ...] = field(default=(), metadata={"unlearning.left_out": True})
    """What is other now than where the replayed constituents were made, then and now; empty where that does not explain every
    difference."""
