"""What nobody here can search is always said."""

from __future__ import annotations

from unlearning.project.settings import Elsewhere, Settings
from unlearning.traces.out_of_reach import OUT_OF_REACH, out_of_reach


def test_what_is_always_out_of_reach_comes_first_and_then_what_the_project_declares() -> None:
    warehouse = Elsewhere(place="data warehouse", why="another team runs it", remedy="ask them", level="logical")
    found = out_of_reach(Settings(model=None, recipe=None, out_of_reach=(warehouse,)))
    assert found[: len(OUT_OF_REACH)] == OUT_OF_REACH
    [declared] = found[len(OUT_OF_REACH) :]
    assert (declared.place, declared.level, declared.outcome) == ("data warehouse", "logical", "out_of_reach")
    assert out_of_reach(Settings(model=None, recipe=None)) == OUT_OF_REACH


def test_each_says_why_and_what_to_do_and_claims_no_count() -> None:
    assert len({one.place for one in OUT_OF_REACH}) == len(OUT_OF_REACH)
    for one in OUT_OF_REACH:
        assert one.outcome == "out_of_reach"
        assert one.count is None
        assert one.why
        assert one.remedy
