"""What a replay compares, and what counts as another constituent."""

from collections.abc import Iterable
from typing import Any

import pytest

from unlearning.domain.chain import Part, Trained
from unlearning.domain.errors import WrongUse
from unlearning.project.training import train


def part(shard: int, key: str, *, slices_trained: int = 0) -> Part:
    return Part(shard=shard, key=key, digest=f"digest of {key}", slices_trained=slices_trained, rows_trained=0, cpu_seconds=0.0)


def trained(*parts: Part) -> Trained:
    return Trained(method="sisa", guarantee="exact", parts=tuple(parts))


def test_a_constituent_that_a_killed_run_trained_counts_as_changed() -> None:
    before = trained(part(0, "a"), part(1, "b"))
    resumed = trained(part(0, "a"), part(1, "c", slices_trained=0))
    assert resumed.changed_from(before) == {1}
    assert before.changed_from(before) == frozenset()


def test_a_replay_of_no_shard_is_refused_for_it_would_show_nothing() -> None:
    with pytest.raises(WrongUse, match="shows nothing"):
        train.replay(None, None, trained(part(0, "a")), shards=())  # type: ignore[arg-type]


@pytest.mark.parametrize(("digest", "equal"), [("digest of a", True), ("something else", False)])
def test_a_replay_compares_every_shard_it_was_asked_for(monkeypatch: pytest.MonkeyPatch, digest: str, equal: bool) -> None:
    def again(*_: Any, only: Iterable[int], **__: Any) -> Trained:
        return trained(*(Part(s, "a", digest, 1, 1, 0.0) for s in only))

    monkeypatch.setattr(train, "make", again)
    found = train.replay(None, None, trained(part(0, "a"), part(1, "b")), shards={0})  # type: ignore[arg-type]
    assert found.equal is equal
    assert found.digests == {0: digest}
