"""A place is asked whether it is the right one before it is believed."""

from __future__ import annotations

import pytest

from unlearning.domain.errors import Unavailable
from unlearning.domain.traces import PURGE_DELETES, Found, Trace, Wanted
from unlearning.traces.places.checkpoints import CheckpointPlace
from unlearning.traces.places.guarded import GuardedPlace


class Store:
    """A checkpoint store with one state."""

    def __init__(self) -> None:
        self.stored = {"ab" * 32}

    def keys(self):  # type: ignore[no-untyped-def]
        return iter(self.stored)

    def delete(self, key: str) -> bool:
        return self.stored.discard(key) is None


def wrong() -> None:
    raise Unavailable("another one")


def test_it_is_searched_and_emptied_as_the_place_is(capsys: pytest.CaptureFixture[str]) -> None:
    inner = CheckpointPlace(Store())  # type: ignore[arg-type]
    place = GuardedPlace(inner, lambda: print("asked"))
    assert (place.name, place.level, place.how) == (inner.name, inner.level, inner.how)
    known = Wanted(frozenset(), known={inner.name: frozenset({Trace("ab" * 32)})})
    assert place.find(known) == Found((Trace("ab" * 32),), searched=1, remedy=PURGE_DELETES)
    assert capsys.readouterr().out == "asked\n"
    assert place.erase([Trace("ab" * 32)]) == ()
    assert place.find(known).traces == ()


@pytest.mark.parametrize("guarded", [True, False])
def test_the_wrong_one_is_not_searched(guarded: bool) -> None:
    inner = CheckpointPlace(Store(), recognise=(lambda: None) if guarded else wrong)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="another one"):
        (GuardedPlace(inner, wrong) if guarded else inner).find(Wanted(frozenset()))
