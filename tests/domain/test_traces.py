"""Who is searched for, without saying who."""

from __future__ import annotations

from unlearning.domain.traces import Trace, Wanted


def test_raw_identifiers_are_not_in_what_a_search_looks_like_in_a_log() -> None:
    wanted = Wanted(frozenset({"ab" * 32}), identifiers=("Zq-9999",))
    assert "Zq-9999" not in f"{wanted!r} {wanted}"


def test_a_trace_is_the_same_wherever_it_was_seen_and_another_in_another_place() -> None:
    assert {Trace("object"), Trace("object"), Trace("object", "run")} == {Trace("object", "run"), Trace("object")}
    assert Trace("object", location="here") != Trace("object", location="there")
