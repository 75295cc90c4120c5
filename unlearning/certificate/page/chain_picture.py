"""The chain of keys, to be drawn as squares: one for each checkpoint, marked where it was trained again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unlearning.certificate.document import Document

_MOST_SHARDS_DRAWN = 64


@dataclass(frozen=True, slots=True)
class ChainPicture:
    """Shards side by side, slices downwards: what kept its name, and what was trained again."""

    told: str
    """The same in words."""
    columns: Sequence[Sequence[str]] | None = None
    """The kind of each square, shard by shard; None where words are better."""


def of(done: Document) -> ChainPicture:
    """The picture of a training; of a method that leaves the chain alone, only words."""
    if done["guarantee"] != "exact":
        return ChainPicture(f"The method {done['method']} changes the trained model; it does not train from clean checkpoints.")
    before, shards = {shard["shard"]: shard["keys"] for shard in done["chainBefore"]["shards"]}, done["chainAfter"]["shards"]
    again = {shard["shard"]: _fresh(before.get(shard["shard"], []), shard["keys"]) for shard in shards}
    words = [f"shard {shard} from slice {made.index(True) + 1} of {len(made)}" for shard, made in again.items() if any(made)]
    late = [f"shard {one['shard']} to slice {one['slices']} of {one['of']}" for one in done.get("behind", [])]
    if late:
        return ChainPicture(f"Nothing was trained for the first answer; it fell back: {'; '.join(late)} (0: out of the vote).")
    told = f"Trained again: {'; '.join(words) or 'nothing'}. Every other checkpoint kept its name."
    if len(again) > _MOST_SHARDS_DRAWN:
        return ChainPicture(told)
    return ChainPicture(told, [_squares(again[shard["shard"]], shard["rows"]) for shard in shards])


def _fresh(before: Sequence[str], after: Sequence[str]) -> list[bool]:
    """For each slice, whether its checkpoint has a new name."""
    return [index >= len(before) or before[index] != key for index, key in enumerate(after)][1:]


def _squares(again: Sequence[bool], rows: Sequence[int]) -> list[str]:
    return [("again" if again[at] else "kept") + ("" if count else " empty") for at, count in enumerate(rows)]
