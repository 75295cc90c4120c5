"""The search for traces: what looking shows, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Level
from unlearning.domain.errors import NotFound, Unavailable
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.erasure.steps.receive import receive
from unlearning.traces import sweep
from unlearning.traces.out_of_reach import OUT_OF_REACH
from unlearning.traces.sweep import Looked, Sweep

NOBODY = Wanted(frozenset())
LEFT = Residual("cache: models", "model", "unverified", 2, "nobody can say", "run `dvc repro`")


@dataclass(frozen=True)
class Here:
    """A place that holds this."""

    found: Found | Unavailable
    name: str = "cache"
    level: Level = "physical"
    how: str = "every object opened"

    def find(self, _wanted: Wanted) -> Found:
        if isinstance(self.found, Unavailable):
            raise self.found
        return self.found

    def erase(self, _traces: Sequence[Trace]) -> Sequence[Residual]:
        return ()


def looked(found: Found | Unavailable) -> list[Looked]:
    return list(sweep._look(Here(found), NOBODY))


def test_a_place_with_a_trace_is_residual_and_one_without_is_verified() -> None:
    [clean] = looked(Found(searched=7))
    assert (clean.outcome, clean.count, clean.searched, clean.remedy) == ("verified", 0, 7, "")
    [left] = looked(Found((Trace("a"), Trace("b")), searched=7, remedy=PURGE_DELETES))
    assert (left.outcome, left.count) == ("residual", 2)
    assert left.remedy == PURGE_DELETES


def test_a_place_is_not_verified_beside_a_part_of_it_that_is_open() -> None:
    [unclear] = looked(Found(searched=7, unclear=(LEFT,)))
    assert (unclear.place, unclear.outcome, unclear.count, unclear.remedy) == (LEFT.place, "unverified", 2, LEFT.remedy)
    assert unclear.searched == 7
    [whole] = looked(Found(searched=7, unclear=(replace(LEFT, place="cache"),)))
    assert (whole.place, whole.outcome, whole.searched) == ("cache", "unverified", 7)


def test_what_is_open_elsewhere_or_out_of_reach_leaves_a_place_verified() -> None:
    for other in (replace(LEFT, place="cached: models"), replace(LEFT, outcome="out_of_reach")):
        clean, row = looked(Found(searched=7, unclear=(other,)))
        assert (clean.place, clean.outcome, clean.searched) == ("cache", "verified", 7)
        assert (row.place, row.outcome, row.searched) == (other.place, other.outcome, 0)


def test_a_place_that_does_not_answer_is_not_a_clean_one() -> None:
    [silent] = looked(Unavailable("MLflow did not answer"))
    assert (silent.outcome, silent.count) == ("unverified", None)
    assert "MLflow did not answer" in silent.how


def test_a_search_is_clean_when_every_place_was_seen_and_nothing_was_found() -> None:
    cases = ((Found(), 0), (Found(unclear=(LEFT,)), 1), (Found((Trace("a"),)), 1), (Unavailable("away"), 1))
    for found, left in cases:
        done = Sweep(1, tuple(looked(found)), OUT_OF_REACH)
        assert (len(done.left), done.clean) == (left, not left)


def test_it_is_told_in_lines_that_name_every_place_and_every_limit() -> None:
    done = Sweep(2, tuple(looked(Found((Trace("a"),), searched=7, unclear=(LEFT,)))), OUT_OF_REACH)
    lines = sweep.lines(done)
    assert lines[0] == "searched for 2 people"
    assert lines[1].split() == ["residual", "physical", "cache", "1", "of", "7"]
    assert [line for line in lines if line.startswith("to do") and "run `dvc repro`" in line]
    assert sum(line.startswith("out of reach") for line in lines) == len(OUT_OF_REACH)


def test_a_name_fakes_no_line_of_a_sweep() -> None:
    row = Looked("cache", "physical", "residual", "read", 1, 1, "delete it", ("a\nverified  everything", "b\x1b[2Jc"))
    lines = sweep.lines(Sweep(1, (row,), ()))
    assert not any("\n" in line or "\x1b" in line for line in lines)


def test_everyone_who_was_erased_is_searched_for_unless_somebody_is_named(beginning: History, tmp_path: Path) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    [open_one] = receive(workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    assert sweep.people(workspace, [], []) == frozenset()  # nobody is erased yet
    assert sweep.people(workspace, [open_one.request_id], []) == {open_one.token}
    assert sweep.people(workspace, [], ["bob-2"]) == {hashing.token(workspace.keys.index, "bob-2", "text")}
    with pytest.raises(NotFound):
        sweep.people(workspace, ["request-0000000000000000"], [])
