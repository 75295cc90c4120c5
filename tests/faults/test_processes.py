"""How long the harness waits: as long as something moves, and no longer."""

from __future__ import annotations

from itertools import count

import pytest

from tests.faults.processes import Patience


def test_what_moves_has_all_the_time_it_needs_and_what_stands_still_has_not() -> None:
    moves, asked = count(), count()
    assert Patience(0, lambda: next(moves)).wait(lambda: next(asked) > 100 and "over") == "over"
    with pytest.raises(TimeoutError, match="still at 7"):
        Patience(0, lambda: 7).wait(lambda: False)
